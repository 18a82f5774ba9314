// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <algorithm>
#include <vector>

#include "base/utf8.h"

namespace allot::base {
namespace {

std::string render(std::string_view where, std::string_view what, std::string_view fix) {
  std::string line;
  if (!where.empty()) line += std::string(where) + ": ";
  line += what;
  if (!fix.empty()) line += "; " + std::string(fix);
  return line;
}

}  // namespace

Error::Error(ErrorKind kind, std::string_view where, std::string_view what, std::string_view fix)
    : std::runtime_error(render(where, what, fix)), kind_(kind), where_(where), message_(what), fix_(fix) {}

Error Error::within(std::string_view outer) const {
  return Error(kind_, where_.empty() ? std::string(outer) : fmt::format("{}: {}", outer, where_), message_, fix_);
}

void assertion_failed(const char* condition, const char* file, int line) {
  throw Error(ErrorKind::internal, fmt::format("{}:{}", file, line), fmt::format("'{}' does not hold", condition),
              "please report this with the command that caused it");
}

std::string printable(std::string_view text, size_t max_length) {
  std::string out;
  const size_t half = max_length / 2;
  for (size_t i = 0; i < text.size();) {
    if (text.size() > max_length && i >= half && i < text.size() - half) {
      out += fmt::format("...({} bytes)...", text.size() - 2 * half);
      i = text.size() - half;
      continue;
    }
    char32_t ignored = 0;
    const size_t length = decode_utf8(text, i, ignored);
    const auto byte = static_cast<unsigned char>(text[i]);
    if (length == 0 || byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
      ++i;
    } else {
      if (byte == '\\') out += '\\';
      out += text.substr(i, length);
      i += length;
    }
  }
  return out;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  // Only names are compared; a hostile key of a megabyte is near nothing.
  if (a.size() > 256 || b.size() > 256) return 256;
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitute = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

}  // namespace allot::base
