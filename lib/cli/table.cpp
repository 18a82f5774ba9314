// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"

namespace allot::cli {
namespace {

struct Range {
  char32_t first, last;
};

// Marks that take no column, and characters that take two (Unicode 15: East Asian Width W and F, emoji).
constexpr Range kZeroWidth[] = {{0x300, 0x36F},   {0x483, 0x489},   {0x591, 0x5BD},   {0x610, 0x61A},
                                {0x64B, 0x65F},   {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F},
                                {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};
constexpr Range kDoubleWidth[] = {{0x1100, 0x115F},  {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xA960, 0xA97F},
                                  {0xAC00, 0xD7A3},  {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
                                  {0xFFE0, 0xFFE6},  {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF},
                                  {0x20000, 0x3FFFD}};

template <size_t N>
bool in(const Range (&ranges)[N], char32_t code) {
  return std::any_of(ranges, ranges + N, [&](const Range& r) { return r.first <= code && code <= r.last; });
}

bool is_number(const std::string& cell) {
  return !cell.empty() && ((cell[0] >= '0' && cell[0] <= '9') || cell[0] == '+' || cell[0] == '-');
}

}  // namespace

size_t display_width(std::string_view text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size();) {
    char32_t code = 0;
    const size_t length = base::decode_utf8(text, i, code);
    width += length == 0 ? 1 : in(kZeroWidth, code) ? 0 : in(kDoubleWidth, code) ? 2 : 1;
    i += std::max<size_t>(length, 1);
  }
  return width;
}

Table::Table(std::vector<std::string> header) { row(std::move(header)); }

void Table::row(std::vector<std::string> cells) {
  for (auto& cell : cells) cell = base::printable(cell);
  if (!rows_.empty()) cells.resize(rows_[0].size());
  rows_.push_back(std::move(cells));
}

std::string Table::str() const {
  const size_t columns = rows_[0].size();
  std::vector<size_t> widths(columns, 0);
  for (const auto& row : rows_)
    for (size_t c = 0; c < columns; ++c) widths[c] = std::max(widths[c], display_width(row[c]));
  std::string text;
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (size_t c = 0; c < columns; ++c) {
      const std::string& cell = rows_[r][c];
      // A heading stands where the numbers below it stand.
      const bool right = is_number(r == 0 && rows_.size() > 1 ? rows_[1][c] : cell);
      const std::string padding(widths[c] - display_width(cell), ' ');
      line += (c ? "  " : "") + (right ? padding + cell : cell + padding);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace allot::cli
