// SPDX-License-Identifier: Apache-2.0
// What a file must fulfil that is to be trained as a language model.
#pragma once

#include <cstdint>

#include "mixcal/language_model.h"

namespace allot::mixcal {

/// Looks at short batches of random tokens:
///   causality   logits do not depend on later tokens, nor on other rows
///   shapes      half the sequence, alone, has the logits that it has in the batch; not of files made for one length
///   padding     tokens that attention_mask hides change no logits of others; of files that take one
/// Source: specification of mixcal, 8.4, numbers 2 to 4 and 9. Errors: check_failed for the first that is not so.
void check_outputs(const LanguageModel& model, uint64_t seed);

/// The same, and, leaving weights as they were:
///   gradients   along the gradient of each of 20 weights the loss rises as the gradient says, within 1 %
///   learning    50 steps on one batch take 30 % off its loss
/// Of a model whose weights are `fresh`, a loss far from that of knowing nothing is warned of.
/// Source: numbers 5 to 7. Errors: check_failed.
void check_import(LanguageModel& model, uint64_t seed, bool fresh);

}  // namespace allot::mixcal
