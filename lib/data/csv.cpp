// SPDX-License-Identifier: Apache-2.0
#include "data/csv.h"

#include <algorithm>

#include "base/error.h"

namespace allot::data {

CsvReader::CsvReader(std::string_view text, char separator, std::string path)
    : rest_(text), separator_(separator), path_(std::move(path)) {
  if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
}

std::string CsvReader::where() const { return fmt::format("{}:{}", base::printable(path_), record_line_); }

bool CsvReader::next(std::vector<std::string>& fields) {
  while (rest_.starts_with('\n') || rest_.starts_with("\r\n")) {
    rest_.remove_prefix(rest_.front() == '\n' ? 1 : 2);
    ++line_;
  }
  if (rest_.empty()) return false;
  record_line_ = line_;
  for (size_t count = 0;;) {
    if (fields.size() == count) fields.emplace_back();
    std::string& field = fields[count++];
    field.clear();
    if (rest_.starts_with('"')) {
      read_quoted(field);
    } else {
      const char ends[] = {separator_, '\n'};
      const size_t size = std::min(rest_.find_first_of(std::string_view(ends, 2)), rest_.size());
      field = rest_.substr(0, size);
      rest_.remove_prefix(size);
      if (field.ends_with('\r')) field.pop_back();
    }
    const bool is_more = rest_.starts_with(separator_);
    if (!rest_.empty()) rest_.remove_prefix(1);
    if (is_more) continue;
    ++line_;
    fields.resize(count);
    return true;
  }
}

void CsvReader::read_quoted(std::string& field) {
  const auto fail = [&](std::string_view what) {
    throw base::Error(base::ErrorKind::malformed, where(), what, "write quotes within quoted fields twice");
  };
  rest_.remove_prefix(1);
  for (;;) {
    const size_t quote = rest_.find('"');
    if (quote == std::string_view::npos) fail("a quoted field never ends");
    field += rest_.substr(0, quote);
    line_ += static_cast<size_t>(std::count(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(quote), '\n'));
    rest_.remove_prefix(quote + 1);
    if (!rest_.starts_with('"')) break;
    field += '"';
    rest_.remove_prefix(1);
  }
  if (rest_.starts_with("\r\n")) rest_.remove_prefix(1);
  if (!rest_.empty() && rest_.front() != separator_ && rest_.front() != '\n') fail("text follows a quoted field");
}

}  // namespace allot::data
