// SPDX-License-Identifier: Apache-2.0
// Names that an annotated model carries, shared by those who write, remove and check them (docs/formats.md).
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ir/model.h"

namespace allot::emit {

// Of nodes.
inline constexpr std::string_view kLayerAnnotation = "layer_ann";  // ONNX Runtime's
inline constexpr std::string_view kDevice = "allot.device", kGroup = "allot.group";
inline constexpr std::array kNodeKeys = {kLayerAnnotation, kDevice, kGroup};
// Before a key of ours that the model had already: its entry keeps place and value under this longer name.
inline constexpr std::string_view kSaved = "allot.prev_";

// Of models. The original IR version is always written, hence the mark of a placed model: other commands of ours
// leave metadata too.
inline constexpr std::string_view kVersion = "allot.version", kDevices = "allot.devices",
                                  kConfiguration = "allot.configuration", kGraphHash = "allot.graph_sha256",
                                  kMakespan = "allot.makespan_us", kPeakBytes = "allot.peak_bytes",
                                  kOrtSettings = "allot.ort.layer_assignment_settings",
                                  kOrtMinVersion = "allot.ort.min_version", kIrVersion = "allot.ir_version";
inline constexpr std::array kModelKeys = {kVersion,   kDevices,     kConfiguration, kGraphHash, kMakespan,
                                          kPeakBytes, kOrtSettings, kOrtMinVersion, kIrVersion};

/// "allot.d3" of device 3.
inline std::string annotation(uint32_t device) { return "allot.d" + std::to_string(device); }

/// The device that an annotation of ours names.
inline std::optional<uint32_t> annotated_device(std::string_view text) {
  constexpr std::string_view kPrefix = "allot.d";
  uint32_t device = 0;
  if (!text.starts_with(kPrefix)) return std::nullopt;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + kPrefix.size(), end, device);
  if (error != std::errc{} || stop != end || annotation(device) != text) return std::nullopt;
  return device;
}

/// The value of the first entry of that key, or nullopt.
inline std::optional<ir::Str> value_of(const std::vector<ir::Entry>& entries, std::string_view key) {
  for (const auto& entry : entries)
    if (entry.key == key) return entry.value;
  return std::nullopt;
}

/// `key`, however often it was saved already, is one of `keys`.
template <typename Keys>
bool is_ours(std::string_view key, const Keys& keys) {
  while (key.starts_with(kSaved)) key.remove_prefix(kSaved.size());
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

/// Calls visit(node, owner) for every node of the main graph and of bodies of control flow, however deep; `owner`
/// is the index of the main-graph node that it is or lies in. No recursion.
template <typename Graph, typename Visit>
void visit_nodes(Graph& main, const Visit& visit) {
  std::vector<std::pair<Graph*, uint32_t>> bodies;
  const auto enter = [&](auto& node, uint32_t owner) {
    visit(node, owner);
    for (auto& attribute : node.attributes)
      for (auto& body : attribute.graphs) bodies.emplace_back(body.get(), owner);
  };
  for (uint32_t i = 0; i < main.nodes.size(); ++i) enter(main.nodes[i], i);
  while (!bodies.empty()) {
    const auto [body, owner] = bodies.back();
    bodies.pop_back();
    for (auto& node : body->nodes) enter(node, owner);
  }
}

}  // namespace allot::emit
