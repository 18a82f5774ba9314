// SPDX-License-Identifier: Apache-2.0
// Integer functions that torch lacks, or that trap in it (the least integer divided by -1).
#pragma once

#include <limits>
#include <type_traits>

#include <ATen/Dispatch_v2.h>
#include <ATen/ops/broadcast_tensors.h>
#include <ATen/ops/empty_like.h>

namespace allot::exec {

/// function(a, b) for all elements of two integer tensors of one type, with broadcasting. Runs on the host.
/// Errors: c10::Error for other types.
template <class Function>
at::Tensor map_integers(const at::Tensor& a, const at::Tensor& b, const Function& function) {
  if (a.device().type() != at::kCPU) return map_integers(a.cpu(), b.cpu(), function).to(a.device());
  const bool same_shape = a.sizes() == b.sizes();
  const auto both = same_shape ? std::vector<at::Tensor>{a, b} : at::broadcast_tensors({a, b});
  const at::Tensor x = both[0].contiguous(), y = both[1].contiguous(), result = at::empty_like(x);
  AT_DISPATCH_V2(x.scalar_type(), "map_integers", AT_WRAP([&] {
                   const auto *in1 = x.const_data_ptr<scalar_t>(), *in2 = y.const_data_ptr<scalar_t>();
                   auto* out = result.mutable_data_ptr<scalar_t>();
                   for (int64_t i = 0, n = x.numel(); i < n; ++i) out[i] = function(in1[i], in2[i]);
                 }),
                 AT_EXPAND(AT_INTEGRAL_TYPES_V2));
  return result;
}

inline void check_divisor(bool not_zero) { TORCH_CHECK(not_zero, "an integer is divided by zero"); }

/// Toward zero; wraps where the quotient does not fit.
struct Quotient {
  template <class T>
  T operator()(T a, T b) const {
    check_divisor(b != 0);
    if constexpr (std::is_signed_v<T>)
      if (b == -1) return static_cast<T>(0u - static_cast<std::make_unsigned_t<T>>(a));
    return static_cast<T>(a / b);
  }
};

/// Has the sign of the dividend, as % in C.
struct Remainder {
  template <class T>
  T operator()(T a, T b) const {
    check_divisor(b != 0);
    if constexpr (std::is_signed_v<T>)
      if (b == -1) return 0;
    return static_cast<T>(a % b);
  }
};

/// Has the sign of the divisor, as % in Python.
struct Modulus {
  template <class T>
  T operator()(T a, T b) const {
    const T r = Remainder()(a, b);
    return r != 0 && (r < 0) != (b < 0) ? static_cast<T>(r + b) : r;
  }
};

/// Wraps; what is smaller than one becomes zero.
struct Power {
  template <class T>
  T operator()(T base, T exponent) const {
    if constexpr (std::is_signed_v<T>)
      if (exponent < 0) return base == 1 ? 1 : base == -1 ? static_cast<T>(exponent % 2 == 0 ? 1 : -1) : 0;
    uint64_t result = 1, factor = static_cast<uint64_t>(base);
    for (auto rest = static_cast<uint64_t>(exponent); rest; rest >>= 1, factor *= factor)
      if (rest & 1) result *= factor;
    return static_cast<T>(result);
  }
};

/// Zeros once all bits are gone.
struct ShiftLeft {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<uint64_t>(b) >= sizeof(T) * 8 ? 0 : static_cast<T>(static_cast<uint64_t>(a) << b);
  }
};

struct ShiftRight {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<uint64_t>(b) >= sizeof(T) * 8 ? 0 : static_cast<T>(a >> b);
  }
};

}  // namespace allot::exec
