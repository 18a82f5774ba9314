// SPDX-License-Identifier: Apache-2.0
#include "train/shards.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "base/parallel.h"
#include "nn/threads.h"
#include "train/pairwise_sum.h"
#include "train/tensor_wire.h"

namespace allot::train {
namespace {

/// A part as one list: gradients, statistics, and metrics in the order of their names.
using Flat = std::vector<at::Tensor>;

at::Tensor values_of(const Metrics& metrics) {
  std::vector<double> values;
  for (const auto& [name, value] : metrics) values.push_back(value);
  return at::tensor(values, at::kDouble);
}

class Shards {
 public:
  Shards(const ShardOptions& options, const std::vector<nn::NamedTensor>& statistics,
         const std::function<Part(size_t)>& body)
      : options_(options), statistics_(statistics), body_(body) {
    const at::NoGradGuard no_gradients;
    for (const auto& [name, tensor] : statistics_) before_.push_back(tensor.clone());
  }

  Part mean() {
    PairwiseSum sum = sum_own();
    exchange(sum);
    const at::NoGradGuard no_gradients;
    Flat mean = sum.finish();
    for (at::Tensor& tensor : mean)
      if (tensor.defined()) tensor = tensor / static_cast<double>(options_.shards);
    set_statistics({mean.end() - 1 - static_cast<ptrdiff_t>(before_.size()), mean.end() - 1});
    size_t next = 0;
    for (auto& [name, value] : metrics_) value = mean.back().const_data_ptr<double>()[next++];
    mean.resize(mean.size() - 1 - before_.size());
    return {std::move(mean), std::move(metrics_)};
  }

 private:
  /// The sum over this rank's shards, as many at a time as there are threads.
  PairwiseSum sum_own() {
    const auto [begin, end] = own_shards(options_);
    const unsigned threads = before_.empty() ? base::resolve_threads(options_.threads) : 1;
    PairwiseSum sum;
    for (size_t next = begin, last = end; next < last; next += threads) {
      std::vector<Part> parts(std::min<size_t>(threads, last - next));
      base::parallel_for(parts.size(), threads, [&](size_t i) {
        nn::compute_alone();
        parts[i] = compute(next + i);
      });
      const at::NoGradGuard no_gradients;
      for (size_t i = 0; i < parts.size(); ++i) sum.add({next + i, 1, flatten(std::move(parts[i]))});
    }
    return sum;
  }

  Part compute(size_t shard) {
    set_statistics(before_);
    return body_(shard);
  }

  Flat flatten(Part part) {
    Flat flat = std::move(part.gradients);
    for (const auto& [name, tensor] : statistics_) flat.push_back(tensor.clone());
    flat.push_back(values_of(part.metrics));
    metrics_ = std::move(part.metrics);  // for their names
    return flat;
  }

  void set_statistics(const Flat& values) {
    const at::NoGradGuard no_gradients;
    for (size_t i = 0; i < values.size(); ++i) at::Tensor(statistics_[i].second).copy_(values[i]);
  }

  void exchange(PairwiseSum& sum) {
    if (!options_.team || options_.team->size() == 1) return;
    dist::WireWriter mine;
    mine.number(sum.blocks().size());
    for (const PairwiseSum::Block& block : sum.blocks()) {
      mine.number(block.begin);
      mine.number(block.size);
      write(mine, block.tensors);
    }
    sum = {};
    for (const std::string& bytes : options_.team->gather(mine.take())) {
      dist::WireReader in(bytes);
      for (auto left = in.number<size_t>(); left > 0; --left) {
        const auto begin = in.number<size_t>(), size = in.number<size_t>();
        sum.add({begin, size, read_tensors(in)});
      }
    }
  }

  const ShardOptions& options_;
  const std::vector<nn::NamedTensor>& statistics_;
  const std::function<Part(size_t)>& body_;
  Flat before_;
  Metrics metrics_;
};

}  // namespace

std::pair<size_t, size_t> own_shards(const ShardOptions& options) {
  const size_t ranks = options.team ? options.team->size() : 1, rank = options.team ? options.team->rank() : 0;
  return {options.shards * rank / ranks, options.shards * (rank + 1) / ranks};
}

Part mean_over_shards(const ShardOptions& options, const std::vector<nn::NamedTensor>& statistics,
                      const std::function<Part(size_t shard)>& body) {
  const size_t ranks = options.team ? options.team->size() : 1;
  if (options.shards < ranks)
    throw base::Error(base::ErrorKind::config, "",
                      fmt::format("{} shards cannot keep {} ranks busy", options.shards, ranks),
                      fmt::format("cut batches into {} shards or more", ranks));
  if (options.shards > 1) return Shards(options, statistics, body).mean();
  nn::compute_alone();
  return body(0);
}

}  // namespace allot::train
