// SPDX-License-Identifier: Apache-2.0
#include "train/runtime_check.h"

#include <c10/core/GradMode.h>

#include <cstdio>
#include <filesystem>
#include <string_view>

#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "data/read_numpy.h"
#include "exec/dtype.h"
#include "exec/program.h"
#include "measure/process.h"
#include "onnxio/reader.h"

namespace allot::train {
namespace {

constexpr double kSeconds = 300;

// argv: model, inputs by name and our outputs by number as .npz. Prints the version and the largest error, "none"
// without onnxruntime, or "lacks" and its word on an operator that it has not for these types.
constexpr const char* kScript = R"py(
import sys
try:
    import numpy, onnxruntime
except ImportError:
    print("none")
    sys.exit()
data = numpy.load(sys.argv[2])
try:
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
except Exception as error:
    if type(error).__name__ != "NotImplemented":
        raise
    print("lacks", str(error).splitlines()[0][:300])
    sys.exit()
types = {"tensor(double)": numpy.float64, "tensor(float)": numpy.float32, "tensor(int64)": numpy.int64,
         "tensor(int32)": numpy.int32, "tensor(bool)": numpy.bool_}
feed = {i.name: data["in_" + i.name].astype(types.get(i.type, numpy.float32)) for i in session.get_inputs()
        if "in_" + i.name in data}
found = session.run(None, feed)
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

std::optional<RuntimeCheck> check_runtime(const std::string& path, const std::vector<at::Tensor>& inputs,
                                          const std::string& python) {
  const at::NoGradGuard no_gradients;
  const exec::Program program(onnxio::read(path));
  data::Dataset dataset;
  std::vector<exec::Value> values;
  size_t next = 0;
  for (const exec::ProgramInput& input : program.inputs()) {
    values.emplace_back();
    if (input.optional) continue;
    const at::Tensor given = inputs.at(next++).to(exec::scalar_type(input.type.elem));
    dataset.features.push_back(array_of(fmt::format("in_{}", input.name), given));
    values.back() = exec::Value(given);
  }
  const auto outputs = program.run(values);
  for (size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].is_tensor()) dataset.features.push_back(array_of(fmt::format("out_{}", i), outputs[i].tensor()));
  const ScratchFile scratch;
  data::write_npz(scratch.path(), dataset, base::Replace::any);
  measure::Process process("ONNX Runtime", {python, "-c", kScript, path, scratch.path()}, false);
  const std::string said = process.output(measure::deadline_after(kSeconds));
  if (constexpr std::string_view kLacks = "lacks "; said.starts_with(kLacks)) {
    base::warn("{}: not compared, as ONNX Runtime cannot run it: {}", path,
               base::printable(said.substr(kLacks.size(), said.find('\n') - kLacks.size())));
    return std::nullopt;
  }
  RuntimeCheck check;
  char version[32] = {};
  if (std::sscanf(said.c_str(), "%31s %lf", version, &check.largest_error) != 2) return std::nullopt;
  check.runtime = version;
  check.items = inputs.empty() ? 0 : inputs[0].size(0);
  return check;
}

}  // namespace allot::train
