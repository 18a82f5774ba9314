// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "base/error.h"
#include "emit/annotate.h"
#include "emit/annotation.h"

namespace allot::emit {
namespace {

using base::printable;
using ir::Node;

constexpr size_t kMaxProblems = 100;

bool contains(const std::vector<ir::Str>& names, ir::Str name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class Validator {
 public:
  explicit Validator(const ir::Model& model) : model_(model), placed_(model.metadata_value(kIrVersion).has_value()) {}

  std::vector<std::string> run() {
    place_ = "the model";
    check_keys(model_.metadata);
    for (const auto& configuration : model_.configurations) check_configuration(configuration);
    if (placed_) find_ours();
    visit_nodes(model_.graph, [&](const Node& node, uint32_t owner) { check_node(node, owner); });
    for (const auto& function : model_.functions) check_function(function);
    return std::move(problems_);
  }

 private:
  void report(std::string_view problem) {
    if (problems_.size() < kMaxProblems) problems_.push_back(fmt::format("{}: {}", place_, problem));
  }
  void require(bool holds, std::string_view problem) {
    if (!holds) report(problem);
  }

  void check_keys(const std::vector<ir::Entry>& entries) {
    std::set<ir::Str> keys;
    for (const auto& entry : entries)
      if (!keys.insert(entry.key).second) report(fmt::format("metadata has two '{}'", printable(entry.key)));
  }

  void check_configuration(const ir::DeviceConfiguration& configuration) {
    place_ = fmt::format("device configuration '{}'", printable(configuration.name));
    require(!configuration.name.empty(), "has no name");
    require(configurations_.emplace(configuration.name, &configuration).second, "occurs twice");
    require(configuration.num_devices >= 1, "has no devices");
    const size_t names = configuration.devices.size();
    if (names != 0 && names != static_cast<size_t>(configuration.num_devices))
      report(fmt::format("names {} devices and claims {}", names, configuration.num_devices));
  }

  void find_ours() {
    const auto found = configurations_.find(model_.metadata_value(kConfiguration).value_or(""));
    place_ = "the model";
    require(found != configurations_.end(), "is placed, but its device configuration is missing");
    if (found != configurations_.end()) ours_ = found->second;
  }

  void check_node(const Node& node, uint32_t owner) {
    if (problems_.size() == kMaxProblems) return;
    const Node& outer = model_.graph.nodes[owner];
    place_ = &node == &outer ? describe(node, owner)
                             : fmt::format("node '{}' in {}", printable(node.name), describe(outer, owner));
    check_keys(node.metadata);
    std::set<ir::Str> seen;
    for (const auto& entry : node.device_configurations) {
      require(seen.insert(entry.configuration).second, "has two entries for one device configuration");
      check_entry(node, entry);
    }
    if (placed_) check_placed(node, outer);
  }

  void check_entry(const Node& node, const ir::NodeDeviceConfiguration& entry) {
    const auto found = configurations_.find(entry.configuration);
    if (found == configurations_.end())
      return report(
          fmt::format("refers to device configuration '{}', which is not there", printable(entry.configuration)));
    require(entry.pipeline_stage.value_or(0) >= 0, "has a negative pipeline stage");
    std::set<ir::Str> tensors;
    for (const auto& spec : entry.sharding) {
      if (spec.tensor.empty() || !(contains(node.inputs, spec.tensor) || contains(node.outputs, spec.tensor)))
        report(fmt::format("shards '{}', which it neither reads nor makes", printable(spec.tensor)));
      if (!tensors.insert(spec.tensor).second) report(fmt::format("shards '{}' twice", printable(spec.tensor)));
      for (const int64_t device : spec.devices)  // a negative one stands for a group of devices
        if (device >= found->second->num_devices)
          report(
              fmt::format("puts '{}' on device {} of {}", printable(spec.tensor), device, found->second->num_devices));
    }
  }

  /// What annotate() promises of every node.
  void check_placed(const Node& node, const Node& outer) {
    const auto device = annotated_device(value_of(node.metadata, kLayerAnnotation).value_or(""));
    require(device.has_value(), "has no layer annotation of ours");
    if (!device || !ours_) return;
    require(*device < ours_->devices.size() && value_of(node.metadata, kDevice) == ours_->devices[*device],
            "is annotated with a device of another name");
    require(value_of(outer.metadata, kLayerAnnotation) == value_of(node.metadata, kLayerAnnotation),
            "is placed elsewhere than the node around it");
    const auto is_ours = [&](const auto& entry) { return entry.configuration == ours_->name; };
    const auto& entries = node.device_configurations;
    const auto entry = std::find_if(entries.begin(), entries.end(), is_ours);
    require(entry != entries.end(), "has no entry for the placement's device configuration");
    if (entry == entries.end()) return;
    const bool on_device = std::all_of(entry->sharding.begin(), entry->sharding.end(), [&](const auto& spec) {
      return spec.devices == std::vector<int64_t>{static_cast<int64_t>(*device)};
    });
    require(on_device && entry->pipeline_stage.value_or(static_cast<int32_t>(*device)) == static_cast<int32_t>(*device),
            "has a device entry that contradicts its layer annotation");
    const auto outputs = std::count_if(node.outputs.begin(), node.outputs.end(), [](ir::Str s) { return !s.empty(); });
    require(static_cast<size_t>(outputs) == entry->sharding.size(), "has outputs without a device");
  }

  void check_function(const ir::Function& function) {
    place_ = fmt::format("function '{}'", printable(function.name));
    const auto is_annotated = [](const Node& node) { return value_of(node.metadata, kDevice).has_value(); };
    require(std::none_of(function.nodes.begin(), function.nodes.end(), is_annotated),
            "is annotated inside, where no runtime looks");
  }

  const ir::Model& model_;
  const bool placed_;
  std::unordered_map<ir::Str, const ir::DeviceConfiguration*> configurations_;
  const ir::DeviceConfiguration* ours_ = nullptr;
  std::string place_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> validate_annotations(const ir::Model& model) { return Validator(model).run(); }

}  // namespace allot::emit
