// SPDX-License-Identifier: Apache-2.0
// A YAML document as plain data that remembers its lines: strict where yaml-cpp is lenient.
#pragma once

#include <cstdint>
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
  bool boolean() const;                       // true or false
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
  friend Node parse_yaml(const std::string& text, const std::string& path);
  friend struct YamlConverter;
  Kind kind_ = Kind::null;
  std::string scalar_, path_;
  int line_ = 0;
  std::vector<Node> items_;
  std::vector<std::pair<std::string, Node>> entries_;
};

/// One document. Errors (config, file:line): syntax, duplicate keys, several documents, anchors that expand to
/// more than 100,000 nodes, nesting over 64, a file over 16 MiB, text that is not UTF-8. A byte-order mark is fine.
Node parse_yaml(const std::string& text, const std::string& path);
Node load_yaml(const std::string& path);

}  // namespace allot::config
