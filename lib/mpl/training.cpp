// SPDX-License-Identifier: Apache-2.0
#include "mpl/training.h"

#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "mpl/self_training.h"
#include "mpl/views.h"
#include "train/initial.h"

namespace allot::mpl {
namespace {

using base::Error;
using base::ErrorKind;

// Entropy of the mean pseudo label, as a share of the largest, below which all items get one; for how many steps.
// Source: specification of mpl-train, 2.3.
constexpr double kCollapsed = 0.1;
constexpr int64_t kCollapsedSteps = 500;
constexpr size_t kAtOnce = 256;  // items that are evaluated together
constexpr uint32_t kInitStream = 0x6d706c69;

train::Metrics metrics_of(const Report& report, Rates rates) {
  train::Metrics metrics;
  const auto add = [&](const char* name, double value) {
    if (!std::isnan(value)) metrics[name] = value;
  };
  add("student_loss", report.student_loss);
  add("supervised_loss", report.supervised_loss);
  add("consistency_loss", report.consistency_loss);
  add("pseudo_loss", report.pseudo_loss);
  add("h", report.h);
  add("baseline", report.baseline);
  add("weight", report.weight);
  add("cosine", report.cosine);
  add("mask_rate", report.mask_rate);
  add("diversity", report.diversity);
  add("student_norm", report.student_norm);
  add("probe_norm", report.probe_norm);
  add("teacher_norm", report.teacher_norm);
  add("student_rate", rates.student);
  add("teacher_rate", rates.teacher);
  return metrics;
}

/// Errors: config.
train::ShardOptions shard_options(const Settings& settings, unsigned threads, dist::Team* team) {
  const int64_t ranks = team ? team->size() : 1, shards = settings.shards > 0 ? settings.shards : ranks;
  if (settings.batch % shards != 0)
    throw Error(ErrorKind::config, "--batch",
                fmt::format("{} labelled items cannot be cut into {} shards", settings.batch, shards),
                fmt::format("give a multiple of {}, or another number of --shards", shards));
  if (shards < ranks)
    throw Error(ErrorKind::config, "--shards", fmt::format("{} cannot keep {} ranks busy", shards, ranks),
                fmt::format("give {} or more, or 0", ranks));
  return {.shards = static_cast<size_t>(shards), .threads = threads, .team = team};
}

}  // namespace

Training::Training(const Files& files, const TrainOptions& options, uint64_t seed, unsigned threads, dist::Team* team)
    : options_(options),
      seed_(seed),
      shared_(shard_options(options.settings, threads, team)),
      task_(make_task(options.task)),
      student_(files.student, options.settings.network),
      collapse_(kCollapsed, kCollapsedSteps) {
  const Settings& settings = options_.settings;
  features_ = features_of(student_);
  of_student_ = std::make_unique<OnnxNetwork>(student_, features_);
  if (options_.init == "glorot") train::draw_glorot(student_, seed, kInitStream, 0);
  student_optimizer_ = std::make_unique<nn::Optimizer>(student_.trained(), settings.student.optimizer);
  if (options_.algo == "mpl") {
    teacher_ = std::make_unique<train::Network>(files.teacher.empty() ? files.student : files.teacher,
                                                options.settings.network);
    const bool own_array = !options_.data.teacher_array.empty();
    if (own_array) features_.push_back(options_.data.teacher_array);
    of_teacher_ = std::make_unique<OnnxNetwork>(*teacher_, features_, own_array ? features_.size() - 1 : 0);
    if (options_.init == "glorot") train::draw_glorot(*teacher_, seed, kInitStream, 1);
    teacher_optimizer_ = std::make_unique<nn::Optimizer>(teacher_->trained(), settings.teacher.optimizer);
  }
  if (settings.ema > 0 || options_.algo == "mean-teacher") {
    average_ = std::make_unique<train::Network>(student_.copy());
    of_average_ = std::make_unique<OnnxNetwork>(*average_, features_);
    ema_ = std::make_unique<nn::Ema>(student_.state(), average_->state(), settings.ema, settings.ema_rule == "warm");
  }
  options_.settings.views.image = image_of(student_);
  feed_ = std::make_unique<Feed>(options_.data, settings.views, options_.task, features_, seed, threads);
  check_agreement();
  make_algorithm();
}

void Training::make_algorithm() {
  const Settings& settings = options_.settings;
  if (options_.algo == "mpl") {
    algorithm_ = std::make_unique<MetaPseudoLabels>(Learner{*of_teacher_, *teacher_optimizer_},
                                                    Learner{*of_student_, *student_optimizer_}, *task_, settings.meta,
                                                    seed_, static_cast<uint64_t>(settings.loop.steps), shared_);
    if (settings.meta.feedback.is("inverted-fd"))
      base::warn(
          "--feedback inverted-fd has the wrong sign, as public code has: the teacher learns to harm the student");
    return;
  }
  if (options_.algo == "flexmatch" && options_.task != "classification")
    throw base::Error(base::ErrorKind::usage, "--algo flexmatch", "counts items by their class, and these have none",
                      "train with --task classification, or by fixmatch");
  const OnnxNetwork& average = of_average_ ? *of_average_ : *of_student_;
  algorithm_ = std::make_unique<SelfTraining>(options_.algo, Learner{*of_student_, *student_optimizer_}, average,
                                              *task_, settings.meta.consistency, settings.meta.label_smoothing, seed_,
                                              feed_->unlabelled().source->dataset.size(), shared_);
}

/// One small batch through both networks: what they give must fit each other and the labels.
void Training::check_agreement() const {
  const at::NoGradGuard no_gradients;
  const Batch batch = feed_->batch(0, 2, 2);
  const at::Tensor logits = of_student_->logits(batch.labelled, {});
  if (of_teacher_)
    if (const at::Tensor other = of_teacher_->logits(batch.labelled, {}); other.sizes() != logits.sizes())
      throw Error(ErrorKind::malformed, base::printable(teacher_->head().logits),
                  fmt::format("the teacher gives {} numbers an item, the student {}", other.size(-1), logits.size(-1)),
                  "give networks with the same classes");
  if (options_.task != "regression" && feed_->classes() > logits.size(-1))
    throw Error(ErrorKind::malformed, base::printable(options_.data.data),
                fmt::format("has labels of {} classes, the student tells {} apart", feed_->classes(), logits.size(-1)),
                "give a student with as many outputs as there are classes");
}

train::StepResult Training::step(int64_t step, int64_t steps) {
  const Settings& settings = options_.settings;
  const auto number = static_cast<uint32_t>(step);
  const auto labelled = static_cast<size_t>(settings.batch),
             unlabelled = labelled * static_cast<size_t>(settings.ratio);
  const auto shards = shards_of([&](Shard shard) { return feed_->batch(number, labelled, unlabelled, shard); });
  const Rates rates{settings.teacher.schedule.at(step, steps), settings.student.schedule.at(step, steps)};
  const Report report = algorithm_->step(shards, number, rates);
  if (!report.skipped) update_average();
  watch(report.diversity);
  return {metrics_of(report, rates), !report.skipped};
}

/// The shards of a batch that this rank computes; others are empty.
std::vector<Batch> Training::shards_of(const std::function<Batch(Shard)>& make) const {
  std::vector<Batch> shards(shared_.shards);
  const auto [first, end] = train::own_shards(shared_);
  for (size_t shard = first; shard < end; ++shard) shards[shard] = make({shard, shards.size()});
  return shards;
}

void Training::update_average() {
  if (!ema_) return;
  ema_->update();
  const at::NoGradGuard no_gradients;
  if (options_.settings.ema_rule == "constant")
    nn::copy_values(student_.statistics(), average_->statistics(), "the average");
}

/// What there is to do when all items get one label.
void Training::watch(double diversity) {
  if (std::isnan(diversity) || !collapse_.observe(diversity)) return;
  const std::string what =
      fmt::format("all pseudo labels became one: their entropy was below {} of the largest for {} steps", kCollapsed,
                  kCollapsedSteps);
  const char* remedy = "lower --consistency.weight or --feedback-scale, or raise --supervised-weight";
  if (options_.on_collapse == "abort") throw Error(ErrorKind::check_failed, "teacher", what, remedy);
  const bool relieved =
      options_.on_collapse != "warn" &&
      algorithm_->relieve(options_.on_collapse == "reduce-scale" ? Relief::reduce_scale : Relief::reset_baseline);
  if (relieved) collapse_.set_low_steps(0);  // if that does not help, once more
  base::warn("{}; {}", what,
             !relieved                                ? remedy
             : options_.on_collapse == "reduce-scale" ? "feedback counts half from now on"
                                                      : "feedback gets a new baseline");
}

train::Evaluation Training::evaluate() {
  const Part& part = feed_->validation();
  if (part.items.empty()) return {};
  const Scores scores = result_on(part);
  train::Evaluation evaluation{scores.metrics(""), scores.score()};
  if (teacher_) evaluation.metrics.merge(teacher_on(part).metrics("teacher_"));
  return evaluation;
}

Scores Training::result_on(const Part& part) const {
  return mpl::evaluate(average_ ? *of_average_ : *of_student_, *task_, part, kAtOnce, shared_.team);
}

Scores Training::teacher_on(const Part& part) const {
  return mpl::evaluate(*of_teacher_, *task_, part, kAtOnce, shared_.team);
}

std::string Training::fingerprint() const {
  base::Sha256 hash;
  hash.add_field(feed_->fingerprint());
  for (const train::Network* network : {&student_, static_cast<const train::Network*>(teacher_.get())})
    if (network && network->model().file) hash.add_field(network->model().file->view());
  return hash.hex();
}

int64_t Training::steps_per_epoch() const {
  const int64_t items = options_.settings.batch * options_.settings.ratio;
  return std::max<int64_t>(1, static_cast<int64_t>(feed_->unlabelled().items.size()) / items);
}

train::Checkpoint Training::state() const {
  train::Checkpoint state;
  state.metadata["schema"] = kTrainingSchema;
  state.add("student.", student_.state());
  state.add("student.optimizer.", student_optimizer_->state());
  state.add("algorithm.", algorithm_->state());
  state.add("collapse.", {{"steps", at::tensor({collapse_.low_steps()}, at::kLong)}});
  if (teacher_) {
    state.add("teacher.", teacher_->state());
    state.add("teacher.optimizer.", teacher_optimizer_->state());
  }
  if (ema_) state.add("average.", ema_->state());
  return state;
}

void Training::restore(const train::Checkpoint& state, const std::string& path) {
  const auto part = [&](const std::string& prefix, const std::string& without = "") {
    std::vector<nn::NamedTensor> tensors;
    for (auto& [name, tensor] : state.with_prefix(prefix))
      if (without.empty() || !name.starts_with(without)) tensors.emplace_back(name, tensor);
    return tensors;
  };
  const at::NoGradGuard no_gradients;
  nn::copy_values(part("student.", "optimizer."), student_.state(), path);
  student_optimizer_->assign(part("student.optimizer."), path);
  nn::copy_values(part("algorithm."), algorithm_->state(), path);
  const at::Tensor low = at::tensor({int64_t{0}}, at::kLong);
  nn::copy_values(part("collapse."), {{"steps", low}}, path);
  collapse_.set_low_steps(low.const_data_ptr<int64_t>()[0]);
  if (teacher_) {
    nn::copy_values(part("teacher.", "optimizer."), teacher_->state(), path);
    teacher_optimizer_->assign(part("teacher.optimizer."), path);
  }
  if (ema_) ema_->assign(part("average."), path);
}

void Training::fine_tune() {
  const Settings& settings = options_.settings;
  const OnnxNetwork& network = average_ ? *of_average_ : *of_student_;
  nn::OptimizerOptions options = settings.student.optimizer;
  options.weight_decay = 0;
  nn::Optimizer optimizer(result_network().trained(), options);
  const std::vector<at::Tensor> leaves = leaves_of(network);
  for (int64_t step = 0; step < settings.finetune_steps; ++step) {
    const auto number = static_cast<uint32_t>(step);
    const auto shards = shards_of(
        [&](Shard shard) { return feed_->labelled_batch(number, static_cast<size_t>(settings.batch), shard); });
    const auto part = train::mean_over_shards(shared_, network.buffers(), [&](size_t shard) {
      const Batch& batch = shards[shard];
      const at::Tensor logits = network.logits(batch.labelled, {true, true, batch.key(seed_), number});
      return train::Part{gradients_of(shard_loss(*task_, logits, batch.labels, 0, batch.labelled_share), leaves), {}};
    });
    optimizer.step(part.gradients, settings.finetune_rate);
  }
}

}  // namespace allot::mpl
