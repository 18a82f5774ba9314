// SPDX-License-Identifier: Apache-2.0
// Shapes-32: pictures of one shape with a sentence about it, made from a seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace allot::contrast {

/// What is in a picture: one of 8 shapes, 8 colours, 9 places and 3 sizes.
struct Drawing {
  int shape = 0, colour = 0, place = 0, size = 0;
};
constexpr int kShapes = 8, kColours = 8, kPlaces = 9, kSizes = 3;
constexpr int kCombinations = kShapes * kColours * kPlaces * kSizes;
/// Tokens of a sentence, filled up with 0.
constexpr int64_t kSentence = 12;

Drawing drawing_of(int combination);
/// One (shape, colour) pair in five: pictures with these are unseen in training. By seed.
bool is_unseen(const Drawing& drawing, uint64_t seed);

/// Words by token; token 0 fills up.
const std::vector<std::string>& shape_words();
/// "small red circle top left", by one of several templates and with one of several words for each thing; draws by
/// (seed, number). Token ids, kSentence of them.
std::vector<int64_t> sentence_of(const Drawing& drawing, uint64_t seed, uint32_t number);
/// Files for others: a word a line, as --tokenizer vocab:FILE takes it; and 64 classes with prompts, for eval
/// --classes.
std::string shape_vocabulary();
std::string shape_prompts();

enum class ShapesPart { train, seen, unseen };

/// Arrays "image" uint8 [items, 3, 32, 32] and "text" int64 [items, kSentence], labels shape * 8 + colour. Train: each
/// combination that is seen, `copies` times with another jitter, noise and sentence. Seen and unseen: each combination
/// of theirs once, with noise of their own. Source: specification of contrast-train, 6.4.
data::Dataset shapes(ShapesPart part, int64_t copies, uint64_t seed);

}  // namespace allot::contrast
