// SPDX-License-Identifier: Apache-2.0
#include "place/sidecar.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;
using namespace allot::place;

namespace {

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content)
      : path_(std::filesystem::temp_directory_path() / ("allot-sidecar-" + std::to_string(::getpid()) + ".json")) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

Sidecar read_text(const std::string& text) { return read_sidecar(TemporaryFile(text).path()); }

Sidecar small() {
  Sidecar sidecar;
  sidecar.model_path = "/somewhere/model.onnx";
  sidecar.model_hash = "aa", sidecar.graph_hash = "bb", sidecar.costs_hash = "cc", sidecar.cluster_hash = "dd";
  sidecar.cluster_text = "schema: allot.cluster/1\n";
  sidecar.cost_model_version = 3;
  sidecar.dims = {{"batch", 8}};
  sidecar.placement = {{"", "conv1", "Conv", "gpu0", "f1", 0, {"x1"}},
                       {"", "loop", "Loop", "cpu0", "f2", 1, {"", "x2"}, "12/cpu0"},
                       {"loop/body", "add", "Add", "cpu0", "f3", 0, {"x3"}}};
  sidecar.metrics.makespan_us = 12.5;
  sidecar.metrics.peak_bytes = {{"cpu0", 10}, {"gpu0", 20}};
  sidecar.metrics.busy_us = {{"cpu0", 0.1}, {"gpu0", 12.4}};
  sidecar.metrics.crossings = 2;
  sidecar.baselines = {{"single", 20, true}, {"heft", 12.5, false}};
  sidecar.method = "heft", sidecar.version = "0.1.0";
  sidecar.target = "ort";
  sidecar.workload = {"training:sgd", {"embed.*"}, 4};
  sidecar.seed = ~uint64_t{0};
  return sidecar;
}

// Any UTF-8 text; other bytes are not kept by JSON.
std::string utf8_gen() {
  std::string out;
  for (const auto code : *rc::gen::container<std::vector<uint32_t>>(rc::gen::inRange<uint32_t>(0, 0x800)))
    code < 0x80 ? out += static_cast<char>(code)
                : (out += static_cast<char>(0xC0 | code >> 6), out += static_cast<char>(0x80 | (code & 63)));
  return out;
}
double number_gen() { return std::ldexp(*rc::gen::inRange<int64_t>(0, int64_t{1} << 53), *rc::gen::inRange(-80, 80)); }
int64_t size_gen() { return *rc::gen::inRange<int64_t>(0, INT64_MAX); }

template <typename T, typename Make>
std::map<std::string, T> map_gen(Make make) {
  std::map<std::string, T> out;
  for (int n = *rc::gen::inRange(0, 4); n > 0; --n) out[utf8_gen()] = make();
  return out;
}

Sidecar sidecar_gen() {
  Sidecar s;
  s.model_path = "model.onnx";
  s.model_hash = utf8_gen(), s.graph_hash = utf8_gen(), s.costs_hash = utf8_gen(), s.cluster_hash = utf8_gen();
  s.cluster_text = utf8_gen(), s.method = utf8_gen(), s.version = utf8_gen();
  s.cost_model_version = *rc::gen::inRange(0, INT32_MAX);
  s.dims = map_gen<int64_t>(size_gen);
  s.seed = *rc::gen::arbitrary<uint64_t>(), s.evaluations = *rc::gen::arbitrary<uint64_t>();
  s.metrics.makespan_us = number_gen(), s.metrics.critical_path_us = number_gen();
  s.metrics.work_bound_us = number_gen(), s.metrics.parallelism = number_gen();
  s.metrics.crossings = *rc::gen::arbitrary<uint32_t>();
  s.metrics.bytes_moved = size_gen(), s.metrics.overflow_bytes = size_gen();
  s.metrics.peak_bytes = map_gen<int64_t>(size_gen), s.metrics.param_bytes = map_gen<int64_t>(size_gen);
  s.metrics.busy_us = map_gen<double>(number_gen);
  for (int n = *rc::gen::inRange(0, 4); n > 0; --n)
    s.baselines.push_back({utf8_gen(), number_gen(), *rc::gen::arbitrary<bool>()});
  for (int n = *rc::gen::inRange(0, 6); n > 0; --n) {
    PlacedOp op{utf8_gen(), utf8_gen(), utf8_gen(), utf8_gen(), utf8_gen(), *rc::gen::arbitrary<uint32_t>(), {}};
    for (int m = *rc::gen::inRange(0, 3); m > 0; --m) op.outputs.push_back(utf8_gen());
    op.group = utf8_gen();
    s.placement.push_back(std::move(op));
  }
  return s;
}

// Replaces the one occurrence of `from`.
std::string changed(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a sidecar survives writing and reading") {
  rc::check([] {
    const Sidecar sidecar = sidecar_gen();
    RC_ASSERT(read_text(to_json(sidecar)) == sidecar);
  });
}

TEST_CASE("a sidecar keeps the model's file name and one line an op") {
  const std::string text = to_json(small());
  CHECK(text.find("\"file\": \"model.onnx\"") != std::string::npos);
  CHECK(text.find("somewhere") == std::string::npos);
  CHECK(text.find(
            "    {\"scope\": \"\", \"index\": 1, \"name\": \"loop\", \"op\": \"Loop\", \"outputs\": [\"\", \"x2\"], "
            "\"device\": \"cpu0\", \"fingerprint\": \"f2\", \"group\": \"12/cpu0\"},\n") != std::string::npos);
  CHECK(text.find("\"fingerprint\": \"f3\"}") != std::string::npos);  // no key without a group
  CHECK(to_json(small()) == text);
}

TEST_CASE("foreign bytes in names are replaced, never written") {
  Sidecar sidecar = small();
  sidecar.placement[0].name = "a\xff\n\"b";
  CHECK(read_text(to_json(sidecar)).placement[0].name == "a\xef\xbf\xbd\n\"b");
}

TEST_CASE("a malformed sidecar is refused with file, line and key") {
  const std::string good = to_json(small());
  struct Case {
    const char* from;
    const char* to;
    const char* message;
  };
  const Case cases[] = {
      {"allot.placement/1", "allot.placement/2", "is not \"allot.placement/1\""},
      {"\"schema\"", "\"shema\"", "is not \"allot.placement/1\""},
      {"\"method\"", "\"methods\"", ".json:15: key /methods is unknown; did you mean 'method'?"},
      {"\"method\": \"heft\",", "", ".json:1: key /method is missing"},
      {"\"index\": 1", "\"i\": 1", ".json:41: key /placement/1/i is unknown; choose one of: scope, index"},
      {"\"index\": 1,", "\"index\": 1, \"indx\": 2,", ":41: key /placement/1/indx is unknown; did you mean 'index'?"},
      {"\"crossings\": 2", "\"crossings\": -2", ":27: key /metrics/crossings must be in [0, 4294967295]"},
      {"\"crossings\": 2", "\"crossings\": 4294967296", "must be in [0, 4294967295]"},
      {"\"crossings\": 2", "\"crossings\": 2.0", "key /metrics/crossings must be a whole number"},
      {"\"crossings\": 2", "\"crossings\": \"2\"", "key /metrics/crossings must be a whole number"},
      {"\"makespan_us\": 12.5", "\"makespan_us\": NaN", "is not valid JSON"},
      {"\"makespan_us\": 12.5", "\"makespan_us\": null", "key /metrics/makespan_us must be a number"},
      {"\"makespan_us\": 12.5", "\"makespan_us\": -1", "must be a finite number >= 0"},
      {"\"makespan_us\": 12.5", "\"makespan_us\": 1e999", "number overflow"},
      {"\"cpu0\": 10", "\"cpu0\": 1e3", "key /metrics/peak_bytes/cpu0 must be a whole number"},
      {"\"cpu0\": 10", "\"cpu0\": 18446744073709551615", "must be in [0, 9223372036854775807]"},
      {"\"cpu0\": 10", "\"cpu0\": 10, \"cpu0\": 11", "key \"cpu0\" occurs twice"},
      {"\"gpu0\": 12.4", "\"gpu0\": []", "key /metrics/busy_us/gpu0 must be a number"},
      {"\"seed\": 18446744073709551615", "\"seed\": 18446744073709551616", "key /seed must be a whole number >= 0"},
      {"\"fits\": false", "\"fits\": 0", "key /baselines/1/fits must be true or false"},
      {"[\"x1\"]", "\"x1\"", "key /placement/0/outputs must be a list"},
      {"[\"x1\"]", "[\"x1\", 5]", "key /placement/0/outputs must be a list of texts"},
      {"\"device\": \"gpu0\"", "\"device\": 0", "key /placement/0/device must be text"},
      {"\"group\": \"12/cpu0\"", "\"group\": 12", "key /placement/1/group must be text"},
      {"{\"batch\": 8}", "[8]", "/model/dims must be an object"},
      {"{\"batch\": 8}", "{\"batch\": -8}", ":8: key /model/dims/batch must be in"},
  };
  for (const Case& c : cases) {
    INFO(c.from << " -> " << c.to);
    try {
      read_text(changed(good, c.from, c.to));
      FAIL("was accepted");
    } catch (const base::Error& error) {
      CHECK_THAT(error.what(), Catch::Contains(c.message));
      CHECK(error.kind() == base::ErrorKind::malformed);
    }
  }
}

TEST_CASE("whatever stands in a sidecar, reading ends in a value or in an error of ours") {
  const std::string good = to_json(small());
  const auto survives = [](const std::string& text) {
    try {
      read_text(text);
      return false;
    } catch (const base::Error& error) {
      return error.kind() == base::ErrorKind::malformed;
    }
  };
  SECTION("truncated at every byte") {
    for (size_t length = 0; length + 2 < good.size(); ++length) CHECK(survives(good.substr(0, length)));
  }
  SECTION("other documents") {
    for (const char* text : {"", "null", "[]", "{}", "7", "\"allot.placement/1\"", "{\"schema\": 1}", "\xff\xfe{}"})
      CHECK(survives(text));
    CHECK(survives(std::string(100000, '[')));
  }
  SECTION("one byte replaced anywhere") {
    rc::check([&] {
      std::string text = good;
      text[*rc::gen::inRange<size_t>(0, text.size())] = *rc::gen::arbitrary<char>();
      try {
        read_text(text);
      } catch (const base::Error& error) {
        RC_ASSERT(error.kind() == base::ErrorKind::malformed);
      }
    });
  }
}

TEST_CASE("a missing sidecar is a missing input") {
  try {
    read_sidecar("/nonexistent/p.json");
    FAIL("was accepted");
  } catch (const base::Error& error) {
    CHECK(error.kind() == base::ErrorKind::input_missing);
  }
}
