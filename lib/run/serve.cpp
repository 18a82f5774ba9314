// SPDX-License-Identifier: Apache-2.0
#include "run/serve.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <ATen/Context.h>
#include <c10/core/GradMode.h>
#include <torch/headeronly/version.h>

#include "base/error.h"
#include "dist/ranks.h"
#include "exec/trainable.h"
#include "measure/answers.h"
#include "onnxio/reader.h"
#include "run/compare.h"
#include "run/fault.h"
#include "run/measured_run.h"
#include "run/values.h"

namespace allot::run {
namespace {

namespace fs = std::filesystem;

// Of outputs and gradients on several devices against one. On one kind of device the kernels are the same, but sums of
// gradients may not be in the same order; GPUs convolve float32 with the 10 bits of TF32.
constexpr double kTolerance = 1e-4, kCudaTolerance = 1e-2;

std::vector<DeviceRequest> devices_of(const measure::Request& request) {
  std::vector<DeviceRequest> devices;
  for (const auto& device : request.devices)
    devices.push_back({device.name, device.cuda.has_value(), static_cast<int>(device.cuda.value_or(0))});
  return devices;
}

std::vector<exec::TrainedWeight> trained_weights(const ir::Model& model) {
  exec::TrainableOptions options;
  options.allow_dead = true;  // its gradient is zero, which is no harm here
  std::vector<exec::TrainedWeight> trained;
  for (const auto& weight : exec::find_weights(model, {}, options))
    if (weight.trained) trained.push_back({weight.name, {}});
  return trained;
}

std::vector<Named> named_results(const PlacedProgram& program, const PlacedResult& result) {
  std::vector<Named> values;
  for (size_t i = 0; i < result.outputs.size(); ++i)
    values.push_back({program.program().outputs()[i], result.outputs[i]});
  for (size_t i = 0; i < result.gradients.size(); ++i)
    values.push_back({"gradient of " + program.program().parameters()[i].weight.name,
                      result.gradients[i].defined() ? exec::Value(result.gradients[i]) : exec::Value()});
  return values;
}

double microseconds(Clock::duration time) { return std::chrono::duration<double, std::micro>(time).count(); }

std::vector<measure::Span> timeline(const PlacedProgram& program, const PlacedResult& result) {
  std::vector<measure::Span> spans;
  for (const Event& event : result.events) {
    measure::Span span;
    span.kind = event.kind == Event::Kind::op     ? measure::Span::Kind::op
                : event.kind == Event::Kind::copy ? measure::Span::Kind::copy
                                                  : measure::Span::Kind::backward;
    const bool is_copy = event.kind == Event::Kind::copy;
    if (!is_copy && event.node == exec::kNoSource) continue;  // prepares weights
    if (is_copy) span.tensor = program.name_of(event.slot);
    span.node = is_copy ? program.maker_of(event.slot) : event.node;
    span.device = event.device;
    span.begin_us = microseconds(event.begin - result.begin);
    span.end_us = microseconds(event.end - result.begin);
    spans.push_back(std::move(span));
  }
  return spans;
}

/// One request on its way.
class Job {
 public:
  Job(const ir::Model& model, const measure::Request& request) : model_(model), request_(request) {
    options_.parts = request.placement;
    if (request.training) {
      options_.kernels.batch_norm = exec::BatchNorm::train;
      options_.trained = trained_weights(model);
    }
    rounds_.mode.training = request.training;
    rounds_.mode.seed = request.seed;
    rounds_.warm_up = request.warm_up;
    rounds_.repeat = request.repeat;
  }

  measure::Reply run() {
    const at::NoGradGuard no_gradients;
    PlacedProgram program(model_, find_devices(devices_of(request_), request_.threads), request_.placement, options_,
                          &dist::ranks());
    const auto inputs = request_.inputs.empty() ? make_inputs(program.program().inputs(), request_.dims, request_.seed)
                                                : read_inputs(request_.inputs, program.program().inputs());
    const auto fault = Fault::from_environment(program.plan());
    Watch watch;
    if (fault) watch.observers.assign(program.devices().size(), fault.get());
    const MeasuredRun measured = measure_rounds(program, inputs, rounds_, watch);
    measure::Reply reply;
    reply.seconds = measured.seconds;
    reply.nodes = measured.nodes;
    reply.transfers = measured.transfers;
    if (request_.timeline) reply.timeline = timeline(program, measured.typical);
    MemoryLedger ledger(program.devices().size());
    program.run(inputs, rounds_.mode, {{}, &ledger});
    for (size_t d = 0; d < program.devices().size(); ++d) {
      const LocalDevice& device = program.devices()[d];
      reply.devices.push_back(
          {device.name, static_cast<uint32_t>(device.cores.size()), ledger.peaks()[d], measured.busy_us[d]});
    }
    const bool is_first = dist::ranks().rank() == 0;
    if (request_.check && is_first) compare_with_one(program, inputs, measured.typical, reply);
    if (!request_.outputs.empty() && is_first)
      write_values(request_.outputs, program.program().outputs(), measured.typical.outputs,
                   request_.replace ? base::Replace::any : base::Replace::own);
    // Whoever left earlier would end the job for all.
    dist::ranks().barrier([] { return false; });
    return reply;
  }

 private:
  // The first device alone, with the cores it has in the placed run. What is fused there is fused here.
  void compare_with_one(const PlacedProgram& placed, const std::vector<exec::Value>& inputs, const PlacedResult& result,
                        measure::Reply& reply) const {
    const LocalDevice& device = placed.devices()[0];
    PlacedProgram single(model_, {device}, std::vector<DeviceId>(request_.placement.size(), 0), options_);
    const MeasuredRun measured = measure_rounds(single, inputs, rounds_);
    reply.single = measure::SingleRun{device.name, measured.seconds};
    const bool cuda = std::any_of(placed.devices().begin(), placed.devices().end(),
                                  [](const LocalDevice& each) { return each.device.is_cuda(); });
    reply.check = compare(named_results(single, measured.typical), named_results(placed, result),
                          cuda ? kCudaTolerance : kTolerance);
  }

  const ir::Model& model_;
  const measure::Request& request_;
  exec::CompileOptions options_;
  Rounds rounds_;
};

}  // namespace

measure::Hello greeting(std::string_view version) {
  measure::Hello hello;
  hello.version = version;
  hello.libtorch = TORCH_VERSION;
  hello.cuda_devices = at::hasCUDA() ? static_cast<uint32_t>(at::getNumGPUs()) : 0;
  hello.cores = static_cast<uint32_t>(usable_cores().size());
  return hello;
}

const ir::Model& Server::model(const std::string& path) {
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  const auto size = fs::file_size(path, error);
  const std::string stamp = fmt::format("{} {}", time.time_since_epoch().count(), size);
  if (error || path != path_ || stamp != stamp_) {
    path_.clear();
    model_ = onnxio::read(path);
    path_ = path;
    stamp_ = stamp;
  }
  return model_;
}

measure::Reply Server::run(const measure::Request& request) { return Job(model(request.model), request).run(); }

Service run_service() {
  return {measure::kRunRequest, measure::kRunReply, [server = std::make_shared<Server>()](const std::string& text) {
            return measure::to_json(server->run(measure::parse_request(text)));
          }};
}

}  // namespace allot::run
