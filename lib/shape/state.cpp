// SPDX-License-Identifier: Apache-2.0
#include "shape/state.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "ir/payload.h"

namespace allot::shape {
namespace {

constexpr size_t kMaxWarnings = 100;

int64_t opset_of(const ir::Model& model) {
  const int64_t version = model.opset("");
  return version <= 0 || version > kNewestOpset ? kNewestOpset : version;
}

std::string place_of(const ir::Values::Value& value) { return "value '" + base::printable(value.name) + "'"; }

}  // namespace

State::State(const ir::Model& of, const ir::Values& resolved) : model(of), values(resolved), opset(opset_of(of)) {
  const size_t count = values.values.size();
  result.types.resize(count);
  result.content.resize(count);
  result.constant.assign(count, 0);
  content_trust_.assign(count, Trust::unknown);
  source_.assign(count, nullptr);
  seed_initializers();
  if (model.opset("") > kNewestOpset)
    warn("model",
         fmt::format("opset {} is newer than {}: the newest known rules are used", model.opset(""), kNewestOpset));
}

void State::seed_initializers() {
  for (ir::ValueId v = 0; v < values.values.size(); ++v) {
    const auto& value = values.values[v];
    if (value.initializer) {
      result.types[v] = type_of(*value.initializer, place_of(value));
      result.constant[v] = 1;
      set_source(v, *value.initializer);
    } else if (value.sparse) {
      ValueType& type = result.types[v];
      type = {ir::Type::Kind::sparse_tensor, value.sparse->values.dtype, Trust::inferred, true, value.sparse->dims};
      check_size(type, place_of(value));
      result.constant[v] = 1;
    }
  }
}

const std::vector<double>* State::content(ir::ValueId v) {
  if (const ir::Tensor* tensor = std::exchange(source_[v], nullptr))
    if (auto data = ir::read_doubles(model, *tensor, kMaxContent)) set_content(v, std::move(*data), Trust::inferred);
  const auto& known = result.content[v];
  if (!known.known) return nullptr;
  if (known.data.size() > kMaxGiven - given_) {
    warn_once("contents", "model", "too many values of tensors take part in shapes: the last are not followed");
    return nullptr;
  }
  given_ += known.data.size();
  return &known.data;
}

void State::set_content(ir::ValueId v, std::vector<double> data, Trust trust) {
  if (data.size() > static_cast<size_t>(kMaxContent) || !fits(data.size())) return;
  held_ += data.size();
  result.content[v] = {true, std::move(data)};
  content_trust_[v] = trust;
}

void State::set_sequence(ir::ValueId v, Sequence elements) {
  size_t words = 2 * elements.size();
  for (const auto& element : elements)
    if (element.use_count() == 1) words += 16 + element->type.dims.size() + element->content.data.size();
  if (!fits(words)) return;
  held_ += words;
  sequences[v] = std::move(elements);
}

void State::set_source(ir::ValueId v, const ir::Tensor& tensor) {
  const auto count = product(tensor.dims);
  if (count && *count <= kMaxContent &&
      (ir::is_integer(tensor.dtype) || ir::is_float(tensor.dtype) || tensor.dtype == ir::DataType::boolean))
    source_[v] = &tensor;
}

void State::warn(std::string_view where, std::string_view what) {
  if (silent) return;
  if (result.warnings.size() >= kMaxWarnings) {
    ++suppressed_;
    return;
  }
  result.warnings.push_back(fmt::format("{}: {}", where, what));
}

void State::warn_once(const std::string& key, std::string_view where, std::string_view what) {
  if (!silent && warned_.emplace(key, true).second) warn(where, what);
}

void State::contradict(std::string_view where, std::string_view what, Trust trust) {
  if (certain && result.assumptions.empty() && trust <= Trust::declared)
    throw base::Error(base::ErrorKind::malformed, where, what, "correct the model or the bound dimensions");
  warn(where, what);
}

void State::finish() {
  if (suppressed_ > 0) result.warnings.push_back(fmt::format("and {} more warnings of this kind", suppressed_));
}

ValueType type_of(const ir::Tensor& tensor, std::string_view where) {
  ValueType type{ir::Type::Kind::tensor, tensor.dtype, Trust::inferred, true, tensor.dims};
  check_size(type, where);
  return type;
}

void check_size(const ValueType& type, std::string_view where) {
  const auto fail = [&](std::string_view what) {
    throw base::Error(base::ErrorKind::malformed, where, what, "correct the model or the bound dimensions");
  };
  if (type.dims.size() > kMaxRank) fail(fmt::format("rank {} is over {}", type.dims.size(), kMaxRank));
  if (std::any_of(type.dims.begin(), type.dims.end(), [](int64_t d) { return d < 0; }))
    fail(fmt::format("negative dimension in {}", to_string(type.dims)));
  if (!countable(type.dims)) fail(fmt::format("{} has more bytes than 63 bits can count", to_string(type.dims)));
}

}  // namespace allot::shape
