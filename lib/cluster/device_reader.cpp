// SPDX-License-Identifier: Apache-2.0
#include "cluster/device_reader.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "cluster/defaults.h"

namespace allot::cluster {
namespace {

using base::printable;
using config::Node;
using config::Unit;

constexpr double kMaxBytes = 0x1p60, kMaxFlops = 1e21, kMaxBytesPerS = 1e18, kMaxOverheadSeconds = 1;

std::vector<std::string> class_names() {
  std::vector<std::string> names;
  for (int c = 0; c < kOpClasses; ++c) names.emplace_back(name(static_cast<OpClass>(c)));
  return names;
}

std::vector<std::string> precision_names() {
  std::vector<std::string> names;
  for (int p = 0; p < kPrecisions; ++p) names.emplace_back(name(static_cast<Precision>(p)));
  return names;
}

int64_t whole_bytes(const Node& node, double min) {
  const double bytes = node.quantity(Unit::bytes, min, kMaxBytes);
  if (bytes != std::floor(bytes)) node.fail(fmt::format("'{}' is not a whole number of bytes", node.text()));
  return static_cast<int64_t>(bytes);
}

/// Letters, digits and a few signs: names go into tables, file names and ONNX Runtime's settings.
std::string identifier(const Node& node) {
  constexpr size_t kMaxLength = 64;
  const std::string& text = node.text();
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c == ':';
  };
  if (text.empty() || text.size() > kMaxLength || !std::all_of(text.begin(), text.end(), allowed))
    node.fail(fmt::format("'{}' is not a name", printable(text, 60)), "use up to 64 of A-Z a-z 0-9 _ - . :");
  return text;
}

const Preset& find_preset(const Node& node) {
  const auto found = presets().find(node.text());
  if (found != presets().end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [preset, unused] : presets()) names.push_back(preset);
  node.fail(fmt::format("there is no preset '{}'", printable(node.text(), 60)), base::suggestion(node.text(), names));
}

/// Figures of the preset, then what the entry states itself.
void read_figures(const Node& node, Device& device) {
  if (const Node* flops = node.find("flops"))
    for (const auto& [key, value] : flops->entries()) {
      const auto names = precision_names();
      const auto index = static_cast<size_t>(std::find(names.begin(), names.end(), key) - names.begin());
      device.matrix_flops[index] = value.quantity(Unit::flops, 0, kMaxFlops);
    }
  if (const Node* vector = node.find("vector"))
    device.vector_flops = vector->quantity(Unit::flops, 1, kMaxFlops);
  else if (device.vector_flops == 0)
    device.vector_flops = device.matrix_flops[static_cast<size_t>(Precision::float32)];
  if (device.vector_flops == 0)
    node.fail("neither a preset nor flops.float32 nor vector says how fast the device is",
              "add for example flops: {float32: 10TFLOPS}");
  if (const Node* bandwidth = node.find("bandwidth"))
    device.bandwidth_bytes_per_s = bandwidth->quantity(Unit::bytes_per_s, 1, kMaxBytesPerS);
  if (device.bandwidth_bytes_per_s == 0)
    node.fail("neither a preset nor bandwidth says how fast its memory is", "add for example bandwidth: 900GB/s");
}

int64_t overhead_ps(const Node& node) {
  return std::llround(node.quantity(Unit::seconds, 0, kMaxOverheadSeconds) * 1e12);
}

void read_efficiency(const Node& node, Device& device) {
  const auto names = class_names();
  for (const auto& [key, value] : node.entries()) {
    Efficiency& e = device.efficiency[static_cast<size_t>(std::find(names.begin(), names.end(), key) - names.begin())];
    constexpr double kSmallest = 1e-6;
    if (const Node* max = value.find("max")) e.max = max->quantity(Unit::fraction, kSmallest, 1);
    if (const Node* half = value.find("half")) e.half_flops = half->quantity(Unit::flops, 0, kMaxFlops);
    if (const Node* part = value.find("bandwidth")) e.bandwidth = part->quantity(Unit::fraction, kSmallest, 1);
    if (const Node* overhead = value.find("overhead")) e.overhead_ps = overhead_ps(*overhead);
  }
}

void read_memory(const Node& node, Device& device) {
  if (const Node* memory = node.find("memory")) device.memory_bytes = whole_bytes(*memory, 1);
  if (device.memory_bytes == 0)
    node.fail(device.preset.empty() ? "memory is missing" : "memory is missing, for hosts are fitted differently",
              "add for example memory: 256GiB");
  if (const Node* reserved = node.find("reserved")) {
    device.reserved_bytes = whole_bytes(*reserved, 0);
    if (device.reserved_bytes > device.memory_bytes)
      reserved->fail(fmt::format("{} is more than the memory of {}", config::human_bytes(double(device.reserved_bytes)),
                                 config::human_bytes(double(device.memory_bytes))),
                     "reserve less");
  }
  if (const Node* align = node.find("align")) {
    constexpr int64_t kMaxAlign = 1 << 30;
    device.align_bytes = whole_bytes(*align, 1);
    if (device.align_bytes > kMaxAlign) align->fail("is out of range", "choose at most 1GiB");
  }
  constexpr double kMaxFragmentation = 10;
  if (const Node* fragmentation = node.find("fragmentation"))
    device.fragmentation = fragmentation->quantity(Unit::none, 1, kMaxFragmentation);
  if (const Node* locality = node.find("locality")) device.locality = locality->quantity(Unit::none, 0, 1);
}

void read_deny(const Node& node, Device& device) {
  for (const Node& item : node.items()) {
    if (item.text().empty()) item.fail("an operator type is empty", "write for example NonMaxSuppression");
    device.deny.push_back(item.text());
  }
}

void read_concurrency(const Node& node, Device& device) {
  constexpr int64_t kMaxStreams = 64;
  if (const Node* streams = node.find("streams"))
    device.streams = static_cast<uint32_t>(streams->integer(1, kMaxStreams));
  if (const Node* engines = node.find("copy_engines"))
    device.copy_engines = static_cast<uint32_t>(engines->integer(0, 2));
}

void read_ort(const Node& node, Device& device) {
  if (const Node* provider = node.find("provider")) {
    if (provider->text() != device.ort.provider) device.ort = {designator_of(provider->text()), provider->text(), {}};
  }
  if (const Node* id = node.find("device_id"))
    device.ort.provider_options["device_id"] = fmt::format("{}", id->integer(0, 1023));
  if (const Node* designator = node.find("designator")) {
    // What ONNX Runtime's rules are made of cannot be part of a name in them.
    if (designator->text().empty() || designator->text().find_first_of(";,()= ") != std::string::npos)
      designator->fail(fmt::format("'{}' is not a designator", printable(designator->text(), 60)),
                       "write for example cuda or CUDAExecutionProvider");
    device.ort.designator = designator->text();
  }
}

std::string source_of(const Node& node, const Device& device) {
  if (const Node* source = node.find("source")) return source->text();
  std::string changed;
  for (const char* key : {"flops", "vector", "bandwidth", "efficiency", "overhead"})
    if (node.find(key)) changed += (changed.empty() ? "" : ", ") + std::string(key);
  if (device.preset.empty()) return "the cluster file";
  return changed.empty() ? device.source : fmt::format("{}; the cluster file: {}", device.source, changed);
}

}  // namespace

void check_device_keys(const Node& node, config::UnknownKeys& unknown) {
  unknown.check(
      node, {"name", "kind", "preset", "source", "memory", "reserved", "align", "fragmentation", "locality", "flops",
             "vector", "bandwidth", "overhead", "efficiency", "deny", "streams", "copy_engines", "ort"});
  if (const Node* flops = node.find("flops")) unknown.check(*flops, precision_names());
  if (const Node* ort = node.find("ort")) unknown.check(*ort, {"provider", "device_id", "designator"});
  if (const Node* efficiency = node.find("efficiency")) {
    unknown.check(*efficiency, class_names());
    for (const auto& [key, value] : efficiency->entries())
      unknown.check(value, {"max", "half", "bandwidth", "overhead"});
  }
}

Device DeviceReader::read(const Node& node) {
  Device device;
  const Node* preset = node.find("preset");
  if (preset) device = find_preset(*preset).device;
  device.name = identifier(node.at("name"));
  if (const Node* kind = node.find("kind")) device.kind = identifier(*kind);
  if (device.kind.empty()) node.fail("kind is missing", "add for example kind: cuda, or a preset");
  read_figures(node, device);
  if (!preset) set_class_defaults(device);
  if (const Node* efficiency = node.find("efficiency")) read_efficiency(*efficiency, device);
  if (const Node* overhead = node.find("overhead")) device.overhead_ps = overhead_ps(*overhead);
  read_memory(node, device);
  if (const Node* deny = node.find("deny")) read_deny(*deny, device);
  read_concurrency(node, device);
  device.ort = default_binding(device.kind, seen_of_kind_[device.kind]++);
  if (const Node* ort = node.find("ort")) read_ort(*ort, device);
  device.source = source_of(node, device);
  return device;
}

}  // namespace allot::cluster
