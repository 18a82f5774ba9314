// SPDX-License-Identifier: Apache-2.0
// Operators of the domain ai.onnx.ml on labels and features.
#include <bit>
#include <memory>
#include <unordered_map>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include "exec/check.h"
#include "exec/movable.h"
#include "exec/ops/index.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

// Numbers that are equal exactly where elements are: all NaNs are one, and so are both zeros.
std::vector<int64_t> identities(const at::Tensor& x) {
  const bool is_float = x.is_floating_point();
  const at::Tensor host = x.to(at::kCPU, is_float ? at::kDouble : at::kLong).contiguous();
  std::vector<int64_t> result;
  for (int64_t i = 0; i < host.numel(); ++i) {
    if (!is_float) {
      result.push_back(host.const_data_ptr<int64_t>()[i]);
      continue;
    }
    const double number = host.const_data_ptr<double>()[i];
    result.push_back(
        std::bit_cast<int64_t>(number != number ? std::numeric_limits<double>::quiet_NaN() : number + 0.0));
  }
  return result;
}

// From keys to values; what is no key becomes the default. Of equal keys the last one counts.
class Dictionary {
 public:
  Dictionary(const Value& keys, const Value& values, const Value& otherwise) : count_(count(keys)) {
    if (count(values) != count_) malformed("it has {} keys and {} values", count_, count(values));
    values_.add(values);
    values_.add(otherwise);
    pool_ = at::cat({values_.tensor(0).reshape({-1}), values_.tensor(1).reshape({-1}).narrow(0, 0, 1)});
    int64_t next = 0;
    if (keys.is_strings())
      for (const std::string& key : keys.strings().data) strings_[key] = next++;
    else
      for (const int64_t key : identities(keys.tensor())) numbers_[key] = next++;
  }

  Value operator()(const Value& x) const {
    std::vector<int64_t> places;
    if (x.is_strings())
      for (const std::string& key : x.strings().data) places.push_back(place(strings_, key));
    else
      for (const int64_t key : identities(x.tensor())) places.push_back(place(numbers_, key));
    return values_.back(pool_.index_select(0, at::tensor(places, at::kLong)).reshape(x.dims()));
  }

 private:
  static int64_t count(const Value& value) {
    return value.is_strings() ? static_cast<int64_t>(value.strings().data.size()) : value.tensor().numel();
  }
  template <typename Key>
  int64_t place(const std::unordered_map<Key, int64_t>& table, const Key& key) const {
    const auto found = table.find(key);
    return found == table.end() ? count_ : found->second;
  }

  int64_t count_;
  Movable values_;
  at::Tensor pool_;
  std::unordered_map<std::string, int64_t> strings_;
  std::unordered_map<int64_t, int64_t> numbers_;
};

Value strings_of(const Site& site, ir::Str attribute) {
  Strings result;
  if (const ir::Attribute* found = site.node().find(attribute))
    result.data.assign(found->strings.begin(), found->strings.end());
  result.dims = {static_cast<int64_t>(result.data.size())};
  return Value(std::move(result));
}

Value one_string(const Site& site, ir::Str attribute, ir::Str otherwise) {
  return Value(Strings{{std::string(site.string_or(attribute, otherwise))}, {1}});
}

// keys_tensor, keys_strings, keys_int64s or keys_floats; values likewise.
Value list_of(const Site& site, const std::string& prefix) {
  if (site.has(prefix + "_tensor")) return site.tensor(prefix + "_tensor");
  if (site.has(prefix + "_strings")) return strings_of(site, prefix + "_strings");
  if (site.has(prefix + "_int64s")) return at::tensor(site.ints(prefix + "_int64s"), at::kLong);
  if (site.has(prefix + "_floats")) return at::tensor(site.floats(prefix + "_floats"), at::kFloat);
  malformed("it has no {}", prefix);
}

Value default_of(const Site& site, const Value& values) {
  if (site.has("default_tensor")) return site.tensor("default_tensor");
  if (values.is_strings()) return one_string(site, "default_string", "_Unused");
  const at::Tensor& numbers = values.tensor();
  return numbers.is_floating_point() ? at::scalar_tensor(site.float_or("default_float", -0.f), numbers.options())
                                     : at::scalar_tensor(site.int_or("default_int64", -1), numbers.options());
}

using Shared = std::shared_ptr<const Dictionary>;

// Version 1 goes from classes to their numbers and back, as its input asks.
Kernel make_label_encoder_1(const Site& site) {
  const Value classes = strings_of(site, "classes_strings");
  const Value numbers = at::arange(classes.dims()[0], at::kLong);
  const Value no_number = at::scalar_tensor(site.int_or("default_int64", -1), at::kLong);
  const auto encode = std::make_shared<const Dictionary>(classes, numbers, no_number);
  const auto decode =
      std::make_shared<const Dictionary>(numbers, classes, one_string(site, "default_string", "_Unused"));
  return [encode, decode](Call& call) {
    const Value& x = call.value(0);
    call.set(0, x.is_strings() ? (*encode)(x) : (*decode)(call.in(0)));
  };
}

Kernel make_label_encoder(const Site& site) {
  if (site.opset() < 2) return make_label_encoder_1(site);
  const Value values = list_of(site, "values");
  const Shared encode = std::make_shared<const Dictionary>(list_of(site, "keys"), values, default_of(site, values));
  return [encode](Call& call) {
    const Value& x = call.value(0);
    call.set(0, x.is_strings() ? (*encode)(x) : (*encode)(call.in(0)));
  };
}

Kernel make_array_feature_extractor(const Site&) {
  return [](Call& call) {
    const Movable x(call.value(0));
    if (x.tensor().dim() < 1) malformed("needs rank 1 or more");
    const at::Tensor index = front_index(call.in(1).reshape({-1}), x.tensor().size(-1));
    const at::Tensor chosen = x.tensor().index_select(-1, index);
    call.set(0, x.back(chosen.dim() == 1 ? chosen.unsqueeze(0) : chosen));
  };
}

Kernel make_binarizer(const Site& site) {
  return [threshold = site.float_or("threshold", 0)](Call& call) {
    call.set(0, (call.in(0) > threshold).to(call.in(0).scalar_type()));
  };
}

constexpr Operator kOperators[] = {
    {"ArrayFeatureExtractor", make_array_feature_extractor},
    {"Binarizer", make_binarizer, Gradient::zero},
    {"LabelEncoder", make_label_encoder, Gradient::zero},
};

}  // namespace

std::span<const Operator> ml_operators() { return kOperators; }

}  // namespace allot::exec
