// SPDX-License-Identifier: Apache-2.0
#include "contrast/two_pass.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "base/parallel.h"
#include "contrast/exchange.h"
#include "nn/threads.h"

namespace allot::contrast {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::vector<RowRange> micro_batches(RowRange rows, int64_t micro) {
  std::vector<RowRange> ranges;
  for (int64_t begin = rows.begin; begin < rows.end; begin += micro)
    ranges.push_back({begin, std::min(rows.end, begin + micro)});
  return ranges;
}

/// `work(i)` for all micro-batches, `threads` at a time, then `take(i)` in order.
template <typename Work, typename Take>
void in_order(size_t count, unsigned threads, const Work& work, const Take& take) {
  for (size_t next = 0; next < count; next += threads) {
    const size_t now = std::min<size_t>(threads, count - next);
    base::parallel_for(now, threads, [&](size_t i) {
      nn::compute_alone();
      work(next + i);
    });
    for (size_t i = 0; i < now; ++i) take(next + i);
  }
}

class Step {
 public:
  Step(const Towers& towers, const Batch& batch, const Temperature& temperature, const StepOptions& options,
       uint64_t seed, uint32_t step)
      : towers_(towers),
        batch_(batch),
        temperature_(temperature),
        options_(options),
        seed_(seed),
        step_(step),
        threads_(options.first_weights || options.second_weights ? 1 : base::resolve_threads(options.threads)) {
    if (options.team && options.team->size() > 1) team_ = options.team;
  }

  StepGradient run() {
    StepGradient result;
    auto start = Clock::now();
    const at::Tensor own_first = embed(Side::first), own_second = embed(Side::second);
    result.pass1_s = seconds_since(start);
    start = Clock::now();
    const LossGradient loss = loss_of(own_first, own_second);
    result.loss = loss.loss;
    result.hits = loss.hits;
    result.log_scale = loss.scale * std::exp(temperature_.log_scale);
    result.bias = loss.bias;
    result.loss_s = seconds_since(start);
    if (!std::isfinite(result.loss)) return result;
    start = Clock::now();
    propagate(Side::first, loss.first, result);
    propagate(Side::second, loss.second, result);
    if (team_ && !options_.take_parts) sum_gradients(result);
    result.pass2_s = seconds_since(start);
    return result;
  }

 private:
  RowRange own(Side side) const {
    return part_of(batch_.rows(side), team_ ? team_->rank() : 0, team_ ? team_->size() : 1);
  }
  int64_t micro_of(Side side) const {
    return side == Side::second && options_.micro_second > 0 ? options_.micro_second : options_.micro;
  }
  Pass pass(Side side, bool second) const {
    Pass pass;
    pass.training = true;
    pass.second = second;
    pass.seed = seed_of(side, seed_);
    pass.step = step_;
    pass.watch = side == Side::first || towers_.tied() ? options_.first_weights : options_.second_weights;
    return pass;
  }

  at::Tensor embed(Side side) const {
    const at::NoGradGuard no_gradients;
    at::Tensor rows =
        embed_rows(towers_.of(side), batch_, side, own(side), micro_of(side), threads_, pass(side, false));
    for (int64_t missing = missing_passes(side); missing > 0; --missing)
      towers_.of(side).embed(batch_.inputs(side, 0, 1), pass(side, false));
    return rows;
  }

  /// How many micro-batches others have more than this rank, where all have to run as many, since each brings weights
  /// to all: so often one item is run for nothing.
  int64_t missing_passes(Side side) const {
    if (!team_ || !pass(side, false).watch) return 0;
    const auto passes = [&](uint32_t rank) {
      const int64_t rows = part_of(batch_.rows(side), rank, team_->size()).size(), micro = micro_of(side);
      return (rows + micro - 1) / micro;
    };
    int64_t most = 0;
    for (uint32_t rank = 0; rank < team_->size(); ++rank) most = std::max(most, passes(rank));
    return most - passes(team_->rank());
  }

  /// Of the rows at hand, by the whole batch; the gradient of the second side is that of its own rows.
  LossGradient loss_of(const at::Tensor& own_first, const at::Tensor& own_second) {
    const at::NoGradGuard no_gradients;
    Similarity s;
    s.first = own_first;
    s.second = team_ ? rows_of_all(*team_, own_second) : own_second;
    // Rows and pairs are cut alike, so own candidates of these rows are where the whole batch has them.
    s.first_row = part_of(batch_.pairs(), team_ ? team_->rank() : 0, team_ ? team_->size() : 1).begin;
    s.pairs = batch_.pairs();
    s.scale = std::exp(temperature_.log_scale);
    s.bias = temperature_.bias;
    if (const at::Tensor groups = batch_.groups(Side::first); groups.defined()) {
      s.first_group = groups.narrow(0, s.first_row, own_first.size(0));
      s.second_group = batch_.groups(Side::second);
    }
    Normalisers norm = normalisers(s, options_.loss);
    if (team_ && norm.columns.defined()) norm.columns = logaddexp_of_all(*team_, norm.columns);
    LossGradient loss = loss_gradient(s, norm, options_.loss);
    if (!team_) return loss;
    return summed(std::move(loss));
  }

  LossGradient summed(LossGradient loss) const {
    const at::Tensor numbers =
        at::tensor({loss.loss, loss.scale, loss.bias, static_cast<double>(loss.hits)}, at::kDouble);
    at::Tensor second, total;
    for (const auto& each : tensors_of_all(*team_, {loss.second, numbers})) {
      second = second.defined() ? second.add_(each[0]) : each[0];
      total = total.defined() ? total.add_(each[1]) : each[1];
    }
    const RowRange rows = own(Side::second);
    const double* sums = total.const_data_ptr<double>();
    loss.loss = sums[0];
    loss.scale = sums[1];
    loss.bias = sums[2];
    loss.hits = static_cast<int64_t>(sums[3]);
    loss.second = second.narrow(0, rows.begin, rows.size());
    return loss;
  }

  void propagate(Side side, const at::Tensor& upstream, StepGradient& result) {
    const Tower& tower = towers_.of(side);
    if (!tower.trains()) return;
    auto& sum = side == Side::first || towers_.tied() ? result.first : result.second;
    const RowRange rows = own(side);
    const auto parts = micro_batches(rows, micro_of(side));
    std::vector<std::vector<at::Tensor>> gradients(parts.size());
    const unsigned threads = tower.network().statistics().empty() ? threads_ : 1;  // who moves them does it in order
    const auto compute = [&](size_t i) {
      Pass now = pass(side, true);
      now.first_item = parts[i].begin;
      gradients[i] = tower.gradient(batch_.inputs(side, parts[i].begin, parts[i].size()),
                                    upstream.narrow(0, parts[i].begin - rows.begin, parts[i].size()), now);
    };
    if (options_.take_parts) {
      give_away(side, gradients, threads, compute);
      return;
    }
    in_order(parts.size(), threads, compute, [&](size_t i) {
      add_to(sum, gradients[i]);
      gradients[i].clear();
    });
    for (int64_t missing = missing_passes(side); missing > 0; --missing)  // not the second: statistics stay
      tower.gradient(batch_.inputs(side, 0, 1), at::zeros({1, tower.dimension()}, tower.type()), pass(side, false));
  }

  /// Two micro-batches at a time, and of all ranks, so that no sum over the batch is kept.
  template <typename Compute>
  void give_away(Side side, std::vector<std::vector<at::Tensor>>& gradients, unsigned threads, const Compute& compute) {
    ALLOT_ASSERT(!towers_.tied() && gradients.size() % 2 == 0);
    for (size_t next = 0; next < gradients.size(); next += 2) {
      in_order(
          2, threads, [&](size_t i) { compute(next + i); }, [](size_t) {});
      std::vector<std::vector<at::Tensor>> parts;
      for (size_t i = next; i < next + 2; ++i) {
        auto own_part = std::move(gradients[i]);
        if (!team_)
          parts.push_back(std::move(own_part));
        else
          for (auto& each : tensors_of_all(*team_, own_part)) parts.push_back(std::move(each));
      }
      options_.take_parts(side, parts, static_cast<int64_t>(gradients.size() / 2));
    }
  }

  /// The one exchange of weight gradients.
  void sum_gradients(StepGradient& result) const {
    if (towers_.first.trains()) sum_over_ranks(*team_, towers_.first.network().leaves(), result.first);
    if (!towers_.tied() && towers_.second.trains())
      sum_over_ranks(*team_, towers_.second.network().leaves(), result.second);
  }

  const Towers& towers_;
  const Batch& batch_;
  const Temperature& temperature_;
  const StepOptions& options_;
  const uint64_t seed_;
  const uint32_t step_;
  const unsigned threads_;
  dist::Team* team_ = nullptr;  // of several
};

}  // namespace

uint64_t seed_of(Side side, uint64_t seed) { return side == Side::first ? seed : ~seed; }

at::Tensor embed_rows(const Tower& tower, const Batch& batch, Side side, RowRange range, int64_t micro,
                      unsigned threads, Pass pass) {
  const at::NoGradGuard no_gradients;
  at::Tensor rows = at::empty({range.size(), tower.dimension()}, tower.type());
  const auto parts = micro_batches(range, micro);
  in_order(
      parts.size(), base::resolve_threads(threads),
      [&](size_t i) {
        const at::NoGradGuard alone;  // grad mode is each thread's own
        Pass now = pass;
        now.first_item = parts[i].begin;
        const at::Tensor known = batch.embeddings(side, parts[i].begin, parts[i].size());
        rows.narrow(0, parts[i].begin - range.begin, parts[i].size())
            .copy_(known.defined() ? known : tower.embed(batch.inputs(side, parts[i].begin, parts[i].size()), now));
      },
      [](size_t) {});
  return rows;
}

StepGradient two_pass(const Towers& towers, const Batch& batch, const Temperature& temperature,
                      const StepOptions& options, uint64_t seed, uint32_t step) {
  return Step(towers, batch, temperature, options, seed, step).run();
}

}  // namespace allot::contrast
