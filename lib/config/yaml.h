// SPDX-License-Identifier: Apache-2.0
// A YAML document as plain data that remembers its lines: strict where yaml-cpp is lenient.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/units.h"

namespace allot::config {

/// Scalars keep their text; who reads them decides what they mean, so `no` and `012` surprise nobody.
class Node {
 public:
  enum class Kind { null, scalar, sequence, map };

  Kind kind() const { return kind_; }
  bool is_map() const { return kind_ == Kind::map; }
  bool is_sequence() const { return kind_ == Kind::sequence; }
  bool is_scalar() const { return kind_ == Kind::scalar; }
  /// "file.yaml:12", for messages.
  std::string where() const;

  // All of these throw config errors with `where()`, the key and what was expected.
  const std::string& text() const;
  bool boolean() const;  // true or false
  int64_t integer(int64_t min, int64_t max) const;
  double quantity(Unit unit, double min, double max) const;
  const std::vector<Node>& items() const;
  const std::vector<std::pair<std::string, Node>>& entries() const;

  /// The entry of a map, or nullptr.
  const Node* find(std::string_view key) const;
  const Node& at(std::string_view key) const;
  /// Reports every key that is not in `known`, each with its line and the nearest known name, in one error.
  void require_keys(const std::vector<std::string>& known) const;
  [[noreturn]] void fail(std::string_view what, std::string_view fix = {}) const;

 private:
  friend class YamlConverter;
  friend class UnknownKeys;
  Kind kind_ = Kind::null;
  int line_ = 0, key_line_ = 0;
  std::string scalar_, label_;  // label: the key of a map's entry, "key[2]" for an item of a list
  std::shared_ptr<const std::string> path_;
  std::vector<Node> items_;
  std::vector<std::pair<std::string, Node>> entries_;
};

/// Unknown keys of any number of maps, reported together: who mistypes one often mistypes several.
class UnknownKeys {
 public:
  /// Errors: config if `map` is not a map.
  void check(const Node& map, const std::vector<std::string>& known);
  void add(const Node& value, std::string_view key, const std::vector<std::string>& known);
  /// Errors: config, with every unknown key, its line and the nearest known one; silent if there is none.
  void report() const;

 private:
  std::string first_key_, first_where_, first_fix_, listed_;
  size_t count_ = 0;
};

/// One document. Errors (config, file:line): syntax, duplicate keys, keys that are not plain, several documents,
/// tags, anchors that expand to more than 100,000 nodes, more than a million nodes, nesting over 64, more than 1,000
/// open brackets, a file over 4 MiB, control characters, text that is not UTF-8. A byte-order mark is fine. An empty
/// document is null.
Node parse_yaml(const std::string& text, const std::string& path);
/// The same for a file; "-" is standard input. Errors: as parse_yaml and base::Bytes::open.
Node load_yaml(const std::string& path);

/// `text` as a scalar on one line, quoted where YAML would read something else. Errors: usage if it is not UTF-8.
std::string yaml_scalar(std::string_view text);

}  // namespace allot::config
