// SPDX-License-Identifier: Apache-2.0
#include "cost/ops/formulas.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

namespace allot::cost::ops {
namespace {

// Labels are bits: 52 letters, then the dimensions that "..." stands for, numbered from the right.
using Labels = uint64_t;
constexpr int kLetters = 52, kMaxEllipsis = 12;

int letter(char c) {
  if (c >= 'a' && c <= 'z') return c - 'a';
  if (c >= 'A' && c <= 'Z') return 26 + c - 'A';
  return -1;
}

struct Equation {
  std::vector<Labels> operands;
  Labels output = 0;
  std::array<double, 64> sizes{};

  double volume(Labels labels) const {
    double product = 1;
    for (; labels; labels &= labels - 1) product *= sizes[std::countr_zero(labels)];
    return product;
  }
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> terms(1);
  for (const char c : text) {
    if (c == ',')
      terms.emplace_back();
    else
      terms.back() += c;
  }
  return terms;
}

// Adds the labels of one operand and their sizes (the larger where one is broadcast).
Labels read_term(const std::string& term, const shape::ValueType& type, Equation& equation) {
  const auto dots = term.find("...");
  const int64_t letters = static_cast<int64_t>(term.size()) - (dots == std::string::npos ? 0 : 3);
  const int64_t hidden = dots == std::string::npos ? 0 : std::clamp<int64_t>(rank(type) - letters, 0, kMaxEllipsis);
  Labels labels = 0;
  int64_t axis = 0;
  const auto add = [&](int label) {
    labels |= Labels{1} << label;
    equation.sizes[label] = std::max(equation.sizes[label], dim(type, axis++));
  };
  for (size_t i = 0; i < term.size(); ++i) {
    if (i == dots) {
      for (int64_t k = hidden; k-- > 0;) add(kLetters + static_cast<int>(k));
      i += 2;
    } else if (letter(term[i]) >= 0) {
      add(letter(term[i]));
    }
  }
  return labels;
}

Equation parse(const Context& c) {
  std::string text(c.node().string_or("equation", ""));
  std::erase(text, ' ');
  const auto arrow = text.find("->");
  Equation equation;
  const auto terms = split(text.substr(0, arrow));
  std::array<int, 64> uses{};
  Labels all = 0;
  for (size_t i = 0; i < std::min(terms.size(), c.num_inputs()); ++i) {
    equation.operands.push_back(read_term(terms[i], c.in(i), equation));
    all |= equation.operands.back();
    for (const char ch : terms[i])
      if (letter(ch) >= 0) ++uses[letter(ch)];
  }
  constexpr Labels kEllipsis = ~Labels{0} << kLetters;
  if (arrow == std::string::npos) {
    for (int label = 0; label < kLetters; ++label)
      if (uses[label] == 1) equation.output |= Labels{1} << label;
    equation.output |= all & kEllipsis;
  } else {
    for (const char ch : text.substr(arrow))
      if (letter(ch) >= 0) equation.output |= Labels{1} << letter(ch);
    if (text.find("...", arrow) != std::string::npos) equation.output |= all & kEllipsis;
  }
  return equation;
}

// Cheapest order of pairwise products, by dynamic programming over subsets of operands.
double best_order(const Equation& equation) {
  const size_t n = equation.operands.size(), subsets = size_t{1} << n;
  std::vector<Labels> united(subsets, 0), kept(subsets, 0);
  std::vector<double> flops(subsets, 0);
  for (size_t set = 1; set < subsets; ++set)
    united[set] = united[set & (set - 1)] | equation.operands[std::countr_zero(set)];
  for (size_t set = 1; set < subsets; ++set) {
    kept[set] = united[set] & (united[subsets - 1 - set] | equation.output);
    if (std::has_single_bit(set)) {
      kept[set] = united[set];
      continue;
    }
    flops[set] = std::numeric_limits<double>::infinity();
    for (size_t part = (set - 1) & set; part > (set ^ part); part = (part - 1) & set) {
      const double product = 2 * equation.volume(kept[part] | kept[set ^ part]);
      flops[set] = std::min(flops[set], flops[part] + flops[set ^ part] + product);
    }
  }
  return flops[subsets - 1];
}

// For many operands: from left to right.
double left_to_right(const Equation& equation) {
  const size_t n = equation.operands.size();
  std::vector<Labels> later(n + 1, equation.output);
  for (size_t i = n; i-- > 0;) later[i] = later[i + 1] | equation.operands[i];
  Labels current = equation.operands[0];
  double flops = 0;
  for (size_t i = 1; i < n; ++i) {
    current |= equation.operands[i];
    flops += 2 * equation.volume(current);
    current &= later[i + 1];
  }
  return flops;
}

}  // namespace

void einsum(const Context& c, OpCost& cost) {
  constexpr size_t kExhaustive = 6;
  const Equation equation = parse(c);
  if (equation.operands.size() == 1) {
    cost.op_class = c.n_out() < c.n_in() ? cluster::OpClass::reduce : cluster::OpClass::strided;
    cost.vector_ops = c.n_out() < c.n_in() ? c.n_in() : 0;
  } else if (!equation.operands.empty()) {
    cost.mac_flops = equation.operands.size() <= kExhaustive ? best_order(equation) : left_to_right(equation);
  }
}

}  // namespace allot::cost::ops
