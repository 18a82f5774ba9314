// SPDX-License-Identifier: Apache-2.0
#include "place/embedding.h"

#include <cmath>

#include <catch2/catch.hpp>

#include "base/safetensors.h"
#include "graph/generate.h"

using namespace allot;

namespace {

// Two branches of two ops each between a split and a join, on two devices of which the second is twice as fast.
place::Problem branchy() {
  auto graph = graph::branches(1, 2, 2, 1000);
  auto cluster = cluster::parse(R"(
schema: allot.cluster/1
devices:
  - {name: slow, kind: cpu, preset: epyc-7763, memory: 1GiB}
  - {name: fast, kind: cpu, preset: epyc-7763, memory: 1GiB}
links: {default: {bandwidth: 1GB/s, latency: 1us}}
)",
                                "test");
  std::vector<int64_t> time_ps;
  for (uint32_t op = 0; op < graph.num_ops(); ++op) time_ps.insert(time_ps.end(), {2'000'000, 1'000'000});
  auto costs = cost::table_from(graph, 2, time_ps);
  return place::Problem(std::move(graph), std::move(cluster), std::move(costs));
}

float column(const place::Embeddings& embeddings, uint32_t row, const std::string& name) {
  uint32_t first = 0;
  for (const auto& [group, width] : embeddings.columns) {
    if (group == "cost") break;
    first += width;
  }
  for (uint32_t i = 0; i < embeddings.cost_columns.size(); ++i)
    if (embeddings.cost_columns[i] == name) return embeddings.values[size_t{row} * embeddings.width + first + i];
  FAIL("no column " << name);
  return 0;
}

}  // namespace

TEST_CASE("a row describes its unit: times, levels, neighbours, shapes") {
  const auto problem = branchy();
  const auto& graph = problem.graph();
  const std::vector<std::vector<int64_t>> dims(graph.num_tensors(), {10, 25});
  const auto embeddings = place::embed(problem, dims, 1);
  REQUIRE(embeddings.rows == graph.num_units());
  REQUIRE(embeddings.width == 20 + 24 + 12 + embeddings.cost_columns.size());
  for (uint32_t row = 0; row < embeddings.rows; ++row) {
    const auto members = static_cast<double>(graph.members[row].size());
    CHECK(column(embeddings, row, "time_us.slow") == Approx(std::log1p(2 * members)));
    CHECK(column(embeddings, row, "time_us.fast") == Approx(std::log1p(members)));
    CHECK(column(embeddings, row, "members") == Approx(std::log1p(members)));
    CHECK(embeddings.values[size_t{row} * embeddings.width + 20] == Approx(std::log2(11.0)));
    CHECK(embeddings.values[size_t{row} * embeddings.width + 21] == Approx(std::log2(26.0)));
  }
  // The first op has everything below it; mean duration is 1.5 us and the longest path has depth ops.
  const auto depth = graph.num_ops() == 0 ? 0 : 4;
  CHECK(column(embeddings, 0, "bottom_level_us") == Approx(std::log1p(1.5 * depth)));
  CHECK(column(embeddings, 0, "top_level_us") == 0);
  for (size_t i = 0; i < embeddings.edges.size(); i += 2) CHECK(embeddings.edges[i] < embeddings.edges[i + 1]);
}

TEST_CASE("type vectors depend on the seed and the type's name alone") {
  const auto problem = branchy();
  const std::vector<std::vector<int64_t>> dims(problem.graph().num_tensors());
  const auto one = place::embed(problem, dims, 1), again = place::embed(problem, dims, 1),
             other = place::embed(problem, dims, 2);
  CHECK(one.values == again.values);
  CHECK(one.values != other.values);
}

TEST_CASE("embeddings are written as safetensors with their vocabulary") {
  const auto problem = branchy();
  const auto embeddings = place::embed(problem, std::vector<std::vector<int64_t>>(problem.graph().num_tensors()), 1);
  const std::string path = "embedding_test.safetensors";
  place::write_embeddings(embeddings, "hash", 1, path, base::Replace::any);
  const auto read = base::read_safetensors(path);
  CHECK(read.metadata.at("schema") == "allot.embeddings/1");
  CHECK(read.metadata.at("graph_hash") == "hash");
  CHECK(read.tensors.at("embeddings").shape == std::vector<int64_t>{embeddings.rows, embeddings.width});
  CHECK(read.tensors.at("type_of_op").shape == std::vector<int64_t>{problem.graph().num_ops()});
  CHECK(base::written_by_allot(path));
  std::remove(path.c_str());
}
