// SPDX-License-Identifier: Apache-2.0
#include "contrast/options.h"

#include "base/error.h"
#include "base/file.h"

namespace allot::contrast {
namespace {

constexpr int64_t kMost = int64_t{1} << 32;

}  // namespace

void TowersOptions::bind(config::Binder& binder) {
  binder.text("image", image, "ONNX encoder of the first side");
  binder.text("text", text, "ONNX encoder of the second side; the same file or none: one encoder for both sides");
  binder.text("image_out", image_out, "output of the first encoder, where it has several");
  binder.text("text_out", text_out, "output of the second encoder");
  binder.choice("freeze", freeze, "encoder that is not trained: it needs no second pass", {"none", "image", "text"});
  binder.flag("normalized", normalised, "the encoders' outputs have length 1 already");
  binder.integer("project", project, "numbers of a new last layer of both encoders; 0 = none", 0, 1 << 20);
  binder.choice("bn", batch_norm,
                "BatchNormalization by its stored statistics, or by those of micro-batches, whose size then counts",
                {"refuse", "frozen", "micro"});
  binder.number("dropout", dropout, "ratio of all Dropout nodes; -1 = their own", -1, 1);
  binder.integer("remat", segments, "segments of an encoder, whose insides are computed again to save memory; 0 = none",
                 0, 1 << 20);
  binder.choice("precision", precision, "of products within encoders; embeddings and loss stay in float32",
                {"float32", "bf16"});
}

bool TowersOptions::tied() const { return text.empty() || text == image || base::same_file(image, text); }

TowerOptions TowersOptions::of(Side side, uint64_t seed) const {
  TowerOptions tower;
  const bool first = side == Side::first;
  tower.output = first ? image_out : text_out;
  tower.frozen = freeze == (first ? "image" : "text");
  tower.normalised = normalised;
  tower.project = project;
  tower.batch_norm = batch_norm;
  tower.dropout = dropout;
  tower.segments = segments;
  tower.precision = precision;
  tower.seed = first ? seed : ~seed;
  return tower;
}

TowerPair::TowerPair(const TowersOptions& options, uint64_t seed) {
  using base::Error;
  using base::ErrorKind;
  if (options.image.empty()) throw Error(ErrorKind::usage, "--image", "is missing", "name an ONNX encoder");
  if (options.tied() && options.freeze != "none")
    throw Error(ErrorKind::usage, "--freeze", "leaves nothing to train: one encoder is both sides",
                "give two encoders, or freeze none");
  const auto open = [&](const std::string& path, Side side) {
    try {
      return std::make_unique<Tower>(path, options.of(side, seed));
    } catch (const Error& error) {
      if (error.where().find(base::printable(path)) != std::string::npos) throw;
      throw error.within(base::printable(path));
    }
  };
  first_ = open(options.image, Side::first);
  if (!options.tied()) second_ = open(options.text, Side::second);
  if (second_ && first_->dimension() != second_->dimension())
    throw Error(ErrorKind::malformed, base::printable(options.text),
                fmt::format("embeds in {} numbers, {} in {}", second_->dimension(), base::printable(options.image),
                            first_->dimension()),
                fmt::format("give both a last layer of one size: --project {}",
                            std::min(first_->dimension(), second_->dimension())));
  if (second_ && first_->type() != second_->type())
    throw Error(ErrorKind::malformed, base::printable(options.text), "computes in another precision than the first",
                "give both in float32, or both in float64");
}

void TemperatureOptions::bind(config::Binder& binder) {
  binder.number("initial", initial, "that similarities are divided by, at first", 1e-6, 1e6);
  binder.number("most", most, "that they are ever multiplied by", 1e-6, 1e6);
  binder.number("bias", bias, "that the sigmoid loss adds to them, at first", -1e6, 1e6);
  binder.flag("learnt", learnt, "both follow their gradients");
}

void bind_loss(config::Binder& binder, LossOptions& loss) {
  binder.choice("loss", loss.kind, "clip: softmax over the batch; sigmoid: each pair by itself", {"clip", "sigmoid"});
  binder.choice("sides", loss.sides, "of clip: both sides choose among the batch, or the first alone",
                {"both", "first"});
  binder.integer("tile", loss.tile, "rows and columns of similarities that are in memory at a time", 1, kMost);
}

TrainOptions::TrainOptions() {
  optimizer.kind = "adamw";
  optimizer.beta2 = 0.98;
  optimizer.weight_decay = 0.2;
  schedule.rate = 1e-3;
  loop.steps = 1000;
  loop.log_every = 10;  // steps are long
  loop.evaluate_every = 200;
}

void TrainOptions::bind(config::Binder& binder) {
  data.bind(binder);
  binder.list("eval_data", evaluation, "pairs to evaluate retrieval on, which choose the best encoders");
  binder.integer("batch", batch, "pairs a step", 1, kMost);
  binder.text("micro", micro, "pairs that have activations at a time; auto: as few as are fast");
  binder.integer("micro_text", micro_second, "the same of the second side; 0 = as the first", 0, kMost);
  binder.number("micro_memory", micro_memory, "of auto: what one micro-batch may need; 0 = any", 0, 1e15,
                config::Unit::bytes);
  bind_loss(binder, loss);
  binder.flag("dedup", deduplicate, "pairs with equal content on a side are no negatives of each other");
  binder.choice("distinct", distinct,
                "what no two pairs of a batch share: a label, or the content of a side; those that would wait for the "
                "next batch",
                {"none", "label", "content"});
  binder.choice(
      "accumulate", accumulate,
      "exact: weight gradients are added up; moments: they go into adamw's moments, of which the second one is "
      "then an estimate",
      {"exact", "moments"});
  binder.choice(
      "shard", shard,
      "optimizer: each rank keeps a part of the optimiser's state, and steps for its tensors; weights: and of "
      "the weights, which come together a segment of --remat at a time",
      {"none", "optimizer", "weights"});
  binder.text("cache_embeddings", cache_embeddings,
              "folder that keeps the embeddings of a frozen encoder, for all epochs and runs");
  binder.section("temperature", "how similarities are scaled", [this](config::Binder& b) { temperature.bind(b); });
  binder.section("optimizer", "how weights follow gradients", [this](config::Binder& b) { optimizer.bind(b); });
  binder.section("schedule", "of the learning rate", [this](config::Binder& b) { schedule.bind(b); });
  loop.bind(binder);
}

}  // namespace allot::contrast
