// SPDX-License-Identifier: Apache-2.0
#include "mpl/verify.h"

#include <algorithm>
#include <span>

#include "mpl/onnx_network.h"

namespace allot::mpl {
namespace {

constexpr size_t kItems = 256;

}  // namespace

std::optional<Verification> verify(const std::string& path, const Part& part, const std::vector<std::string>& features,
                                   const std::string& python) {
  const train::Network network(path, {.frozen = true});
  const int64_t fixed = network.batch().declared;  // by the file, where the batch is not free
  const std::span items(part.items.data(),
                        std::min(fixed > 0 ? static_cast<size_t>(fixed) : kItems, part.items.size()));
  return train::check_runtime(
      path, OnnxNetwork(network, features).arranged(tensors_of(part.source->plain, items, {}, nullptr)), python);
}

}  // namespace allot::mpl
