// SPDX-License-Identifier: Apache-2.0
// Every ONNX backend case in the folders of ALLOT_TEST_MODELS: inferred types and contents against the expected
// tensors.
#include <cmath>
#include <filesystem>
#include <iostream>
#include <set>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "ir/inline.h"
#include "ir/payload.h"
#include "ir/values.h"
#include "ir/wire.h"
#include "onnxio/corpus.h"
#include "onnxio/reader.h"
#include "shape/infer.h"

using namespace allot;
namespace fs = std::filesystem;
using Kind = ir::Type::Kind;

namespace {

/// Folders with a model.onnx and a first set of test data.
std::vector<fs::path> cases() {
  std::vector<fs::path> result;
  for (const fs::path path : test::corpus())
    if (path.filename() == "model.onnx" && fs::exists(path.parent_path() / "test_data_set_0"))
      result.push_back(path.parent_path());
  return result;
}

namespace wire = ir::wire;

ir::Tensor decode_tensor(std::string_view file, ir::Span span) {
  ir::Tensor tensor;
  wire::Fields fields(file, span);
  for (wire::Field f; fields.next(f);) {
    if (f.number == 1 && f.type == wire::Type::varint) tensor.dims.push_back(static_cast<int64_t>(f.value));
    if (f.number == 1 && f.type == wire::Type::bytes)
      for (uint64_t at = f.body.offset; at < f.end();)
        tensor.dims.push_back(static_cast<int64_t>(wire::get_varint(file, at, f.end())));
    if (f.number == 2) tensor.dtype = static_cast<ir::DataType>(f.value);
    if (f.number == 9) {
      tensor.payload.where = ir::Payload::Where::owned;
      tensor.payload.owned = std::make_shared<const std::string>(wire::view(file, f.body));
    }
  }
  return tensor;
}

/// The tensors of a file: one, or those of a sequence; absent for anything else, an empty optional included.
std::optional<std::vector<ir::Tensor>> decode(const fs::path& path, Kind kind) {
  if (!fs::exists(path)) return std::nullopt;
  const auto bytes = base::Bytes::open(path.string());
  const ir::Span all{0, bytes->size()};
  if (kind == Kind::tensor) return std::vector{decode_tensor(bytes->view(), all)};
  if (kind != Kind::sequence) return std::nullopt;
  std::vector<ir::Tensor> tensors;
  wire::Fields fields(bytes->view(), all);
  for (wire::Field f; fields.next(f);) {
    if (f.number == 2 && f.value != 1) return std::nullopt;  // of something else than tensors
    if (f.number == 3) tensors.push_back(decode_tensor(bytes->view(), f.body));
  }
  return tensors;
}

Kind kind_of(const ir::ValueInfo& info) { return info.type.kind; }

/// The smallest shape that holds all of them.
std::vector<int64_t> largest(const std::vector<ir::Tensor>& tensors) {
  std::vector<int64_t> dims = tensors.front().dims;
  for (const auto& tensor : tensors)
    for (size_t i = 0; i < std::min(dims.size(), tensor.dims.size()); ++i) dims[i] = std::max(dims[i], tensor.dims[i]);
  return dims;
}

struct Tally {
  int outputs = 0, exact = 0, bound = 0, unknown = 0, contents = 0;
  std::vector<std::string> mismatches;
};

bool covers(const shape::ValueType& type, const ir::Tensor& expected) {
  if (type.trust < shape::Trust::bound) return type.dims == expected.dims;
  if (type.dims.size() != expected.dims.size()) return type.trust == shape::Trust::assumed;
  for (size_t i = 0; i < type.dims.size(); ++i)
    if (type.dims[i] < expected.dims[i] && type.trust == shape::Trust::bound) return false;
  return true;
}

std::string text(const std::vector<int64_t>& dims) {
  std::string result = "[";
  for (const int64_t dim : dims) result += std::to_string(dim) + " ";
  return result + "]";
}

void compare(Tally& tally, const std::string& where, const shape::ValueType& type, const ir::Tensor& expected) {
  ++tally.outputs;
  if (type.elem != expected.dtype && type.trust != shape::Trust::assumed)
    tally.mismatches.push_back(
        fmt::format("{}: type {} instead of {}", where, ir::name(type.elem), ir::name(expected.dtype)));
  if (!type.has_rank)
    ++tally.unknown;
  else if (!covers(type, expected))
    tally.mismatches.push_back(
        fmt::format("{}: {} (trust {}) instead of {}", where, text(type.dims), int(type.trust), text(expected.dims)));
  else if (type.trust < shape::Trust::bound)
    ++tally.exact;
  else
    ++tally.bound;
}

void compare_content(Tally& tally, const std::string& where, const ir::Model& model, const shape::Result::Known& known,
                     const ir::Tensor& expected) {
  const auto data = ir::read_doubles(model, expected, 4096);
  if (!known.known || !data) return;
  ++tally.contents;
  bool same = data->size() == known.data.size();
  for (size_t i = 0; same && i < data->size(); ++i)
    same = (*data)[i] == known.data[i] ||
           std::fabs((*data)[i] - known.data[i]) <= 1e-6 * std::max(1.0, std::fabs((*data)[i]));
  if (!same) tally.mismatches.push_back(where + ": another content");
}

/// Declared shapes of outputs must not help: what is measured is inference.
void forget_declarations(ir::Graph& graph) {
  graph.value_infos.clear();
  for (auto& output : graph.outputs) {
    output.type.has_shape = false;
    output.type.dims.clear();
    output.type.elem = ir::DataType::undefined;
    output.type.kind = Kind::none;
    output.type.element.reset();
  }
}

/// What this comparison is wrong about.
const std::set<std::string> kExcluded = {
    "test_loop16_seq_none",  // the file declares scalars as elements, the data holds vectors
};

/// Runs a case with its inputs' shapes bound or, with `values`, with small inputs as initializers.
void run_case(Tally& tally, const fs::path& folder, bool values) {
  const std::string name = folder.filename().string();
  const fs::path data = folder / "test_data_set_0";
  ir::Model model = onnxio::read((folder / "model.onnx").string());
  std::vector<Kind> output_kinds;
  for (const auto& output : model.graph.outputs) output_kinds.push_back(kind_of(output));
  shape::Bindings bindings;
  for (size_t i = 0; i < model.graph.inputs.size(); ++i) {
    const auto& input = model.graph.inputs[i];
    auto tensors = decode(data / fmt::format("input_{}.pb", i), kind_of(input));
    if (!tensors || tensors->empty()) continue;
    if (kind_of(input) == Kind::sequence) bindings.inputs[std::string(input.name)] = largest(*tensors);
    if (kind_of(input) != Kind::tensor) continue;
    ir::Tensor& tensor = tensors->front();
    const bool is_initializer = std::any_of(model.graph.initializers.begin(), model.graph.initializers.end(),
                                            [&](const ir::Tensor& t) { return t.name == input.name; });
    if (is_initializer) continue;
    tensor.name = input.name;
    if (values && tensor.payload.where == ir::Payload::Where::owned)
      model.graph.initializers.push_back(std::move(tensor));
    else
      bindings.inputs[std::string(input.name)] = tensor.dims;
  }
  forget_declarations(model.graph);
  try {
    const ir::Values resolved = ir::resolve(model);
    const auto result = shape::infer(model, resolved, bindings);
    for (size_t o = 0; o < output_kinds.size(); ++o) {
      const auto expected = decode(data / fmt::format("output_{}.pb", o), output_kinds[o]);
      const ir::ValueId v = resolved.graphs[0].outputs[o];
      if (!expected) continue;
      for (const auto& tensor : *expected)
        compare(tally, fmt::format("{} output {}", name, o), result.types[v], tensor);
      if (output_kinds[o] == Kind::tensor)
        compare_content(tally, fmt::format("{} output {}", name, o), model, result.content[v], expected->front());
    }
  } catch (const base::Error& error) {
    tally.mismatches.push_back(name + ": " + error.what());
  }
}

void report(const char* title, const Tally& tally) {
  std::cout << fmt::format("{}: {} outputs, {} exact, {} bounds, {} unknown; {} contents compared\n", title,
                           tally.outputs, tally.exact, tally.bound, tally.unknown, tally.contents);
  for (const auto& mismatch : tally.mismatches) std::cout << "  " << mismatch << '\n';
}

}  // namespace

Tally run_cases(bool values) {
  Tally tally;
  for (const auto& folder : cases())
    if (!kExcluded.count(folder.filename().string())) run_case(tally, folder, values);
  report(values ? "values known" : "shapes bound", tally);
  return tally;
}

bool is_case(const std::string& path) { return fs::path(path).filename() == "model.onnx"; }

TEST_CASE("backend cases: shapes from shapes alone") {
  const Tally tally = run_cases(false);
  CHECK(tally.mismatches.empty());
  CHECK(tally.exact >= 0.8 * tally.outputs);  // the rest takes its shape from values of inputs
}

TEST_CASE("backend cases: shapes and contents with all small inputs known") {
  const Tally tally = run_cases(true);
  CHECK(tally.mismatches.empty());
  CHECK(tally.exact >= 0.94 * tally.outputs);  // the rest are sequences and sizes that depend on data
}

TEST_CASE("whole models: every value of the main graph has a shape") {
  for (const auto& path : test::corpus()) {
    if (is_case(path)) continue;
    INFO(path);
    ir::Model model = onnxio::read(path);
    if (ir::calls_functions(model)) model = std::move(ir::inline_functions(model).model);
    const ir::Values values = ir::resolve(model);
    const auto result = shape::infer(model, values, {});
    for (ir::ValueId v = 0; v < values.values.size(); ++v) {
      if (values.values[v].graph != 0) continue;
      INFO(values.values[v].name);
      CHECK(result.types[v].has_rank);
      CHECK(result.types[v].elem != ir::DataType::undefined);
    }
    std::cout << fmt::format("{}: {} values", fs::path(path).filename().string(), values.values.size());
    for (const auto& assumed : result.assumptions) std::cout << fmt::format(", {}={}", assumed.symbol, assumed.value);
    std::cout << '\n';
  }
}
