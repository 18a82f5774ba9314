// SPDX-License-Identifier: Apache-2.0
// Prints the table of docs/operators.md: what runs, in which versions, with which gradient, and how it is tested.
#include "exec/backend_case.h"

#include <iostream>
#include <map>
#include <set>

#include "exec/registry.h"
#include "onnxio/operators.h"

using namespace allot;

namespace {

struct Cases {
  int passed = 0, all = 0;
};

void collect_operators(const ir::Graph& graph, std::set<std::string>& operators) {
  for (const auto& node : graph.nodes) {
    operators.insert(exec::operator_name(node));
    for (const auto& attribute : node.attributes)
      for (const auto& body : attribute.graphs) collect_operators(*body, operators);
  }
}

/// By operator, the cases of ONNX's backend suite with a node of it.
std::map<std::string, Cases> count_cases() {
  const test::Quiet quiet;
  const auto not_passed = test::not_passed();
  std::map<std::string, Cases> counts;
  for (const auto& one : test::backend_cases()) {
    std::set<std::string> operators;
    collect_operators(onnxio::read(one.model.string()).graph, operators);
    for (const auto& name : operators) {
      ++counts[name].all;
      counts[name].passed += !not_passed.contains(one.name);
    }
  }
  return counts;
}

std::string joined(const std::vector<int64_t>& versions) {
  std::string text;
  for (const int64_t version : versions) text += (text.empty() ? "" : ", ") + std::to_string(version);
  return text;
}

std::string row(const onnxio::StandardOperator& standard, const exec::Operator* op, Cases cases) {
  const char* gradient = !op ? "of its parts" : op->gradient == exec::Gradient::flows ? "yes" : "zero";
  return fmt::format("| {}{}{} | {} | {} | {} | {} |\n", standard.domain, standard.domain.empty() ? "" : ".",
                     standard.type, joined(standard.versions), op ? "kernel" : "function", gradient,
                     cases.all == 0 ? "-" : fmt::format("{} of {}", cases.passed, cases.all));
}

}  // namespace

int main() {
  auto counts = count_cases();
  if (counts.empty()) return base::exit_code(base::ErrorKind::input_missing);
  std::string missing;
  std::cout << "| operator | opset versions | runs as | gradient | cases passed |\n|---|---|---|---|---|\n";
  for (const auto& standard : onnxio::standard_operators()) {
    if (standard.domain.find("ml") != std::string::npos || standard.domain.find("training") != std::string::npos)
      continue;
    const auto* op = exec::find_operator(standard.domain, standard.type);
    const std::string name = (standard.domain.empty() ? "" : standard.domain + ".") + standard.type;
    const bool runs = op || standard.has_body || standard.type == "Constant";
    if (runs)
      std::cout << row(standard, op, counts[name]);
    else
      missing += (missing.empty() ? "" : ", ") + name;
  }
  std::cout << "\nNot run: " << (missing.empty() ? "none" : missing) << ".\n";
}
