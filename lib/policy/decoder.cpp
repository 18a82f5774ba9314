// SPDX-License-Identifier: Apache-2.0
#include "policy/decoder.h"

#include <vector>

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <c10/core/GradMode.h>

#include "nn/attention.h"

namespace allot::policy {
namespace {

constexpr uint32_t kChoiceStream = 0x646576, kNoiseStream = 0x6E6F69;

// How much less likely a device is on which an element ends later than it could: at first, that is all a policy knows
// of a schedule, so that training begins with a list scheduler (HEFT) that errs now and then.
constexpr double kLateWeight = 5, kLateSlope = 40;

int64_t forward_width(const NetworkSettings& settings) {
  return settings.bidirectional ? settings.hidden - settings.hidden / 2 : settings.hidden;
}

}  // namespace

Decoder::Decoder(nn::Parameters& parameters, const std::string& name, int64_t width, int64_t devices,
                 const NetworkSettings& settings)
    : settings_(settings),
      forward_(parameters, name + ".forward", width, forward_width(settings)),
      decoder_(parameters, name + ".decoder", settings.hidden, settings.hidden),
      memory_(parameters.glorot(name + ".memory", {settings.hidden, settings.hidden})),
      query_(parameters.glorot(name + ".query", {settings.hidden, settings.hidden})),
      head_(make_head(parameters, name + ".head", (settings.aligned ? 3 : 2) * settings.hidden, devices, settings)) {
  if (settings.bidirectional)
    backward_ = std::make_unique<nn::LstmCell>(parameters, name + ".backward", width, settings.hidden / 2);
  if (settings.attention == "additive") v_ = parameters.uniform(name + ".v", {settings.hidden}, 0.1);
}

Decoder::Encoded Decoder::encode(const at::Tensor& elements) const {
  const auto inputs = elements.unsqueeze(1);
  auto forward = forward_.run(forward_.project(inputs), forward_.zero_state(1));
  at::Tensor outputs = forward.outputs.squeeze(1);
  nn::LstmCell::State last = forward.last;
  if (backward_) {
    const auto backward = backward_->run(backward_->project(inputs), backward_->zero_state(1), /*reversed=*/true);
    const auto aligned = backward.outputs.squeeze(1);
    outputs = at::cat({outputs, settings_.defects.misaligned_memory ? aligned.flip(0) : aligned}, 1);
    last = {at::cat({last.c, backward.last.c}, 1), at::cat({last.h, backward.last.h}, 1)};
  }
  return {outputs, outputs.matmul(memory_), std::move(last)};
}

/// h [steps, samples, hidden] of steps from `step` on -> [steps, samples, width of the head's state].
at::Tensor Decoder::attend(const at::Tensor& h, const Encoded& encoded, int64_t step, int64_t steps) const {
  const int64_t samples = h.size(1);
  const auto query = h.reshape({steps * samples, settings_.hidden}).matmul(query_);
  const auto scores =
      v_.defined() ? nn::additive_scores(query, encoded.memory, v_) : nn::dot_scores(query, encoded.memory);
  const auto context = nn::read(scores, encoded.memory).reshape({steps, samples, settings_.hidden});
  if (!settings_.aligned) return at::cat({h, context}, 2);
  const auto here = encoded.outputs.narrow(0, step, steps).unsqueeze(1).expand({steps, samples, settings_.hidden});
  return at::cat({h, context, here}, 2);
}

at::Tensor Decoder::logits(const at::Tensor& state, const Sequence& sequence, int64_t step, int64_t steps,
                           const at::Tensor& tracked, const at::Tensor& noise, const Draw& draw) const {
  const auto pairs = sequence.facts.pairs.defined() ? sequence.facts.pairs.narrow(0, step, steps) : at::Tensor();
  auto logits = head_->scores(state, sequence.facts, pairs, tracked) * (1.0 / settings_.temperature);
  if (settings_.tanh_constant > 0) logits = logits.tanh() * settings_.tanh_constant;
  if (tracked.defined()) logits = logits - kLateWeight * (tracked.select(-1, kLateEnd) * kLateSlope).tanh();
  return with_noise(logits, noise, draw) + sequence.mask.narrow(0, step, steps).unsqueeze(1);
}

Decoded Decoder::sample(const Sequence& sequence, const Draw& draw) const {
  const c10::NoGradGuard no_gradient;
  const int64_t samples = draw.count, devices = sequence.devices();
  const Encoded encoded = encode(sequence.elements);
  const auto feeds = decoder_.project(head_->feeds(sequence.facts));
  const auto numbers = noise(draw, kNoiseStream, sequence.steps(), devices);
  nn::LstmCell::State state = {encoded.last.c.expand({samples, -1}), encoded.last.h.expand({samples, -1})};
  std::vector<std::unique_ptr<Tracker>> trackers;
  if (sequence.make_tracker)
    for (int64_t i = 0; i < samples; ++i) trackers.push_back(sequence.make_tracker());
  const auto numbers_of_step = uniforms(draw, kChoiceStream, sequence.steps());
  Decoded decoded{at::empty({samples, sequence.steps()}, at::kLong), at::empty({samples, sequence.steps()})};
  at::Tensor last = at::full({samples}, devices, at::kLong), tracked;
  for (int64_t step = 0; step < sequence.steps(); ++step) {
    if (!trackers.empty()) {
      tracked = at::empty({1, samples, devices, kTrackWidth});
      for (int64_t i = 0; i < samples; ++i) trackers[i]->look(tracked.data_ptr<float>() + i * devices * kTrackWidth);
    }
    state = decoder_.step(feeds.index_select(0, last), state);
    const auto noise_now = numbers.defined() ? numbers.narrow(0, step, 1) : at::Tensor();
    const auto scores =
        logits(attend(state.h.unsqueeze(0), encoded, step, 1), sequence, step, 1, tracked, noise_now, draw)
            .squeeze(0)
            .log_softmax(-1);
    last = choose(scores, numbers_of_step[static_cast<size_t>(step)]);
    decoded.devices.select(1, step).copy_(last);
    decoded.log_probability.select(1, step).copy_(scores.gather(1, last.unsqueeze(1)).squeeze(1));
    for (size_t i = 0; i < trackers.size(); ++i) trackers[i]->take(static_cast<DeviceId>(last.data_ptr<int64_t>()[i]));
  }
  return decoded;
}

/// What trackers say on the way of given devices: [steps, samples, devices, kTrackWidth], or undefined without
/// trackers.
at::Tensor Decoder::track(const Sequence& sequence, const at::Tensor& devices) const {
  if (!sequence.make_tracker) return {};
  const int64_t samples = devices.size(0), each = sequence.devices() * kTrackWidth;
  auto tracked = at::empty({sequence.steps(), samples, sequence.devices(), kTrackWidth});
  const auto chosen = devices.contiguous();
  for (int64_t i = 0; i < samples; ++i) {
    const auto tracker = sequence.make_tracker();
    for (int64_t step = 0; step < sequence.steps(); ++step) {
      tracker->look(tracked.data_ptr<float>() + (step * samples + i) * each);
      tracker->take(static_cast<DeviceId>(chosen.data_ptr<int64_t>()[i * sequence.steps() + step]));
    }
  }
  return tracked;
}

Scored Decoder::score(const Sequence& sequence, const at::Tensor& devices, const Draw& draw) const {
  const int64_t samples = devices.size(0), steps = sequence.steps();
  const Encoded encoded = encode(sequence.elements);
  const auto feeds = decoder_.project(head_->feeds(sequence.facts));
  const auto chosen = devices.t().contiguous();  // [steps, samples]
  const auto fed = at::cat({at::full({1, samples}, sequence.devices(), at::kLong), chosen.narrow(0, 0, steps - 1)});
  const auto inputs = feeds.index_select(0, fed.reshape({-1})).reshape({steps, samples, -1});
  const auto run = decoder_.run(inputs, {encoded.last.c.expand({samples, -1}), encoded.last.h.expand({samples, -1})});
  const auto numbers = noise(draw, kNoiseStream, steps, sequence.devices());
  const auto scores =
      logits(attend(run.outputs, encoded, 0, steps), sequence, 0, steps, track(sequence, devices), numbers, draw)
          .log_softmax(-1);
  const auto entropy = -(scores.exp() * scores.clamp_min(-1e9)).sum(-1);  // 0 times minus infinity is no number
  return {scores.gather(2, chosen.unsqueeze(2)).squeeze(2).t(), entropy.t()};
}

}  // namespace allot::policy
