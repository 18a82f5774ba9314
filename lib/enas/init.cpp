// SPDX-License-Identifier: Apache-2.0
// Weights drawn anew, for children that are trained from scratch.
#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/error.h"
#include "base/hash.h"
#include "base/rng.h"
#include "config/units.h"
#include "enas/derive.h"
#include "enas/space_file.h"
#include "ir/payload.h"

namespace allot::enas {
namespace {

/// Names of matrices that are stored as [out, in].
void collect_transposed(const ir::Graph& graph, std::unordered_set<std::string_view>& names) {
  for (const ir::Node& node : graph.nodes) {
    if (node.is("Gemm") && node.inputs.size() > 1 && node.int_or("transB", 0) != 0) names.insert(node.inputs[1]);
    for (const ir::Attribute& attribute : node.attributes)
      for (const auto& body : attribute.graphs) collect_transposed(*body, names);
  }
}

struct Fans {
  double in = 1, out = 1;
};

/// Kernels are [out, in, ...], matrices [in, out].
Fans fans_of(const std::vector<int64_t>& dims, bool transposed) {
  double positions = 1;
  for (size_t i = 2; i < dims.size(); ++i) positions *= static_cast<double>(dims[i]);
  const bool out_first = dims.size() > 2 || transposed;
  const auto a = static_cast<double>(dims[0]) * positions, b = static_cast<double>(dims[1]) * positions;
  return out_first ? Fans{b, a} : Fans{a, b};
}

/// A number of the scheme's distribution.
double draw(const std::string& scheme, const Fans& fans, base::Rng& rng) {
  if (scheme == "he") return rng.normal() * std::sqrt(2 / fans.in);
  if (scheme == "fan-in") return rng.normal() / std::sqrt(fans.in);
  if (scheme == "glorot") return (2 * rng.uniform() - 1) * std::sqrt(6 / (fans.in + fans.out));
  if (scheme.starts_with("uniform:"))
    return (2 * rng.uniform() - 1) * config::parse_quantity(scheme.substr(8), config::Unit::none, 0, 1e6);
  throw base::Error(base::ErrorKind::malformed, fmt::format("{} '{}'", kInitKey, base::printable(scheme)), "is none",
                    "write he, glorot, fan-in or uniform:0.1");
}

template <typename T>
std::string draw_all(const std::string& scheme, const Fans& fans, size_t count, base::Rng& rng) {
  std::string bytes;
  bytes.reserve(count * sizeof(T));
  for (size_t i = 0; i < count; ++i) {
    const auto value = static_cast<T>(draw(scheme, fans, rng));
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return bytes;
}

}  // namespace

std::string init_scheme(const ir::Model& model) {
  return std::string(model.metadata_value(kInitKey).value_or("glorot"));
}

void draw_weights(ir::Model& model, const std::string& scheme, uint64_t seed) {
  std::unordered_set<std::string_view> transposed;
  collect_transposed(model.graph, transposed);
  for (ir::Tensor& tensor : model.graph.initializers) {
    const bool wide = tensor.dtype == ir::DataType::float64;
    if (tensor.dims.size() < 2 || (!wide && tensor.dtype != ir::DataType::float32)) continue;
    const auto old = ir::raw_image(model, tensor);
    if (old && std::all_of(old->begin(), old->end(), [](char byte) { return byte == 0; })) continue;
    uint64_t key = seed;
    for (const char character : tensor.name) key = base::mix(key, static_cast<unsigned char>(character));
    base::Rng rng(key);
    const Fans fans = fans_of(tensor.dims, transposed.contains(tensor.name));
    const auto count = static_cast<size_t>(ir::element_count(tensor.dims).value_or(0));
    tensor.payload = {};
    tensor.payload.where = ir::Payload::Where::owned;
    tensor.payload.owned = std::make_shared<const std::string>(wide ? draw_all<double>(scheme, fans, count, rng)
                                                                    : draw_all<float>(scheme, fans, count, rng));
    tensor.external_data.clear();
    tensor.edited = true;
  }
}

}  // namespace allot::enas
