// SPDX-License-Identifier: Apache-2.0
// `allot.cluster/1` out, and what identifies a cluster.
#include <bit>
#include <span>

#include <fmt/format.h>

#include "base/hash.h"
#include "cluster/cluster.h"
#include "cluster/simulation_reader.h"
#include "config/yaml.h"

namespace allot::cluster {
namespace {

using config::format_quantity;
using config::Unit;
using config::yaml_scalar;

std::string time_text(int64_t ps) { return format_quantity(static_cast<double>(ps) / 1e12, Unit::seconds); }
std::string bytes_text(int64_t bytes) { return format_quantity(static_cast<double>(bytes), Unit::bytes); }

std::string flow_list(const std::vector<std::string>& items) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ", ") + yaml_scalar(item);
  return "[" + text + "]";
}

std::string flow_map(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string text;
  for (const auto& [key, value] : entries) text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", key, value);
  return "{" + text + "}";
}

std::string ort_text(const OrtBinding& ort) {
  std::vector<std::pair<std::string, std::string>> entries;
  if (!ort.provider.empty()) entries.emplace_back("provider", yaml_scalar(ort.provider));
  if (!ort.designator.empty()) entries.emplace_back("designator", yaml_scalar(ort.designator));
  if (const auto id = ort.provider_options.find("device_id"); id != ort.provider_options.end())
    entries.emplace_back("device_id", id->second);
  return flow_map(entries);
}

std::string device_text(const Device& device) {
  std::string text;
  const auto add = [&](std::string_view key, std::string_view value) {
    text += fmt::format("    {}: {}\n", key, value);
  };
  text += fmt::format("  - name: {}\n", yaml_scalar(device.name));
  add("kind", yaml_scalar(device.kind));
  if (!device.preset.empty()) add("preset", yaml_scalar(device.preset));
  add("source", yaml_scalar(device.source));
  add("memory", bytes_text(device.memory_bytes));
  add("reserved", bytes_text(device.reserved_bytes));
  add("align", bytes_text(device.align_bytes));
  std::vector<std::pair<std::string, std::string>> flops;
  for (int p = 0; p < kPrecisions; ++p)
    flops.emplace_back(name(static_cast<Precision>(p)),
                       format_quantity(device.matrix_flops[static_cast<size_t>(p)], Unit::flops));
  add("flops", flow_map(flops));
  add("vector", format_quantity(device.vector_flops, Unit::flops));
  add("bandwidth", format_quantity(device.bandwidth_bytes_per_s, Unit::bytes_per_s));
  add("overhead", time_text(device.overhead_ps));
  add("deny", flow_list(device.deny));
  if (device.fragmentation != 1) add("fragmentation", format_quantity(device.fragmentation, Unit::none));
  if (device.locality != 0) add("locality", format_quantity(device.locality, Unit::none));
  if (device.streams != 1) add("streams", fmt::format("{}", device.streams));
  if (device.copy_engines != 0) add("copy_engines", fmt::format("{}", device.copy_engines));
  add("ort", ort_text(device.ort));
  text += "    efficiency:\n";
  for (int c = 0; c < kOpClasses; ++c) {
    const Efficiency& e = device.efficiency[static_cast<size_t>(c)];
    std::vector<std::pair<std::string, std::string>> entries{
        {"max", format_quantity(e.max, Unit::fraction)},
        {"half", format_quantity(e.half_flops, Unit::flops)},
        {"bandwidth", format_quantity(e.bandwidth, Unit::fraction)}};
    if (e.overhead_ps >= 0) entries.emplace_back("overhead", time_text(e.overhead_ps));
    text += fmt::format("      {}: {}\n", name(static_cast<OpClass>(c)), flow_map(entries));
  }
  return text;
}

std::string link_text(const std::string& name, const Link& link) {
  return fmt::format("  {}: {}\n", name,
                     flow_map({{"bandwidth", format_quantity(link.bandwidth_bytes_per_s, Unit::bytes_per_s)},
                               {"latency", time_text(link.latency_ps)},
                               {"duplex", link.full_duplex ? "full" : "half"}}));
}

/// `paths:` of all pairs but those that use the default wire in both directions.
std::string paths_text(const Cluster& cluster) {
  const auto via = [&](DeviceId from, DeviceId to) -> const auto& { return cluster.route(from, to).links; };
  std::string text;
  const auto add = [&](DeviceId from, DeviceId to, std::string_view suffix) {
    const auto& ids = via(from, to);
    if (!ids.empty() && ids[0] >= cluster.named_links) return;
    std::vector<std::string> names;
    for (const uint32_t id : ids) names.push_back(cluster.links[id].name);
    text += fmt::format("  - {{from: {}, to: {}, via: {}{}}}\n", yaml_scalar(cluster.devices[from].name),
                        yaml_scalar(cluster.devices[to].name), flow_list(names), suffix);
  };
  for (DeviceId a = 0; a < cluster.size(); ++a) {
    for (DeviceId b = a + 1; b < cluster.size(); ++b) {
      const bool alike = via(a, b) == via(b, a);
      add(a, b, alike ? "" : ", oneway: true");
      if (!alike) add(b, a, ", oneway: true");
    }
  }
  return text;
}

}  // namespace

std::string dump(const Cluster& cluster) {
  std::string text = "schema: allot.cluster/1\ndevices:\n";
  for (const Device& device : cluster.devices) text += device_text(device);
  if (!cluster.links.empty()) text += "links:\n";
  if (cluster.links.size() > cluster.named_links) text += link_text("default", cluster.links[cluster.named_links]);
  for (const Link& link : std::span(cluster.links).first(cluster.named_links))
    text += link_text(yaml_scalar(link.name), link);
  if (const std::string paths = paths_text(cluster); !paths.empty()) text += "paths:\n" + paths;
  if (cluster.io_device) text += fmt::format("io_device: {}\n", yaml_scalar(cluster.devices[*cluster.io_device].name));
  return text + fmt::format("simulation: {}\n", simulation_text(cluster.simulation));
}

std::string hash(const Cluster& cluster) {
  base::Sha256 sha;
  const auto add = [&](double number) { sha.add_field(std::bit_cast<int64_t>(number)); };
  sha.add_field("allot.cluster/1");
  sha.add_field(static_cast<int64_t>(cluster.size()));
  for (const Device& device : cluster.devices) {
    sha.add_field(device.name);
    sha.add_field(device.kind);
    for (const int64_t number :
         {device.memory_bytes, device.reserved_bytes, device.align_bytes, device.overhead_ps, int64_t{device.streams},
          int64_t{device.copy_engines}, static_cast<int64_t>(device.deny.size())})
      sha.add_field(number);
    for (const auto& type : device.deny) sha.add_field(type);
    for (const double peak : device.matrix_flops) add(peak);
    add(device.vector_flops);
    add(device.bandwidth_bytes_per_s);
    add(device.fragmentation);
    add(device.locality);
    for (const Efficiency& e : device.efficiency) {
      for (const double figure : {e.max, e.half_flops, e.bandwidth}) add(figure);
      sha.add_field(e.overhead_ps);
    }
  }
  for (const Route& route : cluster.routes) {
    sha.add_field(int64_t{route.reachable});
    sha.add_field(static_cast<int64_t>(route.channels.size()));
    for (const uint32_t channel : route.channels) sha.add_field(int64_t{channel});
    sha.add_field(route.latency_ps);
    add(route.bandwidth_bytes_per_s);
  }
  sha.add_field(cluster.io_device ? int64_t{*cluster.io_device} : -1);
  sha.add_field(simulation_text(cluster.simulation));
  return sha.hex();
}

}  // namespace allot::cluster
