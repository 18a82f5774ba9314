// SPDX-License-Identifier: Apache-2.0
// Classes told by sentences about them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "contrast/pair_source.h"

namespace allot::contrast {

struct Prompts {
  std::vector<std::string> classes, templates;  // templates hold "{}" where the class goes
};

/// YAML: `classes: [...]`, in the order of labels, and `templates: ["a photo of a {}", ...]`, without which the classes
/// are taken as they are. Errors: config with file:line.
Prompts read_prompts(const std::string& path);

struct ZeroShot {
  int64_t items = 0;                               // with a label
  double top1 = 0, top5 = 0, mean_of_classes = 0;  // the last: mean over classes of their share of right answers
};

/// A class is the mean of its prompts' embeddings, brought to length 1. Ties count
/// against an item. Source: specification of contrast-train, 5.6. Errors: malformed where items have no labels or
/// labels beyond the classes; unavailable where the second network takes no token ids.
ZeroShot zero_shot(const Towers& towers, const PairSource& source, const Prompts& prompts, const std::string& tokenizer,
                   int64_t micro, unsigned threads);

}  // namespace allot::contrast
