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

/// How an operator runs; both empty when it does not.
struct Support {
  std::string_view runs_as, gradient;
};

Support support_of(const onnxio::StandardOperator& standard) {
  if (standard.domain.empty() && standard.type == "Constant") return {"kernel", "yes"};  // the compiler's own
  if (const auto* op = exec::find_operator(standard.domain, standard.type))
    return {"kernel", op->gradient == exec::Gradient::flows ? "yes" : "zero"};
  if (standard.has_body) return {"function", "of its parts"};
  return {};
}

}  // namespace

int main() {
  auto counts = count_cases();
  if (counts.empty()) return base::exit_code(base::ErrorKind::input_missing);
  std::string missing;
  std::cout << "| operator | opset versions | runs as | gradient | cases passed |\n|---|---|---|---|---|\n";
  for (const auto& standard : onnxio::standard_operators()) {
    const std::string name = (standard.domain.empty() ? "" : standard.domain + ".") + standard.type;
    const Support support = support_of(standard);
    if (support.runs_as.empty()) {
      missing += (missing.empty() ? "" : ", ") + name;
      continue;
    }
    const Cases cases = counts[name];
    std::cout << fmt::format("| {} | {} | {} | {} | {} |\n", name, joined(standard.versions), support.runs_as,
                             support.gradient, cases.all == 0 ? "-" : fmt::format("{} of {}", cases.passed, cases.all));
  }
  std::cout << "\nNot run: " << (missing.empty() ? "none" : missing) << ".\n";
}
