// SPDX-License-Identifier: Apache-2.0
#include "mpl/verify.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include <unistd.h>

#include "base/error.h"
#include "data/read_numpy.h"
#include "measure/process.h"
#include "mpl/onnx_network.h"
#include "onnxio/reader.h"

namespace allot::mpl {
namespace {

constexpr double kSeconds = 300;
constexpr size_t kItems = 256;

// argv: model, inputs by name and our outputs by number as .npz. Prints the version and the largest error.
constexpr const char* kScript = R"py(
import sys
try:
    import numpy, onnxruntime
except ImportError:
    print("none")
    sys.exit()
data = numpy.load(sys.argv[2])
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
types = {"tensor(double)": numpy.float64, "tensor(float)": numpy.float32, "tensor(int64)": numpy.int64}
found = session.run(None, {i.name: data["in_" + i.name].astype(types.get(i.type, numpy.float32)) for i in session.get_inputs()})
worst = 0.0
for number, value in enumerate(found):
    ours = data["out_%d" % number]
    if value.dtype.kind == "f":
        error = numpy.abs(value - ours) / numpy.maximum(1, numpy.abs(ours))
        worst = max(worst, float(error.max(initial=0)) if numpy.isfinite(error).all() else float("inf"))
print(onnxruntime.__version__, worst)
)py";

/// A file that is gone with its owner.
class ScratchFile {
 public:
  ScratchFile()
      : path_((std::filesystem::temp_directory_path() / fmt::format("allot-verify-{}.npz", getpid())).string()) {}
  ~ScratchFile() { std::remove(path_.c_str()); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

data::Array array_of(std::string name, const at::Tensor& tensor) {
  const at::Tensor t = tensor.to(tensor.is_floating_point() ? at::kFloat : at::kLong).contiguous();
  const std::vector<int64_t> shape(t.sizes().begin(), t.sizes().end());
  const auto count = static_cast<size_t>(t.numel());
  if (t.scalar_type() == at::kLong) {
    const int64_t* first = t.const_data_ptr<int64_t>();
    return data::make_array(std::move(name), shape, std::vector<int64_t>(first, first + count));
  }
  const float* first = t.const_data_ptr<float>();
  return data::make_array(std::move(name), shape, std::vector<float>(first, first + count));
}

}  // namespace

std::optional<Verification> verify(const std::string& path, const Part& part, const std::vector<std::string>& features,
                                   const std::string& python) {
  const at::NoGradGuard no_gradients;
  const train::Network network(path, {.frozen = true});
  const int64_t fixed = network.batch().declared;  // by the file, where the batch is not free
  const std::span items(part.items.data(),
                        std::min(fixed > 0 ? static_cast<size_t>(fixed) : kItems, part.items.size()));
  const Inputs inputs = OnnxNetwork(network, features).arranged(tensors_of(part.source->plain, items, {}, nullptr));
  const exec::Program program(onnxio::read(path));
  data::Dataset dataset;
  std::vector<exec::Value> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    dataset.features.push_back(array_of("in_" + program.inputs()[i].name, inputs[i]));
    values.emplace_back(inputs[i]);
  }
  const auto outputs = program.run(values);
  for (size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].is_tensor()) dataset.features.push_back(array_of(fmt::format("out_{}", i), outputs[i].tensor()));
  const ScratchFile scratch;
  data::write_npz(scratch.path(), dataset, base::Replace::any);
  measure::Process process("ONNX Runtime", {python, "-c", kScript, path, scratch.path()}, false);
  const std::string said = process.output(measure::deadline_after(kSeconds));
  Verification verification;
  char version[32] = {};
  if (std::sscanf(said.c_str(), "%31s %lf", version, &verification.largest_error) != 2) return std::nullopt;
  verification.runtime = version;
  verification.items = static_cast<int64_t>(items.size());
  return verification;
}

}  // namespace allot::mpl
