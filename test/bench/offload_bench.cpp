// SPDX-License-Identifier: Apache-2.0
// The search on the latency objective of Tarnawski et al.: a row an instance, and the split in their form.
//   offload_bench [--evaluations N] [--seed N] FOLDER [SPLITS_FOLDER]
// FOLDER holds instances as scripts/convert_dnn_partitioning.py writes them.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "base/file.h"
#include "bench/offload.h"
#include "bench/quality_graphs.h"
#include "place/placer.h"

namespace {

using namespace allot;

void measure(const bench::QualityCase& test, const place::Budget& budget, const std::string& splits) {
  place::Problem problem = *test.problem;
  problem.score_with([&] { return place::Problem::Scorer(bench::Offload(problem)); });
  const auto all = place::compare(problem, "auto", budget);
  const auto& best = all.methods[all.best];
  fmt::print("{:50} {:3} accelerators  heuristics {:10.3f} ms  auto {:10.3f} ms{}\n", test.name, problem.devices() - 1,
             static_cast<double>(all.curve.front().best.makespan_ps) * 1e-9,
             static_cast<double>(best.score.makespan_ps) * 1e-9, best.score.overflow_bytes ? "  DOES NOT FIT" : "");
  std::fflush(stdout);
  if (splits.empty()) return;
  const std::filesystem::path name = test.name;
  base::write_file(splits + "/" + name.filename().string() + ".json",
                   bench::split_json(problem, problem.expand(best.placement)), base::Replace::any);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    place::Budget budget{.evaluations = 1'000'000, .threads = 1};
    std::vector<std::string> folders;
    for (int i = 1; i < argc; ++i) {
      const std::string text = argv[i];
      if (text == "--evaluations" && i + 1 < argc)
        budget.evaluations = std::stoull(argv[++i]);
      else if (text == "--seed" && i + 1 < argc)
        budget.seed = std::stoull(argv[++i]);
      else
        folders.push_back(text);
    }
    if (folders.empty()) return std::fprintf(stderr, "usage: offload_bench FOLDER [SPLITS_FOLDER]\n"), 64;
    place::register_placer(
        {"fill", "accelerators filled one after another", false,
         [](const place::Problem& problem, const place::Budget&) { return bench::fill_accelerators(problem); }});
    for (const auto& test : bench::published_cases(folders[0]))
      measure(test, budget, folders.size() > 1 ? folders[1] : "");
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "offload_bench: %s\n", error.what());
    return 1;
  }
}
