// SPDX-License-Identifier: Apache-2.0
// The placement recurrent network: a sequence of embeddings in, a device for each out.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <ATen/core/Tensor.h>

#include "nn/lstm.h"
#include "policy/draw.h"
#include "policy/head.h"
#include "policy/tracker.h"

namespace allot::policy {

/// What is decoded.
struct Sequence {
  at::Tensor elements;  // [steps, width]
  at::Tensor mask;      // [steps, devices]: 0 or minus infinity
  DeviceFacts facts;
  std::function<std::unique_ptr<Tracker>()> make_tracker;  // one a sample; may be empty

  int64_t steps() const { return elements.size(0); }
  int64_t devices() const { return mask.size(1); }
};

/// Devices chosen step by step, and how likely that was.
struct Decoded {
  at::Tensor devices;          // int64 [samples, steps]
  at::Tensor log_probability;  // [samples, steps]: of each choice, given those before
};
struct Scored {
  at::Tensor log_probability;  // [samples, steps], with gradient
  at::Tensor entropy;          // [samples, steps]: of what was chosen from
};

/// Encoder and decoder of LSTM cells with attention (placement 1.4). The device chosen for an element is fed to the
/// decoder with the next; content-based attention reads a projection of the encoder's outputs:
///   logits = head[h; context (; encoder output of this step)], then C tanh(logits / T).
class Decoder {
 public:
  Decoder(nn::Parameters& parameters, const std::string& name, int64_t width, int64_t devices,
          const NetworkSettings& settings);

  /// What the encoder makes of elements [steps, width]: [steps, hidden], the forward states beside the backward ones.
  at::Tensor encoder_outputs(const at::Tensor& elements) const { return encode(elements).outputs; }
  /// Draws devices. No gradient.
  Decoded sample(const Sequence& sequence, const Draw& draw) const;
  /// Scores given devices, int64 [samples, steps] (teacher forcing), under the same noise.
  Scored score(const Sequence& sequence, const at::Tensor& devices, const Draw& draw) const;

 private:
  struct Encoded {
    at::Tensor outputs, memory;  // [steps, hidden]
    nn::LstmCell::State last;    // [1, hidden]
  };
  Encoded encode(const at::Tensor& elements) const;
  at::Tensor attend(const at::Tensor& h, const Encoded& encoded, int64_t step, int64_t steps) const;
  at::Tensor logits(const at::Tensor& state, const Sequence& sequence, int64_t step, int64_t steps,
                    const at::Tensor& tracked, const at::Tensor& noise, const Draw& draw) const;
  at::Tensor track(const Sequence& sequence, const at::Tensor& devices) const;

  NetworkSettings settings_;
  nn::LstmCell forward_, decoder_;
  std::unique_ptr<nn::LstmCell> backward_;
  at::Tensor memory_, query_, v_;  // [hidden, hidden], [hidden, hidden], [hidden] of additive attention
  std::unique_ptr<Head> head_;
};

}  // namespace allot::policy
