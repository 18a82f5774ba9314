// SPDX-License-Identifier: Apache-2.0
// Records of comma- or tab-separated text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace allot::data {

/// Walks through records with quoted fields, doubled quotes and line breaks within quotes (RFC 4180). Empty lines are
/// left out.
class CsvReader {
 public:
  CsvReader(std::string_view text, char separator, std::string path);

  /// The next record into `fields`; false at the end. Errors: malformed with file:line for a quote that never ends or
  /// is followed by text.
  bool next(std::vector<std::string>& fields);
  /// "path:line" of the record that next() gave.
  std::string where() const;

 private:
  void read_quoted(std::string& field);
  std::string_view rest_;
  char separator_;
  std::string path_;
  size_t line_ = 1, record_line_ = 1;
};

}  // namespace allot::data
