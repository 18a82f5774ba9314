// SPDX-License-Identifier: Apache-2.0
// mpl-train: trains an ONNX student on the labels of a teacher that learns from how well the student does.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "cli/app.h"
#include "commands.h"
#include "nn/threads.h"

namespace {

using namespace allot;

int run(const cli::App& app, const Options& options, const std::string& name, dist::Team& team) {
  using Command = std::function<int()>;
  const std::map<std::string, Command> commands = {{"fit", [&] { return fit(app, options, team); }},
                                                   {"eval", [&] { return eval(app, options); }},
                                                   {"inspect", [&] { return inspect(app, options); }},
                                                   {"gen", [&] { return gen(app, options); }}};
  const auto found = commands.find(name);
  if (found == commands.end()) {
    std::vector<std::string> names;
    for (const auto& [each, command] : commands) names.push_back(each);
    throw base::Error(base::ErrorKind::usage, base::printable(name), "is no command", base::suggestion(name, names));
  }
  if (name != "gen" && options.files.student.empty())
    throw base::Error(base::ErrorKind::usage, "--student", "is missing", "name an ONNX file");
  nn::compute_alone();
  return name == "fit" || team.is_first() ? found->second() : 0;
}

}  // namespace

int main(int argc, char** argv) {
  cli::App app("mpl-train", "Trains ONNX networks on labels of a teacher that learns from its student");
  Options options;
  std::vector<std::string> command;
  app.positionals("COMMAND", command, "fit, eval, inspect or gen", 1, 1);
  app.bind([&](config::Binder& binder) { options.bind(binder); });
  app.short_flag("o", "output");
  app.example("mpl-train fit --student net.onnx --data data.npz --per-class 10 -o run/", "run/best/student.onnx");
  app.example("mpl-train fit --teacher large.onnx --student small.onnx --data train/ --test-data test/ -o run/",
              "networks of different size");
  app.example(
      "mpl-train fit --student net.onnx --data data.npz --seeds 1..10 --compare supervised --compare none -o runs/",
      "what the teacher and its feedback bring, paired by seed");
  app.example("mpl-train fit --student net.onnx --data data.npz --resume --steps 10000 -o run/", "go on");
  app.example("mpirun -n 4 mpl-train fit --student net.onnx --data data.npz --shards 4 -o run/", "on four ranks");
  app.example("mpl-train eval --student run/best/student.onnx --data test.npz", "accuracy and confusion");
  app.example("mpl-train gen --net mlp:2-16-16-2,activation=tanh -o net.onnx", "a network to try things on");
  app.example("mpl-train gen --points moons -o moons.npz", "and data");
  return app.run(argc, argv, [&] {
    dist::Team team(dist::ranks(), {.stop = &cli::stop_requested(), .stop_code = cli::stop_exit_code});
    if (!team.is_first()) base::configure_log({"mpl-train", base::LogLevel::quiet, false, ""});
    return team.run([&] { return run(app, options, command.front(), team); });
  });
}
