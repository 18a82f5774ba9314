// SPDX-License-Identifier: Apache-2.0
// Devices, the wires between them, and the file that describes both (`allot.cluster/1`).
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/simulation.h"

namespace allot::cluster {

using DeviceId = uint32_t;
constexpr size_t kMaxDevices = 64;

/// Classes of operators that share an efficiency on a device (onnx-and-cost 6.5).
enum class OpClass : uint8_t {
  matmul,
  conv,
  depthwise_conv,
  attention,
  rnn,
  norm,
  softmax,
  elementwise,
  reduce,
  gather,
  strided,
  copy,
  pool,
  resize,
  quantize,
  control,
  opaque,
  alias
};
constexpr int kOpClasses = 18;
std::string_view name(OpClass op_class);

/// Element types that have a peak of their own.
enum class Precision : uint8_t { float64, float32, tf32, float16, bfloat16, float8, int8 };
constexpr int kPrecisions = 7;
std::string_view name(Precision precision);

/// Fraction of peak reached: max * x / (x + half), x = flops of the op, by products; max alone by elementwise work
/// without products; bandwidth is a plain fraction.
struct Efficiency {
  double max = 1.0;
  double half_flops = 0.0;
  double bandwidth = 1.0;
  int64_t overhead_ps = -1;  // per op; negative: the device's
};

struct OrtBinding {
  std::string designator;  // "cpu", "cuda": what ORT's layer assignment calls it
  std::string provider;    // "CUDAExecutionProvider"
  std::map<std::string, std::string> provider_options;
};

struct Device {
  std::string name, kind, preset, source;  // source: where the figures come from
  int64_t memory_bytes = 0, reserved_bytes = 0;
  std::array<double, kPrecisions> matrix_flops{};  // peak per second for multiply-accumulate work; 0 = not supported
  double vector_flops = 0;                         // peak of elementwise work, operations per second (fp32)
  double bandwidth_bytes_per_s = 0;
  int64_t overhead_ps = 0;  // per op that does any work
  std::array<Efficiency, kOpClasses> efficiency{};
  double locality = 0;  // exponent by which traffic and overhead grow with the working set of a run: cost_table.h
  std::vector<std::string> deny;  // op types ("NonMaxSuppression", "ai.onnx.ml.*")
  int64_t align_bytes = 256;
  double fragmentation = 1;   // of an allocator: bytes it needs for each byte that lives
  uint32_t streams = 1;       // ops at a time, each as fast as alone
  uint32_t copy_engines = 0;  // that its transfers queue for: 1 for all, 2 = one a direction, 0 = as many as there are
  OrtBinding ort;

  /// What tensors and parameters may fill.
  int64_t usable_bytes() const;
  /// Multiply-accumulate peak per second for `precision`, always > 0. A type that the device has no units for runs
  /// on the next it can be computed with: float8 -> float16 -> float32, bfloat16 -> float32, tf32 -> float32,
  /// int8 -> vector unit; float32 as six bfloat16 products where only those exist (TPU), else on the vector unit;
  /// float64 at 1/32 of float32.
  double peak(Precision precision) const;
};

struct Link {
  std::string name;
  double bandwidth_bytes_per_s = 0;
  int64_t latency_ps = 0;
  bool full_duplex = true;  // false: both directions share one queue
  uint32_t channels = 1;    // queues it has; set with the routes
};

/// A directed way from one device to another: the queues it passes; empty and unreachable, or empty and free.
struct Route {
  bool reachable = false;
  std::vector<uint32_t> links;
  std::vector<uint32_t> channels;    // of each link: one direction of it (half duplex: both)
  int64_t latency_ps = 0;            // sum over the links
  double bandwidth_bytes_per_s = 0;  // the narrowest link
};

/// Picoseconds that `bytes` take over a wire: latency plus bytes over bandwidth, rounded up in integers; saturates at
/// kNever.
int64_t wire_ps(int64_t latency_ps, double bandwidth_bytes_per_s, int64_t bytes);
/// Whole bytes per second, at least one: what times are worked out with.
uint64_t whole_rate(double bandwidth_bytes_per_s);

/// Beyond any real time, yet two of them can be added: about 13 days.
constexpr int64_t kNever = std::numeric_limits<int64_t>::max() / 8;

struct Cluster {
  std::string path;  // "" for a built-in one
  std::vector<Device> devices;
  std::vector<Link> links;  // named wires, then one for each pair that uses the default
  uint32_t named_links = 0;
  uint32_t num_channels = 0;
  std::vector<Route> routes;          // [from * devices + to]
  std::optional<DeviceId> io_device;  // where graph inputs are and outputs go; unset: everywhere
  Simulation simulation;

  uint32_t size() const { return static_cast<uint32_t>(devices.size()); }
  const Route& route(DeviceId from, DeviceId to) const { return routes[from * devices.size() + to]; }
  std::optional<DeviceId> find(std::string_view device_name) const;
  /// Picoseconds that `bytes` take from one device to another on an idle network that passes them on at once:
  /// wire_ps of the route, its latency alone if it has no links; 0 when from == to, kNever where no route leads.
  int64_t transfer_ps(DeviceId from, DeviceId to, int64_t bytes) const;
};

/// Reads `allot.cluster/1`. Errors (config, file:line, remedy): unknown or duplicate keys, no devices, two devices
/// of one name, more than 64 devices, a preset or device or link that does not exist, wrong units, non-finite or
/// negative figures, memory below what is reserved, a device pair without a path and without default link.
Cluster load(const std::string& path);
/// The same from text; `path` is for messages.
Cluster parse(const std::string& text, const std::string& path);

/// One CPU host and one A100, io on the host: what a command uses when no --cluster is given.
Cluster default_cluster();

/// `allot.cluster/1` text that gives this cluster again: the form stored in placements.
std::string dump(const Cluster& cluster);

/// SHA-256 over everything that changes a plan.
std::string hash(const Cluster& cluster);

struct Preset {
  Device device;  // memory_bytes is 0 for hosts: what is fitted differs
  std::string description;
  int pcie = 0;  // generation of its x16 host link; 0 = none
};
/// By name, sorted.
const std::map<std::string, Preset>& presets();

}  // namespace allot::cluster
