// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.h"

#include <algorithm>
#include <cstring>

#include <ATen/ops/empty.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/safetensors.h"

namespace allot::train {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

// Its prefix marks the file as one of ours, which may be replaced: base::written_by_allot.
constexpr const char* kHashKey = "allot.sha256";

struct TypeName {
  at::ScalarType type;
  const char* name;
};
constexpr TypeName kTypes[] = {
    {at::kFloat, "F32"}, {at::kDouble, "F64"}, {at::kBFloat16, "BF16"}, {at::kLong, "I64"}, {at::kByte, "U8"}};

const char* name_of(at::ScalarType type) {
  const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes), [&](auto each) { return each.type == type; });
  ALLOT_ASSERT(found != std::end(kTypes));
  return found->name;
}

base::SafeTensor stored(const std::string& name, const at::Tensor& tensor) {
  ALLOT_ASSERT(tensor.is_cpu() && tensor.is_contiguous());
  return {name,
          name_of(tensor.scalar_type()),
          tensor.sizes().vec(),
          {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}};
}

at::Tensor loaded(const base::SafeTensor& tensor, const std::string& path) {
  const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](auto t) { return tensor.dtype == t.name; });
  if (type == std::end(kTypes))
    throw Error(ErrorKind::malformed, printable(path),
                fmt::format("tensor '{}' has the type {}, which no checkpoint has", printable(tensor.name),
                            printable(tensor.dtype)),
                "name a file that Allot wrote");
  const at::Tensor result = at::empty(tensor.shape, type->type);
  if (!tensor.data.empty()) std::memcpy(result.mutable_data_ptr(), tensor.data.data(), tensor.data.size());
  return result;
}

/// Of tensors in order of their names, and of the metadata without the hash itself.
std::string hash_of(const std::vector<base::SafeTensor>& tensors, const std::map<std::string, std::string>& metadata) {
  base::Sha256 hash;
  hash.add_field(static_cast<int64_t>(metadata.size()));
  for (const auto& [key, text] : metadata) {
    hash.add_field(key);
    hash.add_field(text);
  }
  for (const base::SafeTensor& tensor : tensors) {
    hash.add_field(tensor.name);
    hash.add_field(tensor.dtype);
    hash.add_field(static_cast<int64_t>(tensor.shape.size()));
    for (const int64_t size : tensor.shape) hash.add_field(size);
    hash.add({reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size()});
  }
  return hash.hex();
}

base::SafeTensors read_whole(const std::string& path) {
  try {
    return base::read_safetensors(path);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed) throw;
    throw Error(error.kind(), error.where(), error.message(), "restore the file from a copy, or train again");
  }
}

/// "allot.policy/2" -> "allot.policy/" and 2; no version: 0.
std::pair<std::string, int> split_version(const std::string& schema) {
  const size_t end = schema.rfind('/') + 1;
  return {schema.substr(0, end), std::atoi(schema.c_str() + end)};
}

void check_schema(const std::map<std::string, std::string>& metadata, const std::string& schema,
                  const std::string& path) {
  const auto found = metadata.find("schema");
  if (found == metadata.end())
    throw Error(ErrorKind::malformed, printable(path), fmt::format("is not of the schema {}: it names none", schema),
                "name a file that Allot wrote");
  if (found->second == schema) return;
  const auto [family, version] = split_version(found->second);
  const auto [our_family, our_version] = split_version(schema);
  throw Error(ErrorKind::malformed, printable(path),
              fmt::format("has the schema {}; {} is needed", printable(found->second), schema),
              family != our_family    ? "name another file"
              : version > our_version ? "use the newer version of Allot that wrote it"
                                      : "train again, or use the older version of Allot that wrote it");
}

}  // namespace

std::vector<nn::NamedTensor> Checkpoint::with_prefix(const std::string& prefix) const {
  std::vector<nn::NamedTensor> result;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with(prefix)) result.emplace_back(name.substr(prefix.size()), tensor);
  return result;
}

void Checkpoint::add(const std::string& prefix, const std::vector<nn::NamedTensor>& more) {
  for (const auto& [name, tensor] : more) tensors.emplace_back(prefix + name, tensor);
}

const std::string& Checkpoint::text(const std::string& key, const std::string& path) const {
  const auto found = metadata.find(key);
  if (found == metadata.end())
    throw Error(ErrorKind::malformed, printable(path), fmt::format("metadata has no '{}'", key),
                "name a file that Allot wrote");
  return found->second;
}

void write_checkpoint(const Checkpoint& checkpoint, const std::string& path, base::Replace replace) {
  std::vector<base::SafeTensor> tensors;
  for (const auto& [name, tensor] : checkpoint.tensors) tensors.push_back(stored(name, tensor));
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (size_t i = 1; i < tensors.size(); ++i) ALLOT_ASSERT(tensors[i - 1].name != tensors[i].name);
  auto metadata = checkpoint.metadata;
  ALLOT_ASSERT(metadata.contains("schema") && !metadata.contains(kHashKey));
  metadata.emplace(kHashKey, hash_of(tensors, checkpoint.metadata));
  base::write_safetensors(path, tensors, metadata, replace);
}

Checkpoint read_checkpoint(const std::string& path, const std::string& schema) {
  base::SafeTensors file = read_whole(path);
  check_schema(file.metadata, schema, path);
  Checkpoint result;
  std::vector<base::SafeTensor> tensors;
  for (auto& [name, tensor] : file.tensors) {
    result.tensors.emplace_back(name, loaded(tensor, path));
    tensors.push_back(std::move(tensor));
  }
  const auto hash = file.metadata.extract(kHashKey);
  if (hash.empty() || hash.mapped() != hash_of(tensors, file.metadata))
    throw Error(ErrorKind::malformed, printable(path),
                hash.empty() ? fmt::format("has no '{}'", kHashKey) : "was changed or damaged: its hash is wrong",
                "restore the file from a copy, or train again");
  result.metadata = std::move(file.metadata);
  return result;
}

}  // namespace allot::train
