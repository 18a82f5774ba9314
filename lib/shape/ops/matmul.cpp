// SPDX-License-Identifier: Apache-2.0
// Matrix products, Einsum, determinants, cumulative sums.
#include <cctype>
#include <cmath>
#include <map>

#include "base/error.h"
#include "shape/fold.h"
#include "shape/ops/matmul.h"
#include "shape/registry.h"

namespace allot::shape {

std::optional<Dims> matmul_dims(Context& c, Dims a, Dims b) {
  if (a.empty() || b.empty()) {
    c.contradict("a matrix product needs matrices, not {} and {}", to_string(a), to_string(b));
    return std::nullopt;
  }
  const bool row = a.size() == 1, column = b.size() == 1;  // vectors become matrices and lose that dimension again
  if (row) a.insert(a.begin(), 1);
  if (column) b.push_back(1);
  const size_t ra = a.size(), rb = b.size();
  if (a[ra - 1] != b[rb - 2])
    c.contradict("{} columns meet {} rows: {} by {}", a[ra - 1], b[rb - 2], to_string(a), to_string(b));
  Dims dims(a.begin(), a.end() - 2);
  if (!broadcast(dims, std::span(b).first(rb - 2)))
    c.contradict("batch dimensions of {} and {} do not broadcast", to_string(a), to_string(b));
  if (!row) dims.push_back(a[ra - 2]);
  if (!column) dims.push_back(b[rb - 1]);
  return dims;
}

void set_matmul(Context& c, ir::DataType elem, size_t a, size_t b) {
  c.set_elem(0, elem);
  const Dims *left = c.dims(a), *right = c.dims(b);
  if (!left || !right) return;
  if (auto dims = matmul_dims(c, *left, *right)) c.set(0, elem, std::move(*dims));
}

void set_gemm(Context& c, ir::DataType elem, size_t a, size_t b) {
  c.set_elem(0, elem);
  const Dims *left = c.dims(a), *right = c.dims(b);
  if (!left || !right) return;
  if (left->size() != 2 || right->size() != 2)
    return c.contradict("Gemm needs matrices, not {} and {}", to_string(*left), to_string(*right));
  const bool flip_left = c.node().int_or("transA", 0) != 0, flip_right = c.node().int_or("transB", 0) != 0;
  const int64_t rows = (*left)[flip_left], inner = (*left)[!flip_left];
  const int64_t inner_right = (*right)[flip_right], columns = (*right)[!flip_right];
  if (inner != inner_right)
    c.contradict("{} columns meet {} rows: {}{} by {}{}", inner, inner_right, to_string(*left), flip_left ? "ᵀ" : "",
                 to_string(*right), flip_right ? "ᵀ" : "");
  c.set(0, elem, {rows, columns});
}

namespace {

void matmul(Context& c) { set_matmul(c, c.elem(0), 0, 1); }
void matmul_integer(Context& c) { set_matmul(c, ir::DataType::int32, 0, 1); }
void qlinear_matmul(Context& c) { set_matmul(c, c.elem(7), 0, 3); }
void gemm(Context& c) { set_gemm(c, c.elem(0), 0, 1); }

/// One term of an Einsum equation: labels before and after an ellipsis.
struct Term {
  std::string before, after;
  bool ellipsis = false;
};

std::optional<Term> parse_term(std::string_view text) {
  Term term;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 3) == "...") {
      if (term.ellipsis) return std::nullopt;
      term.ellipsis = true;
      i += 2;
    } else if (std::isalpha(static_cast<unsigned char>(text[i]))) {
      (term.ellipsis ? term.after : term.before) += text[i];
    } else {
      return std::nullopt;
    }
  }
  return term;
}

/// Sizes of all labels of an equation, gathered operand by operand.
class Labels {
 public:
  /// False after a contradiction.
  bool add(Context& c, const Term& term, const Dims& dims) {
    const size_t named = term.before.size() + term.after.size();
    if (dims.size() < named || (!term.ellipsis && dims.size() != named)) {
      c.contradict("a term of {} labels meets {}", named, to_string(dims));
      return false;
    }
    for (size_t i = 0; i < term.before.size(); ++i) add_label(c, term.before[i], dims[i]);
    const size_t tail = dims.size() - term.after.size();
    for (size_t i = 0; i < term.after.size(); ++i) add_label(c, term.after[i], dims[tail + i]);
    if (!broadcast(ellipsis_, std::span(dims).subspan(term.before.size(), dims.size() - named)))
      c.contradict("the dimensions under '...' do not broadcast");
    return true;
  }

  /// Without "->": the ellipsis, then every label that occurs once, in alphabetical order.
  Term implicit_output() const {
    Term term;
    term.ellipsis = true;
    for (const auto& [label, use] : labels_)
      if (use.count == 1) term.after += label;
    return term;
  }

  std::optional<Dims> dims_of(const Term& term) const {
    Dims dims;
    const auto append = [&](const std::string& labels) {
      for (const char label : labels) {
        const auto found = labels_.find(label);
        if (found == labels_.end()) return false;
        dims.push_back(found->second.size);
      }
      return true;
    };
    if (!append(term.before)) return std::nullopt;
    if (term.ellipsis) dims.insert(dims.end(), ellipsis_.begin(), ellipsis_.end());
    if (!append(term.after)) return std::nullopt;
    return dims;
  }

 private:
  struct Use {
    int64_t size = 1;
    int count = 0;
  };
  void add_label(Context& c, char label, int64_t size) {
    Use& use = labels_[label];
    if (use.count > 0 && use.size != size && use.size != 1 && size != 1)
      c.contradict("label '{}' is both {} and {}", label, use.size, size);
    use.size = use.size == 1 ? size : size == 1 ? use.size : std::max(use.size, size);
    ++use.count;
  }

  std::map<char, Use> labels_;
  Dims ellipsis_;
};

void einsum(Context& c) {
  c.set_elem(0, c.elem(0));
  std::string equation(c.node().string_or("equation", ""));
  std::erase(equation, ' ');
  const size_t arrow = equation.find("->");
  std::string_view left = std::string_view(equation).substr(0, arrow);
  Labels labels;
  for (size_t i = 0; i < c.inputs(); ++i) {
    const size_t comma = left.find(',');
    const auto term = parse_term(left.substr(0, comma));
    const Dims* dims = c.dims(i);
    if (!term) return c.contradict("equation '{}' cannot be read", base::printable(equation));
    if (!dims || !labels.add(c, *term, *dims)) return;
    left = comma == std::string_view::npos ? std::string_view() : left.substr(comma + 1);
  }
  const auto output = arrow == std::string::npos ? labels.implicit_output() : parse_term(equation.substr(arrow + 2));
  auto dims = output ? labels.dims_of(*output) : std::nullopt;
  if (!dims) return c.contradict("equation '{}' cannot be read", base::printable(equation));
  c.set(0, c.elem(0), std::move(*dims));
}

void det(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* dims = c.dims(0);
  if (!dims) return;
  const size_t rank = dims->size();
  if (rank < 2 || (*dims)[rank - 1] != (*dims)[rank - 2])
    c.contradict("a determinant needs square matrices, not {}", to_string(*dims));
  if (rank >= 2) c.set(0, c.elem(0), Dims(dims->begin(), dims->end() - 2));
}

/// CumSum and CumProd; content for one dimension only, as position arithmetic uses it.
void cumulative(Context& c, bool product_of) {
  c.copy(0, 0);
  const Dims* dims = c.may_know(0) ? c.dims(0) : nullptr;
  const auto* data = dims && dims->size() == 1 ? c.content(0) : nullptr;
  if (!data || ir::is_float(c.elem(0))) return;
  const bool exclusive = c.node().int_or("exclusive", 0) != 0, reverse = c.node().int_or("reverse", 0) != 0;
  std::vector<double> result(data->size());
  double total = product_of ? 1 : 0;
  for (size_t i = 0; i < result.size(); ++i) {
    const size_t at = reverse ? result.size() - 1 - i : i;
    const double next = product_of ? total * (*data)[at] : total + (*data)[at];
    result[at] = exclusive ? total : next;
    total = next;
  }
  for (double& element : result)
    if (std::isnan(element = as_element(c.elem(0), element))) return;
  c.set_content(0, std::move(result));
}

void cum_sum(Context& c) { cumulative(c, false); }
void cum_prod(Context& c) { cumulative(c, true); }

constexpr Operator kOperators[] = {
    {"CumProd", cum_prod},
    {"CumSum", cum_sum},
    {"Det", det},
    {"Einsum", einsum},
    {"Gemm", gemm},
    {"MatMul", matmul},
    {"MatMulInteger", matmul_integer},
    {"QLinearMatMul", qlinear_matmul},
};

}  // namespace

std::span<const Operator> matmul_operators() { return kOperators; }

}  // namespace allot::shape
