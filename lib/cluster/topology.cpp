// SPDX-License-Identifier: Apache-2.0
#include "cluster/topology.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "base/error.h"

namespace allot::cluster {
namespace {

using base::Error;
using base::ErrorKind;

/// Links of each ordered pair of devices, [from * n + to]; unset where no way is known yet.
using Ways = std::vector<std::optional<std::vector<uint32_t>>>;

void add_way(const Cluster& cluster, Ways& ways, DeviceId from, DeviceId to, const Path& path) {
  auto& way = ways[from * size_t{cluster.size()} + to];
  if (way)
    throw Error(ErrorKind::config, path.where,
                fmt::format("a second path from {} to {}", cluster.devices[from].name, cluster.devices[to].name),
                "a path counts for both directions unless it says oneway: true; remove one");
  auto sorted = path.links;
  std::sort(sorted.begin(), sorted.end());
  if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end())
    throw Error(ErrorKind::config, path.where,
                fmt::format("the path goes over link '{}' twice", cluster.links[*twice].name), "name each link once");
  way = path.links;
}

/// The devices on the far side of a wire as bits, where neighbours[d] are those that d talks to over it; nothing if
/// they do not fall into two sides.
std::optional<uint64_t> far_side(const std::vector<uint64_t>& neighbours) {
  const auto reached_from = [&](uint64_t devices) {
    uint64_t reached = 0;
    for (; devices; devices &= devices - 1) reached |= neighbours[static_cast<size_t>(std::countr_zero(devices))];
    return reached;
  };
  uint64_t seen = 0, far = 0;
  for (size_t d = 0; d < neighbours.size(); ++d) {
    if (seen >> d & 1) continue;
    uint64_t near_part = uint64_t{1} << d, far_part = 0;
    for (uint64_t before = 0; before != (near_part | far_part);) {
      before = near_part | far_part;
      far_part |= reached_from(near_part);
      near_part |= reached_from(far_part);
    }
    if (near_part & far_part) return std::nullopt;
    seen |= near_part | far_part;
    far |= far_part;
  }
  return far;
}

/// Numbers the queues of all links.
class Channels {
 public:
  Channels(Cluster& cluster, const Ways& ways) {
    const size_t n = cluster.size();
    std::vector<std::vector<uint64_t>> neighbours(cluster.links.size(), std::vector<uint64_t>(n, 0));
    for (size_t pair = 0; pair < ways.size(); ++pair) {
      if (!ways[pair]) continue;
      for (const uint32_t link : *ways[pair]) {
        neighbours[link][pair / n] |= uint64_t{1} << pair % n;
        neighbours[link][pair % n] |= uint64_t{1} << pair / n;
      }
    }
    cluster.num_channels = 0;
    for (size_t link = 0; link < cluster.links.size(); ++link) {
      const auto far = cluster.links[link].full_duplex ? far_side(neighbours[link]) : std::nullopt;
      first_.push_back(cluster.num_channels);
      far_.push_back(far.value_or(0));
      cluster.links[link].channels = far ? 2 : 1;
      cluster.num_channels += cluster.links[link].channels;
    }
  }

  uint32_t of(uint32_t link, DeviceId from) const { return first_[link] + (far_[link] >> from & 1); }

 private:
  std::vector<uint32_t> first_;
  std::vector<uint64_t> far_;
};

void fill_routes(Cluster& cluster, const Ways& ways) {
  const size_t n = cluster.size();
  const Channels channels(cluster, ways);
  cluster.routes.assign(n * n, {});
  for (size_t pair = 0; pair < n * n; ++pair) {
    Route& route = cluster.routes[pair];
    route.reachable = pair / n == pair % n || ways[pair];
    if (!ways[pair]) continue;
    route.links = *ways[pair];
    for (const uint32_t id : *ways[pair]) {
      const Link& link = cluster.links[id];
      route.channels.push_back(channels.of(id, static_cast<DeviceId>(pair / n)));
      route.latency_ps += link.latency_ps;
      const double narrowest = route.bandwidth_bytes_per_s;
      route.bandwidth_bytes_per_s =
          narrowest == 0 ? link.bandwidth_bytes_per_s : std::min(narrowest, link.bandwidth_bytes_per_s);
    }
  }
}

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
  ALLOT_ASSERT(cluster.size() <= kMaxDevices);
  const size_t n = cluster.size();
  cluster.named_links = static_cast<uint32_t>(cluster.links.size());
  Ways ways(n * n);
  for (const Path& path : paths) {
    add_way(cluster, ways, path.from, path.to, path);
    if (!path.oneway) add_way(cluster, ways, path.to, path.from, path);
  }
  for (DeviceId a = 0; a < n; ++a) {
    for (DeviceId b = a + 1; b < n; ++b) {
      auto &there = ways[a * n + b], &back = ways[b * n + a];
      if (there && back) continue;
      const Device &from = cluster.devices[there ? b : a], &to = cluster.devices[there ? a : b];
      if (!default_link)
        throw Error(ErrorKind::config, cluster.path, fmt::format("no link leads from {} to {}", from.name, to.name),
                    example_link(from, to));
      const std::vector<uint32_t> wire = {static_cast<uint32_t>(cluster.links.size())};
      cluster.links.push_back(*default_link);
      cluster.links.back().name = fmt::format("{}-{}", cluster.devices[a].name, cluster.devices[b].name);
      if (!there) there = wire;
      if (!back) back = wire;
    }
  }
  fill_routes(cluster, ways);
}

}  // namespace allot::cluster
