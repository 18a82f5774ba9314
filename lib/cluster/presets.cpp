// SPDX-License-Identifier: Apache-2.0
// Published figures of common devices. Peaks are dense (no structured sparsity) and per second; what nobody of the
// project could confirm with a vendor's or published figure is named in Device::source.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "cluster/defaults.h"

namespace allot::cluster {
namespace {

constexpr double kTera = 1e12, kGiga = 1e9, kGiB = 0x1p30;

// Accelerators. Peaks in TFLOPS (int8: TOPS), 0 = no units of that kind; memory in GiB, bandwidth in GB/s.
struct AcceleratorRow {
  const char *name, *kind, *description;
  double fp64, fp32, tf32, fp16, bf16, fp8, int8;
  double memory, bandwidth;
  int pcie;
  const char* unverified;  // columns without a confirmed figure
};

constexpr AcceleratorRow kAccelerators[] = {
    {"k80", "cuda", "NVIDIA K80, one GK210 of two", 1.45, 4.37, 0, 0, 0, 0, 0, 12, 240, 3, "all"},
    {"p100-16", "cuda", "NVIDIA P100 SXM2 16 GB", 5.3, 10.6, 0, 21.2, 0, 0, 0, 16, 732, 3, ""},
    {"v100-16", "cuda", "NVIDIA V100 SXM2 16 GB", 7.8, 15.7, 0, 125, 0, 0, 62.8, 16, 900, 3, "float16, int8"},
    {"v100-32", "cuda", "NVIDIA V100 SXM2 32 GB", 7.8, 15.7, 0, 125, 0, 0, 62.8, 32, 900, 3, "float16, int8"},
    {"t4", "cuda", "NVIDIA T4", 0.25, 8.1, 0, 65.1, 0, 0, 130, 16, 320, 3, ""},
    {"a100-40", "cuda", "NVIDIA A100 40 GB", 9.7, 19.5, 156, 312, 312, 0, 624, 40, 1555, 4, ""},
    {"a100-80", "cuda", "NVIDIA A100 SXM 80 GB", 9.7, 19.5, 156, 312, 312, 0, 624, 80, 2039, 4, "memory, bandwidth"},
    {"l4", "cuda", "NVIDIA L4", 0.49, 30.3, 60, 121, 121, 242, 242, 24, 300, 4, "all"},
    {"rtx-4090", "cuda", "NVIDIA RTX 4090, float32 accumulation", 1.29, 82.6, 82.6, 165, 165, 330, 660, 24, 1008, 4,
     ""},
    {"h100-80", "cuda", "NVIDIA H100 SXM5 80 GB", 34, 67, 495, 989, 989, 1979, 1979, 80, 3350, 5, "tf32, int8"},
    {"h200", "cuda", "NVIDIA H200 SXM 141 GB", 34, 67, 495, 989, 989, 1979, 1979, 141, 4800, 5, "tf32, int8"},
    {"b200", "cuda", "NVIDIA B200 SXM 180 GB", 37, 75, 1100, 2250, 2250, 4500, 4500, 180, 8000, 5,
     "float64, float32, tf32, float16, bfloat16, int8"},
    {"mi300x", "rocm", "AMD Instinct MI300X", 81.7, 163.4, 654, 1307, 1307, 2615, 2615, 192, 5300, 5,
     "all but memory and bandwidth"},
    {"orin-64", "cuda", "NVIDIA Jetson AGX Orin 64 GB, its GPU (memory shared with the CPU)", 0, 5.3, 21, 42.5, 0, 0,
     85, 64, 204.8, 0, "tf32, float16, int8, memory, bandwidth"},
    {"orin-dla", "dla", "NVIDIA Jetson AGX Orin, both DLAs (memory shared with the CPU)", 0, 0, 0, 0, 0, 0, 52.5, 64,
     204.8, 0, "all"},
    {"tpu-v4", "tpu", "Google TPU v4", 0, 0, 0, 0, 275, 0, 275, 32, 1200, 0, "all"},
    {"tpu-v5e", "tpu", "Google TPU v5e", 0, 0, 0, 0, 197, 0, 393, 16, 819, 0, ""},
    {"tpu-v5p", "tpu", "Google TPU v5p", 0, 0, 0, 0, 459, 0, 918, 95, 2765, 0, "int8"},
};

// Hosts: all-core peaks in TFLOPS and DRAM GB/s by the formula cores x all-core GHz x flops per cycle.
struct HostRow {
  const char *name, *description;
  double fp32, bf16, bandwidth;
};

constexpr HostRow kHosts[] = {
    {"xeon-e5-2686v4", "Intel Xeon E5-2686 v4, 18 cores", 1.4, 0, 76.8},
    {"xeon-8280", "Intel Xeon Platinum 8280, 28 cores", 4.3, 0, 140},
    {"xeon-8480", "Intel Xeon Platinum 8480+, 56 cores with AMX", 7.9, 250, 307},
    {"epyc-7763", "AMD EPYC 7763, 64 cores", 5.0, 0, 204.8},
    {"epyc-9654", "AMD EPYC 9654, 96 cores", 7.4, 15, 460.8},
    {"epyc-9755", "AMD EPYC 9755, 128 cores", 22, 44, 614},
    {"graviton2", "AWS Graviton2, 64 Neoverse N1 cores", 2.6, 0, 204.8},
    {"graviton3", "AWS Graviton3, 64 Neoverse V1 cores", 5.3, 21, 307},
    {"graviton4", "AWS Graviton4, 96 Neoverse V2 cores", 8.6, 34, 537.6},
};

struct ClassEfficiency {
  OpClass op_class;
  double gpu_max, gpu_bandwidth, cpu_max, cpu_bandwidth;
  bool ramps;  // small ones leave most of the device idle
};

// Fractions of peak reached (onnx-and-cost 6.5). Where a class is bound by memory on every device its arithmetic
// runs at peak and the bandwidth fraction decides.
constexpr ClassEfficiency kEfficiencies[] = {
    {OpClass::matmul, 0.80, 0.90, 0.75, 0.70, true},
    {OpClass::conv, 0.60, 0.85, 0.60, 0.70, true},
    {OpClass::depthwise_conv, 0.10, 0.85, 0.30, 0.70, true},
    {OpClass::attention, 0.60, 0.85, 0.60, 0.70, true},
    {OpClass::rnn, 0.40, 0.85, 0.50, 0.70, true},
    {OpClass::norm, 1.0, 0.85, 1.0, 0.70, false},
    {OpClass::softmax, 1.0, 0.85, 1.0, 0.70, false},
    {OpClass::elementwise, 1.0, 0.85, 1.0, 0.70, false},
    {OpClass::reduce, 1.0, 0.85, 1.0, 0.70, false},
    {OpClass::gather, 1.0, 0.35, 1.0, 0.35, false},
    {OpClass::strided, 1.0, 0.60, 1.0, 0.50, false},
    {OpClass::copy, 1.0, 0.60, 1.0, 0.50, false},
    {OpClass::pool, 1.0, 0.85, 1.0, 0.70, false},
    {OpClass::resize, 1.0, 0.60, 1.0, 0.50, false},
    {OpClass::quantize, 1.0, 0.85, 1.0, 0.70, false},
    {OpClass::control, 1.0, 1.0, 1.0, 1.0, false},
    {OpClass::opaque, 0.25, 0.50, 0.25, 0.50, false},
    {OpClass::alias, 1.0, 1.0, 1.0, 1.0, false},
};
static_assert(std::size(kEfficiencies) == kOpClasses);

// Filling a device takes about this long, whatever its speed: an op reaches half its efficiency when it holds as
// much work as the vector unit does meanwhile.
constexpr double kGpuRampSeconds = 10e-6, kCpuRampSeconds = 5e-6;
constexpr int64_t kGpuOverheadPs = 4'000'000, kCpuOverheadPs = 3'000'000;

void set_peak(Device& device, Precision precision, double tera) {
  device.matrix_flops[static_cast<size_t>(precision)] = tera * kTera;
}

std::string source_text(std::string_view unverified) {
  if (unverified == "all") return "unverified";
  return unverified.empty() ? "vendor or published figures"
                            : fmt::format("vendor or published figures; unverified: {}", unverified);
}

Preset accelerator(const AcceleratorRow& row) {
  Preset preset;
  preset.description = row.description;
  preset.pcie = row.pcie;
  Device& device = preset.device;
  device.name = device.preset = row.name;
  device.kind = row.kind;
  device.memory_bytes = static_cast<int64_t>(row.memory * kGiB);
  device.bandwidth_bytes_per_s = row.bandwidth * kGiga;
  set_peak(device, Precision::float64, row.fp64);
  set_peak(device, Precision::float32, row.fp32);
  set_peak(device, Precision::tf32, row.tf32);
  set_peak(device, Precision::float16, row.fp16);
  set_peak(device, Precision::bfloat16, row.bf16);
  set_peak(device, Precision::float8, row.fp8);
  set_peak(device, Precision::int8, row.int8);
  device.source = source_text(row.unverified);
  device.vector_flops = row.fp32 * kTera;
  if (row.fp32 == 0) {  // TPU, DLA: no figure for the vector unit is published
    device.vector_flops = std::max(row.bf16, row.int8) * kTera / 64;
    device.source += "; assumed: vector rate 1/64 of the matrix peak";
  }
  set_class_defaults(device);
  return preset;
}

Preset host(const HostRow& row) {
  Preset preset;
  preset.description = row.description;
  Device& device = preset.device;
  device.name = device.preset = row.name;
  device.kind = "cpu";
  device.bandwidth_bytes_per_s = row.bandwidth * kGiga;
  set_peak(device, Precision::float64, row.fp32 / 2);
  set_peak(device, Precision::float32, row.fp32);
  set_peak(device, Precision::bfloat16, row.bf16);
  device.source = "unverified";
  device.vector_flops = row.fp32 * kTera;
  set_class_defaults(device);
  return preset;
}

}  // namespace

void set_class_defaults(Device& device) {
  const bool cpu = device.kind == "cpu";
  for (const auto& row : kEfficiencies) {
    const double half = row.ramps ? std::round(device.vector_flops * (cpu ? kCpuRampSeconds : kGpuRampSeconds)) : 0;
    device.efficiency[static_cast<size_t>(row.op_class)] =
        cpu ? Efficiency{row.cpu_max, half, row.cpu_bandwidth} : Efficiency{row.gpu_max, half, row.gpu_bandwidth};
  }
  device.overhead_ps = cpu ? kCpuOverheadPs : kGpuOverheadPs;
}

const std::map<std::string, Preset>& presets() {
  static const auto table = [] {
    std::map<std::string, Preset> all;
    for (const auto& row : kAccelerators) all.emplace(row.name, accelerator(row));
    for (const auto& row : kHosts) all.emplace(row.name, host(row));
    return all;
  }();
  return table;
}

}  // namespace allot::cluster
