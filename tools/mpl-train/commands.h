// SPDX-License-Identifier: Apache-2.0
// What mpl-train does, a function a command. Each returns the exit code.
#pragma once

#include "cli/app.h"
#include "dist/team.h"
#include "options.h"

namespace allot {

/// Trains, on all ranks of the team; with --seeds a table of many runs.
int fit(const cli::App& app, const Options& options, dist::Team& team);
int fit_seeds(const cli::App& app, const Options& options, dist::Team& team);
/// Figures of a trained student on --test-data, or on --data.
int eval(const cli::App& app, const Options& options);
/// Which weights would be trained, and why.
int inspect(const cli::App& app, const Options& options);
/// Writes a small network or a small dataset.
int gen(const cli::App& app, const Options& options);

}  // namespace allot
