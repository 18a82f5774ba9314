// SPDX-License-Identifier: Apache-2.0
// Search spaces in the metadata of nodes (IR version 10 and later): one key a fact.
#pragma once

#include <optional>
#include <string>

#include "enas/space.h"
#include "ir/model.h"

namespace allot::enas {

/// Errors: config at `where`: no alternatives, one twice, another number of anchors, impossible bounds.
void check_variable(const Variable& variable, const std::string& where);

/// Keys, all with the prefix "allot.nas.": var kind labels k repeats min max vocab anchors anchor rho klw order on
/// one node of each variable, var alone on its others; alts ("0;1,2") required of ends slice ("tensor:axis:block;...").
/// nullopt where no node has any. Errors: config, naming node and key.
std::optional<Space> space_of_nodes(const ir::Model& model);
/// Raises the IR version to 10 where it is lower.
void annotate_nodes(ir::Model& model, const Space& space);

}  // namespace allot::enas
