// SPDX-License-Identifier: Apache-2.0
#include "data/generate.h"

#include <cmath>
#include <numbers>

#include "base/rng.h"
#include "data/glyphs.h"
#include "data/streams.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;
using std::numbers::pi;

struct Point {
  double x, y;
};

// Point `at` in [0, 1] along the shape of class c of `classes`.
using Shape = Point (*)(double at, int64_t c, int64_t classes);

Point moon(double at, int64_t c, int64_t) {
  const double x = std::cos(pi * at), y = std::sin(pi * at);
  return c == 0 ? Point{x, y} : Point{1 - x, 0.5 - y};
}

Point ring(double at, int64_t c, int64_t classes) {
  const double radius = static_cast<double>(classes - c) / static_cast<double>(classes);
  return {radius * std::cos(2 * pi * at), radius * std::sin(2 * pi * at)};
}

Point blob(double, int64_t c, int64_t classes) {
  const double angle = 2 * pi * static_cast<double>(c) / static_cast<double>(classes);
  return {std::cos(angle), std::sin(angle)};
}

Point spiral(double at, int64_t c, int64_t classes) {
  const double angle = 2 * pi * (static_cast<double>(c) / static_cast<double>(classes) + 1.25 * at);
  const double radius = 0.1 + 0.9 * at;
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

struct Task {
  const char* name;
  Shape shape;
  int64_t classes;  // by default
  bool other_counts;
  double noise;  // by default
  bool closed;   // its end is its beginning
};
constexpr Task kTasks[] = {{"moons", moon, 2, false, 0.1, false},
                           {"rings", ring, 2, true, 0.05, true},
                           {"blobs", blob, 3, true, 0.25, false},
                           {"spirals", spiral, 2, true, 0.02, false}};

Dataset points(const Task& task, const GenerateOptions& options) {
  const int64_t classes = options.classes > 0 ? options.classes : task.classes, count = options.per_class;
  const double noise = options.noise >= 0 ? options.noise : task.noise;
  const double last = task.closed ? static_cast<double>(count) : std::max(1.0, static_cast<double>(count - 1));
  std::vector<float> x;
  std::vector<int64_t> y;
  for (int64_t c = 0; c < classes; ++c) {
    for (int64_t i = 0; i < count; ++i) {
      const Point point = task.shape(static_cast<double>(i) / last, c, classes);
      base::Rng rng(options.seed, kGenerateStream, 0, static_cast<uint32_t>(c * count + i));
      x.push_back(static_cast<float>(point.x + noise * rng.normal()));
      x.push_back(static_cast<float>(point.y + noise * rng.normal()));
      y.push_back(c);
    }
  }
  Dataset dataset;
  dataset.origin = task.name;
  dataset.features = {make_array("x", {classes * count, 2}, std::move(x))};
  dataset.label_kind = LabelKind::classes;
  dataset.labels = make_array("y", {classes * count}, std::move(y));
  return dataset;
}

}  // namespace

const std::vector<std::string>& task_names() {
  static const std::vector<std::string> names{"moons", "rings", "blobs", "spirals", "glyphs"};
  return names;
}

Dataset generate(const GenerateOptions& options) {
  const auto fail = [](const std::string& what, const std::string& fix) -> void {
    throw Error(ErrorKind::usage, "", what, fix);
  };
  if (options.per_class < 1 || options.per_class > 10'000'000 || options.classes < 0 || options.classes > 100)
    fail(fmt::format("cannot make {} classes of {} items", options.classes, options.per_class),
         "ask for up to 100 classes of up to 10000000 items");
  if (options.size < 4 || options.size > 256)
    fail(fmt::format("cannot draw glyphs of {} pixels", options.size), "ask for 4 to 256");
  if (options.task == "glyphs") return glyphs(options);
  for (const Task& task : kTasks) {
    if (options.task != task.name) continue;
    if (options.classes > 0 && options.classes != task.classes && !task.other_counts)
      fail(fmt::format("{} come in {} classes", task.name, task.classes), "leave out the number of classes");
    return points(task, options);
  }
  throw Error(ErrorKind::usage, "", fmt::format("there is no task '{}'", base::printable(options.task)),
              base::suggestion(options.task, task_names()));
}

}  // namespace allot::data
