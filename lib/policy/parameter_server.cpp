// SPDX-License-Identifier: Apache-2.0
#include "policy/parameter_server.h"

#include <algorithm>

#include <c10/core/GradMode.h>

#include "policy/rank_wire.h"

namespace allot::policy {
namespace {

enum class Says : uint8_t { ready, gradient, completed };

}  // namespace

ParameterServer::ParameterServer(dist::Team& team, LearnerOf learner_of)
    : team_(team), learner_of_(std::move(learner_of)), controllers_(team.size()) {}

Completed ParameterServer::serve(uint32_t first) {
  next_ = std::max(next_, first);
  for (uint32_t rank = 1; rank < controllers_.size(); ++rank)
    if (controllers_[rank].waits) begin(rank);
  while (true)
    if (auto completed = take(team_.receive())) return *completed;
}

void ParameterServer::end() {
  for (uint32_t rank = 1; rank < controllers_.size(); ++rank) {
    if (!controllers_[rank].waits) team_.receive(rank);
    end(rank);
  }
}

/// What there is to return, if an update was completed.
std::optional<Completed> ParameterServer::take(const dist::Received& received) {
  Controller& controller = controllers_[received.from];
  dist::WireReader in(received.bytes);
  switch (in.number<Says>()) {
    case Says::ready:
      return begin(received.from), std::nullopt;
    case Says::gradient: {
      Learner& learner = learner_of_(controller.number);
      controller.staleness += learner.steps() - in.number<int64_t>();
      ++controller.steps;
      return answer(received.from, learner.apply(read_tensors(in))), std::nullopt;
    }
    case Says::completed:
      break;
  }
  Completed completed{in.number<UpdateReport>(), read_improved(in)};
  completed.report.rank = received.from;
  completed.report.staleness =
      static_cast<double>(controller.staleness) / static_cast<double>(std::max<int64_t>(1, controller.steps));
  controller.waits = true;
  Learner& learner = learner_of_(controller.number);
  learner.set_updates(learner.updates() + 1);
  return completed;
}

void ParameterServer::begin(uint32_t rank) {
  controllers_[rank] = {.number = next_++};
  answer(rank, {});
}

/// Hands out the newest parameters.
void ParameterServer::answer(uint32_t rank, const LearningReport& report) {
  const uint32_t number = controllers_[rank].number;
  const Learner& learner = learner_of_(number);
  dist::WireWriter out;
  out.number(false);  // it is not the end
  out.number(number);
  out.number(report);
  out.number(learner.updates());
  out.number(learner.steps());
  write(out, learner.parameters().tensors());
  team_.send(rank, out.take());
}

void ParameterServer::end(uint32_t rank) {
  dist::WireWriter out;
  out.number(true);
  team_.send(rank, out.take());
}

std::optional<uint32_t> ControllerLink::next(const std::optional<Completed>& completed) {
  dist::WireWriter out;
  out.number(completed ? Says::completed : Says::ready);
  if (completed) {
    out.number(completed->report);
    write(out, completed->found);
  }
  team_.send(0, out.take());
  try {
    take_over();
    return number_;
  } catch (const Ended&) {
    return std::nullopt;
  }
}

LearningReport ControllerLink::apply(const std::vector<at::Tensor>& gradients) {
  dist::WireWriter out;
  out.number(Says::gradient);
  out.number(version_);
  write(out, gradients);
  team_.send(0, out.take());
  return take_over();
}

LearningReport ControllerLink::take_over() {
  const std::string bytes = team_.receive(0).bytes;
  dist::WireReader in(bytes);
  if (in.number<bool>()) throw Ended();
  number_ = in.number<uint32_t>();
  const auto report = in.number<LearningReport>();
  Learner& learner = learner_of_(*number_);
  learner.set_updates(in.number<int64_t>());
  version_ = in.number<int64_t>();
  const std::vector<at::Tensor> newest = read_tensors(in);
  const at::NoGradGuard no_gradients;
  const auto parameters = learner.parameters().tensors();
  if (newest.size() != parameters.size()) dist::WireReader::damaged();
  for (size_t i = 0; i < newest.size(); ++i) at::Tensor(parameters[i]).copy_(newest[i]);
  return report;
}

}  // namespace allot::policy
