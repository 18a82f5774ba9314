// SPDX-License-Identifier: Apache-2.0
// What contrast-train does, a function a command. Each returns the exit code.
#pragma once

#include "cli/app.h"
#include "dist/team.h"
#include "options.h"

namespace allot {

/// All processes of an mpirun, or this one alone. Only the first one says anything from then on.
dist::Team join_ranks();

/// Trains both encoders.
int train_towers(const cli::App& app, const Options& options);
/// Holds the gradient, of all ranks together, against one graph over the batch.
int gradcheck(const cli::App& app, const Options& options);
/// Bytes and seconds of a step.
int bench(const cli::App& app, const Options& options);
/// Writes both encoders as one graph of scores.
int export_joint(const cli::App& app, const Options& options);
/// Retrieval on pairs.
int eval(const cli::App& app, const Options& options);
/// Writes a small encoder or pictures with sentences.
int gen(const cli::App& app, const Options& options);

}  // namespace allot
