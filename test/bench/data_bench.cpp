// SPDX-License-Identifier: Apache-2.0
// Images a second that views make, beside copying as many bytes; JSON on standard output.
//
//   data_bench [THREADS]      of the second figure of each case; default: all cores
//
// test/bench/data_bench.py runs it in turn with Pillow.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "base/json.h"
#include "base/parallel.h"
#include "data/generate.h"
#include "data/image_view.h"
#include "data/sampler.h"

using namespace allot;
using Clock = std::chrono::steady_clock;

namespace {

constexpr size_t kItems = 1024;
constexpr int kRepeats = 7;

// The least seconds of several calls.
template <typename Action>
double least_seconds(const Action& action) {
  double least = 1e9;
  for (int i = 0; i < kRepeats; ++i) {
    const auto start = Clock::now();
    action(static_cast<uint32_t>(i));
    least = std::min(least, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return least;
}

data::Array random_images(std::vector<int64_t> shape) {
  std::vector<uint8_t> pixels(
      static_cast<size_t>(std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>())));
  base::Rng rng(1);
  for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(rng.below(256));
  return data::make_array("x", std::move(shape), std::move(pixels));
}

void measure(base::JsonWriter& json, const char* name, const data::View& view, unsigned threads) {
  std::vector<int64_t> items(kItems);
  std::iota(items.begin(), items.end(), int64_t{0});
  std::vector<std::byte> out(kItems * view.item_bytes()), copy(out.size());
  base::ThreadPool pool(threads);
  const double one = least_seconds([&](uint32_t step) { view.fill(items, {1, 2, step}, out); });
  const double all = least_seconds([&](uint32_t step) { view.fill(items, {1, 2, step}, out, &pool); });
  const double copying = least_seconds([&](uint32_t) { std::memcpy(copy.data(), out.data(), out.size()); });
  json.begin_object(true).field("view", name).field("images_per_s", kItems / one);
  json.field("images_per_s_all_threads", kItems / all).field("ratio_to_memcpy", one / copying).end_object();
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned threads = base::resolve_threads(argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 0);
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.data-bench/1").field("threads", threads).key("views").begin_array();
  using enum data::ImageAugmentation;
  const auto colour = random_images({kItems, 3, 32, 32}), grey = random_images({kItems, 28, 28});
  for (const auto& [name, augmentation] : {std::pair{"none", none}, {"weak", weak}, {"strong", strong}}) {
    data::ImageOptions options;
    options.augmentation = augmentation;
    measure(json, (std::string(name) + " 32x32x3").c_str(), *data::image_view(colour, options), threads);
    measure(json, (std::string(name) + " 28x28").c_str(), *data::image_view(grey, options), threads);
  }
  data::ImageOptions digits{.augmentation = digits_strong, .geometry = {1, 8, 8}, .scaling = {1.0f / 16, {}, {}}};
  const auto flat = data::make_array("x", {kItems, 64}, std::vector<float>(kItems * 64, 8));
  measure(json, "digits strong 8x8", *data::image_view(flat, digits), threads);
  json.end_array();

  std::vector<int64_t> items(60'000);
  std::iota(items.begin(), items.end(), int64_t{0});
  const data::Sampler sampler(items, 1, 2);
  std::vector<int64_t> drawn(kItems);
  const double seconds = least_seconds([&](uint32_t step) { sampler.fill(step * kItems, drawn); });
  json.field("sampler_ns_per_item", seconds / kItems * 1e9).end_object();
  std::fputs(json.str().c_str(), stdout);
}
