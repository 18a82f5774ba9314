// SPDX-License-Identifier: Apache-2.0
#include "nn/parameters.h"

#include <cmath>
#include <unordered_map>

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/rng.h"

namespace allot::nn {
namespace {

std::string type_and_shape(const at::Tensor& tensor) { return c10::str(tensor.scalar_type(), " ", tensor.sizes()); }

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw base::Error(base::ErrorKind::malformed, where, what, "use a file that the same network was written to");
}

}  // namespace

at::Tensor Parameters::glorot(const std::string& name, std::vector<int64_t> shape) {
  ALLOT_ASSERT(shape.size() >= 2);
  const int64_t fan_in = shape[shape.size() - 2], fan_out = shape.back();
  return uniform(name, std::move(shape), std::sqrt(6.0 / static_cast<double>(fan_in + fan_out)));
}

at::Tensor Parameters::uniform(const std::string& name, std::vector<int64_t> shape, double limit) {
  uint64_t key = seed_;
  for (const char character : name) key = base::mix(key, static_cast<unsigned char>(character));
  base::Rng rng(key);
  const at::Tensor tensor = at::empty(shape, at::kFloat);
  float* values = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(limit * (2 * rng.uniform() - 1));
  return add(name, tensor);
}

at::Tensor Parameters::constant(const std::string& name, std::vector<int64_t> shape, double value) {
  return add(name, at::full(shape, value, at::kFloat));
}

at::Tensor Parameters::add(const std::string& name, at::Tensor tensor) {
  for (const auto& [other, value] : all_) ALLOT_ASSERT(other != name);
  tensor.set_requires_grad(true);
  return all_.emplace_back(name, std::move(tensor)).second;
}

std::vector<at::Tensor> Parameters::tensors() const {
  std::vector<at::Tensor> result;
  for (const auto& [name, tensor] : all_) result.push_back(tensor);
  return result;
}

int64_t Parameters::elements() const {
  int64_t result = 0;
  for (const auto& [name, tensor] : all_) result += tensor.numel();
  return result;
}

void Parameters::assign(const std::vector<NamedTensor>& values, const std::string& where) {
  copy_values(values, all_, where);
}

void copy_values(const std::vector<NamedTensor>& values, const std::vector<NamedTensor>& targets,
                 const std::string& where) {
  std::unordered_map<std::string, at::Tensor> rest(values.begin(), values.end());
  if (rest.size() != values.size()) refuse(where, "two of its tensors have the same name");
  std::vector<at::Tensor> sources;
  for (const auto& [name, target] : targets) {
    const auto found = rest.find(name);
    if (found == rest.end()) refuse(where, fmt::format("tensor '{}' is missing", base::printable(name)));
    const at::Tensor source = found->second;
    if (source.scalar_type() != target.scalar_type() || source.sizes() != target.sizes())
      refuse(where, fmt::format("tensor '{}' is {}; {} is needed", base::printable(name), type_and_shape(source),
                                type_and_shape(target)));
    sources.push_back(source);
    rest.erase(found);
  }
  for (const auto& [name, value] : values)
    if (rest.contains(name)) refuse(where, fmt::format("tensor '{}' is one too many", base::printable(name)));
  const at::NoGradGuard no_gradients;
  for (size_t i = 0; i < targets.size(); ++i) at::Tensor(targets[i].second).copy_(sources[i]);
}

}  // namespace allot::nn
