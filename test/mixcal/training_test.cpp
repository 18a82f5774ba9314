// SPDX-License-Identifier: Apache-2.0
// Feeds, models and training; T0.7 of the specification of mixcal, 6.1.
#include "mixcal/training.h"

#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "mixcal/calibrate.h"
#include "mixcal/import_check.h"
#include "mixcal/online_training.h"
#include "mixcal/prepare.h"
#include "mixcal/synthetic.h"

using namespace allot;
namespace fs = std::filesystem;

namespace {

/// A small store of the synthetic task.
struct Data {
  Data() : path(fs::temp_directory_path() / "allot-mixcal-test") {
    fs::remove_all(path);
    fs::create_directories(path);
    const data::Tokenizer tokenizer{"given", 100, -1};
    std::vector<data::TokenDomain> domains;
    for (const auto& domain : mixcal::synthetic_task("five", 60'000, 1)) {
      data::TokenWriter writer(path.string(), domain.name, domain.name, tokenizer, {0.1, 0.1}, 1, base::Replace::own);
      for (size_t first = 0; first + 256 <= domain.tokens.size(); first += 256)
        writer.add(std::vector<uint32_t>(domain.tokens.begin() + static_cast<std::ptrdiff_t>(first),
                                         domain.tokens.begin() + static_cast<std::ptrdiff_t>(first) + 256));
      domains.push_back(writer.finish());
    }
    data::TokenStore::write_manifest(path.string(), tokenizer, domains, {0.1, 0.1}, 1, base::Replace::own);
    store = std::make_unique<data::TokenStore>(path.string());
  }
  ~Data() { fs::remove_all(path); }
  fs::path path;
  std::unique_ptr<data::TokenStore> store;
};

mixcal::TrainSettings short_settings() {
  mixcal::TrainSettings settings;
  settings.model.length = 17;
  settings.loop.steps = 6;
  settings.batch = 10;
  settings.evaluation = 2;
  return settings;
}

}  // namespace

TEST_CASE("Stratified batches hold every domain, and extra rows go round") {
  const Data data;
  mixcal::Feed feed(*data.store, {data::Part::proxy}, 17, 3, 1);
  std::vector<int> extra(5);
  for (int64_t step = 0; step < 5; ++step) {
    const auto batch = feed.stratified(step, 13);
    std::vector<int> counts(5);
    for (const size_t domain : batch.domains) ++counts[domain];
    for (size_t i = 0; i < 5; ++i) {
      CHECK((counts[i] == 2 || counts[i] == 3));
      extra[i] += counts[i] - 2;
    }
  }
  for (const int each : extra) CHECK(each == 3);
}

TEST_CASE("Drawn batches follow the weights, on average and within one row") {
  const Data data;
  mixcal::Feed feed(*data.store, {data::Part::proxy}, 17, 3, 1);
  const mixcal::Weights weights = {0.5, 0, 0.3, 0.17, 0.03};
  std::vector<double> counts(5);
  for (int64_t step = 0; step < 200; ++step) {
    std::vector<int> here(5);
    for (const size_t domain : feed.drawn(step, 10, weights).domains) ++here[domain], ++counts[domain];
    for (size_t i = 0; i < 5; ++i) CHECK(std::abs(here[i] - 10 * weights[i]) < 1 + 1e-9);
  }
  for (size_t i = 0; i < 5; ++i) CHECK(counts[i] / 2000 == Approx(weights[i]).margin(0.01));
}

TEST_CASE("Every sequence comes once an epoch, and epochs differ") {
  const Data data;
  mixcal::Feed feed(*data.store, {data::Part::reference, data::Part::proxy}, 17, 3, 1);
  const mixcal::Weights hard = {0, 1, 0, 0, 0};
  std::vector<std::vector<std::string>> epochs(2);
  for (auto& epoch : epochs)
    for (int64_t i = 0; i < feed.sequences(1); ++i) {
      const at::Tensor row = feed.drawn(0, 1, hard).tokens;
      epoch.emplace_back(reinterpret_cast<const char*>(row.const_data_ptr<int64_t>()), 17 * sizeof(int64_t));
    }
  CHECK(epochs[0] != epochs[1]);
  for (auto& epoch : epochs) std::sort(epoch.begin(), epoch.end());
  CHECK(epochs[0] == epochs[1]);
}

TEST_CASE("A domain shorter than a sequence is refused") {
  const Data data;
  CHECK_THROWS_AS(mixcal::Feed(*data.store, {data::Part::test}, 100'000, 3, 1), base::Error);
}

TEST_CASE("A built-in model is causal, and begins near the loss of knowing nothing") {
  mixcal::LanguageModel model({.length = 33}, 100, 1);
  CHECK_NOTHROW(mixcal::check_import(model, 1, true));
  CHECK(model.length() == 33);
  const at::NoGradGuard no_gradients;
  const at::Tensor losses = model.losses(at::randint(100, {4, 33}, at::kLong));
  CHECK(losses.sizes() == at::IntArrayRef({4, 32}));
  CHECK(losses.mean().item<double>() == Approx(std::log(100)).epsilon(0.1));
  CHECK(model.numbers() == 100 * 64 + 64 * 64 + 2 * (12 * 64 * 64 + 13 * 64) + 2 * 64);
}

TEST_CASE("T0.7: a proxy that is interrupted ends with the same weights, bit by bit") {
  const Data data;
  const mixcal::TrainSettings settings = short_settings();
  const mixcal::Lesson lesson{*data.store, {data::Part::proxy}, 3, 2};
  const mixcal::LanguageModel reference(settings.model, 100, 1);
  const auto run = [&](int64_t stop_at) {
    auto model = std::make_unique<mixcal::LanguageModel>(settings.model, 100, 2);
    auto job =
        std::make_unique<mixcal::ProxyJob>(*model, reference, settings, lesson, mixcal::DroOptions{.step = 1}, 6);
    for (int64_t step = 0; step < 6; ++step) {
      if (step == stop_at) {
        const train::Checkpoint state = job->state();
        train::Checkpoint copy{state.metadata, {}};
        for (const auto& [name, tensor] : state.tensors) copy.tensors.emplace_back(name, tensor.clone());
        model = std::make_unique<mixcal::LanguageModel>(settings.model, 100, 5);
        job = std::make_unique<mixcal::ProxyJob>(*model, reference, settings, lesson, mixcal::DroOptions{.step = 1}, 6);
        job->restore(copy, "here");
      }
      CHECK(job->step(step, 6).taken);
    }
    CHECK(job->trajectory().size() == 6);
    return std::pair(job->trajectory(), job->dro().average());
  };
  const auto whole = run(-1), parts = run(3);
  CHECK(whole == parts);
  CHECK(mixcal::largest_difference(whole.second, mixcal::uniform(5)) > 1e-4);
}

TEST_CASE("Shards and threads change nothing of the weights but rounding") {
  const Data data;
  const auto run = [&](int64_t shards, unsigned threads) {
    mixcal::TrainSettings settings = short_settings();
    settings.shards = shards;
    const mixcal::Lesson lesson{*data.store, {data::Part::proxy}, 3, 2, threads};
    const mixcal::LanguageModel reference(settings.model, 100, 1);
    mixcal::LanguageModel model(settings.model, 100, 2);
    mixcal::ProxyJob job(model, reference, settings, lesson, {.step = 1}, 6);
    for (int64_t step = 0; step < 6; ++step) job.step(step, 6);
    return job.dro().average();
  };
  CHECK(run(2, 1) == run(2, 2));
  CHECK(mixcal::largest_difference(run(1, 1), run(2, 1)) < 1e-5);
}

namespace {

/// Weights and trajectory of six steps of doge or aioli, with a change of jobs before one of them.
std::pair<mixcal::Weights, std::vector<std::vector<double>>> train_online(const Data& data, const std::string& method,
                                                                          int64_t shards, unsigned threads,
                                                                          int64_t stop_at = -1) {
  constexpr int64_t kSteps = 8;
  mixcal::TrainSettings settings = short_settings();
  settings.shards = shards;
  const mixcal::Lesson lesson{*data.store, {data::Part::proxy}, 3, 2, threads};
  const std::vector<size_t> all = {0, 1, 2, 3, 4};
  std::unique_ptr<mixcal::LanguageModel> model;
  std::unique_ptr<mixcal::OnlineJob> job;
  const auto begin = [&](uint64_t seed) {
    model = std::make_unique<mixcal::LanguageModel>(settings.model, 100, seed);
    if (method == "doge")
      job = std::make_unique<mixcal::DogeJob>(*model, settings, lesson, mixcal::DogeOptions{}, all, kSteps);
    else
      job = std::make_unique<mixcal::AioliJob>(*model, settings, lesson,
                                               mixcal::AioliOptions{.rounds = 1, .sweeps = 1, .slot = 1}, all, kSteps);
  };
  begin(2);
  for (int64_t step = 0; step < kSteps; ++step) {
    if (step == stop_at) {
      const train::Checkpoint state = job->state();
      train::Checkpoint copy{state.metadata, {}};
      for (const auto& [name, tensor] : state.tensors) copy.tensors.emplace_back(name, tensor.clone());
      begin(5);
      job->restore(copy, "here");
    }
    REQUIRE(job->step(step, kSteps).taken);
  }
  CHECK(job->trajectory().size() == kSteps);
  return {job->average(), job->trajectory()};
}

}  // namespace

TEST_CASE("T0.7 of doge and aioli: interrupted, or on more threads, they end with the same weights, bit by bit") {
  const Data data;
  for (const std::string method : {"doge", "aioli"}) {
    INFO(method);
    const auto whole = train_online(data, method, 2, 1);
    CHECK(whole == train_online(data, method, 2, 1, 3));
    CHECK(whole == train_online(data, method, 2, 2));
    CHECK(mixcal::largest_difference(whole.first, train_online(data, method, 1, 1).first) < 1e-4);
    CHECK(mixcal::largest_difference(whole.first, mixcal::uniform(5)) > 1e-3);
  }
}

TEST_CASE("Doge scores by the gradients of the model that it trains") {
  const Data data;
  mixcal::TrainSettings settings = short_settings();
  settings.schedule.warmup = 0, settings.schedule.shape = "constant";
  const mixcal::Lesson lesson{*data.store, {data::Part::proxy}, 3, 2};
  mixcal::LanguageModel model(settings.model, 100, 2);
  mixcal::DogeJob job(model, settings, lesson, {}, {0, 1, 2, 3, 4}, 6);
  mixcal::Feed feed(*data.store, {data::Part::proxy}, model.length(), 3, 2);
  const auto batch = feed.stratified(0, settings.batch);
  std::vector<std::vector<at::Tensor>> gradients;
  for (int64_t i = 0; i < 5; ++i)  // two rows of each
    gradients.push_back(
        mixcal::gradients_of(model.losses(batch.tokens.narrow(0, 2 * i, 2)).mean(), model.network().leaves()));
  const auto product = [&](size_t i, size_t j) {
    double sum = 0;
    for (size_t leaf = 0; leaf < gradients[i].size(); ++leaf)
      sum += gradients[i][leaf].mul(gradients[j][leaf]).sum(at::kDouble).item<double>();
    return sum;
  };
  double norms = 0;
  for (size_t i = 0; i < 5; ++i) norms += std::sqrt(product(i, i)) / 5;
  job.step(0, 6);
  for (size_t i = 0; i < 5; ++i) {
    double others = 0;
    for (size_t j = 0; j < 5; ++j) others += i == j ? 0 : product(i, j);
    const double rate = settings.schedule.rate, score = std::clamp(rate * others / norms, 0.0, 5 * rate);
    CHECK(job.trajectory()[0][6 + static_cast<size_t>(batch.domains[2 * i])] ==
          Approx(score).epsilon(1e-4).margin(1e-9));
  }
}

TEST_CASE("Training lowers the loss on what it draws") {
  const Data data;
  mixcal::TrainSettings settings = short_settings();
  settings.loop.steps = 30;
  const mixcal::Lesson lesson{*data.store, {data::Part::reference}, 3, 1};
  mixcal::LanguageModel model(settings.model, 100, 2);
  mixcal::SamplingJob job(model, settings, lesson, mixcal::uniform(5));
  const double before = job.evaluate().metrics.at("average");
  for (int64_t step = 0; step < 30; ++step) job.step(step, 30);
  CHECK(job.evaluate().metrics.at("average") < before - 0.5);
}
