// SPDX-License-Identifier: Apache-2.0
// Search spaces as text: a YAML file, the model's metadata, or the metadata of its nodes.
#pragma once

#include <string>

#include "config/yaml.h"
#include "enas/space.h"
#include "ir/model.h"

namespace allot::enas {

constexpr std::string_view kKeyPrefix = "allot.nas.";
constexpr std::string_view kSpaceKey = "allot.nas.space";  // of the model's metadata
constexpr std::string_view kInitKey = "allot.init";        // how a generator drew the weights; children keep it

/// Errors: config, with file and line: unknown keys, all at once; names that are there twice; orders that leave a
/// variable out; a variable without alternatives, or from whose alternatives so many cannot be chosen.
Space parse_space(const config::Node& document);
/// JSON, which is YAML, too: parse_space() gives the same again.
std::string to_text(const Space& space);

/// The space of a model: from `path` if that is not "", else from its metadata, else from that of its nodes.
/// Errors: those of parse_space; malformed when there is none.
Space read_space(const ir::Model& model, const std::string& path = {});

enum class Carrier : uint8_t { model, nodes };
/// Writes the space into the model's metadata or, one key a fact, into that of its nodes. What was there goes.
void write_space(ir::Model& model, const Space& space, Carrier carrier);
/// Takes everything about search spaces out of the model's metadata, that of its nodes and that of its graphs.
void strip_space(ir::Model& model);

}  // namespace allot::enas
