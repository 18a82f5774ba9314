// SPDX-License-Identifier: Apache-2.0
// Commands that train nothing: generate, validate, profile.
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/table.h"
#include "commands.h"
#include "enas/constraint.h"
#include "enas/profile.h"
#include "enas/score_table.h"
#include "enas/space_file.h"
#include "enas/validate.h"
#include "onnxio/writer.h"

namespace allot {
namespace {

constexpr uint64_t kMostListed = 100'000;

std::string size_text(const enas::SpaceSize& size) {
  return size.exact ? fmt::format("{}", *size.exact) : fmt::format("10^{:.2f}", size.log10);
}

int list_all(const enas::Supergraph& supergraph) {
  const enas::SpaceSize size = enas::size_of(supergraph.space());
  if (!size.exact || *size.exact > kMostListed)
    throw base::Error(base::ErrorKind::usage, "--enumerate",
                      fmt::format("the space has {} architectures", size_text(size)),
                      "enumerate spaces of up to 100,000");
  for (uint64_t i = 0; i < *size.exact; ++i) {
    const enas::Child child = supergraph.child(enas::assignment_at(supergraph.space(), i));
    if (enas::keeps_constraints(supergraph, child)) fmt::print("{}\n", child.name);
  }
  return 0;
}

}  // namespace

std::string text_of(const train::TextTable& table) {
  cli::Table text(table.header);
  for (const auto& row : table.rows) text.row(row);
  return text.str();
}

void require_output(const Options& options, const char* what) {
  if (options.output.empty())
    throw base::Error(base::ErrorKind::usage, "--output", "is missing", fmt::format("name {}: -o", what));
}

int generate(const cli::App& app, const Options& options, const std::string&) {
  require_output(options, "a file for the supergraph");
  enas::Generated generated = enas::generate(options.generate, static_cast<uint64_t>(app.common().seed));
  if (options.carrier == "nodes") enas::write_space(generated.model, generated.space, enas::Carrier::nodes);
  onnxio::write(generated.model, options.output, app.common().replace());
  base::info("wrote {}: {} architectures", base::printable(options.output), size_text(enas::size_of(generated.space)));
  return 0;
}

int validate(const cli::App& app, const Options& options, const std::string& file) {
  const enas::Supergraph supergraph = enas::open_supergraph(file, options.space);
  if (options.enumerate) return list_all(supergraph);
  const enas::Validation validation = enas::validate(supergraph, 1000, static_cast<uint64_t>(app.common().seed));
  if (app.common().json) {
    base::JsonWriter json;
    json.begin_object().field("nodes", validation.nodes).field("joins", validation.joins);
    json.field("random_children", validation.children).field("kept_constraints", validation.allowed);
    json.field("variables", supergraph.space().variables.size()).field("log10_size", validation.size.log10);
    if (validation.size.exact) json.field("size", *validation.size.exact);
    fmt::print("{}", json.field("warnings", validation.warnings).end_object().str());
    return 0;
  }
  fmt::print("{}\n{} variables at {} of {} nodes: {} architectures. {} random children are sound.\n",
             text_of(validation.variables), supergraph.space().variables.size(), validation.joins, validation.nodes,
             size_text(validation.size), validation.children);
  if (!supergraph.space().constraints.empty()) fmt::print("Constraints are kept by {} of them.\n", validation.allowed);
  for (const std::string& warning : validation.warnings) base::warn("{}", warning);
  return 0;
}

int profile(const cli::App& app, const Options& options, const std::string& file) {
  require_output(options, "a file for the table");
  const enas::Supergraph supergraph = enas::open_supergraph(file, options.space);
  const enas::Profile profile =
      enas::profile(supergraph, static_cast<size_t>(options.children), static_cast<size_t>(options.runs),
                    static_cast<uint64_t>(app.common().seed));
  base::write_file(options.output, profile.table.to_text(), app.common().replace());
  const double agreement = enas::spearman(profile.predicted, profile.measured);
  if (app.common().json) {
    base::JsonWriter json;
    fmt::print("{}", json.begin_object()
                         .field("entries", profile.table.size())
                         .field("spearman", agreement)
                         .field("predicted_us", profile.predicted)
                         .field("measured_us", profile.measured)
                         .end_object()
                         .str());
    return 0;
  }
  fmt::print(
      "{} kinds of nodes; over {} other children, Spearman's correlation of predicted and measured times is {:.3f}\n",
      profile.table.size(), profile.measured.size(), agreement);
  return 0;
}

}  // namespace allot
