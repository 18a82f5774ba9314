// SPDX-License-Identifier: Apache-2.0
#include "emit/split_manifest.h"

#include <filesystem>
#include <set>
#include <unordered_map>

#include "base/json.h"
#include "emit/ort.h"

namespace allot::emit {
namespace {

using Names = std::vector<std::string>;

class Manifest {
 public:
  Manifest(const SplitInput& input, const Split& split, const SplitBoundaries& boundaries)
      : input_(input), split_(split), boundaries_(boundaries) {
    for (size_t i = 0; i < split.parts.size(); ++i) {
      for (const auto& output : split.parts[i].model.graph.outputs) producer_[output.name] = i;
      for (const auto& tensor : split.parts[i].model.graph.initializers) defaults_.insert(tensor.name);
      for (const auto& tensor : split.parts[i].model.graph.sparse_initializers) defaults_.insert(tensor.values.name);
    }
    for (size_t i = 0; i < split.parts.size(); ++i)
      for (const auto& value : split.parts[i].model.graph.inputs) consumers_[value.name].push_back(i);
  }

  std::string write() {
    json_.begin_object().field("schema", "allot.split/1").field("version", input_.version);
    json_.field("model", std::filesystem::path(input_.model.path).filename().string());
    json_.key("dims").begin_object(true);
    for (const auto& [symbol, size] : input_.dims) json_.field(symbol, size);
    json_.end_object();
    write_graph();
    json_.key("segments").begin_array();
    for (size_t i = 0; i < split_.parts.size(); ++i) write_part(i);
    json_.end_array();
    json_.key("genai").begin_object().key("pipeline").begin_array();
    for (const auto& part : split_.parts) write_stage(part);
    json_.end_array().end_object();
    return json_.end_object().str();
  }

 private:
  /// Weights that old files list as inputs are none: nobody may give them.
  bool is_input(const ir::ValueInfo& value) const {
    return input_.model.ir_version >= 4 || !defaults_.contains(value.name);
  }

  void write_graph() {
    json_.key("inputs").begin_array();
    for (const auto& value : input_.model.graph.inputs)
      if (is_input(value)) json_.value(value.name);
    json_.end_array().key("outputs").begin_array();
    for (const ir::ValueId value : boundaries_.values.graphs[0].outputs) {
      const auto returned = boundaries_.returned_as.find(value);
      const std::string name(boundaries_.values.values[value].name);
      json_.begin_object(true).field("name", name);
      json_.field("value", returned == boundaries_.returned_as.end() ? name : returned->second).end_object();
    }
    json_.end_array();
  }

  void write_part(size_t i) {
    const auto& part = split_.parts[i];
    const auto& device = input_.cluster.devices[part.device];
    json_.begin_object().field("file", part.file).field("device", device.name).field("provider", device.ort.provider);
    write_options(device);
    json_.field("nodes", part.model.graph.nodes.size());
    json_.key("inputs").begin_array();
    for (const auto& value : part.model.graph.inputs)
      if (is_input(value)) write_value(value, true);
    json_.end_array().key("outputs").begin_array();
    for (const auto& value : part.model.graph.outputs) write_value(value, false);
    json_.end_array().end_object();
  }

  void write_options(const cluster::Device& device) {
    json_.key("provider_options").begin_object(true);
    for (const auto& [key, value] : device.ort.provider_options) json_.field(key, value);
    json_.end_object();
  }

  void write_value(const ir::ValueInfo& value, bool is_input) {
    json_.begin_object(true).field("name", value.name).field("dtype", ir::name(value.type.elem));
    json_.key("shape");
    if (value.type.has_shape)
      write_shape(value.type.dims);
    else
      json_.null();
    json_.field("bytes", boundaries_.types.bytes(value.name));
    if (is_input) {
      json_.key("producer");
      const auto made_by = producer_.find(value.name);
      made_by == producer_.end() ? json_.null() : json_.value(made_by->second);
      if (defaults_.contains(value.name)) json_.field("optional", true);
    } else {
      json_.field("consumers", consumers_[value.name]);
    }
    json_.end_object();
  }

  void write_shape(const std::vector<ir::Dim>& dims) {
    json_.begin_array(true);
    for (const auto& dim : dims) {
      if (dim.value >= 0)
        json_.value(dim.value);
      else if (!dim.symbol.empty())
        json_.value(dim.symbol);
      else
        json_.null();
    }
    json_.end_array();
  }

  void write_stage(const Split::Part& part) {
    const auto& device = input_.cluster.devices[part.device];
    const auto names = [&](const auto& list) {
      json_.begin_array(true);
      for (const auto& value : list)
        if (is_input(value)) json_.value(value.name);
      json_.end_array();
    };
    json_.begin_object().key(std::filesystem::path(part.file).stem().string()).begin_object();
    json_.field("filename", part.file).key("session_options").begin_object().key("provider_options").begin_array();
    if (const std::string name = genai_provider(device.ort.provider); name != "cpu" && !name.empty()) {
      json_.begin_object(true).key(name).begin_object(true);
      for (const auto& [key, value] : device.ort.provider_options) json_.field(key, value);
      json_.end_object().end_object();
    }
    json_.end_array().end_object();
    json_.key("inputs");
    names(part.model.graph.inputs);
    json_.key("outputs");
    names(part.model.graph.outputs);
    json_.field("run_on_prompt", true).field("run_on_token_gen", true).end_object().end_object();
  }

  const SplitInput& input_;
  const Split& split_;
  const SplitBoundaries& boundaries_;
  std::unordered_map<ir::Str, size_t> producer_;
  std::unordered_map<ir::Str, std::vector<size_t>> consumers_;
  std::set<ir::Str> defaults_;  // values that have a content when nobody gives them
  base::JsonWriter json_;
};

}  // namespace

std::string split_manifest(const SplitInput& input, const Split& split, const SplitBoundaries& boundaries) {
  return Manifest(input, split, boundaries).write();
}

}  // namespace allot::emit
