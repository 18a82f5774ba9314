// SPDX-License-Identifier: Apache-2.0
#include "contrast/bench.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <limits>

#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <c10/core/GradMode.h>
#include <sys/resource.h>

#include "base/parallel.h"
#include "base/rng.h"
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
  struct Trial {
    int64_t micro;
    double seconds;  // an item
  };
  std::vector<Trial> trials;
  for (int64_t micro = 16;; micro *= 2) {
    const int64_t size = std::min(micro, batch.pairs());
    double fastest = std::numeric_limits<double>::infinity();
    int64_t bytes = 0;
    for (int repeat = 0; repeat < 3; ++repeat) {
      const exec::LiveBytes live;
      const auto start = std::chrono::steady_clock::now();
      for (const Side side : {Side::first, Side::second}) {
        const Tower& tower = towers.of(side);
        if (!tower.trains()) continue;
        const Inputs inputs = batch.inputs(side, 0, size);
        Pass pass;
        pass.training = true;  // not the second: statistics stay
        tower.gradient(inputs, at::ones({size, tower.dimension()}, tower.type()), pass);
      }
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
      fastest = std::min(fastest, passed.count() / static_cast<double>(size));
      bytes = live.peak();
    }
    if (most_bytes > 0 && bytes * base::resolve_threads(threads) > most_bytes && !trials.empty()) break;
    trials.push_back({size, fastest});
    if (size == batch.pairs() || micro >= 4096) break;
  }
  const double best =
      std::min_element(trials.begin(), trials.end(), [](auto& a, auto& b) { return a.seconds < b.seconds; })->seconds;
  return std::find_if(trials.begin(), trials.end(), [&](auto& trial) { return trial.seconds <= 1.05 * best; })->micro;
}

}  // namespace allot::contrast
