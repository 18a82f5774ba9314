// SPDX-License-Identifier: Apache-2.0
// Runs models on stored inputs and compares what they give with stored outputs.
//
//   exec_outputs MODEL FOLDER     prints the largest difference of any element, relative to its output's largest one;
//                                 inf where types or shapes differ, or one of the two is no number
//   exec_outputs --all FOLDER     the same for every folder in FOLDER that holds a model.onnx, in the order of names; a
//                                 line each: its name, then the difference of each output, or "error", exit code,
//                                 message
//
// A folder of data holds input_<i>.pb, fed by the names in them, and output_<i>.pb in the order of the graph's outputs.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <limits>
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

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double relative_difference(const exec::Value& actual, const exec::Value& wanted) {
  if (actual.describe() != wanted.describe()) {
    std::cerr << actual.describe() << " instead of " << wanted.describe() << '\n';
    return kInfinity;
  }
  if (!wanted.is_tensor() || wanted.tensor().numel() == 0) return 0;
  const at::Tensor reference = wanted.tensor().to(at::kDouble);
  const double scale = reference.abs().max().item<double>();
  const double distance = (actual.tensor().to(at::kDouble) - reference).abs().max().item<double>();
  if (std::isnan(distance)) return kInfinity;
  return distance == 0 ? 0 : distance / scale;
}

std::vector<double> compare(const fs::path& model, const fs::path& folder) {
  const at::NoGradGuard no_gradients;
  const exec::Program program(onnxio::read(model.string()));
  std::map<std::string, exec::Value> feed;
  for (const auto& file : read_all(folder, "input")) feed[std::string(file.value.tensor.name)] = exec::load(file);
  std::vector<exec::Value> inputs;
  for (const auto& input : program.inputs()) inputs.push_back(feed[input.name]);
  const auto outputs = program.run(inputs);
  const auto wanted = read_all(folder, "output");
  if (wanted.size() != outputs.size())
    throw base::Error(base::ErrorKind::check_failed, "",
                      fmt::format("{} outputs instead of {}", outputs.size(), wanted.size()));
  std::vector<double> differences;
  for (size_t i = 0; i < wanted.size(); ++i)
    differences.push_back(relative_difference(outputs[i], exec::load(wanted[i])));
  return differences;
}

void compare_all(const fs::path& root) {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(root))
    if (fs::exists(entry.path() / "model.onnx")) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  for (const fs::path& folder : folders) {
    std::cout << folder.filename().string() << std::flush;  // now, so that a crash has a name
    try {
      for (const double difference : compare(folder / "model.onnx", folder)) std::cout << ' ' << difference;
    } catch (const base::Error& error) {
      std::cout << " error " << base::exit_code(error.kind()) << ' ' << error.what();
    }
    std::cout << std::endl;
  }
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() != 2) throw base::Error(base::ErrorKind::usage, "", "wants a model and a folder");
  if (arguments[0] == "--all") {
    compare_all(arguments[1]);
  } else {
    const auto differences = compare(arguments[0], arguments[1]);
    std::cout << (differences.empty() ? 0 : *std::max_element(differences.begin(), differences.end())) << '\n';
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const base::Error& error) {
    std::cerr << error.what() << '\n';
    return base::exit_code(error.kind());
  }
}
