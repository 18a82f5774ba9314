// SPDX-License-Identifier: Apache-2.0
// What enas-search does, a function a command. `file` is the model or run that it is given. Each returns the exit code.
#pragma once

#include <string>

#include "cli/app.h"
#include "dist/team.h"
#include "options.h"
#include "train/text_table.h"

namespace allot {

/// Writes a supergraph of a published space.
int generate(const cli::App& app, const Options& options, const std::string& file);
/// What there is to decide, and whether it makes sense of the model.
int validate(const cli::App& app, const Options& options, const std::string& file);
/// Writes a table of latencies.
int profile(const cli::App& app, const Options& options, const std::string& file);
/// On all ranks of the team: trains shared weights and a policy in turns, and holds the choice against others.
int search(const cli::App& app, const Options& options, const std::string& file, dist::Team& team);
/// The same by chance.
int random_command(const cli::App& app, const Options& options, const std::string& file, dist::Team& team);
/// Writes a child of a run or of a supergraph.
int derive(const cli::App& app, const Options& options, const std::string& file);
/// Trains a child alone.
int retrain(const cli::App& app, const Options& options, const std::string& file);
/// On all ranks of the team: trains many children alone, for comparison.
int table(const cli::App& app, const Options& options, const std::string& file, dist::Team& team);
/// Writes a run's page anew, with its rank in a table.
int report(const cli::App& app, const Options& options, const std::string& file);

enas::RunContext context_of(const cli::App& app, dist::Team& team, bool shown);
std::string text_of(const train::TextTable& table);
/// Errors: usage when no output is named.
void require_output(const Options& options, const char* what);
/// The page of the run in `folder`, from what is stored there and in a table, if one is named.
void write_page(const cli::App& app, const std::string& folder, const std::string& table);

}  // namespace allot
