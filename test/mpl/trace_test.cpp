// SPDX-License-Identifier: Apache-2.0
#include "small_net.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include <fstream>
#include <string>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace allot;
using nlohmann::json;

namespace {

at::Tensor rows(const json& matrix) {
  std::vector<at::Tensor> result;
  for (const json& row : matrix) result.push_back(at::tensor(row.get<std::vector<double>>(), at::kDouble));
  return at::stack(result);
}

at::Tensor flat(const test::Mlp& network) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : network.copies()) parts.push_back(part.flatten());
  return at::cat(parts);
}

void assign(test::Mlp& network, const json& values) {
  const at::NoGradGuard no_gradients;
  int64_t first = 0;
  const at::Tensor all = at::tensor(values.get<std::vector<double>>(), at::kDouble);
  for (const auto& [name, parameter] : network.parameters()) {
    at::Tensor(parameter).copy_(all.narrow(0, first, parameter.numel()).view(parameter.sizes()));
    first += parameter.numel();
  }
}

json reference() {
  std::ifstream file(std::string(ALLOT_SOURCE_DIR) + "/test/mpl/reference_trace.json");
  return json::parse(file);
}

mpl::MetaOptions options_of(const json& settings, const std::string& kind) {
  mpl::MetaOptions options;
  options.label_smoothing = settings["smoothing"];
  options.supervised = settings["supervised"];
  options.consistency = {settings["weight"], settings["temperature"], settings["threshold"], settings["ramp"]};
  options.feedback.kind = kind;
  options.feedback.scale = settings["scale"];
  return options;
}

void compare(const json& expected, const char* key, double found) {
  INFO(key);
  if (!expected.contains(key))
    CHECK(std::isnan(found));
  else
    CHECK(found == Approx(expected[key].get<double>()).epsilon(1e-10).margin(1e-10));
}

void compare(const json& expected, const mpl::Report& report) {
  compare(expected, "student_loss", report.student_loss);
  compare(expected, "supervised_loss", report.supervised_loss);
  compare(expected, "consistency_loss", report.consistency_loss);
  compare(expected, "pseudo_loss", report.pseudo_loss);
  compare(expected, "h", report.h);
  compare(expected, "baseline", report.baseline);
  compare(expected, "weight", report.weight);
  compare(expected, "cosine", report.cosine);
  compare(expected, "mask_rate", report.mask_rate);
  compare(expected, "student_norm", report.student_norm);
  compare(expected, "probe_norm", report.probe_norm);
  compare(expected, "teacher_norm", report.teacher_norm);
}

double error(const test::Mlp& network, const json& expected) {
  return (flat(network) - at::tensor(expected.get<std::vector<double>>(), at::kDouble)).abs().max().item<double>();
}

}  // namespace

// reference_trace.json is what reference_trace.py, which shares nothing with this library, prints.
TEST_CASE("three iterations are those of an independent implementation") {
  const json all = reference(), &settings = all["settings"], &data = all["data"];
  const auto task = mpl::make_task("classification");
  for (const char* kind : {"dot", "fd", "cos", "jvp"}) {
    test::Mlp teacher({2, 8, 8, 2}, 0), student({2, 8, 8, 2}, 0);
    assign(teacher, all["teacher"]);
    assign(student, all["student"]);
    const nn::OptimizerOptions sgd{.momentum = settings["momentum"],
                                   .nesterov = true,
                                   .weight_decay = settings["weight_decay"],
                                   .clip_norm = settings["clip_norm"]};
    nn::Optimizer of_teacher(nn::trained_tensors(teacher.parameters()), sgd),
        of_student(nn::trained_tensors(student.parameters()), sgd);
    mpl::MetaPseudoLabels meta({teacher, of_teacher}, {student, of_student}, *task, options_of(settings, kind),
                               settings["seed"]);
    mpl::Batch batch;
    batch.labelled = {rows(data["labelled"])};
    batch.labels = at::tensor(data["labels"].get<std::vector<int64_t>>(), at::kLong);
    batch.weak = {rows(data["weak"])};
    batch.strong = {rows(data["strong"])};
    for (uint32_t step = 0; step < settings["steps"]; ++step) {
      INFO(kind << " " << step);
      const json& expected = all["runs"][kind][step];
      compare(expected, meta.step({&batch, 1}, step, {settings["teacher_rate"], settings["student_rate"]}));
      CHECK(error(teacher, expected["teacher"]) < 1e-10);
      CHECK(error(student, expected["student"]) < 1e-10);
    }
  }
}
