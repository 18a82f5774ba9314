// SPDX-License-Identifier: Apache-2.0
// Convolutions. Where margins are equal on both sides, torch's own kernel does all.
#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros.h>

#include "exec/check.h"
#include "exec/ops/window.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

const Dims kZero = {0};

void check_kernel(const Window& window, const at::Tensor& weight) {
  if (!window.kernel().empty() && spatial_sizes(weight) != at::IntArrayRef(window.kernel()))
    malformed("kernel_shape is not that of the weights, {}", Value(weight).describe());
}

int64_t group_count(const Site& site) {
  const int64_t groups = site.int_or("group", 1);
  if (groups < 1) malformed("attribute 'group' is {}", groups);
  return groups;
}

// Margins that differ between the two sides: the rest of the larger one is put around the input.
at::Tensor convolve_padded(const Window& window, int64_t groups, at::Tensor x, const at::Tensor& weight,
                           const at::Tensor& bias) {
  auto [begins, ends, outputs] = window.place(spatial_sizes(x), spatial_sizes(weight));
  Dims both(begins.size());
  for (size_t i = 0; i < both.size(); ++i) {
    both[i] = std::min(begins[i], ends[i]);
    begins[i] -= both[i];
    ends[i] -= both[i];
  }
  if (begins != ends) x = pad_spatial(x, begins, ends, 0);
  return at::convolution(x, weight, bias, window.strides(), both, window.dilations(), false, kZero, groups);
}

Kernel make_conv(const Site& site) {
  const Window window(site);
  const int64_t groups = group_count(site);
  if (const Dims* padding = window.fixed_padding())
    return [window, groups, padding = *padding](Call& call) {
      const at::Tensor &x = call.in(0), &weight = call.in(1);
      check_kernel(window, weight);
      call.set(0, at::convolution(x, weight, call.in_or_none(2), window.strides(), padding, window.dilations(), false,
                                  kZero, groups));
    };
  return [window, groups](Call& call) {
    check_kernel(window, call.in(1));
    call.set(0, convolve_padded(window, groups, call.in(0), call.in(1), call.in_or_none(2)));
  };
}

class Transposed {
 public:
  explicit Transposed(const Site& site) : window_(site), groups_(group_count(site)) {
    output_padding_ = checked_sizes(site, "output_padding", 0);
    output_shape_ = checked_sizes(site, "output_shape", 1);
  }

  at::Tensor operator()(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) const {
    check_kernel(window_, weight);
    const auto [begins, ends, extra] = margins(spatial_sizes(x), spatial_sizes(weight));
    if (fits_torch(begins, ends, extra))
      return at::convolution(x, weight, bias, window_.strides(), begins, window_.dilations(), true, extra, groups_);
    // All of it, then cut or extended; what no window reached holds the bias alone.
    at::Tensor y = at::convolution(x, weight, {}, window_.strides(), kZero, window_.dilations(), true, kZero, groups_);
    Dims before(begins.size()), behind(begins.size());
    for (size_t i = 0; i < begins.size(); ++i) before[i] = -begins[i], behind[i] = extra[i] - ends[i];
    y = pad_spatial(y, before, behind, 0);
    if (!bias.defined()) return y;
    Dims dims(static_cast<size_t>(y.dim() - 1), 1);
    dims[0] = bias.numel();
    return y + bias.reshape(dims);
  }

 private:
  struct Margins {
    Dims begins, ends, extra;
  };

  Margins margins(at::IntArrayRef sizes, at::IntArrayRef kernel) const {
    const size_t axes = sizes.size();
    window_.check_rank(axes);
    if (kernel.size() != axes) malformed("a kernel of {} axes meets {} spatial axes", kernel.size(), axes);
    if (!output_padding_.empty() && output_padding_.size() != axes)
      malformed("output_padding has {} numbers for {} axes", output_padding_.size(), axes);
    if (!output_shape_.empty() && output_shape_.size() < axes)
      malformed("output_shape has {} numbers for {} axes", output_shape_.size(), axes);
    const bool fixes_size = !output_shape_.empty() || window_.is_same();
    Margins found;
    for (size_t i = 0; i < axes; ++i) {
      const int64_t extra = output_padding_.empty() ? 0 : output_padding_[i];
      const int64_t full = window_.stride(i) * (sizes[i] - 1) + window_.extent(i, kernel[i]) + extra;
      // A whole shape may be given; its last numbers count.
      const int64_t wanted =
          output_shape_.empty() ? sizes[i] * window_.stride(i) : output_shape_[output_shape_.size() - axes + i];
      const auto [begin, end] = fixes_size ? window_.split(full - wanted) : window_.margins(i);
      found.begins.push_back(begin);
      found.ends.push_back(end);
      found.extra.push_back(extra);
    }
    return found;
  }

  bool fits_torch(const Dims& begins, const Dims& ends, const Dims& extra) const {
    if (begins != ends) return false;
    for (size_t i = 0; i < extra.size(); ++i)
      if (extra[i] >= std::max(window_.stride(i), window_.extent(i, 2) - 1)) return false;
    return true;
  }

  Window window_;
  int64_t groups_;
  Dims output_padding_, output_shape_;
};

Kernel make_conv_transpose(const Site& site) {
  return [transposed = Transposed(site)](Call& call) {
    call.set(0, transposed(call.in(0), call.in(1), call.in_or_none(2)));
  };
}

// A depthwise convolution of what was and what is; its last inputs are what was for the next call.
Kernel make_causal_conv(const Site& site) {
  const ir::Str activation = site.string_or("activation", "none");
  const bool is_silu = activation == "silu" || activation == "swish";
  if (!is_silu && activation != "none") site.refuse("activation must be none, silu or swish");
  return [is_silu](Call& call) {
    const at::Tensor &x = call.in(0), &weight = call.in(1);
    if (x.dim() != 3 || weight.dim() != 3 || weight.size(2) < 1)
      malformed("input and weight must have rank 3, but are {} and {}", Value(x).describe(), Value(weight).describe());
    const int64_t past_length = weight.size(2) - 1;
    const at::Tensor past = call.has(3) ? call.in(3) : at::zeros({x.size(0), x.size(1), past_length}, x.options());
    if (past.dim() != 3 || past.size(2) != past_length)
      malformed("past_state must have length {}, but is {}", past_length, Value(past).describe());
    const at::Tensor all = at::cat({past, x}, 2);
    const at::Tensor y = at::convolution(all, weight, call.in_or_none(2), {1}, kZero, {1}, false, kZero, x.size(1));
    call.set(0, is_silu ? at::silu(y) : y);
    if (call.wants(1)) call.set(1, all.slice(2, all.size(2) - past_length));
  };
}

constexpr Operator kOperators[] = {
    {"CausalConvWithState", make_causal_conv},
    {"Conv", make_conv},
    {"ConvTranspose", make_conv_transpose},
};

}  // namespace

std::span<const Operator> convolution_operators() { return kOperators; }

}  // namespace allot::exec
