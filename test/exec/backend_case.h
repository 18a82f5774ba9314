// SPDX-License-Identifier: Apache-2.0
// One case of ONNX's backend suite: a model, its inputs, and what it must give (onnx/backend/test/data of the package).
#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/view_as_real.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "exec/load.h"
#include "exec/program.h"
#include "ir/payload.h"
#include "onnxio/corpus.h"
#include "onnxio/reader.h"
#include "onnxio/value_file.h"

namespace allot::test {

struct BackendCase {
  std::string name;                   // "node/test_abs", "light/light_vgg19"
  std::filesystem::path model, data;  // data is empty for the light ones
  double relative_tolerance = 1e-3;
};

inline std::vector<BackendCase> backend_cases() {
  std::vector<BackendCase> cases;
  for (const std::filesystem::path path : corpus()) {
    const auto folder = path.parent_path();
    if (path.filename() == "model.onnx" && std::filesystem::exists(folder / "test_data_set_0"))
      cases.push_back({folder.parent_path().filename() / folder.filename(), path, folder / "test_data_set_0"});
    else if (folder.filename() == "light")
      cases.push_back({"light" / path.stem(), path, {}, path.stem() == "light_densenet121" ? 2e-3 : 1e-3});
  }
  return cases;
}

/// Cases that do not pass -> the reason, from not_passed.txt: a line is a case and its reason, '#' begins a comment.
inline std::map<std::string, std::string> not_passed() {
  std::map<std::string, std::string> list;
  std::ifstream file(ALLOT_SOURCE_DIR "/test/exec/not_passed.txt");
  for (std::string line; std::getline(file, line);) {
    const size_t end = line.find(' ');
    if (!line.empty() && line[0] != '#')
      list.emplace(line.substr(0, end), line.substr(line.find_first_not_of(' ', end)));
  }
  return list;
}

/// What differs, or "". Floats: |actual - wanted| <= 1e-7 + tolerance * |wanted|, NaN equal to NaN; types, shapes,
/// integers and strings: exactly.
class Comparison {
 public:
  explicit Comparison(double relative_tolerance) : tolerance_(relative_tolerance) {}

  std::string operator()(const exec::Value& actual, const exec::Value& wanted) const {
    if (wanted.is_sequence() && actual.is_sequence()) return compare(actual.sequence(), wanted.sequence());
    if (actual.describe() != wanted.describe())
      return fmt::format("is {} instead of {}", actual.describe(), wanted.describe());
    if (wanted.is_strings()) return compare(actual.strings().data, wanted.strings().data);
    return wanted.is_tensor() ? compare(actual.tensor(), wanted.tensor()) : "";
  }

 private:
  std::string compare(const exec::Sequence& actual, const exec::Sequence& wanted) const {
    if (actual.size() != wanted.size())
      return fmt::format("is a sequence of {} instead of {}", actual.size(), wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i)
      if (const auto difference = (*this)(actual[i], wanted[i]); !difference.empty())
        return fmt::format("element {} {}", i, difference);
    return "";
  }

  static std::string compare(const std::vector<std::string>& actual, const std::vector<std::string>& wanted) {
    for (size_t i = 0; i < wanted.size(); ++i)
      if (actual[i] != wanted[i]) return fmt::format("has '{}' instead of '{}' at {}", actual[i], wanted[i], i);
    return "";
  }

  std::string compare(const at::Tensor& actual, const at::Tensor& wanted) const {
    if (at::isComplexType(wanted.scalar_type()))
      return compare(at::view_as_real(actual.resolve_conj()), at::view_as_real(wanted));
    if (at::isIntegralType(wanted.scalar_type(), true)) return compare<int64_t>(actual, wanted, at::kLong, 0, 0);
    return compare<double>(actual, wanted, at::kDouble, 1e-7, tolerance_);
  }

  template <typename T>
  static std::string compare(const at::Tensor& actual, const at::Tensor& wanted, at::ScalarType type, double absolute,
                             double relative) {
    const at::Tensor a = actual.to(type).contiguous(), w = wanted.to(type).contiguous();
    int64_t differing = 0, worst = 0;
    double largest = -1;
    for (int64_t i = 0; i < w.numel(); ++i) {
      const auto x = static_cast<double>(a.const_data_ptr<T>()[i]), y = static_cast<double>(w.const_data_ptr<T>()[i]);
      if (x == y || (std::isnan(x) && std::isnan(y)) || std::abs(x - y) <= absolute + relative * std::abs(y)) continue;
      ++differing;
      const double distance = std::isfinite(x - y) ? std::abs(x - y) : HUGE_VAL;
      if (distance > largest) largest = distance, worst = i;
    }
    if (differing == 0) return "";
    return fmt::format("differs in {} of {} elements, most at {}: {} instead of {}", differing, w.numel(), worst,
                       a.const_data_ptr<T>()[worst], w.const_data_ptr<T>()[worst]);
  }

  double tolerance_;
};

/// A value of the case's data, absent where there is no file.
inline exec::Value stored_value(const std::filesystem::path& file, const ir::Type& type) {
  if (!std::filesystem::exists(file)) return {};
  return exec::load(onnxio::read_value(file.string(), type.kind));
}

/// The light networks' only input: i / n at position i.
inline at::Tensor ramp(const ir::Type& type) {
  std::vector<int64_t> dims;
  for (const auto& dim : type.dims) dims.push_back(std::max<int64_t>(dim.value, 1));
  const auto n = static_cast<double>(ir::element_count(dims).value());
  return (at::arange(n, at::kDouble) / n).to(at::kFloat).reshape(dims);
}

/// Why the case fails, or "".
inline std::string failure_of(const BackendCase& one) {
  const at::NoGradGuard no_gradients;
  try {
    const ir::Model model = onnxio::read(one.model.string());
    const exec::Program program(model);
    std::vector<exec::Value> inputs;
    for (const auto& input : program.inputs())
      inputs.push_back(one.data.empty()
                           ? exec::Value(ramp(input.type))
                           : stored_value(one.data / fmt::format("input_{}.pb", inputs.size()), input.type));
    const auto outputs = program.run(inputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const auto file = one.data.empty() ? one.model.parent_path() / (one.model.stem().string() + "_output_0.pb")
                                         : one.data / fmt::format("output_{}.pb", i);
      const auto wanted = stored_value(file, model.graph.outputs[i].type);
      const auto difference = Comparison(one.relative_tolerance)(outputs[i], wanted);
      if (!difference.empty()) return fmt::format("output '{}' {}", model.graph.outputs[i].name, difference);
    }
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace allot::test
