// SPDX-License-Identifier: Apache-2.0
// Source of all figures: specification of mpl-train, 8, and what is said there of theirs.
#include "base/error.h"
#include "mpl/options.h"

namespace allot::mpl {
namespace {

/// SGD with Nesterov's momentum, warm-up, then a cosine; the student waits first.
void set_rates(Settings& settings, double student, double teacher, double wait, double warmup, double weight_decay) {
  for (LearningOptions* learning : {&settings.student, &settings.teacher}) {
    learning->optimizer.weight_decay = weight_decay;
    learning->schedule.shape = "cosine";
    learning->schedule.warmup = warmup;
  }
  settings.student.schedule.rate = student;
  settings.student.schedule.wait = wait;
  settings.teacher.schedule.rate = teacher;
}

Settings small() {
  Settings settings;
  settings.batch = 20;
  settings.loop.steps = 5000;
  settings.meta.consistency = {.weight = 1, .temperature = 0.5, .threshold = 0.8, .ramp = 1500};
  settings.meta.feedback.scale = 0.3;
  set_rates(settings, 0.03, 0.03, 0.02, 0.05, 5e-4);
  settings.finetune_steps = 200;
  settings.finetune_rate = 1e-3;
  return settings;
}

Settings cifar10_4000() {
  Settings settings;
  settings.batch = 128;
  settings.loop.steps = 300'000;
  settings.meta.label_smoothing = 0.15;
  settings.meta.consistency = {.weight = 8, .temperature = 0.7, .threshold = 0.6, .ramp = 5000};
  settings.ema = 0.995;
  settings.network.head_dropout = 0.2;
  set_rates(settings, 0.05, 0.05, 3000, 5000, 5e-4);
  settings.views.kind = "images";
  settings.views.scaling = "standardise";
  settings.finetune_steps = 1000;
  return settings;
}

Settings imagenet_10() {
  Settings settings = cifar10_4000();
  settings.batch = 1024;
  settings.ratio = 15;
  settings.loop.steps = 700'000;
  settings.meta.label_smoothing = 0.1;
  settings.meta.consistency = {.weight = 20, .temperature = 0.5, .threshold = 0.6, .ramp = 50'000};
  settings.ema = 0.999;
  settings.network.head_dropout = 0.1;
  set_rates(settings, 0.4, 0.6, 20'000, 5000, 1e-4);
  settings.student.optimizer.clip_norm = settings.teacher.optimizer.clip_norm = 5;
  settings.views.magnitude = 17;
  settings.finetune_steps = 2000;
  return settings;
}

Settings text() {
  Settings settings = small();
  settings.batch = 16;
  settings.ratio = 4;
  settings.loop.steps = 10'000;
  settings.meta.consistency.ramp = 2000;
  settings.ema = 0.999;
  set_rates(settings, 2e-5, 2e-5, 0.02, 0.1, 0.01);
  settings.student.optimizer.kind = settings.teacher.optimizer.kind = "adamw";
  settings.finetune_rate = 1e-5;
  return settings;
}

/// The teacher is a small head over stored predictions of a large network: gen --net residual:...
Settings reduced() {
  Settings settings = small();
  settings.teacher.optimizer = {.kind = "adamw"};
  settings.teacher.schedule = {.rate = 1e-3, .shape = "constant"};
  settings.meta.consistency.weight = 0;  // it would compare a prediction with itself
  settings.meta.feedback.kind = "dot";
  settings.meta.feedback.scale = 1;
  return settings;
}

/// Two interleaving half circles, as a system of two small networks is first tried on.
Settings two_moon(double rate, int64_t steps) {
  Settings settings;
  settings.ratio = 1;
  settings.loop.steps = steps;
  settings.ema = 0;
  set_rates(settings, rate, rate, 0, 0, 0);
  for (LearningOptions* learning : {&settings.student, &settings.teacher}) {
    learning->optimizer.momentum = 0;
    learning->optimizer.nesterov = false;
    learning->schedule.shape = "constant";
  }
  return settings;
}

/// Labels reach the teacher through feedback alone.
Settings two_moon_a() {
  Settings settings = two_moon(0.5, 6000);
  settings.meta.supervised = settings.meta.consistency.weight = 0;
  return settings;
}

Settings two_moon_b() {
  Settings settings = two_moon(1, 20'000);
  settings.meta.consistency = {.weight = 4, .temperature = 1, .threshold = 0, .ramp = 0};
  settings.meta.feedback.kind = "fd";
  settings.views.kind = "jitter";
  return settings;
}

/// What the usual reproduction does, the sign of its feedback included: for comparison only.
Settings kekmodel() {
  Settings settings = cifar10_4000();
  settings.ema_rule = "constant";
  settings.meta.pseudo_label = "argmax";
  settings.meta.label_view = "weak";
  settings.meta.feedback.kind = "inverted-fd";
  settings.meta.feedback.baseline = false;
  return settings;
}

struct Preset {
  const char* name;
  Settings (*make)();
};
constexpr Preset kPresets[] = {
    {"small", small},     {"cifar10-4000", cifar10_4000}, {"imagenet-10", imagenet_10}, {"text", text},
    {"reduced", reduced}, {"twomoon-a", two_moon_a},      {"twomoon-b", two_moon_b},    {"kekmodel-compat", kekmodel}};

}  // namespace

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& each : kPresets) names.emplace_back(each.name);
  return names;
}

Settings preset(const std::string& name) {
  for (const Preset& each : kPresets)
    if (name == each.name) return each.make();
  throw base::Error(base::ErrorKind::usage, "--preset", fmt::format("unknown: '{}'", base::printable(name)),
                    base::suggestion(name, preset_names()));
}

}  // namespace allot::mpl
