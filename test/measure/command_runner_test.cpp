// SPDX-License-Identifier: Apache-2.0
#include "measure/command_runner.h"

#include <filesystem>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "support/model_builder.h"
#include "support/simple_cluster.h"

using namespace allot;
using namespace allot::measure;
using Catch::Contains;

namespace {

ir::Model two_nodes() {
  test::ModelBuilder builder;
  builder.input("x", {2}).node("Relu", {"x"}, {"h"}).node("Neg", {"h"}, {"y"}).output("y");
  return builder.build();
}

Measurement measure_with(const std::string& command, double timeout_seconds = 20) {
  ir::Model model = two_nodes();
  const auto cluster = test::simple_cluster({.devices = 2});
  return CommandRunner(command, model, cluster, timeout_seconds).measure({0, 1});
}

}  // namespace

TEST_CASE("the last line that a command prints is its time") {
  const Measurement measured = measure_with("echo warming up {model}; echo ' 0.25 '; echo");
  CHECK_FALSE(measured.failed());
  CHECK(measured.mean_seconds == 0.25);
}

TEST_CASE("a command sees the placed model, and it is gone afterwards") {
  const std::string copy = (std::filesystem::temp_directory_path() / "allot command's copy.onnx").string();
  const Measurement measured =
      measure_with("grep -c allot.d1 {model} >&2 && echo {model} && cp {model} " + shell_quote(copy) + " && echo 1e-3");
  INFO(measured.failure);
  CHECK(measured.mean_seconds == 1e-3);
  CHECK(std::filesystem::remove(copy));
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::temp_directory_path()))
    CHECK_FALSE((entry.path().filename().string().starts_with("allot-measure-") &&
                 std::filesystem::exists(entry.path() / "placed.onnx")));
}

TEST_CASE("whatever else a command does is a failed measurement that tells what it was") {
  for (const auto& [command, text] :
       {std::pair{"echo {model} >/dev/null; echo about 3 ms", "printed 'about 3 ms' as its last line"},
        std::pair{"echo {model} >/dev/null; echo -1", "printed '-1'"},
        std::pair{"echo {model} >/dev/null; echo nan", "printed 'nan'"},
        std::pair{"echo {model} >/dev/null; echo inf", "printed 'inf'"},
        std::pair{"echo {model} >/dev/null; echo 1s", "printed '1s'"},
        std::pair{"echo {model} >/dev/null", "printed nothing"},
        std::pair{"echo {model} >/dev/null; echo 1; echo broken >&2; exit 2", "exit code 2: broken"},
        std::pair{"echo {model} >/dev/null; echo 1; kill -9 $$", "killed by signal 9"}}) {
    INFO(command);
    const Measurement failed = measure_with(command);
    CHECK_THAT(failed.failure, Contains(text));
  }
  CHECK_THAT(measure_with("sleep 100 # {model}", 0.2).failure, Contains("gave no answer in the time"));
}

TEST_CASE("a command without a place for the model is wrong use") {
  CHECK_THROWS_WITH(measure_with("bench.sh"), Contains("{model}"));
}

TEST_CASE("any path is one word of the shell") {
  CHECK(shell_quote("a b") == "'a b'");
  CHECK(shell_quote("it's $HOME `x`") == "'it'\\''s $HOME `x`'");
}
