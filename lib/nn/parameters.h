// SPDX-License-Identifier: Apache-2.0
// The tensors of a network that training changes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace allot::nn {

using NamedTensor = std::pair<std::string, at::Tensor>;

/// Leaves of float32 that ask for gradients, in the order in which they were made. Names are unique. Initial values
/// depend on the seed and the name alone.
class Parameters {
 public:
  explicit Parameters(uint64_t seed) : seed_(seed) {}
  Parameters(const Parameters&) = delete;  // layers hold tensors of it

  /// Uniform within sqrt(6 / (fan in + fan out)) of 0, those the last two dimensions: [in, out].
  /// Source: Glorot, Bengio, AISTATS 2010, equation 16.
  at::Tensor glorot(const std::string& name, std::vector<int64_t> shape);
  /// Uniform in [-limit, limit].
  at::Tensor uniform(const std::string& name, std::vector<int64_t> shape, double limit);
  at::Tensor constant(const std::string& name, std::vector<int64_t> shape, double value);

  const std::vector<NamedTensor>& all() const { return all_; }
  std::vector<at::Tensor> tensors() const;
  int64_t elements() const;

  /// Copies values over: the names and shapes must be those of all(), in any order. `where` names the file in errors.
  /// Errors: those of copy_values.
  void assign(const std::vector<NamedTensor>& values, const std::string& where);

 private:
  at::Tensor add(const std::string& name, at::Tensor tensor);

  uint64_t seed_;
  std::vector<NamedTensor> all_;
};

/// Copies each of `values` over the one of `targets` that has its name, in any order.
/// Errors: malformed naming `where` and the first tensor that is missing, too many, or of another type or shape;
/// nothing is changed then.
void copy_values(const std::vector<NamedTensor>& values, const std::vector<NamedTensor>& targets,
                 const std::string& where);

}  // namespace allot::nn
