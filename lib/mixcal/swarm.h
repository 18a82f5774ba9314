// SPDX-License-Identifier: Apache-2.0
// Many small runs, each on a mixture of its own: which mixtures, and what came of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "config/binder.h"
#include "mixcal/weights.h"

namespace allot::mixcal {

/// One row a run. Metrics are losses: less is better.
struct Swarm {
  std::vector<std::string> domains, metrics;
  std::vector<std::string> runs;            // names
  std::vector<Weights> ratios;              // [runs][domains]
  std::vector<std::vector<double>> values;  // [runs][metrics]; none before they were run

  size_t size() const { return ratios.size(); }
};

/// Two CSV files with a line of names and a row a run. Columns named run, name and index tell which row of one belongs
/// to which of the other, by the first of them that both have; all others are domains or metrics. The layout is that of
/// Olmix; RegMix's files are read, too. Domains that both files name alike but for "train_" or "valid_" are the same.
/// Runs of which one file says nothing are left out; ratios are normalised.
/// Errors: input_missing; malformed with file:line for what is no number, a run that is there twice, files without a
/// common run or column, and fewer than two domains.
Swarm read_swarm(const std::string& ratios, const std::string& metrics);
/// The first alone: mixtures to run.
Swarm read_ratios(const std::string& ratios);
/// "run,name,index,<domain>..." and the same with metrics. Errors: those of base::write_file.
void write_ratios(const Swarm& swarm, const std::string& path, base::Replace replace);
void write_metrics(const Swarm& swarm, const std::string& path, base::Replace replace);

struct SamplingOptions {
  int64_t runs = 0;              // 0: 3 (domains + 1), at least 24
  double exponent = 0.5;         // the mean mixture is prior^exponent, normalised
  double least = 0.1, most = 5;  // strength of the Dirichlet distribution over the number of domains, log-uniform
  double floor = 2e-3;           // smaller weights become 0

  void bind(config::Binder& binder);
};
int64_t runs_of(const SamplingOptions& options, size_t domains);

/// Mixtures around a prior; `caps` are what none may exceed (empty: none). The first two are the prior and the uniform
/// mixture where those fit. Source: RegMix, arXiv 2407.01492, and Olmix, arXiv 2602.12237.
/// Errors: config if hardly any drawn mixture stays below the caps.
std::vector<Weights> sample_mixtures(const Weights& prior, const SamplingOptions& options,
                                     const std::vector<double>& caps, uint64_t seed);

}  // namespace allot::mixcal
