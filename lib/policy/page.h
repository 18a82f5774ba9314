// SPDX-License-Identifier: Apache-2.0
// The page of a training run.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "place/placer.h"
#include "policy/metrics.h"

namespace allot::policy {

struct LearnedModel {
  std::string name;  // as in Metric::model
  const place::Problem& problem;
  const place::Comparison& comparison;  // policy::compare
  std::string placement_page;           // beside this page; "" = none
  std::string embeddings = {};          // emit::embedding_pictures
};

/// What was found for each model over evaluations and over seconds, beside all methods at equal budgets; how the policy
/// changed; what it has learnt of operations; `facts` about the run. Curves are drawn of the first 24 models. Like all
/// pages of Allot it fetches nothing.
std::string learning_page(const std::vector<LearnedModel>& models, const std::vector<Metric>& metrics,
                          const std::vector<std::pair<std::string, std::string>>& facts);

}  // namespace allot::policy
