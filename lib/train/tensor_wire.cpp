// SPDX-License-Identifier: Apache-2.0
#include "train/tensor_wire.h"

#include <cstring>

#include <ATen/ops/empty.h>

namespace allot::train {
namespace {

constexpr int8_t kUndefined = -1;

}  // namespace

void write(dist::WireWriter& out, const at::Tensor& tensor) {
  if (!tensor.defined()) return out.number(kUndefined);
  const at::Tensor flat = tensor.detach().contiguous();
  out.number(static_cast<int8_t>(flat.scalar_type()));
  out.number(static_cast<uint32_t>(flat.dim()));
  for (const int64_t size : flat.sizes()) out.number(size);
  out.bytes(flat.const_data_ptr(), flat.nbytes());
}

void write(dist::WireWriter& out, const std::vector<at::Tensor>& tensors) {
  out.number(static_cast<uint32_t>(tensors.size()));
  for (const at::Tensor& tensor : tensors) write(out, tensor);
}

void write(dist::WireWriter& out, const Checkpoint& checkpoint) {
  out.number(static_cast<uint32_t>(checkpoint.metadata.size()));
  for (const auto& [key, text] : checkpoint.metadata) out.text(key), out.text(text);
  out.number(static_cast<uint32_t>(checkpoint.tensors.size()));
  for (const auto& [name, tensor] : checkpoint.tensors) out.text(name), write(out, tensor);
}

at::Tensor read_tensor(dist::WireReader& in) {
  const auto type = in.number<int8_t>();
  if (type == kUndefined) return {};
  std::vector<int64_t> sizes(in.number<uint32_t>());
  for (int64_t& size : sizes) size = in.number<int64_t>();
  at::Tensor tensor = at::empty(sizes, static_cast<at::ScalarType>(type));
  const auto data = in.bytes(tensor.nbytes());
  if (!data.empty()) std::memcpy(tensor.mutable_data_ptr(), data.data(), data.size());
  return tensor;
}

std::vector<at::Tensor> read_tensors(dist::WireReader& in) {
  std::vector<at::Tensor> tensors(in.number<uint32_t>());
  for (at::Tensor& tensor : tensors) tensor = read_tensor(in);
  return tensors;
}

Checkpoint read_checkpoint(dist::WireReader& in) {
  Checkpoint checkpoint;
  for (uint32_t left = in.number<uint32_t>(); left > 0; --left) {
    std::string key = in.text();
    checkpoint.metadata[std::move(key)] = in.text();
  }
  for (uint32_t left = in.number<uint32_t>(); left > 0; --left) {
    std::string name = in.text();
    checkpoint.tensors.emplace_back(std::move(name), read_tensor(in));
  }
  return checkpoint;
}

}  // namespace allot::train
