// SPDX-License-Identifier: Apache-2.0
// What ranks tell each other within a step.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "dist/team.h"

namespace allot::contrast {

/// sum += gradients, tensor by tensor; undefined ones count as 0, and an empty `sum` as zeros.
void add_to(std::vector<at::Tensor>& sum, const std::vector<at::Tensor>& gradients);

/// All: what each rank gives, by rank.
std::vector<std::vector<at::Tensor>> tensors_of_all(dist::Team& team, const std::vector<at::Tensor>& mine);

/// All: the rows of all ranks, in their order.
at::Tensor rows_of_all(dist::Team& team, const at::Tensor& own_rows);

/// All: log of the sum over ranks of exp(values), element by element.
at::Tensor logaddexp_of_all(dist::Team& team, const at::Tensor& values);

/// All: the sum of gradients of `leaves` over ranks, added up in their order, some tensors at a time, so that nobody
/// holds all of everybody's. `gradients` is empty where a rank has none.
void sum_over_ranks(dist::Team& team, const std::vector<at::Tensor>& leaves, std::vector<at::Tensor>& gradients);

}  // namespace allot::contrast
