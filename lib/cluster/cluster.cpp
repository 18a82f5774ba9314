// SPDX-License-Identifier: Apache-2.0
#include "cluster/cluster.h"

#include <algorithm>
#include <cmath>

#include "cluster/defaults.h"
#include "cluster/topology.h"

namespace allot::cluster {

std::string_view name(OpClass op_class) {
  static constexpr std::string_view kNames[kOpClasses] = {
      "matmul", "conv",    "depthwise_conv", "attention", "rnn",    "norm",     "softmax", "elementwise", "reduce",
      "gather", "strided", "copy",           "pool",      "resize", "quantize", "control", "opaque",      "alias"};
  return kNames[static_cast<size_t>(op_class)];
}

std::string_view name(Precision precision) {
  static constexpr std::string_view kNames[kPrecisions] = {"float64",  "float32", "tf32", "float16",
                                                           "bfloat16", "float8",  "int8"};
  return kNames[static_cast<size_t>(precision)];
}

int64_t Device::usable_bytes() const {
  const int64_t bytes = memory_bytes - reserved_bytes;
  return fragmentation == 1 ? bytes : static_cast<int64_t>(static_cast<double>(bytes) / fragmentation);
}

double Device::peak(Precision precision) const {
  const double own = matrix_flops[static_cast<size_t>(precision)];
  if (own > 0) return own;
  constexpr double kBfloat16Products = 6;  // three bfloat16 parts a factor, products below 2^-24 dropped
  constexpr double kFloat64Ratio = 32;
  switch (precision) {
    case Precision::float64:
      return peak(Precision::float32) / kFloat64Ratio;
    case Precision::float32:
      return std::max(matrix_flops[static_cast<size_t>(Precision::bfloat16)] / kBfloat16Products, vector_flops);
    case Precision::tf32:
    case Precision::float16:
    case Precision::bfloat16:
      return peak(Precision::float32);
    case Precision::float8:
      return peak(Precision::float16);
    case Precision::int8:
      return vector_flops;
  }
  return vector_flops;
}

std::optional<DeviceId> Cluster::find(std::string_view device_name) const {
  for (DeviceId id = 0; id < size(); ++id)
    if (devices[id].name == device_name) return id;
  return std::nullopt;
}

uint64_t whole_rate(double bandwidth_bytes_per_s) {
  return static_cast<uint64_t>(std::max(1.0, std::round(bandwidth_bytes_per_s)));
}

int64_t wire_ps(int64_t latency_ps, double bandwidth_bytes_per_s, int64_t bytes) {
  if (bytes <= 0) return std::min(latency_ps, kNever);
  constexpr uint64_t kPicoseconds = 1'000'000'000'000;
  constexpr int64_t kMaxFastBytes = std::numeric_limits<int64_t>::max() / static_cast<int64_t>(kPicoseconds);
  const uint64_t rate = whole_rate(bandwidth_bytes_per_s);
  if (bytes <= kMaxFastBytes) {  // 64 bits suffice, and divide several times faster
    const uint64_t work = static_cast<uint64_t>(bytes) * kPicoseconds;
    return std::min(latency_ps + static_cast<int64_t>(work / rate + (work % rate != 0)), kNever);
  }
  const auto work = static_cast<unsigned __int128>(bytes) * kPicoseconds;
  const auto duration = work / rate + (work % rate != 0);
  if (duration >= static_cast<unsigned __int128>(kNever)) return kNever;
  return std::min(latency_ps + static_cast<int64_t>(duration), kNever);
}

int64_t Cluster::transfer_ps(DeviceId from, DeviceId to, int64_t bytes) const {
  if (from == to) return 0;
  const Route& way = route(from, to);
  if (!way.reachable) return kNever;
  return way.channels.empty() ? std::min(way.latency_ps, kNever)
                              : wire_ps(way.latency_ps, way.bandwidth_bytes_per_s, bytes);
}

Cluster default_cluster() {
  constexpr int64_t kHostBytes = int64_t{256} << 30;
  constexpr double kPcie4BytesPerS = 25e9;
  constexpr int64_t kCopyLatencyPs = 9'000'000;
  Cluster cluster;
  for (const auto& [name, preset] : {std::pair{"cpu0", "epyc-7763"}, std::pair{"gpu0", "a100-40"}}) {
    Device device = presets().at(preset).device;
    device.name = name;
    device.ort = default_binding(device.kind, 0);
    cluster.devices.push_back(std::move(device));
  }
  cluster.devices[0].memory_bytes = kHostBytes;
  cluster.io_device = 0;
  connect(cluster, {}, Link{"default", kPcie4BytesPerS, kCopyLatencyPs});
  return cluster;
}

}  // namespace allot::cluster
