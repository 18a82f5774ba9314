// SPDX-License-Identifier: Apache-2.0
#include "contrast/shapes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <fmt/core.h>

#include "base/rng.h"

namespace allot::contrast {
namespace {

constexpr int64_t kPixels = 32;
constexpr double kNoise = 12;  // deviation of a channel, of 255
enum Stream : uint32_t { kPicture = 0x63747368, kSentenceStream, kSplit };

using Words = std::vector<const char*>;

const std::array<Words, kShapes> kShapeNames = {{{"circle", "disc"},
                                                 {"square", "box"},
                                                 {"triangle"},
                                                 {"diamond", "rhombus"},
                                                 {"cross", "plus"},
                                                 {"ring", "donut"},
                                                 {"bar", "stripe"},
                                                 {"star"}}};
const std::array<Words, kColours> kColourNames = {{{"red", "crimson"},
                                                   {"green"},
                                                   {"blue"},
                                                   {"yellow", "golden"},
                                                   {"purple", "violet"},
                                                   {"orange"},
                                                   {"white"},
                                                   {"grey", "silver"}}};
const std::array<Words, kSizes> kSizeNames = {{{"small", "tiny"}, {"medium"}, {"large", "big"}}};
const std::array<const char*, 3> kRows = {"top", "middle", "bottom"}, kColumns = {"left", "centre", "right"};
const std::array<const char*, 5> kFillers = {"a", "the", "at", "picture", "of"};

constexpr std::array<std::array<int, 3>, kColours> kColourValues = {{{220, 40, 40},
                                                                     {40, 180, 60},
                                                                     {50, 80, 220},
                                                                     {230, 210, 50},
                                                                     {150, 60, 190},
                                                                     {240, 140, 30},
                                                                     {240, 240, 240},
                                                                     {130, 130, 130}}};

/// Whether a point is in a shape of radius 1 about 0.
bool inside(int shape, double x, double y) {
  const double ax = std::abs(x), ay = std::abs(y), radius = std::hypot(x, y);
  switch (shape) {
    case 0:
      return radius <= 1;
    case 1:
      return std::max(ax, ay) <= 0.85;
    case 2:
      return y <= 0.8 && y >= -1 + 2 * ax;
    case 3:
      return ax + ay <= 1;
    case 4:
      return std::max(ax, ay) <= 1 && std::min(ax, ay) <= 0.3;
    case 5:
      return radius <= 1 && radius >= 0.55;
    case 6:
      return ax <= 1 && ay <= 0.3;
    default: {
      const double angle = std::fmod(std::atan2(x, -y) + 2 * std::numbers::pi, 0.4 * std::numbers::pi);
      const double off = std::abs(angle - 0.2 * std::numbers::pi) / (0.2 * std::numbers::pi);  // 1 at a tip
      return radius <= 0.42 + 0.58 * off * off;
    }
  }
}

void paint(const Drawing& drawing, uint64_t seed, uint32_t number, std::vector<uint8_t>& to) {
  base::Rng rng(seed, kPicture, 0, number);
  const double radius = std::array{3.0, 4.5, 6.0}[static_cast<size_t>(drawing.size)] * (0.95 + 0.1 * rng.uniform());
  const auto centre = [&](int step) { return 7.0 + 9.0 * step + (2 * rng.uniform() - 1); };
  const double x0 = centre(drawing.place % 3), y0 = centre(drawing.place / 3);
  const double ground = 20 + 30 * rng.uniform();
  for (int channel = 0; channel < 3; ++channel) {
    const int ink = kColourValues[static_cast<size_t>(drawing.colour)][static_cast<size_t>(channel)];
    for (int64_t y = 0; y < kPixels; ++y)
      for (int64_t x = 0; x < kPixels; ++x) {
        const bool in =
            inside(drawing.shape, (static_cast<double>(x) - x0) / radius, (static_cast<double>(y) - y0) / radius);
        const double value = (in ? ink : ground) + kNoise * rng.normal();
        to.push_back(static_cast<uint8_t>(std::clamp(value, 0.0, 255.0)));
      }
  }
}

int64_t token_of(const char* word) {
  const auto& words = shape_words();
  return std::find(words.begin(), words.end(), word) - words.begin();
}

}  // namespace

Drawing drawing_of(int combination) {
  Drawing drawing;
  drawing.size = combination % kSizes;
  drawing.place = combination / kSizes % kPlaces;
  drawing.colour = combination / (kSizes * kPlaces) % kColours;
  drawing.shape = combination / (kSizes * kPlaces * kColours);
  return drawing;
}

bool is_unseen(const Drawing& drawing, uint64_t seed) {
  // A Latin square: every shape and every colour is unseen once or twice, and seen in all other pairs.
  const auto offset = static_cast<int>(base::Rng(seed, kSplit).below(kColours));
  const int diagonal = (drawing.colour - drawing.shape + 2 * kColours - offset) % kColours;
  return diagonal == 0 || (diagonal == 3 && drawing.shape % 2 == 0);
}

const std::vector<std::string>& shape_words() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> list = {"<pad>"};
    const auto add = [&](const auto& groups) {
      for (const Words& group : groups) list.insert(list.end(), group.begin(), group.end());
    };
    add(kShapeNames);
    add(kColourNames);
    add(kSizeNames);
    list.insert(list.end(), kRows.begin(), kRows.end());
    list.insert(list.end(), kColumns.begin(), kColumns.end());
    list.insert(list.end(), kFillers.begin(), kFillers.end());
    return list;
  }();
  return words;
}

std::vector<int64_t> sentence_of(const Drawing& drawing, uint64_t seed, uint32_t number) {
  base::Rng rng(seed, kSentenceStream, 0, number);
  const auto one_of = [&](const Words& words) { return words[rng.below(static_cast<uint32_t>(words.size()))]; };
  const char* shape = one_of(kShapeNames[static_cast<size_t>(drawing.shape)]);
  const char* colour = one_of(kColourNames[static_cast<size_t>(drawing.colour)]);
  const char* size = one_of(kSizeNames[static_cast<size_t>(drawing.size)]);
  const char* row = kRows[static_cast<size_t>(drawing.place / 3)];
  const char* column = kColumns[static_cast<size_t>(drawing.place % 3)];
  Words words;
  switch (rng.below(4)) {
    case 0:
      words = {size, colour, shape, row, column};
      break;
    case 1:
      words = {"a", size, colour, shape, "at", "the", row, column};
      break;
    case 2:
      words = {"picture", "of", "a", colour, shape, size, row, column};
      break;
    default:
      words = {row, column, "a", colour, size, shape};
  }
  std::vector<int64_t> tokens(kSentence);
  for (size_t i = 0; i < words.size(); ++i) tokens[i] = token_of(words[i]);
  return tokens;
}

std::string shape_vocabulary() {
  std::string text;
  for (const std::string& word : shape_words()) text += word + "\n";
  return text;
}

std::string shape_prompts() {
  std::string text = "# generated by allot\nclasses:\n";
  for (const Words& shape : kShapeNames)
    for (const Words& colour : kColourNames) text += fmt::format("  - {} {}\n", colour[0], shape[0]);
  text += "templates:\n";
  for (const char* size : {"small", "medium", "large"})
    for (const char* row : kRows)
      for (const char* column : kColumns) text += fmt::format("  - \"{} {{}} {} {}\"\n", size, row, column);
  return text;
}

data::Dataset shapes(ShapesPart part, int64_t copies, uint64_t seed) {
  std::vector<uint8_t> pixels;
  std::vector<int64_t> tokens, labels;
  const bool unseen = part == ShapesPart::unseen;
  const int64_t times = part == ShapesPart::train ? copies : 1;
  for (int64_t copy = 0; copy < times; ++copy)
    for (int combination = 0; combination < kCombinations; ++combination) {
      const Drawing drawing = drawing_of(combination);
      if (is_unseen(drawing, seed) != unseen) continue;
      // Pictures of tests have numbers that training does not reach.
      const auto number = static_cast<uint32_t>(part == ShapesPart::train ? copy * kCombinations + combination
                                                                          : ~uint32_t{0} - combination);
      paint(drawing, seed, number, pixels);
      const std::vector<int64_t> sentence = sentence_of(drawing, seed, number);
      tokens.insert(tokens.end(), sentence.begin(), sentence.end());
      labels.push_back(drawing.shape * kColours + drawing.colour);
    }
  const auto items = static_cast<int64_t>(labels.size());
  data::Dataset dataset;
  dataset.origin = "shapes";
  dataset.features = {data::make_array("image", {items, 3, kPixels, kPixels}, std::move(pixels)),
                      data::make_array("text", {items, kSentence}, std::move(tokens))};
  dataset.label_kind = data::LabelKind::classes;
  dataset.labels = data::make_array("y", {items}, std::move(labels));
  return dataset;
}

}  // namespace allot::contrast
