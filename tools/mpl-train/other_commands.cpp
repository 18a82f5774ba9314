// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/log.h"
#include "commands.h"
#include "data/generate.h"
#include "data/read_numpy.h"
#include "mpl/evaluation.h"
#include "mpl/onnx_network.h"
#include "mpl/small_nets.h"
#include "onnxio/writer.h"
#include "text.h"
#include "train/inspect.h"

namespace allot {

int eval(const cli::App& app, const Options& options) {
  train::NetworkOptions frozen = options.train.settings.network;
  frozen.frozen = true;
  const train::Network network(options.files.student, frozen);
  const std::vector<std::string> features = mpl::features_of(network);
  mpl::ViewOptions views = options.train.settings.views;
  views.image = mpl::image_of(network);
  const mpl::Part part = mpl::read_part(options.train.data, views, options.train.task, features);
  const auto task = mpl::make_task(options.train.task);
  const mpl::Scores scores = mpl::evaluate(mpl::OnnxNetwork(network, features), *task, part);
  fmt::print("{}", app.common().json ? scores_json(scores) : scores_text(scores, part.source->dataset.class_names));
  return 0;
}

int inspect(const cli::App&, const Options& options) {
  const train::Network network(options.files.student, options.train.settings.network);
  fmt::print("{}\n{} numbers are trained\n", text_of(train::weight_table(network)), train::trained_numbers(network));
  for (const std::string& notice : train::notices(network)) fmt::print("{}\n", base::printable(notice));
  return 0;
}

int gen(const cli::App& app, const Options& options) {
  const base::Replace replace = app.common().replace();
  if (options.output.empty() || options.net.empty() == options.points.empty())
    throw base::Error(base::ErrorKind::usage, "gen", "writes one thing",
                      "give --net or --points, and -o with the file to write");
  if (!options.net.empty()) {
    mpl::NetRecipe recipe = mpl::parse_net(options.net);
    if (recipe.seed == 0) recipe.seed = static_cast<uint64_t>(app.common().seed);
    onnxio::write(mpl::make_net(recipe), options.output, replace);
  } else {
    data::write_npz(options.output,
                    data::generate({.task = options.points, .seed = static_cast<uint64_t>(app.common().seed)}),
                    replace);
  }
  base::info("wrote {}", base::printable(options.output));
  return 0;
}

}  // namespace allot
