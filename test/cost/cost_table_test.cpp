// SPDX-License-Identifier: Apache-2.0
#include "cost/cost_table.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "support/model_builder.h"

using namespace allot;
using cost::kCannotRun;
using cost::OpCost;
using test::attr;
using test::ModelBuilder;

namespace {

// 1 Tflop/s products (2 as tf32), 0.5 T vector ops/s, 100 GB/s, 4 us a launch; ramps at 1 Mflop; half bandwidth.
cluster::Device device(const std::string& name, const std::string& kind) {
  cluster::Device d;
  d.name = name;
  d.kind = kind;
  d.matrix_flops[static_cast<size_t>(cluster::Precision::float32)] = 1e12;
  d.vector_flops = 0.5e12;
  d.bandwidth_bytes_per_s = 100e9;
  d.overhead_ps = 4'000'000;
  for (auto& e : d.efficiency) e = {0.8, 1e6, 0.5};
  return d;
}

cluster::Cluster two_devices() {
  cluster::Cluster c;
  c.devices = {device("host", "cpu"), device("gpu0", "cuda")};
  c.devices[1].matrix_flops[static_cast<size_t>(cluster::Precision::tf32)] = 2e12;
  return c;
}

OpCost product(double flops) {
  OpCost cost;
  cost.op_class = cluster::OpClass::matmul;
  cost.mac_flops = flops;
  return cost;
}

struct Planned {
  explicit Planned(ModelBuilder& b)
      : model(b.build()), planning(graph::prepare(model, {})), graph(graph::build(planning, {}).graph) {}
  cost::CostTable table(const cluster::Cluster& cluster) const {
    return cost::make_table(graph, cost::op_costs(planning, graph), cluster);
  }
  ir::Model model;
  graph::PlanningModel planning;
  graph::OpGraph graph;
};

// a: MatMul, b: Reshape (an alias), c: NonMaxSuppression-like Relu.
ModelBuilder three_ops() {
  ModelBuilder b;
  b.input("x", {4, 4}).weight("w", {4, 4}).ints("shape", {16});
  b.node("MatMul", {"x", "w"}, {"va"}, {}, "a").node("Reshape", {"va", "shape"}, {"vb"}, {}, "b");
  b.node("Relu", {"vb"}, {"vc"}, {}, "c").output("vc");
  return b;
}

// A costs file that is gone with the test.
class CostsFile {
 public:
  explicit CostsFile(const std::string& text)
      : path_(std::filesystem::temp_directory_path() / fmt::format("allot_costs_{}.json", ::getpid())) {
    base::write_file(path_, text, base::Replace::any);
  }
  ~CostsFile() { std::filesystem::remove(path_); }
  CostsFile(const CostsFile&) = delete;
  CostsFile& operator=(const CostsFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

size_t apply(cost::CostTable& table, const graph::OpGraph& graph, const cluster::Cluster& cluster,
             const std::string& text) {
  return cost::apply_overrides(table, graph, cluster, CostsFile(text).path());
}

base::Error error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const base::Error& error) {
    return error;
  }
  throw std::logic_error("nothing was thrown");
}

}  // namespace

TEST_CASE("roofline: launches, products at their ramp, vector work, traffic") {
  const auto d = device("d", "cpu");
  // (1e6 + 1e6) / (1e12 * 0.8) = 2.5 us
  CHECK(cost::roofline_ps(product(1e6), d) == 4'000'000 + 2'500'000);
  CHECK(cost::roofline_ps(product(0), d) == 4'000'000);
  OpCost vector = product(1e6);
  vector.vector_ops = 1e6;  // 2 us on top
  CHECK(cost::roofline_ps(vector, d) == 4'000'000 + 4'500'000);
  vector.bytes_read = 300'000;
  vector.bytes_written = 200'000;  // 10 us at 50 GB/s
  CHECK(cost::roofline_ps(vector, d) == 4'000'000 + 10'000'000);
  vector.launches = 3;
  CHECK(cost::roofline_ps(vector, d) == 12'000'000 + 10'000'000);
  OpCost alias;
  alias.op_class = cluster::OpClass::alias;
  CHECK(cost::roofline_ps(alias, d) == 0);
}

TEST_CASE("locality slows traffic and launches of large working sets, arithmetic not") {
  auto d = device("d", "cpu");
  d.locality = 0.5;
  OpCost traffic = product(0);
  traffic.bytes_read = 500'000;                        // 10 us at 50 GB/s
  CHECK(cost::roofline_ps(traffic, d) == 14'000'000);  // what the run touches is not known
  const auto us = [&](OpCost cost, int64_t working_set) {
    cost.working_set_bytes = working_set;
    return static_cast<double>(cost::roofline_ps(cost, d)) / 1e6;
  };
  constexpr int64_t kMiB = 1 << 20;
  CHECK(us(traffic, 16 * kMiB) == 14);
  CHECK(us(traffic, 1 * kMiB) == 3.5);
  CHECK(us(traffic, 64 * kMiB) == 28);
  CHECK(us(traffic, 6'400 * kMiB) == 28);  // all of it comes from memory already
  CHECK(us(product(1e6), 64 * kMiB) == 8 + 2.5);
}

TEST_CASE("the working set is all parameters and the traffic of the largest op") {
  ModelBuilder b = three_ops();
  cluster::Cluster cluster;
  cluster.devices = {device("d", "cpu")};
  const auto table = Planned(b).table(cluster);
  for (const OpCost& op : table.ops)
    CHECK(op.working_set_bytes == 64 + 8 + 3 * 64);  // w, shape; MatMul reads x, w, writes
}

TEST_CASE("products run at the peak of their precision, or of the next wider one there is") {
  auto d = device("d", "cuda");
  const auto us = [&](cluster::Precision precision) {
    OpCost cost = product(7e6);  // 8e6 with the ramp: 10 us at 1 Tflop/s
    cost.precision = precision;
    return static_cast<double>(cost::roofline_ps(cost, d) - d.overhead_ps) / 1e6;
  };
  using cluster::Precision;
  CHECK(us(Precision::float32) == 10);
  CHECK(us(Precision::float16) == 10);
  d.matrix_flops[static_cast<size_t>(Precision::tf32)] = 4e12;
  CHECK(us(Precision::float32) == 2.5);
  CHECK(us(Precision::int8) == 2.5);
  d.matrix_flops[static_cast<size_t>(Precision::float16)] = 8e12;
  CHECK(us(Precision::float16) == 1.25);
  CHECK(us(Precision::float8) == 1.25);
  CHECK(us(Precision::float64) == 2.5);
  d.matrix_flops.fill(0);
  CHECK(us(Precision::float32) == 20);  // at the vector peak
}

TEST_CASE("roofline saturates far below kCannotRun") {
  const auto d = device("d", "cpu");
  OpCost huge = product(1e300);
  huge.bytes_read = INT64_MAX;
  CHECK(cost::roofline_ps(huge, d) == int64_t{1} << 58);
  auto broken = d;
  broken.bandwidth_bytes_per_s = 0;
  CHECK(cost::roofline_ps(huge, broken) == int64_t{1} << 58);
}

TEST_CASE("deny lists name types or prefixes") {
  auto d = device("d", "cuda");
  d.deny = {"NonMaxSuppression", "ai.onnx.ml.*", "Sequence*"};
  CHECK(cost::denies(d, "NonMaxSuppression"));
  CHECK_FALSE(cost::denies(d, "NonMaxSuppression2"));
  CHECK(cost::denies(d, "ai.onnx.ml.Scaler"));
  CHECK_FALSE(cost::denies(d, "ai.onnx.Scaler"));
  CHECK(cost::denies(d, "SequenceAt"));
  CHECK_FALSE(cost::denies(d, "Relu"));
}

TEST_CASE("a table holds times by op and device, and what cannot run where") {
  auto b = three_ops();
  const Planned p(b);
  auto cluster = two_devices();
  cluster.devices[1].deny = {"Relu"};
  const auto table = p.table(cluster);
  REQUIRE(table.time_ps.size() == 6);
  // 2 * 4 * 4 * 4 = 128 flops: (128 + 1e6) / 0.8e12; traffic (64 + 64 + 64) bytes is less.
  CHECK(table.time(0, 0) == 4'000'000 + 1'250'160);
  CHECK(table.time(0, 1) == 4'000'000 + 625'080);  // tf32
  CHECK(table.time(1, 0) == 0);
  CHECK(table.time(2, 0) == 4'000'000 + 2560);  // 128 bytes at 50 GB/s
  CHECK(table.time(2, 1) == kCannotRun);
  CHECK(table.tensor_bytes == p.graph.tensor_bytes);
  CHECK(table.ops.size() == 3);
  CHECK(cost::runs_on(p.planning, 2, cluster) == 1);
  CHECK(cost::runs_on(p.planning, 0, cluster) == 3);
  CHECK_NOTHROW(cost::require_runnable(table, p.graph, cluster));
  cluster.devices[0].deny = {"*"};
  const auto error = error_of([&] { cost::require_runnable(p.table(cluster), p.graph, cluster); });
  CHECK(error.kind() == base::ErrorKind::unavailable);
  CHECK(error.where() == "node 'c' (Relu)");
}

TEST_CASE("strings and sequences run on hosts only") {
  ModelBuilder b;
  b.input("x", {4}).int_scalar("zero", 0).node("SequenceConstruct", {"x", "x"}, {"s"});
  b.node("SequenceAt", {"s", "zero"}, {"y"}).output("y");
  const Planned p(b);
  auto cluster = two_devices();
  CHECK(p.table(cluster).time(0, 0) == 4'000'320);  // copies 16 bytes at 50 GB/s
  CHECK(p.table(cluster).time(0, 1) == kCannotRun);
  cluster.devices.erase(cluster.devices.begin());
  const auto error = error_of([&] { cost::require_runnable(p.table(cluster), p.graph, cluster); });
  CHECK(error.fix() == "add a device of kind cpu");
}

TEST_CASE("sums over ops cannot overflow") {
  ModelBuilder b;
  b.input("v0", {1});
  for (int i = 0; i < 9; ++i) b.node("Relu", {"v" + std::to_string(i)}, {"v" + std::to_string(i + 1)});
  b.output("v9");
  const Planned p(b);
  std::vector<OpCost> costs(9, product(1e300));
  const auto error = error_of([&] { cost::make_table(p.graph, costs, two_devices()); });
  CHECK(error.kind() == base::ErrorKind::malformed);
  CHECK(error.where() == "node 'Relu_8'");
}

TEST_CASE("the hash covers times and sizes") {
  auto b = three_ops();
  const Planned p(b);
  auto cluster = two_devices();
  auto table = p.table(cluster);
  const auto original = cost::hash(table);
  CHECK(original.size() == 64);
  CHECK(cost::hash(p.table(cluster)) == original);
  ++table.time_ps[0];
  CHECK(cost::hash(table) != original);
  --table.time_ps[0];
  ++table.tensor_bytes[1];
  CHECK(cost::hash(table) != original);
}

TEST_CASE("a table from plain numbers") {
  auto b = three_ops();
  const Planned p(b);
  const auto table = cost::table_from(p.graph, 2, {1, 2, 3, 4, 5, kCannotRun});
  CHECK(table.time(1, 1) == 4);
  CHECK(table.time(2, 1) == kCannotRun);
  CHECK(table.ops.empty());
  CHECK(table.workspace_bytes == std::vector<int64_t>{0, 0, 0});
}

TEST_CASE("overrides by node or output, by device or kind") {
  auto b = three_ops();
  const Planned p(b);
  const auto cluster = two_devices();
  auto table = p.table(cluster);
  const auto before = table;
  CHECK(apply(table, p.graph, cluster, R"({"schema": "allot.costs/1", "key": "node",
      "devices": ["cuda", "host"],
      "ops": {"a": {"time_us": [1.5, 2]}, "c": {"time_us": [null, 3.25], "workspace_bytes": 7, "resident_bytes": 9}},
      "tensors": {"va": {"bytes": 1000}}})") == 2);
  CHECK(table.time_ps == std::vector<int64_t>{2'000'000, 1'500'000, 0, 0, 3'250'000, kCannotRun});
  CHECK(table.workspace_bytes[2] == 7);
  CHECK(table.resident_bytes[2] == 9);
  CHECK(table.tensor_bytes == std::vector<int64_t>{64, 1000, 64, 64});
  CHECK(table.measured == std::vector<char>{1, 0, 1});

  table = before;
  CHECK(apply(table, p.graph, cluster, R"({"schema": "allot.costs/1", "key": "output",
      "devices": ["cpu"], "ops": {"va": {"time_us": [1]}, "if0/then/t": {"time_us": [2]}}})") == 1);
  CHECK(table.time(0, 0) == 1'000'000);
  CHECK(table.time(0, 1) == before.time(0, 1));  // a device without column keeps its prediction
}

TEST_CASE("a device's own column beats its kind's, in any order") {
  auto b = three_ops();
  const Planned p(b);
  const auto cluster = two_devices();
  for (const char* columns : {R"(["cuda", "gpu0"])", R"(["gpu0", "cuda"])"}) {
    auto table = p.table(cluster);
    const bool named_first = columns[2] == 'g';
    apply(table, p.graph, cluster,
          fmt::format(
              R"({{"schema": "allot.costs/1", "key": "node", "devices": {}, "ops": {{"a": {{"time_us": [{}, {}]}}}}}})",
              columns, named_first ? 5 : 9, named_first ? 9 : 5));
    CHECK(table.time(0, 1) == 5'000'000);
  }
}

TEST_CASE("a wrong costs file is refused by what is wrong") {
  auto b = three_ops();
  const Planned p(b);
  const auto cluster = two_devices();
  struct Case {
    const char *text, *message;
    base::ErrorKind kind;
  };
  const auto malformed = base::ErrorKind::malformed, config = base::ErrorKind::config;
  for (const auto& [text, message, kind] : std::vector<Case>{
           {"[1]", "must be an object", malformed},
           {R"({"schema": "allot.costs/2"})", "allot.costs/1", malformed},
           {R"({"schema": "allot.costs/1", "devcies": []})", "did you mean 'devices'", malformed},
           {R"({"schema": "allot.costs/1", "key": "node"})", "at least one device", malformed},
           {R"({"schema": "allot.costs/1", "key": "name", "devices": ["cpu"]})", "\"output\" or \"node\"", malformed},
           {R"({"schema": "allot.costs/1", "key": "node", "devices": ["cpu", "gpu1"]})", "did you mean 'gpu0'", config},
           {R"({"schema": "allot.costs/1", "key": "node", "devices": [3]})", "must hold strings", malformed},
           {R"({"schema": "allot.costs/1", "key": "node", "devices": ["cpu"], "ops": [1]})", "must be an object",
            malformed},
           {R"({"schema": "allot.costs/1", "key": "node", "devices": ["cpu"], "ops": {"a": {"time_us": [1, 2]}}})",
            "list of 1 numbers", malformed},
           {R"({"schema": "allot.costs/1", "key": "node", "devices": ["cpu"], "ops": {"a": {"time_us": [-1]}}})",
            "op 'a': a time is", malformed},
           {R"({"schema": "allot.costs/1", "key": "node", "devices": ["cpu"], "ops": {"a": {"time_us": ["1"]}}})",
            "op 'a': a time is", malformed},
           {R"({"schema": "allot.costs/1", "key": "node", "devices": ["cpu"], "ops": {"a": {"time_ms": [1]}}})",
            "did you mean 'time_us'", malformed},
           {R"({"schema": "allot.costs/1", "key": "node", "devices": ["cpu"], "ops": {"a": {"workspace_bytes": -3}}})",
            "a size is not", malformed},
           {R"({"schema": "allot.costs/1", "key": "node", "devices": ["cpu"], "ops": {"z": {"time_us": [1]}}})",
            "none of its ops", config},
           {R"({"schema": "allot.costs/1", "key": "node", "devices": ["cpu"], "tensors": {"va": {}}})",
            "has no \"bytes\"", malformed}}) {
    CAPTURE(text);
    auto table = p.table(cluster);
    const auto error = error_of([&] { apply(table, p.graph, cluster, text); });
    CHECK(error.kind() == kind);
    CHECK_THAT(error.what(), Catch::Contains(message));
  }
}

TEST_CASE("a name that fits several nodes is refused") {
  ModelBuilder b;
  b.input("x", {4}).node("Relu", {"x"}, {"a"}, {}, "same").node("Exp", {"a"}, {"b"}, {}, "same").output("b");
  const Planned p(b);
  auto table = p.table(two_devices());
  CHECK_THROWS_WITH(apply(table, p.graph, two_devices(), R"({"schema": "allot.costs/1", "key": "node",
      "devices": ["cpu"], "ops": {"same": {"time_us": [1]}}})"),
                    Catch::Contains("several nodes"));
}
