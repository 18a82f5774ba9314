// SPDX-License-Identifier: Apache-2.0
// The operators that ONNX defines.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace allot::onnxio {

struct StandardOperator {
  std::string domain, type;       // "" is ONNX's own domain
  std::vector<int64_t> versions;  // of the domain that changed it, ascending
  bool deprecated = false;        // by the last of them
  bool has_body = false;          // defined by other operators, in some version
};

/// All operators of all domains that the ONNX library knows, by domain and type.
std::vector<StandardOperator> standard_operators();

}  // namespace allot::onnxio
