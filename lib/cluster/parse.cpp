// SPDX-License-Identifier: Apache-2.0
// `allot.cluster/1` in.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "cluster/device_reader.h"
#include "cluster/simulation_reader.h"
#include "cluster/topology.h"

namespace allot::cluster {
namespace {

using base::printable;
using config::Node;
using config::Unit;

constexpr size_t kMaxLinks = 4096;
constexpr double kMaxBytesPerS = 1e18, kMaxLatencySeconds = 1000;

bool is_full_duplex(const Node& node) {
  if (node.text() != "full" && node.text() != "half") fail_choice(node, {"full", "half"});
  return node.text() == "full";
}

class ClusterReader {
 public:
  ClusterReader(const Node& document, const std::string& path) : document_(document) { cluster_.path = path; }

  Cluster read() {
    check_schema();
    check_keys();
    read_devices();
    read_links();
    read_paths();
    if (const Node* io = document_.find("io_device")) cluster_.io_device = device(*io);
    if (const Node* simulation = document_.find("simulation"))
      cluster_.simulation = read_simulation(*simulation, cluster_.devices);
    connect(cluster_, paths_, default_link_);
    return std::move(cluster_);
  }

 private:
  void check_schema() const {
    const Node* schema = document_.is_map() ? document_.find("schema") : nullptr;
    if (!schema) document_.fail("is not a cluster file: schema is missing", "begin it with schema: allot.cluster/1");
    if (schema->text() != "allot.cluster/1")
      schema->fail(fmt::format("'{}' is not a cluster of this version", printable(schema->text(), 60)),
                   "write schema: allot.cluster/1");
  }

  /// All keys of the file before any value, so that every mistyped one is in one message.
  void check_keys() const {
    config::UnknownKeys unknown;
    unknown.check(document_, {"schema", "devices", "links", "paths", "io_device", "simulation"});
    if (const Node* devices = document_.find("devices"))
      for (const Node& node : devices->items()) check_device_keys(node, unknown);
    if (const Node* links = document_.find("links"))
      for (const auto& [name, node] : links->entries()) unknown.check(node, {"bandwidth", "latency", "duplex"});
    if (const Node* paths = document_.find("paths"))
      for (const Node& node : paths->items()) unknown.check(node, {"from", "to", "via", "oneway"});
    if (const Node* simulation = document_.find("simulation")) check_simulation_keys(*simulation, unknown);
    unknown.report();
  }

  void read_devices() {
    const auto& items = document_.at("devices").items();
    if (items.empty()) document_.at("devices").fail("there are no devices", "list at least one");
    if (items.size() > kMaxDevices)
      document_.at("devices").fail(fmt::format("{} devices are more than {}", items.size(), kMaxDevices), "list fewer");
    DeviceReader reader;
    for (const Node& node : items) {
      Device device = reader.read(node);
      if (cluster_.find(device.name))
        node.at("name").fail(fmt::format("two devices are called '{}'", device.name), "rename one");
      cluster_.devices.push_back(std::move(device));
    }
  }

  void read_links() {
    const Node* links = document_.find("links");
    if (!links) return;
    if (links->entries().size() > kMaxLinks) links->fail(fmt::format("there are more than {} links", kMaxLinks));
    for (const auto& [name, node] : links->entries()) {
      Link link;
      link.name = name;
      link.bandwidth_bytes_per_s = node.at("bandwidth").quantity(Unit::bytes_per_s, 1, kMaxBytesPerS);
      if (const Node* latency = node.find("latency"))
        link.latency_ps = std::llround(latency->quantity(Unit::seconds, 0, kMaxLatencySeconds) * 1e12);
      if (const Node* duplex = node.find("duplex")) link.full_duplex = is_full_duplex(*duplex);
      if (name == "default") {
        default_link_ = link;
        continue;
      }
      link_ids_[name] = static_cast<uint32_t>(cluster_.links.size());
      cluster_.links.push_back(std::move(link));
    }
  }

  void read_paths() {
    const Node* paths = document_.find("paths");
    if (!paths) return;
    for (const Node& node : paths->items()) {
      Path path;
      path.where = node.where();
      path.from = device(node.at("from"));
      path.to = device(node.at("to"));
      if (path.from == path.to) node.fail("a path leads from a device to itself", "remove it");
      for (const Node& item : node.at("via").items()) path.links.push_back(link(item));
      if (const Node* oneway = node.find("oneway")) path.oneway = oneway->boolean();
      paths_.push_back(std::move(path));
    }
  }

  DeviceId device(const Node& node) const {
    if (const auto id = cluster_.find(node.text())) return *id;
    std::vector<std::string> names;
    for (const Device& device : cluster_.devices) names.push_back(device.name);
    node.fail(fmt::format("there is no device '{}'", printable(node.text(), 60)), base::suggestion(node.text(), names));
  }

  uint32_t link(const Node& node) const {
    if (const auto found = link_ids_.find(node.text()); found != link_ids_.end()) return found->second;
    std::vector<std::string> names;
    for (const Link& link : cluster_.links) names.push_back(link.name);
    node.fail(fmt::format("there is no link '{}'", printable(node.text(), 60)),
              names.empty() ? "name it under links" : base::suggestion(node.text(), names));
  }

  const Node& document_;
  Cluster cluster_;
  std::map<std::string, uint32_t> link_ids_;
  std::vector<Path> paths_;
  std::optional<Link> default_link_;
};

}  // namespace

Cluster parse(const std::string& text, const std::string& path) {
  return ClusterReader(config::parse_yaml(text, path), path).read();
}

Cluster load(const std::string& path) { return ClusterReader(config::load_yaml(path), path).read(); }

}  // namespace allot::cluster
