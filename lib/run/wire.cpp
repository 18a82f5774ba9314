// SPDX-License-Identifier: Apache-2.0
#include "run/wire.h"

#include <ATen/ops/empty.h>

namespace allot::run {
namespace {

using exec::Value;

enum class Kind : uint8_t { absent, tensor, strings, sequence };
constexpr int kMaxNesting = 64;

}  // namespace

void WireWriter::value(const Value& value) {
  if (value.is_tensor()) {
    const at::Tensor host = value.tensor().detach().to(at::kCPU).contiguous();
    number(Kind::tensor);
    number(static_cast<int8_t>(host.scalar_type()));
    number(value.widened());
    number(value.tensor().requires_grad());
    number(static_cast<uint32_t>(host.dim()));
    for (const int64_t size : host.sizes()) number(size);
    bytes(host.const_data_ptr(), host.nbytes());
  } else if (value.is_strings()) {
    number(Kind::strings);
    number(static_cast<uint32_t>(value.strings().dims.size()));
    for (const int64_t size : value.strings().dims) number(size);
    number(uint64_t{value.strings().data.size()});
    for (const std::string& each : value.strings().data) text(each);
  } else if (value.is_sequence()) {
    number(Kind::sequence);
    number(uint64_t{value.sequence().size()});
    for (const Value& each : value.sequence()) this->value(each);
  } else {
    number(Kind::absent);
  }
}

Value WireReader::value(int nesting) {
  if (nesting > kMaxNesting) damaged();
  const auto dims = [this] {
    std::vector<int64_t> sizes;
    for (uint32_t rank = number<uint32_t>(); rank > 0; --rank) sizes.push_back(number<int64_t>());
    return sizes;
  };
  switch (number<Kind>()) {
    case Kind::absent:
      return {};
    case Kind::tensor: {
      const auto type = static_cast<at::ScalarType>(number<int8_t>());
      const auto widened = number<ir::DataType>();
      const bool asks_for_gradient = number<bool>();
      at::Tensor tensor = at::empty(dims(), type);
      const std::string_view data = bytes(tensor.nbytes());
      if (!data.empty()) std::memcpy(tensor.mutable_data_ptr(), data.data(), data.size());
      tensor.set_requires_grad(asks_for_gradient);
      return Value(std::move(tensor), widened);
    }
    case Kind::strings: {
      exec::Strings strings;
      strings.dims = dims();
      for (uint64_t count = number<uint64_t>(); count > 0; --count) strings.data.push_back(text());
      return Value(std::move(strings));
    }
    case Kind::sequence: {
      exec::Sequence sequence;
      for (uint64_t count = number<uint64_t>(); count > 0; --count) sequence.push_back(value(nesting + 1));
      return Value(std::move(sequence));
    }
  }
  damaged();
}

}  // namespace allot::run
