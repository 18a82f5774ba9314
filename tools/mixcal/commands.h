// SPDX-License-Identifier: Apache-2.0
// What mixcal does, a function a command. Each returns the exit code.
#pragma once

#include "cli/app.h"
#include "mixcal/synthetic.h"
#include "options.h"
#include "train/text_table.h"

namespace allot {

int prep(const cli::App& app, const Options& options);
int inspect(const cli::App& app, const Options& options);
int plan(const cli::App& app, const Options& options);
int train_reference(const cli::App& app, const Options& options);
int train_proxy(const cli::App& app, const Options& options);
int calibrate(const cli::App& app, const Options& options);
int swarm(const cli::App& app, const Options& options);
int fit(const cli::App& app, const Options& options);
int optimize(const cli::App& app, const Options& options);
int train_primary(const cli::App& app, const Options& options);
int eval(const cli::App& app, const Options& options);
int export_mixture(const cli::App& app, const Options& options);
int report_runs(const cli::App& app, const Options& options);
int gen(const cli::App& app, const Options& options);
/// Criteria that a search must meet. Gives 1 where one falls short.
int bench(const cli::App& app, const Options& options);

inline constexpr int64_t kTaskTokens = 4'000'000;  // of a synthetic task, over all domains
/// Writes the domains of synthetic_task() into a folder, and gives lines of their names and entropies.
std::string write_task(const std::string& task, const std::string& folder, uint64_t seed, base::Replace replace);

/// Where a search goes and how it runs; `what` as in output_of().
mixcal::CalibrateContext context_of(const cli::App& app, const Options& options, const std::string& what);
/// Says that a signal ended it, and gives the exit code.
int stopped(const Options& options);

std::string text_of(const train::TextTable& table);
/// The store of tokens that a path is, or that is made of the corpus there, in `folder`, by the first rank. Of all
/// ranks where `folder` is given. Errors: usage without a path; those of prepare().
data::TokenStore open_store(const cli::App& app, const Options& options, const std::string& folder);
/// Errors: usage unless --output was given; `what` says what it is.
const std::string& output_of(const Options& options, const char* what);

}  // namespace allot
