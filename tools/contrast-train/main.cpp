// SPDX-License-Identifier: Apache-2.0
// contrast-train: trains two ONNX encoders so that matching pairs align, with batches of any size in bounded memory.
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/app.h"
#include "commands.h"
#include "nn/threads.h"

namespace {

using namespace allot;

using Command = int (*)(const cli::App&, const Options&);

int run(const cli::App& app, const Options& options, const std::string& name) {
  static const std::map<std::string, Command> kCommands = {{"train", train_towers},  {"gradcheck", gradcheck},
                                                           {"bench", bench},         {"eval", eval},
                                                           {"export", export_joint}, {"gen", gen}};
  const auto found = kCommands.find(name);
  if (found == kCommands.end()) {
    std::vector<std::string> names;
    for (const auto& [each, command] : kCommands) names.push_back(each);
    throw base::Error(base::ErrorKind::usage, base::printable(name), "is no command", base::suggestion(name, names));
  }
  nn::compute_alone();
  return found->second(app, options);
}

}  // namespace

int main(int argc, char** argv) {
  cli::App app("contrast-train", "Trains pairs of ONNX encoders by contrast, in batches of any size");
  Options options;
  std::vector<std::string> command;
  app.positionals("COMMAND", command, "train, gradcheck, bench, eval, export or gen", 1, 1);
  app.bind([&](config::Binder& binder) { options.bind(binder); });
  app.short_flag("o", "output");
  app.example("contrast-train train --image image.onnx --text text.onnx --data 'shards/*.npz' --batch 4096 -o run/",
              "run/best/image.onnx and run/best/text.onnx");
  app.example("contrast-train train --image encoder.onnx --data pairs.npz -o run/", "one encoder for both sides");
  app.example("contrast-train train --image a.onnx --text b.onnx --freeze image --data pairs.npz -o run/",
              "the second follows the first");
  app.example("contrast-train train --image a.onnx --text b.onnx --data pairs.npz --steps 5000 --resume -o run/",
              "go on");
  app.example("contrast-train gradcheck --image a.onnx --text b.onnx --batch 96", "is the gradient that of the batch?");
  app.example("contrast-train bench --image a.onnx --text b.onnx --batches 1024,16384,65536 --micro 64",
              "bytes and seconds of a step");
  app.example("contrast-train eval --image run/best/image.onnx --text run/best/text.onnx --data test.npz", "retrieval");
  app.example("contrast-train export --image run/best/image.onnx --text run/best/text.onnx -o scores.onnx",
              "one graph that scores all images with all texts");
  app.example("contrast-train gen --net conv:3x32x32-16-32-64 -o image.onnx", "an encoder to try things on");
  app.example("contrast-train gen --shapes train -o train.npz", "and data");
  return app.run(argc, argv, [&] { return run(app, options, command.front()); });
}
