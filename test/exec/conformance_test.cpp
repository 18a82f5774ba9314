// SPDX-License-Identifier: Apache-2.0
// ONNX's backend suite. not_passed.txt names every case that does not pass, with the reason.
//
//   ALLOT_CASES='node/test_resize*' build/dev/bin/exec_test '[conformance]'    prints what fails among those cases
#include "exec/backend_case.h"

#include <fnmatch.h>

#include <cstdlib>
#include <iostream>
#include <map>

#include <ATen/Parallel.h>

#include <catch2/catch.hpp>

#include "base/parallel.h"
#include "exec/operator_list.h"

using namespace allot;
using test::BackendCase;

namespace {

std::vector<std::string> run(const std::vector<BackendCase>& cases) {
  std::vector<std::string> failures(cases.size());
  base::parallel_for(cases.size(), 0, [&](size_t i) {
    at::set_num_threads(1);
    failures[i] = test::failure_of(cases[i]);
  });
  return failures;
}

struct Count {
  int passed = 0, attempted = 0;
  void add(bool passes) {
    ++attempted;
    passed += passes;
  }
};

void print(const std::string& what, const Count& count) {
  std::cout << fmt::format("{}: {} of {}\n", what, count.passed, count.attempted);
}

std::string group_of(const BackendCase& one) { return one.name.substr(0, one.name.find('/')); }

bool is_core(const BackendCase& one) {
  return group_of(one) == "node" && test::is_core(onnxio::read(one.model.string()));
}

}  // namespace

TEST_CASE("backend suite: all cases pass but those that are listed", "[conformance]") {
  if (std::getenv("ALLOT_CASES")) return;
  const test::Quiet quiet;
  const auto cases = test::backend_cases();
  const auto listed = test::not_passed();
  const auto failures = run(cases);
  std::map<std::string, Count> groups;
  int surprises = 0;
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string& name = cases[i].name;
    const bool passes = failures[i].empty();
    groups[group_of(cases[i])].add(passes);
    if (is_core(cases[i])) groups["node, core operators"].add(passes);
    if (passes != listed.contains(name)) continue;
    std::cout << name << ": " << (passes ? "passes, but is listed in not_passed.txt" : failures[i]) << '\n';
    ++surprises;
  }
  for (const auto& [group, count] : groups) print(group, count);
  CHECK(surprises == 0);
}

TEST_CASE("backend suite: cases named by ALLOT_CASES", "[conformance]") {
  const char* pattern = std::getenv("ALLOT_CASES");
  if (!pattern) return;
  Count count;
  for (const auto& one : test::backend_cases()) {
    if (fnmatch(pattern, one.name.c_str(), 0) != 0) continue;
    INFO(one.name);
    const auto failure = test::failure_of(one);
    count.add(failure.empty());
    if (!failure.empty()) std::cout << one.name << ": " << failure << '\n';
  }
  print(pattern, count);
  CHECK(count.passed == count.attempted);
}
