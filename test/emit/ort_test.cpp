// SPDX-License-Identifier: Apache-2.0
#include "emit/ort.h"

#include <algorithm>
#include <optional>

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include "emit/annotation.h"

using namespace allot;
using namespace allot::emit;

namespace {

/// ONNX Runtime's rules for `session.layer_assignment_settings` (onnx-and-cost 2.3), so that strings of ours are
/// judged as it judges them.
class OrtMatcher {
 public:
  explicit OrtMatcher(const std::string& settings) {
    for (const std::string& part : split(settings, ';')) {
      if (part.empty()) continue;
      const size_t open = part.find('('), close = part.find(')');
      valid_ &= open != part.npos && close != part.npos && open < close && !trim(part.substr(0, open)).empty();
      if (!valid_) return;
      for (std::string item : split(part.substr(open + 1, close - open - 1), ',')) {
        if (item.empty()) continue;
        const bool exact = item[0] == '=';
        if (exact) item = trim(item.substr(1));
        const auto same = [&](const Rule& rule) { return rule.exact == exact && rule.text == item; };
        valid_ &= std::none_of(rules_.begin(), rules_.end(), same);
        rules_.push_back({trim(part.substr(0, open)), item, exact});
      }
    }
  }

  bool valid() const { return valid_; }
  size_t size() const { return rules_.size(); }

  /// Prefix rules come before exact ones, the leftmost first.
  std::optional<std::string> designator(const std::string& annotation) const {
    for (const Rule& rule : rules_)
      if (!rule.exact && annotation.starts_with(rule.text)) return rule.designator;
    for (const Rule& rule : rules_)
      if (rule.exact && annotation == rule.text) return rule.designator;
    return std::nullopt;
  }

 private:
  struct Rule {
    std::string designator, text;
    bool exact;
  };
  static std::string trim(std::string text) {
    text.erase(0, std::min(text.find_first_not_of(" \t\r\n"), text.size()));
    text.erase(text.find_last_not_of(" \t\r\n") + 1);
    return text;
  }
  static std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts(1);
    for (const char c : text) c == separator ? parts.emplace_back() : parts.back() += c, void();
    for (auto& part : parts) part = trim(part);
    return parts;
  }

  bool valid_ = true;
  std::vector<Rule> rules_;
};

cluster::Cluster make_cluster(const std::vector<cluster::OrtBinding>& bindings) {
  cluster::Cluster cluster;
  for (size_t i = 0; i < bindings.size(); ++i) {
    cluster.devices.emplace_back();
    cluster.devices.back().name = "dev" + std::to_string(i);
    cluster.devices.back().ort = bindings[i];
  }
  return cluster;
}

const cluster::OrtBinding kCpu{"cpu", "CPUExecutionProvider", {}};
const cluster::OrtBinding kCuda0{"cuda", "CUDAExecutionProvider", {{"device_id", "0"}}};
const cluster::OrtBinding kCuda1{"cuda", "CUDAExecutionProvider", {{"device_id", "1"}}};
const cluster::OrtBinding kWebGpu{"WebGpuExecutionProvider", "WebGpuExecutionProvider", {}};

}  // namespace

TEST_CASE("the matcher of this test follows ONNX Runtime's rules") {
  const OrtMatcher matcher(" gpu ( a, =bc ) ;; cpu(=abc,ab)");
  REQUIRE(matcher.valid());
  CHECK(matcher.designator("abc") == "gpu");  // the prefix 'a' outranks the exact 'abc' and the longer 'ab'
  CHECK(matcher.designator("bc") == "gpu");
  CHECK_FALSE(matcher.designator("bcd"));
  CHECK_FALSE(OrtMatcher("gpu a").valid());
  CHECK_FALSE(OrtMatcher("(a)").valid());
  CHECK_FALSE(OrtMatcher("gpu(=a);cpu(=a)").valid());
}

TEST_CASE("every annotation leads to its own device") {
  CHECK(layer_assignment_settings(make_cluster({kCpu, kCuda0}), {true, true}) == "cuda(=allot.d1); cpu(=allot.d0)");
  CHECK(layer_assignment_settings(make_cluster({kCpu, kCuda0}), {true, false}) == "cpu(=allot.d0)");
  CHECK(layer_assignment_settings(make_cluster({kCpu, kCuda0}), {false, false}).empty());

  rc::check("up to 12 devices with providers of their own", [] {
    std::vector<cluster::OrtBinding> bindings;
    std::vector<bool> used;
    const int count = *rc::gen::inRange(1, 13);
    for (int i = 0; i < count; ++i) {
      const std::string name = "Provider" + std::to_string(i);
      bindings.push_back({"unit" + std::to_string(i), name, {}});
      used.push_back(*rc::gen::arbitrary<bool>());
    }
    const OrtMatcher matcher(layer_assignment_settings(make_cluster(bindings), used));
    RC_ASSERT(matcher.valid());
    RC_ASSERT(matcher.size() == static_cast<size_t>(std::count(used.begin(), used.end(), true)));
    for (uint32_t k = 0; k < used.size(); ++k)
      RC_ASSERT(matcher.designator(annotation(k)) == (used[k] ? std::optional(bindings[k].designator) : std::nullopt));
  });
}

TEST_CASE("devices that one session cannot tell apart are named") {
  const auto cluster = make_cluster({kCpu, kCuda0, kCuda1, kWebGpu});
  using Names = std::vector<std::string>;
  CHECK(provider_conflicts(cluster, {true, true, false, true}) == Names{});
  CHECK(provider_conflicts(cluster, {true, false, true, true}) == Names{});
  CHECK(provider_conflicts(cluster, {true, true, true, false}) == Names{"dev2"});
  CHECK(layer_assignment_settings(cluster, {true, true, true, false}).empty());
  CHECK(python_snippet(cluster, {true, true, true, false}, "m.onnx").empty());

  CHECK(provider_conflicts(make_cluster({kCpu, {"", "", {}}}), {true, true}) == Names{"dev1"});
  CHECK(provider_conflicts(make_cluster({kCpu, {"", "", {}}}), {true, false}) == Names{});
  CHECK(provider_conflicts(make_cluster({{"gpu", "A", {}}, {"GPU", "B", {}}}), {true, true}) == Names{"dev1"});
}

TEST_CASE("the snippet opens the model with its providers, the CPU last") {
  CHECK(python_snippet(make_cluster({kCpu, kCuda1}), {true, true}, "out/a \"b\".onnx") ==
        R"py(import onnxruntime

# Older releases ignore the placement in silence.
assert tuple(map(int, onnxruntime.__version__.split(".")[:2])) >= (1, 25), onnxruntime.__version__

options = onnxruntime.SessionOptions()
options.add_session_config_entry("session.layer_assignment_settings", "cuda(=allot.d1); cpu(=allot.d0)")
session = onnxruntime.InferenceSession("out/a \"b\".onnx", options, providers=[
    ("CUDAExecutionProvider", {"device_id": "1"}),
    ("CPUExecutionProvider", {}),
])
)py");
  CHECK_THAT(python_snippet(make_cluster({kCpu, kCuda1}), {false, true}, "m.onnx"),
             Catch::Contains("    (\"CPUExecutionProvider\", {}),\n"));
}

TEST_CASE("annotations read back to their device and nothing else does") {
  for (const uint32_t k : {0u, 1u, 10u, 63u}) CHECK(annotated_device(annotation(k)) == k);
  for (const char* text : {"", "allot.d", "allot.d1x", "allot.d-1", "allot.d01", "allot.d 1", "allot.d4294967296",
                           "Allot.d1", "placer.d1"})
    CHECK_FALSE(annotated_device(text));
}
