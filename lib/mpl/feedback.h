// SPDX-License-Identifier: Apache-2.0
// How much better the student does on labelled data for having learnt a pseudo label: estimators of one number h.
//
// The teacher's gradient is h grad CE(y, T(x)) for a drawn label y, where to first order h is the fall of the student's
// labelled loss. h > 0: the label helped, and the teacher makes it likelier. Source: Pham et al., CVPR 2021, section 2;
// specification of mpl-train, 1.3.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "config/binder.h"
#include "mpl/network.h"
#include "mpl/task.h"

namespace allot::mpl {

/// One a parameter, in order; an undefined one counts as 0.
using Gradients = std::vector<at::Tensor>;

/// Sums over all elements, in float64.
double dot(const Gradients& a, const Gradients& b);
double norm(const Gradients& a);

/// The cosine of two gradients, in [-1, 1]; 0 where one of them vanishes.
double cosine(const Gradients& a, const Gradients& b);

/// How a student does on labelled items.
struct Look {
  double loss = 0;
  Gradients gradients;  // empty unless asked for
};
/// `share`: of shard_loss().
Look look_at(const Network& student, const Task& task, const Inputs& inputs, const at::Tensor& labels, const Pass& pass,
             bool with_gradients, double share = 1);

/// Where a student's step began, and where labelled items would have it go.
struct Turn {
  std::vector<at::Tensor> start;  // parameters before the step
  Gradients direction;            // of the labelled loss after it, times the step's preconditioner
  double factor;                  // of the step
};
/// The student's logits for the same items at start + epsilon direction and at start - epsilon direction.
using Sides = std::array<at::Tensor, 2>;
/// Calls look(side) with the student's parameters on either side, without recording gradients, and puts them back.
/// Returns factor / (2 epsilon), by which differences of losses become what soft_feedback() is.
double look_aside(const Network& student, const Turn& turn, const std::function<void(size_t side)>& look);
/// The derivative of the labelled loss after the step in the teacher's whole distribution `q`, which depends on the
/// teacher, as a scalar to differentiate: minus factor times the derivative of the student's loss with q along the
/// direction, by central differences. Exact for soft labels up to O(epsilon^2), and the mean over draws otherwise.
/// The sides are of passes as in the student's step. `share`: of shard_loss().
at::Tensor soft_feedback(const Task& task, const Sides& sides, double slope, const at::Tensor& q, double smoothing,
                         double share = 1);

struct FeedbackOptions {
  std::string kind = "cos";         // cos, dot, dot2, fd, jvp, none, inverted-fd
  double scale = 1;                 // of what the teacher gets
  bool baseline = true;             // subtract the moving average of h
  double clip = 0;                  // largest |h - baseline|; 0: none
  std::string probe_mode = "eval";  // or train-crn: batch statistics and the same dropout in every probe

  void bind(config::Binder& binder);

  bool is(const char* name) const { return kind == name; }
  bool by_gradient() const { return is("cos") || is("dot") || is("dot2") || is("jvp"); }  // of the probe
  bool by_difference() const { return is("fd") || is("inverted-fd"); }
};

/// The moving average of h, decay 0.99, which begins as the first h.
class Baseline {
 public:
  Baseline();
  /// h less the average that includes it.
  double centered(double h);
  double value() const;
  /// The average and whether it has begun: float64 [2], sharing memory.
  const at::Tensor& state() const { return state_; }
  void restore(const at::Tensor& state) { state_.copy_(state); }

 private:
  at::Tensor state_;
};

/// What the teacher's gradient is multiplied with: centred, clipped, scaled.
double weight_of(double h, const FeedbackOptions& options, Baseline& baseline);

}  // namespace allot::mpl
