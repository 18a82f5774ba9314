// SPDX-License-Identifier: Apache-2.0
#include "train/network.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include <ATen/autocast_mode.h>

#include "base/error.h"
#include "base/hash.h"
#include "cli/version.h"
#include "onnxio/reader.h"
#include "onnxio/writer.h"
#include "train/head_dropout.h"

namespace allot::train {
namespace {

exec::TrainableOptions trainable_options(const NetworkOptions& options) {
  using Verb = exec::TrainRule::Verb;
  exec::TrainableOptions result;
  const auto add = [&](Verb verb, const std::vector<std::string>& patterns) {
    for (const std::string& pattern : patterns) result.rules.push_back({verb, pattern});
  };
  if (options.batch_norm == "frozen") add(Verb::freeze_op, {"BatchNormalization"});
  add(Verb::freeze_until, options.freeze_until);
  add(Verb::freeze_op, options.freeze_op);
  add(Verb::freeze, options.freeze);
  add(Verb::train, options.train);
  result.allow_dead = options.allow_dead;
  result.quantization_aware = options.quantization_aware;
  result.tie = options.tie;
  return result;
}

/// Weights that are trained, each with its tied copies.
std::vector<exec::TrainedWeight> trained_weights(const std::vector<exec::Weight>& weights) {
  std::vector<exec::TrainedWeight> trained;
  std::unordered_map<uint32_t, size_t> place;  // by index of the weight
  for (uint32_t i = 0; i < weights.size(); ++i) {
    const exec::Weight& weight = weights[i];
    if (!weight.trained) continue;
    if (weight.tied_to != ir::kNone) {
      trained[place.at(weight.tied_to)].copies.push_back({weight.name, weight.transposed});
      continue;
    }
    place.emplace(i, trained.size());
    trained.push_back({weight.name, {}});
  }
  return trained;
}

exec::CompileOptions compile_options(const NetworkOptions& options) {
  exec::CompileOptions result;
  result.kernels.batch_norm = options.batch_norm == "train" ? exec::BatchNorm::train : exec::BatchNorm::frozen;
  if (options.dropout >= 0) result.kernels.dropout = options.dropout;
  result.kernels.straight_through = options.quantization_aware;
  result.remat = static_cast<size_t>(options.segments);
  result.fuse = options.fuse;
  return result;
}

/// While it lives, products of this thread are computed in bfloat16 where torch deems it safe.
class Autocast {
 public:
  explicit Autocast(at::DeviceType device)
      : device_(device),
        was_enabled_(at::autocast::is_autocast_enabled(device)),
        had_type_(at::autocast::get_autocast_dtype(device)) {
    at::autocast::set_autocast_enabled(device, true);
    at::autocast::set_autocast_dtype(device, at::kBFloat16);
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_dtype(device_, had_type_);
    at::autocast::set_autocast_enabled(device_, was_enabled_);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  at::DeviceType device_;
  bool was_enabled_;
  at::ScalarType had_type_;
};

bool is_of_normalisation(const exec::Weight& weight) { return weight.slot.find("Normalization ") != std::string::npos; }

}  // namespace

void NetworkOptions::bind(config::Binder& binder) {
  binder.text("output", output, "of the graph, where it has several");
  binder.text("logits", logits, "value that the loss takes; default: what a final Softmax is applied to");
  binder.list("freeze_until", freeze_until, "no weights are trained up to this node");
  binder.list("freeze_op", freeze_op, "no weights of this operator are trained");
  binder.list("freeze", freeze, "weights that are not trained: a regular expression");
  binder.list("train", train, "weights that are trained whatever their use: a regular expression");
  binder.flag("allow_dead", allow_dead, "train on although some weights get no gradient");
  binder.flag("qat", quantization_aware, "train weights behind DequantizeLinear, gradients passing rounding");
  binder.flag("tie", tie, "equal copies of a matrix train as one");
  binder.choice("weight_decay", weight_decay, "what it counts for: matrices, all but normalisation, all",
                {"matrices", "all-but-normalisation", "all"});
  binder.choice("batch_norm", batch_norm,
                "in training: statistics of the batch; eval: the stored ones; frozen: scales and biases stay, too",
                {"train", "eval", "frozen"});
  binder.number("dropout", dropout, "ratio of all Dropout nodes in training; -1 = their own", -1, 1);
  binder.number("head_dropout", head_dropout, "ratio of a Dropout before the last layer, in training; 0 = none", 0, 1);
  binder.choice("precision", precision, "bf16: products in bfloat16, parameters and losses in float32",
                {"float32", "bf16"});
  binder.choice("batch", batch, "free: a batch size that was fixed by the export may differ", {"free", "fixed"});
  binder.integer("segments", segments, "of the network, whose insides are computed again to save memory; 0 = none", 0,
                 1 << 20);
}

Network::Network(const std::string& path, NetworkOptions options)
    : Network(std::make_shared<const ir::Model>(onnxio::read(path)), std::move(options)) {}

Network::Network(std::shared_ptr<const ir::Model> model, NetworkOptions options)
    : model_(std::move(model)),
      options_(std::move(options)),
      head_(find_head(*model_, options_.output, options_.logits)) {
  exec::CompileOptions compile = compile_options(options_);
  compile.outputs = {head_.logits};
  if (!options_.frozen) {
    weights_ = exec::find_weights(*model_, compile.outputs, trainable_options(options_));
    compile.trained = trained_weights(weights_);
  }
  ir::Model executed = ir::clone(*model_);
  if (options_.batch == "free") batch_ = free_batch(executed);
  if (options_.head_dropout > 0) add_head_dropout(executed, head_.logits, options_.head_dropout);
  program_ = std::make_unique<exec::Program>(executed, compile);
}

at::Tensor Network::logits(std::span<const at::Tensor> inputs, const exec::RunMode& mode) const {
  const std::vector<exec::Value> values(inputs.begin(), inputs.end());
  if (options_.precision != "bf16") return program_->run(values, mode)[0].tensor();
  const Autocast autocast(at::kCPU);
  return program_->run(values, mode)[0].tensor();
}

std::vector<at::Tensor> Network::leaves() const {
  std::vector<at::Tensor> leaves;
  for (const exec::Parameter& parameter : program_->parameters()) leaves.push_back(parameter.tensor);
  return leaves;
}

std::vector<nn::TrainedTensor> Network::trained() const {
  std::unordered_map<std::string, const exec::Weight*> by_name;
  for (const exec::Weight& weight : weights_) by_name.emplace(weight.name, &weight);
  std::vector<nn::TrainedTensor> trained;
  for (const exec::Parameter& parameter : program_->parameters()) {
    const std::string& name = parameter.weight.name;
    const bool decays =
        options_.weight_decay == "all" ||
        (options_.weight_decay == "matrices" ? parameter.tensor.dim() > 1 : !is_of_normalisation(*by_name.at(name)));
    trained.push_back({name, parameter.tensor, decays});
  }
  return trained;
}

std::vector<nn::NamedTensor> Network::statistics() const {
  std::vector<nn::NamedTensor> statistics;
  for (const exec::Buffer& buffer : program_->buffers()) statistics.emplace_back(buffer.name, buffer.tensor);
  return statistics;
}

std::vector<nn::NamedTensor> Network::state() const {
  std::vector<nn::NamedTensor> state = statistics();
  for (const exec::Parameter& parameter : program_->parameters())
    state.emplace_back(parameter.weight.name, parameter.tensor.detach());
  return state;
}

Network Network::copy() const {
  Network other(model_, options_);
  nn::copy_values(state(), other.state(), "a copy of the network");
  return other;
}

exec::WrittenBack Network::write(const std::string& path, base::Replace replace,
                                 const std::map<std::string, std::string>& metadata) const {
  ir::Model written = ir::clone(*model_);
  const exec::WrittenBack report = exec::write_back(*program_, written);
  if (report.tensors > 0) {
    auto entries = metadata;
    entries.emplace("allot.version", std::string(cli::version()));
    if (model_->file) entries.emplace("allot.source", base::sha256(model_->file->view()));
    std::erase_if(written.metadata, [&](const ir::Entry& entry) { return entries.contains(std::string(entry.key)); });
    for (const auto& [key, value] : entries)
      written.metadata.push_back({written.intern(key), written.intern(value), {}});
  }
  // What was frozen is the file that it came from, and a resumed run finds it written already.
  if (report.tensors == 0 && model_->file && std::filesystem::exists(path) &&
      base::Bytes::open(path)->view() == model_->file->view())
    return report;
  onnxio::copy_external_data(written, path, replace);
  onnxio::write(written, path, replace);
  return report;
}

}  // namespace allot::train
