// SPDX-License-Identifier: Apache-2.0
#include "mpl/options.h"

namespace allot::mpl {
namespace {

constexpr int64_t kMost = int64_t{1} << 40;

}  // namespace

void DataOptions::bind(config::Binder& binder) {
  binder.text("data", data, "items to learn from, with labels for some or all");
  binder.text("unlabelled", unlabelled, "further items without labels");
  binder.text("feedback_data", feedback, "labelled items that the student is judged on; default: those of --data");
  binder.text("teacher_array", teacher_array,
              "array of the data that the teacher takes instead of what the student takes: stored logits, see reduced");
  binder.text("validation_data", validation, "labelled items that choose the best network");
  binder.text("test_data", test, "labelled items for the last figures; they choose nothing");
  binder.integer("per_class", per_class, "labels of each class that are used, drawn by seed; 0 = all", 0, kMost);
  binder.text("validation_share", validation_share, "of --data's labelled items for validation: a count or a part");
  binder.text("test_share", test_share, "of --data's labelled items for the last figures");
  binder.flag("labelled_too", labelled_too, "labelled items get pseudo labels, too");
  binder.text("split", split,
              "file that says which items of --data are for what, as a run writes it; default: drawn by seed");
  binder.flag("keep_going", keep_going, "skip images that cannot be read: they are named and counted");
}

void ViewOptions::bind(config::Binder& binder) {
  binder.choice("kind", kind, "of augmentation", {"none", "jitter", "images", "digits", "tokens"});
  binder.choice("scaling", scaling, "to mean 0 and deviation 1, by column or channel", {"none", "standardise"});
  binder.number("jitter", jitter, "deviation of the noise of strong views", 0, 1e6);
  binder.integer("operations", operations, "that RandAugment applies, of 15", 0, 15);
  binder.number("magnitude", magnitude, "of these; 10 = as published for them", 0, 30);
  binder.flag("flip", flip, "mirror half of the images");
  binder.number("token_dropout", tokens.dropout, "probability that a word becomes token_mask, in strong views", 0, 1);
  binder.number("token_replacement", tokens.replacement, "that it becomes another word of the data", 0, 1);
  binder.integer("token_mask", tokens.mask, "what dropped words become", 0, kMost);
  binder.list("token_kept", kept, "ids of padding and other marks, which stay");
}

void LearningOptions::bind(config::Binder& binder) {
  binder.section("optimizer", "", [this](config::Binder& b) { optimizer.bind(b); });
  binder.section("schedule", "", [this](config::Binder& b) { schedule.bind(b); });
}

TrainOptions::TrainOptions() : settings(mpl::preset(preset)) {}

void TrainOptions::bind(config::Binder& binder) {
  binder.choice("preset", preset, "gives many options their values", preset_names());
  binder.choice("algo", algo, "how pseudo labels come about", algorithm_names());
  binder.choice("task", task, "what outputs mean", task_names());
  const size_t first = binder.options().size();
  settings.meta.bind(binder);
  binder.integer("batch", settings.batch, "labelled items a step", 1, 1 << 24);
  binder.integer("ratio", settings.ratio, "unlabelled items for each of these", 1, 1 << 16);
  binder.integer("shards", settings.shards,
                 "that a batch is cut into, to save memory and for ranks and threads side by side; 0 = one a rank", 0,
                 1 << 16);
  binder.number("ema", settings.ema, "decay of the average that is evaluated; 0 = none", 0, 1);
  binder.integer("finetune_steps", settings.finetune_steps, "of the student on labelled items, in the end", 0, kMost);
  binder.number("finetune_rate", settings.finetune_rate, "learning rate of these", 0, 1e3);
  binder.choice("ema_rule", settings.ema_rule,
                "warm: lower decay at first, statistics averaged, too; constant: statistics are the student's",
                {"warm", "constant"});
  settings.loop.bind(binder);
  binder.section("views", "two views of an item", [this](config::Binder& b) { settings.views.bind(b); });
  binder.section("teacher", "how it learns", [this](config::Binder& b) { settings.teacher.bind(b); });
  binder.section("student", "how it learns", [this](config::Binder& b) { settings.student.bind(b); });
  binder.section("network", "what of the networks is trained, and how they run",
                 [this](config::Binder& b) { settings.network.bind(b); });
  std::vector<std::string> given;
  for (size_t i = first; i < binder.options().size(); ++i) given.push_back(binder.options()[i].path);
  binder.preset(*binder.find("preset"), given, [this] { settings = mpl::preset(preset); });
  data.bind(binder);
  binder.choice("init", init, "where training begins: at the file's weights, or at matrices drawn by seed",
                {"file", "glorot"});
  binder.choice("on_collapse", on_collapse,
                "what follows when all pseudo labels become one; the last two act on feedback and go on",
                {"abort", "warn", "reduce-scale", "reset-baseline"});
}

std::vector<std::string> algorithm_names() {
  return {"mpl", "supervised", "pseudo-label", "mean-teacher", "uda", "fixmatch", "flexmatch"};
}

}  // namespace allot::mpl
