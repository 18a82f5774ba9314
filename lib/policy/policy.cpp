// SPDX-License-Identifier: Apache-2.0
#include "policy/policy.h"

#include <ATen/ops/tensor.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/json_object.h"
#include "config/binder.h"
#include "config/yaml.h"

namespace allot::policy {
namespace {

constexpr const char* kSchema = "allot.policy/1";

std::string line(base::JsonWriter& json) {
  std::string text = json.str();
  text.pop_back();
  return text;
}

std::string settings_text(NetworkSettings settings) {
  config::Binder binder;
  settings.bind(binder);
  return config::dump_yaml(binder, /*minimal=*/false);
}

NetworkSettings parse_settings(const std::string& text, const std::string& path) {
  NetworkSettings settings;
  config::Binder binder;
  settings.bind(binder);
  try {
    config::apply_yaml(binder, config::parse_yaml(text, path));
  } catch (const base::Error& error) {
    throw base::Error(base::ErrorKind::malformed, base::printable(path),
                      fmt::format("its settings cannot be read: {}", error.what()), "train the policy anew");
  }
  return settings;
}

void require(int64_t known, int64_t given, const char* what, const char* fix) {
  if (known == 0 || known == given) return;
  throw base::Error(base::ErrorKind::config, "policy",
                    fmt::format("it was trained for {} {}, and here are {}", known, what, given), fix);
}

}  // namespace

Policy::Policy(const NetworkSettings& settings, Vocabulary vocabulary, Shape shape, uint64_t seed)
    : settings_(settings), vocabulary_(std::move(vocabulary)), shape_(shape) {
  shape_.vocabulary = vocabulary_.size();
  if (settings.devices) shape_.devices = 0;
  if (settings.neighbours != "one-hot") shape_.elements = 0;
  if (settings.form != "hierarchical") flat_ = make_flat(settings, shape_, seed);
  if (settings.form != "flat") hierarchical_ = make_hierarchical(settings, shape_, seed);
}

bool Policy::hierarchical(const Instance& instance) const {
  return !flat_ || (hierarchical_ && instance.elements() > kMostFlat);
}

Network& Policy::network(const Instance& instance) const {
  require(shape_.devices, instance.devices(), "devices",
          "use a policy that knows devices by their features (--policy boost), or train one for this cluster");
  require(shape_.elements, instance.elements(), "operations",
          "use a policy that learns from messages (--policy boost), or train one for this graph");
  return hierarchical(instance) ? *hierarchical_ : *flat_;
}

train::Checkpoint Policy::checkpoint() const {
  train::Checkpoint checkpoint;
  base::JsonWriter vocabulary(0), shape(0);
  vocabulary.value(vocabulary_.types());
  shape.begin_object().field("devices", shape_.devices).field("elements", shape_.elements).end_object();
  checkpoint.metadata = {{"schema", kSchema},
                         {"settings", settings_text(settings_)},
                         {"vocabulary", line(vocabulary)},
                         {"shape", line(shape)}};
  if (flat_) checkpoint.add("flat.", flat_->parameters().all());
  if (hierarchical_) checkpoint.add("hierarchical.", hierarchical_->parameters().all());
  checkpoint.add("", {{place::kMovesTensor, to_tensor(moves_)}});
  return checkpoint;
}

Policy Policy::from(const train::Checkpoint& checkpoint, const std::string& path) {
  const auto settings = parse_settings(checkpoint.text("settings", path), path);
  const base::JsonSource source{path, checkpoint.text("shape", path), "train the policy anew"};
  const auto parsed = base::parse_json(source.text, path);
  const base::JsonObject object(source, parsed, "", {"devices", "elements"});
  constexpr int64_t kMost = 1 << 20;
  const Shape shape{0, object.integer("devices", 0, cluster::kMaxDevices), object.integer("elements", 0, kMost)};
  const base::JsonSource words{path, R"({"types":)" + checkpoint.text("vocabulary", path) + "}", source.remedy};
  const auto types = base::parse_json(words.text, path);
  Policy policy(settings, Vocabulary(base::JsonObject(words, types, "", {"types"}).texts("types")), shape, 0);
  if (policy.flat_) policy.flat_->parameters().assign(checkpoint.with_prefix("flat."), path);
  if (policy.hierarchical_) policy.hierarchical_->parameters().assign(checkpoint.with_prefix("hierarchical."), path);
  for (const auto& [name, tensor] : checkpoint.tensors)
    if (name == place::kMovesTensor) policy.moves_ = move_weights(tensor, path);
  return policy;
}

at::Tensor to_tensor(const place::MoveWeights& moves) {
  return at::tensor(at::ArrayRef<double>(moves.weight.data(), moves.weight.size()), at::kDouble);
}

place::MoveWeights move_weights(const at::Tensor& tensor, const std::string& path) {
  if (tensor.scalar_type() != at::kDouble)
    throw base::Error(base::ErrorKind::malformed, base::printable(path), "its move weights are not float64",
                      "train the policy anew");
  const at::Tensor flat = tensor.contiguous();
  return place::move_weights({flat.const_data_ptr<double>(), static_cast<size_t>(flat.numel())}, path);
}

Policy read_policy(const std::string& path) { return Policy::from(train::read_checkpoint(path, kSchema), path); }

}  // namespace allot::policy
