// SPDX-License-Identifier: Apache-2.0
// Every ONNX backend case in the folders of ALLOT_TEST_MODELS: inferred types and contents against the expected tensors.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "ir/payload.h"
#include "ir/values.h"
#include "ir/wire.h"
#include "onnxio/reader.h"
#include "shape/infer.h"

using namespace allot;
namespace fs = std::filesystem;
using Kind = ir::Type::Kind;

namespace {

std::vector<fs::path> folders() {
  std::vector<fs::path> result;
  const char* list = std::getenv("ALLOT_TEST_MODELS");
  if (!list) std::cerr << "note: ALLOT_TEST_MODELS is unset, tests on real models are skipped\n";
  std::istringstream stream(list ? list : "");
  for (std::string folder; std::getline(stream, folder, ':');) result.emplace_back(folder);
  return result;
}

/// Folders with a model.onnx and a first set of test data.
std::vector<fs::path> cases() {
  std::vector<fs::path> result;
  for (const auto& folder : folders())
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.path().filename() == "model.onnx" && fs::exists(entry.path().parent_path() / "test_data_set_0"))
        result.push_back(entry.path().parent_path());
  std::sort(result.begin(), result.end());
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
  if (type.elem != expected.dtype)
    tally.mismatches.push_back(fmt::format("{}: type {} instead of {}", where, ir::name(type.elem), ir::name(expected.dtype)));
  if (!type.has_rank) ++tally.unknown;
  else if (!covers(type, expected))
    tally.mismatches.push_back(fmt::format("{}: {} (trust {}) instead of {}", where, text(type.dims), int(type.trust), text(expected.dims)));
  else if (type.trust < shape::Trust::bound) ++tally.exact;
  else ++tally.bound;
}

void compare_content(Tally& tally, const std::string& where, const ir::Model& model, const shape::Result::Known& known,
                     const ir::Tensor& expected) {
  const auto data = ir::read_doubles(model, expected, 4096);
  if (!known.known || !data) return;
  ++tally.contents;
  bool same = data->size() == known.data.size();
  for (size_t i = 0; same && i < data->size(); ++i)
    same = (*data)[i] == known.data[i] || std::fabs((*data)[i] - known.data[i]) <= 2e-6 * std::fabs((*data)[i]);
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
    if (!tensors || kind_of(input) != Kind::tensor) continue;
    ir::Tensor& tensor = tensors->front();
    const bool is_initializer = std::any_of(model.graph.initializers.begin(), model.graph.initializers.end(),
                                            [&](const ir::Tensor& t) { return t.name == input.name; });
    if (is_initializer) continue;
    tensor.name = input.name;
    if (values && tensor.payload.where == ir::Payload::Where::owned) model.graph.initializers.push_back(std::move(tensor));
    else bindings.inputs[std::string(input.name)] = tensor.dims;
  }
  forget_declarations(model.graph);
  try {
    const ir::Values resolved = ir::resolve(model);
    const auto result = shape::infer(model, resolved, bindings);
    for (size_t o = 0; o < output_kinds.size(); ++o) {
      const auto expected = decode(data / fmt::format("output_{}.pb", o), output_kinds[o]);
      const ir::ValueId v = resolved.graphs[0].outputs[o];
      if (!expected) continue;
      for (const auto& tensor : *expected) compare(tally, fmt::format("{} output {}", name, o), result.types[v], tensor);
      if (output_kinds[o] == Kind::tensor)
        compare_content(tally, fmt::format("{} output {}", name, o), model, result.content[v], expected->front());
    }
  } catch (const base::Error& error) {
    tally.mismatches.push_back(name + ": " + error.what());
  }
}

void report(const char* title, const Tally& tally) {
  std::cout << fmt::format("{}: {} outputs, {} exact, {} bounds, {} unknown; {} contents compared\n", title, tally.outputs,
                           tally.exact, tally.bound, tally.unknown, tally.contents);
  for (const auto& mismatch : tally.mismatches) std::cout << "  " << mismatch << '\n';
}

}  // namespace

TEST_CASE("backend cases: shapes from shapes alone") {
  const auto all = cases();
  if (all.empty()) return;
  Tally tally;
  for (const auto& folder : all) run_case(tally, folder, false);
  report("shapes bound", tally);
  CHECK(tally.mismatches.empty());
}

TEST_CASE("backend cases: shapes and contents with all small inputs known") {
  const auto all = cases();
  if (all.empty()) return;
  Tally tally;
  for (const auto& folder : all) run_case(tally, folder, true);
  report("values known", tally);
  CHECK(tally.mismatches.empty());
}
