// SPDX-License-Identifier: Apache-2.0
#include "run/values.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "base/error.h"
#include "base/npy.h"
#include "base/rng.h"
#include "base/safetensors.h"
#include "exec/dtype.h"
#include "exec/load.h"

namespace allot::run {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorKind;
using exec::Value;
using ir::DataType;

struct Spelling {
  const char* name;
  DataType type;
};
constexpr Spelling kSpellings[] = {{"F32", DataType::float32},       {"F64", DataType::float64},
                                   {"F16", DataType::float16},       {"BF16", DataType::bfloat16},
                                   {"I64", DataType::int64},         {"I32", DataType::int32},
                                   {"I16", DataType::int16},         {"I8", DataType::int8},
                                   {"U8", DataType::uint8},          {"U16", DataType::uint16},
                                   {"U32", DataType::uint32},        {"U64", DataType::uint64},
                                   {"BOOL", DataType::boolean},      {"F8_E4M3", DataType::float8e4m3fn},
                                   {"F8_E5M2", DataType::float8e5m2}};

DataType type_of(const std::string& spelling, const std::string& path) {
  for (const auto& [name, type] : kSpellings)
    if (spelling == name) return type;
  throw Error(ErrorKind::unavailable, base::printable(path), fmt::format("holds elements of type {}", spelling));
}

Value copy_of(std::span<const std::byte> bytes, DataType type, const std::vector<int64_t>& shape, bool fortran_order) {
  std::vector<int64_t> stored = shape;
  if (fortran_order) std::reverse(stored.begin(), stored.end());
  at::Tensor tensor = at::empty(stored, exec::scalar_type(type));
  if (!bytes.empty()) std::memcpy(tensor.mutable_data_ptr(), bytes.data(), bytes.size());
  if (!fortran_order) return tensor;
  std::vector<int64_t> order;
  for (size_t i = shape.size(); i-- > 0;) order.push_back(static_cast<int64_t>(i));
  return tensor.permute(order).contiguous();
}

Value read_one(const std::string& path, const exec::ProgramInput& input) {
  if (path.ends_with(".npy")) {
    const base::NpyArray array = base::read_npy(path);
    return copy_of(array.data, type_of(array.dtype, path), array.shape, array.fortran_order);
  }
  return exec::load(onnxio::read_value(path, input.type.kind));
}

std::vector<Value> from_safetensors(const std::string& path, const std::vector<exec::ProgramInput>& inputs) {
  const base::SafeTensors file = base::read_safetensors(path);
  std::vector<Value> values;
  for (const auto& input : inputs) {
    const auto found = file.tensors.find(input.name);
    values.push_back(found == file.tensors.end()
                         ? Value()
                         : copy_of(found->second.data, type_of(found->second.dtype, path), found->second.shape, false));
  }
  for (const auto& [name, tensor] : file.tensors)
    if (std::none_of(inputs.begin(), inputs.end(), [&](const auto& input) { return input.name == name; })) {
      std::vector<std::string> names;
      for (const auto& input : inputs) names.push_back(input.name);
      throw Error(ErrorKind::malformed, base::printable(path),
                  fmt::format("holds '{}', which is no input of the model", base::printable(name)),
                  base::suggestion(name, names));
    }
  return values;
}

int64_t size_of(const ir::Dim& dim, const std::string& place, const std::map<std::string, int64_t>& dims) {
  if (dim.value >= 0) return dim.value;
  auto bound = dims.find(std::string(dim.symbol));
  if (bound == dims.end()) bound = dims.find(place);
  return bound == dims.end() ? 1 : bound->second;
}

// A name from the model must not lead out of the folder.
std::optional<fs::path> file_of(const fs::path& folder, const std::string& name, const char* ending) {
  if (name.find('/') != std::string::npos || name.find('\0') != std::string::npos) return std::nullopt;
  const fs::path path = folder / (name + ending);
  return fs::exists(path) ? std::optional(path) : std::nullopt;
}

std::vector<Value> from_folder(const fs::path& folder, const std::vector<exec::ProgramInput>& inputs) {
  std::vector<Value> values(inputs.size());
  bool found_any = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto path = file_of(folder, inputs[i].name, ".npy");
    if (!path) path = file_of(folder, inputs[i].name, ".pb");
    if (!path) path = file_of(folder, fmt::format("input_{}", i), ".pb");
    if (!path) continue;
    found_any = true;
    values[i] = read_one(path->string(), inputs[i]);
  }
  if (!found_any && !inputs.empty())
    throw Error(
        ErrorKind::input_missing, base::printable(folder.string()),
        fmt::format("has no file for any input, such as '{}.npy' or 'input_0.pb'", base::printable(inputs[0].name)));
  return values;
}

}  // namespace

std::vector<Value> read_inputs(const std::string& path, const std::vector<exec::ProgramInput>& inputs) {
  if (fs::is_directory(path)) return from_folder(path, inputs);
  if (path.ends_with(".safetensors")) return from_safetensors(path, inputs);
  if (!path.ends_with(".npy") && !path.ends_with(".pb"))
    throw Error(ErrorKind::usage, base::printable(path), "is no kind of input file",
                "give a .safetensors, .npy or .pb file, or a folder of the latter two");
  if (inputs.size() != 1)
    throw Error(ErrorKind::usage, base::printable(path),
                fmt::format("holds one value, but the model has {} inputs", inputs.size()),
                "give a .safetensors file or a folder");
  return {read_one(path, inputs[0])};
}

std::vector<Value> make_inputs(const std::vector<exec::ProgramInput>& inputs,
                               const std::map<std::string, int64_t>& dims, uint64_t seed) {
  std::vector<Value> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto& type = inputs[i].type;
    if (inputs[i].optional || type.kind == ir::Type::Kind::optional) {
      values.emplace_back();
      continue;
    }
    if (type.kind != ir::Type::Kind::tensor || type.elem == DataType::string || type.elem == DataType::undefined)
      throw Error(ErrorKind::unavailable, fmt::format("input '{}'", base::printable(inputs[i].name)),
                  "is no tensor of numbers, and cannot be made up", "give the inputs with --inputs");
    std::vector<int64_t> shape;
    for (size_t axis = 0; axis < type.dims.size(); ++axis)
      shape.push_back(size_of(type.dims[axis], fmt::format("{}:{}", inputs[i].name, axis), dims));
    at::Tensor made = at::empty(shape, at::kFloat);
    base::Rng rng(seed, static_cast<uint32_t>(i), 0, 0);
    const bool is_float = at::isFloatingType(exec::scalar_type(type.elem));
    float* data = made.mutable_data_ptr<float>();
    for (int64_t e = 0; e < made.numel(); ++e)
      data[e] = static_cast<float>(is_float ? rng.normal() : static_cast<double>(rng.below(2)));
    const bool widened = exec::is_widened(type.elem);
    const at::Tensor typed = made.to(exec::scalar_type(type.elem));
    values.push_back(widened ? Value(typed, type.elem) : Value(typed));
  }
  return values;
}

void write_values(const std::string& path, const std::vector<std::string>& names, const std::vector<Value>& values,
                  base::Replace replace) {
  std::vector<std::string> bytes;
  std::vector<base::SafeTensor> tensors;
  bytes.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const DataType type = values[i].dtype();
    const auto* found = std::find_if(std::begin(kSpellings), std::end(kSpellings),
                                     [&](const Spelling& spelling) { return spelling.type == type; });
    if (!values[i].is_tensor() || found == std::end(kSpellings))
      throw Error(ErrorKind::unavailable, fmt::format("output '{}'", base::printable(names[i])),
                  fmt::format("is {}, which a safetensors file cannot hold", values[i].describe()));
    bytes.push_back(exec::raw_bytes(values[i]));
    tensors.push_back({names[i], found->name, values[i].dims(), std::as_bytes(std::span(bytes.back()))});
  }
  base::write_safetensors(path, tensors, {{"allot.version", "1"}}, replace);
}

}  // namespace allot::run
