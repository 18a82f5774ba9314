// SPDX-License-Identifier: Apache-2.0
#include "cluster/topology.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"

namespace allot::cluster {
namespace {

using base::Error;
using base::ErrorKind;

class Connector {
 public:
  explicit Connector(Cluster& cluster) : cluster_(cluster) {
    const size_t n = cluster.size();
    cluster.routes.assign(n * n, {});
    for (size_t i = 0; i < n; ++i) cluster.routes[i * n + i].reachable = true;
    cluster.named_links = static_cast<uint32_t>(cluster.links.size());
    cluster.num_channels = 0;
    for (const Link& link : cluster.links) number(link);
  }

  void add(const Path& path) {
    // The first direction written between two devices is the forward one.
    const bool forward = !route(path.to, path.from).reachable;
    set(path.from, path.to, path, forward);
    if (!path.oneway) set(path.to, path.from, path, !forward);
  }

  void add_default(DeviceId a, DeviceId b, Link link) {
    link.name = fmt::format("{}-{}", cluster_.devices[a].name, cluster_.devices[b].name);
    Path path;
    path.links = {static_cast<uint32_t>(cluster_.links.size())};
    number(link);
    cluster_.links.push_back(std::move(link));
    if (!route(a, b).reachable) set(a, b, path, true);
    if (!route(b, a).reachable) set(b, a, path, false);
  }

  Route& route(DeviceId from, DeviceId to) { return cluster_.routes[from * size_t{cluster_.size()} + to]; }

 private:
  void number(const Link& link) {
    first_channel_.push_back(cluster_.num_channels);
    cluster_.num_channels += link.full_duplex ? 2 : 1;
  }

  void set(DeviceId from, DeviceId to, const Path& path, bool forward) {
    Route& route = this->route(from, to);
    if (route.reachable)
      throw Error(ErrorKind::config, path.where,
                  fmt::format("a second path from {} to {}", cluster_.devices[from].name, cluster_.devices[to].name),
                  "a path counts for both directions unless it says oneway: true; remove one");
    route.reachable = true;
    for (const uint32_t id : path.links) {
      const Link& link = cluster_.links[id];
      const uint32_t channel = first_channel_[id] + (link.full_duplex && !forward ? 1 : 0);
      if (std::find(route.channels.begin(), route.channels.end(), channel) != route.channels.end())
        throw Error(ErrorKind::config, path.where, fmt::format("the path goes over link '{}' twice", link.name),
                    "name each link once");
      route.channels.push_back(channel);
      route.latency_ps += link.latency_ps;
      const double narrowest = route.bandwidth_bytes_per_s;
      route.bandwidth_bytes_per_s =
          narrowest == 0 ? link.bandwidth_bytes_per_s : std::min(narrowest, link.bandwidth_bytes_per_s);
    }
  }

  Cluster& cluster_;
  std::vector<uint32_t> first_channel_;
};

// A likely default wire for the remedy: the slower PCIe generation of the two, else a plain one.
std::string example_link(const Device& a, const Device& b) {
  const auto generation = [](const Device& device) {
    const auto preset = presets().find(device.preset);
    return preset == presets().end() ? 0 : preset->second.pcie;
  };
  const int pcie = std::max(generation(a), generation(b));
  const char* bandwidth = pcie == 5 ? "52GB/s" : pcie == 4 ? "25GB/s" : "12GB/s";
  return fmt::format("add links.default, for example {{bandwidth: {}, latency: 9us}}{}, or a path", bandwidth,
                     pcie ? fmt::format(" for PCIe {}", pcie) : "");
}

}  // namespace

void connect(Cluster& cluster, const std::vector<Path>& paths, const std::optional<Link>& default_link) {
  Connector connector(cluster);
  for (const Path& path : paths) connector.add(path);
  for (DeviceId a = 0; a < cluster.size(); ++a) {
    for (DeviceId b = a + 1; b < cluster.size(); ++b) {
      if (connector.route(a, b).reachable && connector.route(b, a).reachable) continue;
      if (!default_link)
        throw Error(
            ErrorKind::config, cluster.path,
            fmt::format("no link leads from {} to {}", cluster.devices[connector.route(a, b).reachable ? b : a].name,
                        cluster.devices[connector.route(a, b).reachable ? a : b].name),
            example_link(cluster.devices[a], cluster.devices[b]));
      connector.add_default(a, b, *default_link);
    }
  }
}

}  // namespace allot::cluster
