// SPDX-License-Identifier: Apache-2.0
// Lists of lists in two flat arrays (compressed sparse rows).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace allot::base {

/// Row i holds items[begin[i] .. begin[i + 1]).
template <typename T>
struct Csr {
  std::vector<uint32_t> begin{0};
  std::vector<T> items;

  uint32_t rows() const { return static_cast<uint32_t>(begin.size() - 1); }
  std::span<const T> operator[](uint32_t row) const {
    return {items.data() + begin[row], items.data() + begin[row + 1]};
  }
  void push(T item) { items.push_back(item); }
  void end_row() { begin.push_back(static_cast<uint32_t>(items.size())); }
  template <typename Range>
  void add_row(const Range& row) {
    items.insert(items.end(), std::begin(row), std::end(row));
    end_row();
  }
};

/// For each of `columns` columns the rows that contain it, ascending; O(rows + columns + items).
template <typename T>
Csr<T> transpose(const Csr<T>& csr, uint32_t columns) {
  Csr<T> result;
  result.begin.assign(columns + 1, 0);
  for (const T item : csr.items) ++result.begin[item + 1];
  for (uint32_t i = 0; i < columns; ++i) result.begin[i + 1] += result.begin[i];
  result.items.resize(csr.items.size());
  std::vector<uint32_t> next(result.begin.begin(), result.begin.end() - 1);
  for (uint32_t row = 0; row < csr.rows(); ++row)
    for (const T item : csr[row]) result.items[next[item]++] = static_cast<T>(row);
  return result;
}

}  // namespace allot::base
