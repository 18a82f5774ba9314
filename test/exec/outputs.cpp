// SPDX-License-Identifier: Apache-2.0
// Runs a model on stored inputs and compares what it gives with stored outputs.
//
//   exec_outputs MODEL FOLDER     prints the largest difference of any element, relative to its output's largest one
//
// FOLDER holds input_<i>.pb, fed by the names in them, and output_<i>.pb in the order of the graph's outputs.
#include <filesystem>
#include <iostream>
#include <map>

#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "exec/load.h"
#include "exec/program.h"
#include "onnxio/reader.h"
#include "onnxio/value_file.h"

using namespace allot;
namespace fs = std::filesystem;

namespace {

std::vector<onnxio::ValueFile> read_all(const fs::path& folder, const std::string& what) {
  std::vector<onnxio::ValueFile> files;
  for (fs::path path; fs::exists(path = folder / fmt::format("{}_{}.pb", what, files.size()));)
    files.push_back(onnxio::read_value(path.string(), ir::Type::Kind::tensor));
  return files;
}

double relative_difference(const exec::Value& actual, const exec::Value& wanted) {
  if (actual.describe() != wanted.describe())
    throw base::Error(base::ErrorKind::check_failed, "",
                      fmt::format("{} instead of {}", actual.describe(), wanted.describe()));
  if (!wanted.is_tensor() || wanted.tensor().numel() == 0) return 0;
  const at::Tensor reference = wanted.tensor().to(at::kDouble);
  const double scale = reference.abs().max().item<double>();
  const double distance = (actual.tensor().to(at::kDouble) - reference).abs().max().item<double>();
  return distance == 0 ? 0 : distance / scale;
}

double compare(const std::string& path, const fs::path& folder) {
  const at::NoGradGuard no_gradients;
  const exec::Program program(onnxio::read(path));
  std::map<std::string, exec::Value> feed;
  for (const auto& file : read_all(folder, "input")) feed[std::string(file.value.tensor.name)] = exec::load(file);
  std::vector<exec::Value> inputs;
  for (const auto& input : program.inputs()) inputs.push_back(feed[input.name]);
  const auto outputs = program.run(inputs);
  const auto wanted = read_all(folder, "output");
  if (wanted.size() != outputs.size())
    throw base::Error(base::ErrorKind::check_failed, "",
                      fmt::format("{} outputs instead of {}", outputs.size(), wanted.size()));
  double worst = 0;
  for (size_t i = 0; i < wanted.size(); ++i)
    worst = std::max(worst, relative_difference(outputs[i], exec::load(wanted[i])));
  return worst;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw base::Error(base::ErrorKind::usage, "", "wants a model and a folder");
    std::cout << compare(argv[1], argv[2]) << '\n';
    return 0;
  } catch (const base::Error& error) {
    std::cerr << error.what() << '\n';
    return base::exit_code(error.kind());
  }
}
