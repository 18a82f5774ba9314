// SPDX-License-Identifier: Apache-2.0
#include "contrast/loss.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

namespace allot::contrast {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

/// A rectangle of similarities: rows [row, row + rows) of those at hand, columns [column, column + columns).
struct Tile {
  int64_t row, rows, column, columns;
};

class Tiles {
 public:
  Tiles(const Similarity& similarity, const LossOptions& options)
      : s_(similarity), options_(options), tile_(std::max<int64_t>(1, options.tile)) {
    const int64_t rows = std::min(tile_, s_.first.size(0)), columns = std::min(tile_, s_.second.size(0));
    buffer_ = at::empty({rows * columns}, s_.first.options());
  }

  /// Calls `visit` with every tile, row by row.
  template <typename Visit>
  void for_each(const Visit& visit) const {
    const int64_t rows = s_.first.size(0), columns = s_.second.size(0);
    for (int64_t row = 0; row < rows; row += tile_)
      for (int64_t column = 0; column < columns; column += tile_)
        visit(Tile{row, std::min(tile_, rows - row), column, std::min(tile_, columns - column)});
  }

  at::Tensor first(const Tile& tile) const { return s_.first.narrow(0, tile.row, tile.rows); }
  at::Tensor second(const Tile& tile) const { return s_.second.narrow(0, tile.column, tile.columns); }

  /// Scaled similarities of a tile, which live until the next call; those of duplicates are -infinity.
  at::Tensor similarities(const Tile& tile) {
    at::Tensor a = buffer_.narrow(0, 0, tile.rows * tile.columns).view({tile.rows, tile.columns});
    at::mm_out(a, first(tile), second(tile).t());
    a.mul_(s_.scale);
    if (options_.kind == "sigmoid") a.add_(s_.bias);
    if (const at::Tensor hidden = duplicates(tile); hidden.defined()) a.masked_fill_(hidden, kNever);
    return a;
  }

  /// The diagonal's part in a tile: rows of the tile whose own candidate is in it, as [first, first + count), and the
  /// column of the first one.
  struct Diagonal {
    int64_t row = 0, column = 0, count = 0;
  };
  Diagonal diagonal(const Tile& tile) const {
    const int64_t begin = std::max(s_.first_row + tile.row, tile.column);
    const int64_t end = std::min({s_.first_row + tile.row + tile.rows, tile.column + tile.columns, s_.pairs});
    if (end <= begin) return {};
    return {begin - s_.first_row - tile.row, begin - tile.column, end - begin};
  }
  /// A view of the diagonal's elements of a tile-shaped matrix.
  at::Tensor on_diagonal(const at::Tensor& matrix, const Tile& tile) const {
    const Diagonal d = diagonal(tile);
    return matrix.narrow(0, d.row, d.count).narrow(1, d.column, d.count).diagonal();
  }

  /// Columns of a tile that are some row's own candidate: the first ones.
  int64_t paired_columns(const Tile& tile) const {
    return std::clamp<int64_t>(s_.pairs - tile.column, 0, tile.columns);
  }

 private:
  at::Tensor duplicates(const Tile& tile) const {
    if (!s_.first_group.defined()) return {};
    at::Tensor equal = s_.first_group.narrow(0, tile.row, tile.rows).unsqueeze(1) ==
                       s_.second_group.narrow(0, tile.column, tile.columns).unsqueeze(0);
    on_diagonal(equal, tile).fill_(false);
    return equal;
  }

  const Similarity& s_;
  const LossOptions& options_;
  const int64_t tile_;
  at::Tensor buffer_;
};

/// No similarity is larger: both exponentials of a pair may then come from one, exp(A - bound), without overflow.
double bound_of(const Similarity& s) {
  const auto longest = [](const at::Tensor& rows) {
    return rows.size(0) == 0 ? 0 : at::linalg_vector_norm(rows, 2, 1).max().item<double>();
  };
  return std::abs(s.scale) * longest(s.first) * longest(s.second);
}

/// The largest bound for which exp(-2 bound) is a normal number with all of its digits.
double most_for_one_exponential(const at::Tensor& tensor) { return tensor.scalar_type() == at::kDouble ? 340 : 40; }

/// The sum of products of all elements, in float64, without a copy of either.
double inner_product(const at::Tensor& a, const at::Tensor& b) {
  constexpr int64_t kRows = 1024;
  double sum = 0;
  for (int64_t row = 0; row < a.size(0); row += kRows) {
    const int64_t count = std::min(kRows, a.size(0) - row);
    sum += (a.narrow(0, row, count) * b.narrow(0, row, count)).sum(at::kDouble).item<double>();
  }
  return sum;
}

/// How many rows have no candidate as similar as their own.
class Hits {
 public:
  explicit Hits(const Similarity& s)
      : own_(at::full({s.first.size(0)}, kNever, s.first.options())), best_(own_.clone()) {}

  /// All tiles, one after another. `a` is as it was afterwards.
  void see(const at::Tensor& a, const Tile& tile, const Tiles& tiles) {
    at::Tensor diagonal, kept;
    if (const auto place = tiles.diagonal(tile); place.count > 0) {
      diagonal = tiles.on_diagonal(a, tile);
      kept = diagonal.clone();
      own_.narrow(0, tile.row + place.row, place.count).copy_(kept);
      diagonal.fill_(kNever);
    }
    at::Tensor best = best_.narrow(0, tile.row, tile.rows);
    best.copy_(at::maximum(best, a.amax(1)));
    if (kept.defined()) diagonal.copy_(kept);
  }
  int64_t count() const { return (own_ > best_).sum().item<int64_t>(); }

 private:
  at::Tensor own_, best_;
};

class ClipGradient {
 public:
  ClipGradient(const Similarity& similarity, const Normalisers& norm, const LossOptions& options)
      : s_(similarity), norm_(norm), both_(options.sides == "both"), tiles_(similarity, options) {
    bound_ = bound_of(s_);
    one_exponential_ = bound_ <= most_for_one_exponential(s_.first);
    if (!one_exponential_) return;
    row_factor_ = (bound_ - norm_.rows).exp_();
    if (both_) column_factor_ = (bound_ - norm_.columns).exp_();
  }

  LossGradient run() {
    LossGradient result;
    result.first = at::zeros_like(s_.first);
    result.second = at::zeros_like(s_.second);
    const double weight = 1.0 / (static_cast<double>(s_.pairs) * (both_ ? 2 : 1));
    double own = 0;  // sum of the pairs' own similarities
    Hits hits(s_);
    tiles_.for_each([&](const Tile& tile) {
      const at::Tensor a = tiles_.similarities(tile);
      const auto diagonal = tiles_.diagonal(tile);
      hits.see(a, tile, tiles_);
      if (diagonal.count > 0) own += tiles_.on_diagonal(a, tile).sum(at::kDouble).item<double>();
      at::Tensor g = probabilities(a, tile);
      g.mul_(weight);
      if (diagonal.count > 0) tiles_.on_diagonal(g, tile).sub_(1.0 / static_cast<double>(s_.pairs));
      at::Tensor of_first = result.first.narrow(0, tile.row, tile.rows);
      at::Tensor of_second = result.second.narrow(0, tile.column, tile.columns);
      of_first.addmm_(g, tiles_.second(tile));
      of_second.addmm_(g.t(), tiles_.first(tile));
    });
    result.hits = hits.count();
    // dL/ds = sum of G * X Y' = <X, G Y>.
    result.scale = inner_product(result.first, s_.first);
    result.first.mul_(s_.scale);
    result.second.mul_(s_.scale);
    const auto mean = [&](double sum) { return sum / static_cast<double>(s_.pairs); };
    const double rows = norm_.rows.sum(at::kDouble).item<double>();
    result.loss = mean(rows - own);
    if (both_) {
      const double columns = norm_.columns.narrow(0, s_.first_row, s_.first.size(0)).sum(at::kDouble).item<double>();
      result.loss = mean((rows + columns) / 2 - own);
    }
    return result;
  }

 private:
  /// Softmax over the row, plus over the column where there are two sides; in `a`'s memory or new.
  at::Tensor probabilities(const at::Tensor& a, const Tile& tile) const {
    const int64_t paired = both_ ? tiles_.paired_columns(tile) : 0;
    if (one_exponential_) {
      at::Tensor factor = row_factor_.narrow(0, tile.row, tile.rows).unsqueeze(1);
      at::Tensor e = a.sub_(bound_).exp_();
      if (paired == 0) return e.mul_(factor);
      at::Tensor of_columns = column_factor_.narrow(0, tile.column, paired).unsqueeze(0);
      if (paired == tile.columns) return e.mul_(factor + of_columns);
      e.narrow(1, 0, paired).mul_(factor + of_columns);
      e.narrow(1, paired, tile.columns - paired).mul_(factor);
      return e;
    }
    at::Tensor p = (a - norm_.rows.narrow(0, tile.row, tile.rows).unsqueeze(1)).exp_();
    if (paired == 0) return p;
    p.narrow(1, 0, paired)
        .add_(a.narrow(1, 0, paired).sub_(norm_.columns.narrow(0, tile.column, paired).unsqueeze(0)).exp_());
    return p;
  }

  const Similarity& s_;
  const Normalisers& norm_;
  const bool both_;
  Tiles tiles_;
  double bound_;
  bool one_exponential_;
  at::Tensor row_factor_, column_factor_;
};

LossGradient sigmoid_gradient(const Similarity& s, const LossOptions& options) {
  LossGradient result;
  result.first = at::zeros_like(s.first);
  result.second = at::zeros_like(s.second);
  Tiles tiles(s, options);
  const double share = 1.0 / static_cast<double>(s.pairs);
  double loss = 0;
  Hits hits(s);
  tiles.for_each([&](const Tile& tile) {
    const at::Tensor a = tiles.similarities(tile);  // of duplicates -infinity: loss and gradient 0
    const auto diagonal = tiles.diagonal(tile);
    hits.see(a, tile, tiles);
    // softplus(a) for all, and softplus(-a) = softplus(a) - a for pairs.
    loss -= at::log_sigmoid(-a).sum(at::kDouble).item<double>();
    if (diagonal.count > 0) loss -= tiles.on_diagonal(a, tile).sum(at::kDouble).item<double>();
    at::Tensor g = a.sigmoid();
    if (diagonal.count > 0) tiles.on_diagonal(g, tile).sub_(1);
    g.mul_(share);
    result.bias += g.sum(at::kDouble).item<double>();
    at::Tensor of_first = result.first.narrow(0, tile.row, tile.rows);
    at::Tensor of_second = result.second.narrow(0, tile.column, tile.columns);
    of_first.addmm_(g, tiles.second(tile));
    of_second.addmm_(g.t(), tiles.first(tile));
  });
  result.loss = loss * share;
  result.hits = hits.count();
  result.scale = inner_product(result.first, s.first);
  result.first.mul_(s.scale);
  result.second.mul_(s.scale);
  return result;
}

}  // namespace

Normalisers normalisers(const Similarity& s, const LossOptions& options) {
  const at::NoGradGuard no_gradients;
  if (options.kind == "sigmoid") return {};
  Normalisers norm;
  norm.rows = at::full({s.first.size(0)}, kNever, s.first.options());
  if (options.sides == "both") norm.columns = at::full({s.pairs}, kNever, s.first.options());
  const double bound = bound_of(s);
  const bool one_exponential = bound <= most_for_one_exponential(s.first);
  Tiles tiles(s, options);
  tiles.for_each([&](const Tile& tile) {
    const at::Tensor a = tiles.similarities(tile);
    const int64_t paired = norm.columns.defined() ? tiles.paired_columns(tile) : 0;
    const at::Tensor within = a.narrow(1, 0, paired);
    at::Tensor of_rows, of_columns;
    if (one_exponential) {
      a.sub_(bound).exp_();
      of_rows = a.sum(1).log_().add_(bound);
      if (paired > 0) of_columns = within.sum(0).log_().add_(bound);
    } else {
      of_rows = at::logsumexp(a, 1);
      if (paired > 0) of_columns = at::logsumexp(within, 0);
    }
    at::Tensor rows = norm.rows.narrow(0, tile.row, tile.rows);
    rows.copy_(at::logaddexp(rows, of_rows));
    if (paired == 0) return;
    at::Tensor columns = norm.columns.narrow(0, tile.column, paired);
    columns.copy_(at::logaddexp(columns, of_columns));
  });
  return norm;
}

LossGradient loss_gradient(const Similarity& similarity, const Normalisers& norm, const LossOptions& options) {
  const at::NoGradGuard no_gradients;
  if (options.kind == "sigmoid") return sigmoid_gradient(similarity, options);
  return ClipGradient(similarity, norm, options).run();
}

LossGradient loss_gradient(const Similarity& similarity, const LossOptions& options) {
  return loss_gradient(similarity, normalisers(similarity, options), options);
}

at::Tensor plain_loss(const Similarity& s, const at::Tensor& scale, const at::Tensor& bias,
                      const LossOptions& options) {
  at::Tensor a = at::mm(s.first, s.second.t()) * scale;
  at::Tensor hidden;
  if (s.first_group.defined()) {
    hidden = s.first_group.unsqueeze(1) == s.second_group.unsqueeze(0);
    hidden.diagonal().fill_(false);
  }
  if (options.kind == "sigmoid") {
    at::Tensor sign = -at::ones_like(a);
    sign.diagonal().fill_(1);
    at::Tensor loss = -at::log_sigmoid(sign * (a + bias));
    if (hidden.defined()) loss = loss.masked_fill(hidden, 0);
    return loss.sum() / s.pairs;
  }
  if (hidden.defined()) a = a.masked_fill(hidden, kNever);
  const at::Tensor rows = (at::logsumexp(a, 1) - a.diagonal()).mean();
  if (options.sides != "both") return rows;
  const at::Tensor paired = a.narrow(1, 0, s.pairs);
  return (rows + (at::logsumexp(paired, 0) - paired.diagonal()).mean()) / 2;
}

}  // namespace allot::contrast
