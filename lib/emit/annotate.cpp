// SPDX-License-Identifier: Apache-2.0
#include "emit/annotate.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "emit/annotation.h"
#include "emit/ort.h"

namespace allot::emit {
namespace {

constexpr int64_t kDeviceIrVersion = 11;  // the first with device configurations

// What all nodes of one device share.
struct Label {
  ir::Str annotation, device;
};

std::vector<Label> make_labels(ir::Model& model, const cluster::Cluster& cluster) {
  std::vector<Label> labels;
  for (cluster::DeviceId k = 0; k < cluster.size(); ++k)
    labels.push_back({model.intern(annotation(k)), model.intern(cluster.devices[k].name)});
  return labels;
}

// Entries with a key of ours keep place and encoding, and give the key up: strip() puts it back.
template <typename Keys>
void save_entries(ir::Model& model, std::vector<ir::Entry>& entries, const Keys& keys) {
  for (auto& entry : entries)
    if (is_ours(entry.key, keys)) entry.key = model.intern(std::string(kSaved) + std::string(entry.key));
}

// By main-graph node: the group of its op, "" without one.
std::vector<ir::Str> groups_of_nodes(ir::Model& model, const place::Sidecar& sidecar) {
  std::vector<ir::Str> groups(model.graph.nodes.size());
  for (const auto& op : sidecar.placement)
    if (op.scope.empty() && op.index < groups.size() && !op.group.empty()) groups[op.index] = model.intern(op.group);
  return groups;
}

ir::NodeDeviceConfiguration whole_on(const ir::Node& node, uint32_t device, ir::Str configuration,
                                     AnnotateOptions::Stage stage) {
  ir::NodeDeviceConfiguration result;
  result.configuration = configuration;
  for (const ir::Str output : node.outputs)
    if (!output.empty()) result.sharding.push_back({output, {device}, {}});
  if (stage == AnnotateOptions::Stage::device) result.pipeline_stage = static_cast<int32_t>(device);
  return result;
}

// The name must be free: what carries it later is taken for ours.
void require_free(const ir::Model& model, const std::string& name) {
  const auto taken = [&](const std::string& where) {
    throw base::Error(base::ErrorKind::config, where,
                      fmt::format("a device configuration '{}' of other origin is there", base::printable(name)),
                      "choose another configuration name");
  };
  for (const auto& configuration : model.configurations)
    if (configuration.name == name) taken(base::printable(model.path));
  visit_nodes(model.graph, [&](const ir::Node& node, uint32_t owner) {
    for (const auto& configuration : node.device_configurations)
      if (configuration.configuration == name) taken(ir::describe(node, owner));
  });
}

void add_configuration(ir::Model& model, const std::vector<Label>& labels, ir::Str name) {
  ir::DeviceConfiguration configuration;
  configuration.name = name;
  configuration.num_devices = static_cast<int32_t>(labels.size());
  for (const Label& label : labels) configuration.devices.push_back(label.device);
  model.configurations.push_back(std::move(configuration));
}

std::string one_line(base::JsonWriter& json) {
  std::string text = json.str();
  text.pop_back();  // the final newline
  return text;
}

std::string names_json(const cluster::Cluster& cluster) {
  base::JsonWriter json(0);
  json.begin_array();
  for (const auto& device : cluster.devices) json.value(device.name);
  json.end_array();
  return one_line(json);
}

std::string peaks_json(const place::Metrics& metrics) {
  base::JsonWriter json(0);
  json.begin_object();
  for (const auto& [device, bytes] : metrics.peak_bytes) json.field(device, bytes);
  json.end_object();
  return one_line(json);
}

void add_metadata(ir::Model& model, const cluster::Cluster& cluster, const std::vector<bool>& used,
                  const place::Sidecar& sidecar, const std::string& configuration) {
  const auto add = [&](std::string_view key, std::string value) {
    model.metadata.push_back({key, model.intern(std::move(value)), {}});
  };
  save_entries(model, model.metadata, kModelKeys);
  add(kVersion, sidecar.version);
  add(kDevices, names_json(cluster));
  add(kConfiguration, configuration);
  add(kGraphHash, sidecar.graph_hash);
  add(kMakespan, fmt::format("{}", sidecar.metrics.makespan_us));
  add(kPeakBytes, peaks_json(sidecar.metrics));
  if (const std::string settings = layer_assignment_settings(cluster, used); !settings.empty()) {
    add(kOrtSettings, settings);
    add(kOrtMinVersion, kMinOrtVersion);
  }
  add(kIrVersion, std::to_string(model.ir_version));
}

// Before IR 4 every initializer is listed as input and yet constant; from 4 on such an input may be overridden.
bool has_constant_inputs(const ir::Model& model) {
  if (model.ir_version >= 4) return false;
  std::set<ir::Str> inputs;
  for (const auto& input : model.graph.inputs) inputs.insert(input.name);
  const auto listed = [&](const ir::Tensor& tensor) { return inputs.count(tensor.name) > 0; };
  return std::any_of(model.graph.initializers.begin(), model.graph.initializers.end(), listed);
}

void raise_ir_version(ir::Model& model) {
  if (model.ir_version >= kDeviceIrVersion) return;
  if (has_constant_inputs(model)) {
    base::warn("{}: stays at IR version {}, because a newer one would turn its weights into overridable inputs",
               base::printable(model.path), model.ir_version);
    return;
  }
  model.ir_version = kDeviceIrVersion;
  model.edited = true;
}

}  // namespace

void annotate(ir::Model& model, const cluster::Cluster& cluster, const std::vector<cluster::DeviceId>& device_of_node,
              const place::Sidecar& sidecar, const AnnotateOptions& options) {
  ALLOT_ASSERT(device_of_node.size() == model.graph.nodes.size());
  strip(model);
  require_free(model, options.configuration);
  const std::vector<Label> labels = make_labels(model, cluster);
  const std::vector<ir::Str> groups = groups_of_nodes(model, sidecar);
  const ir::Str configuration = model.intern(options.configuration);
  std::vector<bool> used(cluster.size());
  visit_nodes(model.graph, [&](ir::Node& node, uint32_t owner) {
    const cluster::DeviceId device = device_of_node[owner];
    ALLOT_ASSERT(device < labels.size());
    used[device] = true;
    save_entries(model, node.metadata, kNodeKeys);
    node.metadata.push_back({kLayerAnnotation, labels[device].annotation, {}});
    node.metadata.push_back({kDevice, labels[device].device, {}});
    if (!groups[owner].empty()) node.metadata.push_back({kGroup, groups[owner], {}});
    node.device_configurations.push_back(whole_on(node, device, configuration, options.stage));
  });
  add_configuration(model, labels, configuration);
  add_metadata(model, cluster, used, sidecar, options.configuration);
  if (options.ir_version == AnnotateOptions::IrVersion::automatic) raise_ir_version(model);
}

std::vector<std::string> annotated_devices(const ir::Model& model) {
  std::vector<std::string> devices;
  for (const auto& node : model.graph.nodes) devices.emplace_back(value_of(node.metadata, kDevice).value_or(""));
  return devices;
}

}  // namespace allot::emit
