// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/rng.h"
#include "cluster/cluster.h"

using namespace allot::cluster;
using allot::base::Error;
using allot::base::ErrorKind;

namespace {

const std::string kHead = "schema: allot.cluster/1\n";
const std::string kTwo = kHead + "devices: [{name: a, preset: a100-40}, {name: b, preset: t4}]\n";

std::string error_of(const std::string& text) {
  try {
    parse(text, "c.yaml");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::config);
    return error.what();
  }
  return "";
}

std::string config_path(const std::string& name) { return std::string(ALLOT_SOURCE_DIR) + "/configs/clusters/" + name; }

}  // namespace

TEST_CASE("presets can be replaced figure by figure") {
  const Cluster c =
      parse(kHead +
                "devices:\n"
                "  - {name: gpu0, preset: a100-40, memory: 39.5GiB, reserved: 500MiB, align: 512,\n"
                "     flops: {float16: 100TFLOPS, int8: 0}, vector: 10TFLOPS, bandwidth: 1TB/s,\n"
                "     overhead: 2.5us, efficiency: {matmul: {max: 0.5}, gather: {bandwidth: 10%}},\n"
                "     deny: [NonMaxSuppression, ai.onnx.ml.*]}\n"
                "  - {name: box, kind: fpga, memory: 1GiB, flops: {float32: 1TFLOPS}, bandwidth: 10GB/s}\n"
                "links: {default: {bandwidth: 1GB/s}}\n",
            "c.yaml");
  const Device& gpu = c.devices[0];
  CHECK(gpu.kind == "cuda");
  CHECK(gpu.memory_bytes == 42412802048);
  CHECK(gpu.reserved_bytes == 524288000);
  CHECK(gpu.align_bytes == 512);
  CHECK(gpu.peak(Precision::float16) == 100e12);
  CHECK(gpu.peak(Precision::bfloat16) == 312e12);
  CHECK(gpu.peak(Precision::int8) == 10e12);
  CHECK(gpu.vector_flops == 10e12);
  CHECK(gpu.bandwidth_bytes_per_s == 1e12);
  CHECK(gpu.overhead_ps == 2'500'000);
  CHECK(gpu.efficiency[static_cast<size_t>(OpClass::matmul)].max == 0.5);
  CHECK(gpu.efficiency[static_cast<size_t>(OpClass::matmul)].bandwidth == 0.9);
  CHECK(gpu.efficiency[static_cast<size_t>(OpClass::gather)].bandwidth == 0.1);
  CHECK(gpu.deny == std::vector<std::string>{"NonMaxSuppression", "ai.onnx.ml.*"});
  CHECK(gpu.source == "vendor or published figures; the cluster file: flops, vector, bandwidth, efficiency, overhead");
  const Device& box = c.devices[1];
  CHECK(box.vector_flops == 1e12);
  CHECK(box.overhead_ps == 4'000'000);
  CHECK(box.efficiency[static_cast<size_t>(OpClass::matmul)].half_flops == 10e6);
  CHECK(box.ort.provider.empty());
  CHECK(box.source == "the cluster file");
  CHECK(c.transfer_ps(0, 1, 1000) == 1'000'000);
  CHECK(!c.io_device);
}

TEST_CASE("devices get ONNX Runtime bindings by kind and by order") {
  const Cluster c = parse(kHead +
                              "devices:\n"
                              "  - {name: c, preset: epyc-7763, memory: 1GiB}\n"
                              "  - {name: g0, preset: t4}\n"
                              "  - {name: g1, preset: t4}\n"
                              "  - {name: g2, preset: t4, ort: {device_id: 7}}\n"
                              "  - {name: w, preset: l4, kind: webgpu}\n"
                              "  - {name: t, preset: l4, ort: {provider: TensorrtExecutionProvider, device_id: 1}}\n"
                              "  - {name: d, preset: l4, ort: {designator: 'gpu:1'}}\n"
                              "links: {default: {bandwidth: 1GB/s}}\n",
                          "c.yaml");
  const auto check = [&](size_t i, const char* provider, const char* designator, const char* id) {
    INFO(c.devices[i].name);
    CHECK(c.devices[i].ort.provider == provider);
    CHECK(c.devices[i].ort.designator == designator);
    const auto& options = c.devices[i].ort.provider_options;
    CHECK((options.empty() ? "" : options.at("device_id")) == id);
  };
  check(0, "CPUExecutionProvider", "cpu", "");
  check(1, "CUDAExecutionProvider", "cuda", "0");
  check(2, "CUDAExecutionProvider", "cuda", "1");
  check(3, "CUDAExecutionProvider", "cuda", "7");
  check(4, "WebGpuExecutionProvider", "WebGpuExecutionProvider", "");
  check(5, "TensorrtExecutionProvider", "TensorrtExecutionProvider", "1");
  check(6, "CUDAExecutionProvider", "gpu:1", "4");
}

TEST_CASE("each pair without a path has a wire of its own with a queue a direction") {
  const Cluster c =
      parse(kHead +
                "devices: [{name: a, preset: t4}, {name: b, preset: t4}, {name: c, preset: t4}]\n"
                "links: {default: {bandwidth: 10GB/s, latency: 1us}, bus: {bandwidth: 5GB/s, duplex: half}}\n"
                "paths: [{from: c, to: a, via: [bus]}]\n",
            "c.yaml");
  CHECK(c.named_links == 1);
  CHECK(c.links.size() == 3);
  CHECK(c.links[1].name == "a-b");
  CHECK(c.num_channels == 5);
  CHECK(c.route(0, 2).channels == std::vector<uint32_t>{0});
  CHECK(c.route(2, 0).channels == std::vector<uint32_t>{0});
  CHECK(c.route(0, 1).channels == std::vector<uint32_t>{1});
  CHECK(c.route(1, 0).channels == std::vector<uint32_t>{2});
  CHECK(c.route(1, 2).channels == std::vector<uint32_t>{3});
  CHECK(c.route(2, 1).channels == std::vector<uint32_t>{4});
  CHECK(c.transfer_ps(2, 0, 5000) == 1'000'000);
  CHECK(c.transfer_ps(0, 1, 5000) == 1'500'000);
}

TEST_CASE("a path sums latencies and takes the narrowest wire") {
  const Cluster c = parse(kTwo +
                              "links: {x: {bandwidth: 10GB/s, latency: 1us}, y: {bandwidth: 4GB/s, latency: 2us}}\n"
                              "paths: [{from: a, to: b, via: [x, y]}]\n",
                          "c.yaml");
  CHECK(c.route(0, 1).latency_ps == 3'000'000);
  CHECK(c.route(0, 1).bandwidth_bytes_per_s == 4e9);
  CHECK(c.transfer_ps(0, 1, 4000) == 4'000'000);
  CHECK(parse(kTwo + "paths: [{from: a, to: b, via: []}]\n", "c").transfer_ps(0, 1, 1 << 30) == 0);
}

TEST_CASE("directions of shared wires follow from who is on which side") {
  // Two hosts whose devices are listed interleaved and whose paths are written in any order.
  const Cluster hosts = parse(kHead +
                                  "devices: [{name: a0, preset: t4}, {name: b0, preset: t4}, {name: b1, preset: t4},\n"
                                  "          {name: a1, preset: t4}]\n"
                                  "links: {default: {bandwidth: 10GB/s}, nic: {bandwidth: 1GB/s}}\n"
                                  "paths: [{from: a0, to: b0, via: [nic]}, {from: b1, to: a0, via: [nic]},\n"
                                  "        {from: b0, to: a1, via: [nic]}, {from: a1, to: b1, via: [nic]}]\n",
                              "c.yaml");
  const auto a_to_b = hosts.route(0, 1).channels, b_to_a = hosts.route(1, 0).channels;
  CHECK(a_to_b != b_to_a);
  for (const auto& [a, b] : {std::pair{0u, 1u}, {0u, 2u}, {3u, 1u}, {3u, 2u}}) {
    CHECK(hosts.route(a, b).channels == a_to_b);
    CHECK(hosts.route(b, a).channels == b_to_a);
  }

  const Cluster ports = load(config_path("eight-gpu.yaml"));              // gpu k is device k + 1, its port link k
  CHECK(ports.route(1, 2).channels[0] == ports.route(1, 8).channels[0]);  // both leave by gpu0's port
  CHECK(ports.route(1, 2).channels[1] != ports.route(2, 3).channels[0]);  // into gpu1, out of gpu1
  CHECK(ports.route(1, 2).channels[1] == ports.route(3, 2).channels[0]);  // both into gpu1
  CHECK(ports.route(2, 1).channels[1] == ports.route(2, 3).channels[0]);  // both out of gpu1
  CHECK(ports.num_channels == 8 * 2 + 8 * 2);

  // A switch between three has no two sides: one queue.
  const Cluster hub = parse(kHead +
                                "devices: [{name: a, preset: t4}, {name: b, preset: t4}, {name: c, preset: t4}]\n"
                                "links: {hub: {bandwidth: 10GB/s}}\n"
                                "paths: [{from: a, to: b, via: [hub]}, {from: b, to: c, via: [hub]},\n"
                                "        {from: a, to: c, via: [hub]}]\n",
                            "c.yaml");
  CHECK(hub.num_channels == 1);
  CHECK(hub.links[0].channels == 1);
}

TEST_CASE("oneway paths leave the other direction to another wire") {
  const std::string links = "links: {default: {bandwidth: 1GB/s}, up: {bandwidth: 2GB/s}, down: {bandwidth: 4GB/s}}\n";
  const Cluster one = parse(kTwo + links + "paths: [{from: b, to: a, via: [up], oneway: true}]\n", "c");
  CHECK(one.route(1, 0).bandwidth_bytes_per_s == 2e9);
  CHECK(one.route(0, 1).bandwidth_bytes_per_s == 1e9);
  const Cluster both = parse(kTwo + links +
                                 "paths: [{from: b, to: a, via: [up], oneway: true}, "
                                 "{from: a, to: b, via: [down], oneway: true}]\n",
                             "c");
  CHECK(both.route(1, 0).bandwidth_bytes_per_s == 2e9);
  CHECK(both.route(0, 1).bandwidth_bytes_per_s == 4e9);
  CHECK(both.links.size() == 2);
}

TEST_CASE("every bad cluster is one error with line and remedy") {
  std::string many = kHead + "devices:\n";
  for (int i = 0; i < 65; ++i) many += "  - {name: d" + std::to_string(i) + ", preset: t4}\n";
  const std::pair<std::string, const char*> cases[] = {
      {"", "c.yaml:1: is not a cluster file: schema is missing; begin it with schema: allot.cluster/1"},
      {"[]", "c.yaml:1: is not a cluster file"},
      {"schema: allot.cluster/2\n", "c.yaml:1: schema: 'allot.cluster/2' is not a cluster of this version"},
      {kHead, "c.yaml:1: 'devices' is missing"},
      {kHead + "devices: []\n", "c.yaml:2: devices: there are no devices; list at least one"},
      {kHead + "devices: 3\n", "c.yaml:2: devices: expects a list, not a single value"},
      {kHead + "devices: [3]\n", "c.yaml:2: [0]: expects a map, not a single value"},
      {many, "c.yaml:3: devices: 65 devices are more than 64; list fewer"},
      {kHead + "devices:\n  - {name: a, presett: t4}\n  - {name: b, preset: t4, memroy: 1}\nlink: {}\n",
       "c.yaml:5: unknown keys 'link' (did you mean 'links'?), 'presett' in line 3 (did you mean 'preset'?), 'memroy' "
       "in line 4 (did you mean 'memory'?); correct or remove them"},
      {kHead + "devices:\n  - {name: a, preset: t5}\n",
       "c.yaml:3: preset: there is no preset 't5'; did you mean 't4'?"},
      {kHead + "devices: [{name: a, preset: t4}, {name: a, preset: t4}]\n",
       "c.yaml:2: name: two devices are called 'a'; rename one"},
      {kHead + "devices: [{name: 'a b', preset: t4}]\n", "c.yaml:2: name: 'a b' is not a name"},
      {kHead + "devices: [{name: \"a\\nb\", preset: t4}]\n", "c.yaml:2: name: 'a\\x0ab' is not a name"},
      {kHead + "devices: [{preset: t4}]\n", "c.yaml:2: [0]: 'name' is missing"},
      {kHead + "devices: [{name: a}]\n", "c.yaml:2: [0]: kind is missing; add for example kind: cuda, or a preset"},
      {kHead + "devices: [{name: a, kind: x, memory: 1GiB}]\n", "c.yaml:2: [0]: neither a preset nor flops.float32"},
      {kHead + "devices: [{name: a, kind: x, memory: 1GiB, vector: 1TFLOPS}]\n",
       "c.yaml:2: [0]: neither a preset nor bandwidth"},
      {kHead + "devices: [{name: a, preset: epyc-7763}]\n",
       "c.yaml:2: [0]: memory is missing, for hosts are fitted differently; add for example memory: 256GiB"},
      {kHead + "devices: [{name: a, preset: t4, memory: 16GB/s}]\n",
       "c.yaml:2: memory: '16GB/s' is not a size in bytes; write for example 16GiB"},
      {kHead + "devices: [{name: a, preset: t4, memory: -1}]\n", "c.yaml:2: memory: '-1' is out of range"},
      {kHead + "devices: [{name: a, preset: t4, memory: .inf}]\n", "c.yaml:2: memory: '.inf' is not a size"},
      {kHead + "devices: [{name: a, preset: t4, memory: nan}]\n", "c.yaml:2: memory: 'nan' is not a size"},
      {kHead + "devices: [{name: a, preset: t4, memory: 1e400}]\n", "c.yaml:2: memory: '1e400' is too large"},
      {kHead + "devices: [{name: a, preset: t4, memory: 0.5B}]\n", "c.yaml:2: memory: '0.5B' is out of range"},
      {kHead + "devices: [{name: a, preset: t4, memory: 1.5B}]\n",
       "c.yaml:2: memory: '1.5B' is not a whole number of bytes"},
      {kHead + "devices: [{name: a, preset: t4, memory: [1]}]\n",
       "c.yaml:2: memory: expects a single value, not a list"},
      {kHead + "devices: [{name: a, preset: t4, reserved: 17GiB}]\n",
       "c.yaml:2: reserved: 17.0 GiB is more than the memory of 16.0 GiB; reserve less"},
      {kHead + "devices: [{name: a, preset: t4, flops: {float33: 1}}]\n",
       "c.yaml:2: unknown key 'float33'; did you mean 'float32'?"},
      {kHead + "devices: [{name: a, preset: t4, flops: {float32: -1}}]\n", "c.yaml:2: float32: '-1' is out of range"},
      {kHead + "devices: [{name: a, preset: t4, efficiency: {matmul: {max: 1.5}}}]\n",
       "c.yaml:2: max: '1.5' is out of range"},
      {kHead + "devices: [{name: a, preset: t4, efficiency: {matmull: {max: 1}}}]\n",
       "c.yaml:2: unknown key 'matmull'; did you mean 'matmul'?"},
      {kHead + "devices: [{name: a, preset: t4, efficiency: {matmul: 1}}]\n", "c.yaml:2: matmul: expects a map"},
      {kHead + "devices: [{name: a, preset: t4, overhead: 1GiB}]\n", "c.yaml:2: overhead: '1GiB' is not a time"},
      {kHead + "devices: [{name: a, preset: t4, streams: 0}]\n", "c.yaml:2: streams: '0' is out of range"},
      {kHead + "devices: [{name: a, preset: t4, streams: 65}]\n", "c.yaml:2: streams: '65' is out of range"},
      {kHead + "devices: [{name: a, preset: t4, copy_engines: 3}]\n", "c.yaml:2: copy_engines: '3' is out of range"},
      {kHead + "devices: [{name: a, preset: t4, locality: 1.5}]\n", "c.yaml:2: locality: '1.5' is out of range"},
      {kHead + "devices: [{name: a, preset: t4, fragmentation: 0.9}]\n",
       "c.yaml:2: fragmentation: '0.9' is out of range"},
      {kHead + "devices: [{name: a, preset: t4, deny: ['']}]\n", "c.yaml:2: [0]: an operator type is empty"},
      {kHead + "devices: [{name: a, preset: t4, ort: {device_id: -1}}]\n", "c.yaml:2: device_id: '-1' is out of range"},
      {kHead + "devices: [{name: a, preset: t4, ort: {designator: 'a;b'}}]\n",
       "c.yaml:2: designator: 'a;b' is not a designator"},
      {kTwo,
       "c.yaml: no link leads from a to b; add links.default, for example {bandwidth: 25GB/s, latency: 9us} for "
       "PCIe 4, or a path"},
      {kTwo + "links: {default: {latency: 1us}}\n", "c.yaml:3: default: 'bandwidth' is missing"},
      {kTwo + "links: {default: {bandwidth: 0}}\n", "c.yaml:3: bandwidth: '0' is out of range"},
      {kTwo + "links: {default: {bandwidth: 1GB}}\n", "c.yaml:3: bandwidth: '1GB' is not a rate"},
      {kTwo + "links: {default: {bandwidth: 1GB/s, latency: -1us}}\n", "c.yaml:3: latency: '-1us' is out of range"},
      {kTwo + "links: {default: {bandwidth: 1GB/s, duplex: both}}\n",
       "c.yaml:3: duplex: 'both' is not a choice; choose one of: full, half"},
      {kTwo + "paths: [{from: a, to: b, via: [x]}]\n", "c.yaml:3: [0]: there is no link 'x'; name it under links"},
      {kTwo + "links: {nic0: {bandwidth: 1}}\npaths: [{from: a, to: b, via: [nic1]}]\n",
       "c.yaml:4: [0]: there is no link 'nic1'; did you mean 'nic0'?"},
      {kTwo + "links: {x: {bandwidth: 1}}\npaths: [{from: a, to: b, via: [x, x]}]\n",
       "c.yaml:4: the path goes over link 'x' twice"},
      {kTwo + "links: {x: {bandwidth: 1}}\npaths: [{from: a, to: b, via: [x]}, {from: b, to: a, via: [x]}]\n",
       "c.yaml:4: a second path from b to a"},
      {kTwo + "paths: [{from: a, to: a, via: []}]\n", "c.yaml:3: [0]: a path leads from a device to itself"},
      {kTwo + "paths: [{from: a, to: q, via: []}]\n", "c.yaml:3: to: there is no device 'q'"},
      {kTwo + "paths: [{from: a, to: b, via: [], oneway: 1}]\n", "c.yaml:3: oneway: '1' is not a switch"},
      {kTwo + "paths: [{from: a, to: b, via: [], oneway: true}]\n", "c.yaml: no link leads from b to a"},
      {kTwo + "io_device: q\n", "c.yaml:3: io_device: there is no device 'q'"},
      {kTwo + "simulation: {contention: lnik}\n",
       "c.yaml:3: contention: 'lnik' is not a choice; choose one of: free, bus, port, link, share"},
      {kTwo + "simulation: {queue: lifo}\n",
       "c.yaml:3: queue: 'lifo' is not a choice; choose one of: fifo, priority, order"},
      {kTwo + "simulation: {preset: flexflow}\n",
       "c.yaml:3: preset: 'flexflow' is not a choice; choose one of: placeto, baechi, doppler, grappler, ort"},
      {kTwo + "simulation: {op_gap: 2s}\n", "c.yaml:3: op_gap: '2s' is out of range"},
      {kTwo + "simulation: {in_place: 1}\n", "c.yaml:3: in_place: '1' is not a switch"},
      {kTwo + "simulation: {preset: placeto, contention: share}\n",
       "c.yaml:3: simulation: contention: share divides bandwidth, but send: once makes transfers wait for one "
       "another; "
       "remove one of them"},
      {kTwo + "simulation: {preset: baechi, send: once}\n",
       "c.yaml:3: simulation: send: once holds all wires at one time, but forwarding: pipelined one by one; remove "
       "one"},
      {kHead + "devices: [{name: a, preset: t4, copy_engines: 1}]\nsimulation: {contention: share}\n",
       "c.yaml:3: simulation: contention: share divides bandwidth, but copy_engines of device 'a' makes"},
      {kTwo + "simulation: {preset: placeto, preset: ort}\n", "c.yaml:3: key 'preset' occurs twice"},
      {kTwo + "\tlinks: {}\n", "c.yaml:3: is not valid YAML"},
  };
  for (const auto& [text, expected] : cases) {
    INFO(text);
    const std::string error = error_of(text);
    CHECK(error.substr(0, std::string(expected).size()) == expected);
    CHECK(error.find('\n') == std::string::npos);
  }
  CHECK(parse("\xEF\xBB\xBF" + kTwo + "links: {default: {bandwidth: 1}}\n", "c").size() == 2);
}

TEST_CASE("the shipped clusters load and survive being written") {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(config_path(""))) {
    INFO(entry.path());
    const Cluster c = load(entry.path().string());
    const Cluster again = parse(dump(c), "dump");
    CHECK(hash(again) == hash(c));
    CHECK(dump(again) == dump(c));
    CHECK(c.io_device == 0u);
    CHECK(c.devices[0].kind == "cpu");
    ++files;
  }
  CHECK(files == 9);
  CHECK(hash(load(config_path("default.yaml"))) == hash(default_cluster()));
  CHECK(dump(load(config_path("default.yaml"))) == dump(default_cluster()));
  CHECK(load(config_path("two-gpu.yaml")).size() == 3);
  CHECK(load(config_path("eight-gpu.yaml")).size() == 9);
  CHECK(load(config_path("two-host.yaml")).size() == 6);
  CHECK(load(config_path("mixed-gpu.yaml")).size() == 5);
  const Cluster edge = load(config_path("edge.yaml"));
  CHECK(edge.transfer_ps(0, 1, 100'000'000) == 5'000'100);
}

TEST_CASE("random clusters survive being written") {
  allot::base::Rng rng(11);
  std::vector<std::string> names;
  for (const auto& [name, preset] : presets()) names.push_back(name);
  for (int round = 0; round < 200; ++round) {
    const uint32_t devices = 1 + rng.below(7), wires = rng.below(4);
    std::string text = kHead + "devices:\n";
    for (uint32_t d = 0; d < devices; ++d)
      text += "  - {name: d" + std::to_string(d) + ", preset: " + names[rng.below(uint32_t(names.size()))] +
              ", memory: " + std::to_string(1 + rng.next_u32()) + ", overhead: " + std::to_string(rng.below(9999)) +
              "ns, vector: " + std::to_string(1 + rng.uniform() * 1e13) + "}\n";
    text += "links:\n  default: {bandwidth: " + std::to_string(1 + rng.uniform() * 1e11) + "}\n";
    for (uint32_t w = 0; w < wires; ++w)
      text += "  w" + std::to_string(w) + ": {bandwidth: 3GB/s, latency: " + std::to_string(rng.below(99)) +
              "us, duplex: " + (rng.below(2) ? "full" : "half") + "}\n";
    std::string paths;
    for (uint32_t a = 0; a < devices; ++a)
      for (uint32_t b = a + 1; b < devices; ++b) {
        const uint32_t kind = rng.below(4);
        if (wires == 0 || kind == 0) continue;
        const auto path = [&](uint32_t from, uint32_t to, const char* suffix) {
          const uint32_t w = rng.below(wires);
          paths += "  - {from: d" + std::to_string(from) + ", to: d" + std::to_string(to) + ", via: [w" +
                   std::to_string(w) + (wires > 1 && rng.below(2) ? ", w" + std::to_string((w + 1) % wires) : "") +
                   "]" + suffix + "}\n";
        };
        if (kind == 1) path(a, b, "");
        if (kind >= 2) path(b, a, ", oneway: true");
        if (kind == 3) path(a, b, ", oneway: true");
      }
    if (!paths.empty()) text += "paths:\n" + paths;
    if (rng.below(2)) text += "io_device: d0\n";
    static constexpr const char* kSimulations[] = {
        "",
        "simulation: {contention: free}\n",
        "simulation: {preset: placeto, queue: order}\n",
        "simulation: {preset: baechi, blocking_transfers: true, in_place: true}\n",
        "simulation: {contention: share, queue: priority, op_gap: 1us}\n",
        "simulation: {blocking_transfers: receiver}\n",
        "simulation: {preset: ort}\n"};
    text += kSimulations[rng.below(7)];
    const Cluster c = parse(text, "random");
    const Cluster again = parse(dump(c), "dump");
    INFO(text << dump(c));
    REQUIRE(hash(again) == hash(c));
    REQUIRE(dump(again) == dump(c));
  }
}

TEST_CASE("a simulation preset sets all rules, and the section's own keys come after it") {
  const auto simulation_of = [](const std::string& section) {
    return parse(kTwo + "links: {default: {bandwidth: 1GB/s}}\nsimulation: {" + section + "}\n", "x").simulation;
  };
  CHECK(simulation_of("") == Simulation{});
  const Simulation placeto = simulation_of("op_gap: 1us, preset: placeto");
  CHECK(placeto.contention == Contention::bus);
  CHECK(placeto.send == Send::once);
  CHECK(placeto.op_gap_ps == 1'000'000);
  CHECK(placeto.transfer_gap_ps == 25'000'000);
  CHECK(simulation_of("preset: baechi") ==
        Simulation{.contention = Contention::port, .forwarding = Forwarding::pipelined});
  CHECK(simulation_of("preset: doppler") == Simulation{.contention = Contention::free});
  CHECK(simulation_of("preset: grappler") == Simulation{});
  CHECK(simulation_of("preset: ort").semantics == Semantics::ort);
  CHECK(simulation_of("forwarding: staged, blocking_transfers: true, in_place: true, queue: priority") ==
        Simulation{.queue = Queue::priority,
                   .forwarding = Forwarding::staged,
                   .blocking_transfers = Blocking::both,
                   .in_place = true});
}

TEST_CASE("an allocator's fragmentation leaves less to use") {
  const std::string text =
      kHead + "devices: [{name: a, preset: t4, memory: 1100, reserved: 50, fragmentation: 1.05}]\n";
  CHECK(parse(text, "x").devices[0].usable_bytes() == 1000);
}

TEST_CASE("a dumped cluster keeps locality and the overheads of classes") {
  const auto read =
      parse(kHead + "devices: [{name: a, preset: t4, locality: 0.2, efficiency: {rnn: {overhead: 9us}}}]\n", "x");
  const auto again = parse(dump(read), "y");
  CHECK(again.devices[0].locality == 0.2);
  CHECK(again.devices[0].efficiency[static_cast<size_t>(OpClass::rnn)].overhead_ps == 9'000'000);
  CHECK(again.devices[0].efficiency[static_cast<size_t>(OpClass::conv)].overhead_ps == -1);
  CHECK(hash(again) == hash(read));
}

TEST_CASE("the hash covers what changes a plan and nothing else") {
  const std::string base_text = kTwo + "links: {default: {bandwidth: 1GB/s}}\n";
  const auto hash_of = [](const std::string& text) { return hash(parse(text, "x")); };
  const std::string before = hash_of(base_text);
  CHECK(before == hash_of("# a note\n" + base_text));
  CHECK(before == hash_of(base_text + "simulation: {contention: link}\n"));
  CHECK(before != hash_of(base_text + "io_device: a\n"));
  CHECK(before == hash_of(base_text + "simulation: {preset: grappler}\n"));
  for (const char* change :
       {"contention: free", "queue: order", "forwarding: staged", "send: once", "op_gap: 1ns", "transfer_gap: 1ns",
        "blocking_transfers: true", "blocking_transfers: receiver", "in_place: true", "semantics: ort"}) {
    INFO(change);
    CHECK(before != hash_of(base_text + "simulation: {" + change + "}\n"));
  }
  CHECK(before != hash_of(kTwo + "links: {default: {bandwidth: 2GB/s}}\n"));
  CHECK(before != hash_of(kTwo + "links: {default: {bandwidth: 1GB/s, latency: 1ns}}\n"));
  for (const char* change :
       {"memory: 1GiB", "reserved: 1B", "align: 1B", "overhead: 1us", "vector: 1TFLOPS", "bandwidth: 1GB/s",
        "flops: {int8: 1}", "streams: 2", "copy_engines: 1", "fragmentation: 1.1", "locality: 0.2",
        "efficiency: {rnn: {max: 0.1}}", "efficiency: {rnn: {overhead: 9us}}", "deny: [Conv]", "kind: rocm"}) {
    INFO(change);
    const std::string text = kHead + "devices: [{name: a, preset: a100-40}, {name: b, preset: t4, " + change +
                             "}]\nlinks: {default: {bandwidth: 1GB/s}}\n";
    CHECK(before != hash_of(text));
  }
}
