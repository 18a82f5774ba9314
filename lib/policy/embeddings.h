// SPDX-License-Identifier: Apache-2.0
// What a trained policy has learnt of operations: their embeddings, and how these lie to one another.
#pragma once

#include <array>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "emit/embedding_pictures.h"
#include "place/embedding.h"
#include "policy/policy.h"

namespace allot::policy {

/// Rows projected onto the two directions in which they vary most.
struct Projection {
  std::vector<double> x, y;           // [rows]
  std::array<double, 2> explained{};  // part of the variance along each
};

/// Principal components of rows [rows, width], in double precision. Of a direction and its opposite the one whose
/// largest coordinate is positive is taken.
Projection project(const at::Tensor& rows);

struct LearnedEmbeddings {
  at::Tensor values;  // [elements, width]: Network::embed
  emit::EmbeddingPicture picture;
};

/// What the policy's decoder, or its grouper, reads of each element, and what it decides at its likeliest.
/// Errors: those of Policy::network.
LearnedEmbeddings learned_embeddings(const Policy& policy, const Instance& instance);

/// As `allot.embeddings/1` has them: a row a unit, 0 throughout for units without a choice of device.
place::Embeddings table_of(const Instance& instance, const LearnedEmbeddings& learned, std::string policy_hash);

}  // namespace allot::policy
