// SPDX-License-Identifier: Apache-2.0
#include "contrast/bench.h"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <limits>

#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <c10/core/GradMode.h>
#include <sys/resource.h>

#include "base/parallel.h"
#include "base/rng.h"
#include "contrast/exchange.h"
#include "contrast/whole_batch.h"
#include "exec/dtype.h"
#include "exec/live_bytes.h"

namespace allot::contrast {
namespace {

constexpr uint32_t kStream = 0x6374626e;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// A figure of /proc/self/status in bytes; 0 where there is none.
int64_t status_bytes(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string name; file >> name;) {
    int64_t kib = 0;
    if (name == key + ":" && file >> kib) return kib * 1024;
  }
  return 0;
}

/// From now on the process's largest size counts anew.
void reset_largest() { std::ofstream("/proc/self/clear_refs") << 5; }

StepGradient run(const Towers& towers, const Batch& batch, const Temperature& temperature, const StepOptions& options,
                 bool plain, uint32_t step) {
  return plain ? whole_batch(towers, batch, temperature, options.loss, 0, step)
               : two_pass(towers, batch, temperature, options, 0, step);
}

constexpr int64_t kLargestTried = 1024;  // beyond it nothing gets faster
constexpr int kRounds = 5;
constexpr double kEnoughSeconds = 20;  // after which no further round begins
// What is measured is not exact either, so that less than the 5 % that are promised can be given away.
constexpr double kAsFast = 1.02, kFarBehind = 1.2;

/// A size of micro-batches, and the least time that the same rows took with it.
struct Trial {
  int64_t micro;
  double seconds = std::numeric_limits<double>::infinity();
};

/// CPU seconds of this thread for what a step does to the first `rows` of both sides: it embeds all, then propagates
/// and adds up gradients of weights, which costs as much for a small micro-batch as for a large one.
double pass_twice(const Towers& towers, const Batch& batch, int64_t micro, int64_t rows) {
  const double start = thread_seconds();
  Pass pass;
  pass.training = true;  // not the second: statistics stay
  for (const Side side : {Side::first, Side::second}) {
    const Tower& tower = towers.of(side);
    embed_rows(tower, batch, side, {0, rows}, micro, 1, pass);
    if (!tower.trains()) continue;
    std::vector<at::Tensor> sum;
    for (int64_t begin = 0; begin < rows; begin += micro) {
      const int64_t size = std::min(micro, rows - begin);
      pass.first_item = begin;
      add_to(sum,
             tower.gradient(batch.inputs(side, begin, size), at::ones({size, tower.dimension()}, tower.type()), pass));
    }
  }
  return thread_seconds() - start;
}

}  // namespace

RandomBatch::RandomBatch(const Towers& towers, int64_t pairs, uint64_t seed, int64_t length, int64_t vocabulary)
    : pairs_(pairs), vocabulary_(vocabulary), seed_(seed) {
  for (const Side side : {Side::first, Side::second})
    for (const exec::ProgramInput& input : towers.of(side).network().inputs()) {
      if (input.optional) continue;
      Input made{{}, exec::scalar_type(input.type.elem), !ir::is_float(input.type.elem)};
      for (size_t i = 1; i < input.type.dims.size(); ++i)
        made.item.push_back(input.type.dims[i].value > 0 ? input.type.dims[i].value : length);
      (side == Side::first ? of_first_ : of_second_).push_back(std::move(made));
    }
}

Inputs RandomBatch::inputs(Side side, int64_t begin, int64_t count) const {
  Inputs inputs;
  uint32_t number = side == Side::first ? 0 : 1000;
  for (const Input& input : side == Side::first ? of_first_ : of_second_) {
    std::vector<int64_t> shape = {count};
    shape.insert(shape.end(), input.item.begin(), input.item.end());
    const at::Tensor values = at::empty(shape, at::kFloat);
    float* out = values.mutable_data_ptr<float>();
    const int64_t each = values.numel() / std::max<int64_t>(1, count);
    for (int64_t row = 0; row < count; ++row) {
      base::Rng rng(seed_, kStream, number, static_cast<uint32_t>(begin + row));
      for (int64_t i = 0; i < each; ++i)
        *out++ = input.whole ? static_cast<float>(rng.below(static_cast<uint32_t>(vocabulary_)))
                             : static_cast<float>(2 * rng.uniform() - 1);
    }
    inputs.push_back(values.to(input.type));
    ++number;
  }
  return inputs;
}

BenchRow measure_step(const Towers& towers, const Batch& batch, const Temperature& temperature,
                      const StepOptions& options, bool plain) {
  BenchRow row;
  row.method = plain ? "plain" : "two-pass";
  row.batch = batch.pairs();
  row.micro = plain ? batch.pairs() : std::min(options.micro, batch.pairs());
  {  // what is set up once is not part of a step
    const RandomBatch small(towers, std::min<int64_t>(row.micro, 256), 0, 32, 2);
    run(towers, small, temperature, options, plain, 0);
  }
  reset_largest();
  const int64_t before = status_bytes("VmRSS");
  const exec::LiveBytes live;
  const double start = cpu_seconds();
  const StepGradient gradient = run(towers, batch, temperature, options, plain, 1);
  row.cpu_s = cpu_seconds() - start;
  row.live_bytes = live.peak();
  row.resident_bytes = std::max<int64_t>(0, status_bytes("VmHWM") - before);
  row.pass1_s = gradient.pass1_s;
  row.loss_s = gradient.loss_s;
  row.pass2_s = gradient.pass2_s;
  return row;
}

std::optional<double> bytes_per_pair(const std::vector<BenchRow>& rows) {
  double count = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (const BenchRow& row : rows) {
    if (row.method != "two-pass") continue;
    const auto batch = static_cast<double>(row.batch), bytes = static_cast<double>(row.live_bytes);
    ++count, x += batch, y += bytes, xx += batch * batch, xy += batch * bytes;
  }
  const double spread = count * xx - x * x;
  if (spread <= 0) return std::nullopt;
  return (count * xy - x * y) / spread;
}

int64_t fastest_micro(const Towers& towers, const Batch& batch, unsigned threads, int64_t most_bytes) {
  std::vector<Trial> trials;
  for (int64_t micro = 16;; micro *= 2) {
    Trial trial{std::min(micro, batch.pairs())};
    const exec::LiveBytes live;
    pass_twice(towers, batch, trial.micro, trial.micro);  // warms up
    if (most_bytes > 0 && live.peak() * base::resolve_threads(threads) > most_bytes && !trials.empty()) break;
    trials.push_back(trial);
    if (trial.micro == batch.pairs() || micro >= kLargestTried) break;
  }
  // In turn, so that a slow moment of the machine hits all; those that are far behind drop out.
  double best = std::numeric_limits<double>::infinity();
  const double start = thread_seconds();
  for (int round = 0; round < kRounds && (round == 0 || thread_seconds() - start < kEnoughSeconds); ++round) {
    for (Trial& trial : trials) {
      if (round > 0 && trial.seconds > kFarBehind * best) continue;
      trial.seconds = std::min(trial.seconds, pass_twice(towers, batch, trial.micro, trials.back().micro));
      best = std::min(best, trial.seconds);
    }
  }
  return std::find_if(trials.begin(), trials.end(), [&](auto& trial) { return trial.seconds <= kAsFast * best; })
      ->micro;
}

}  // namespace allot::contrast
