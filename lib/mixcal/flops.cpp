// SPDX-License-Identifier: Apache-2.0
#include "mixcal/flops.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "cost/op_cost.h"
#include "graph/build.h"

namespace allot::mixcal {
namespace {

/// Shapes of the inputs for one row, or as many as the file is made for, which `rows` becomes.
shape::Bindings bindings_of(const LanguageModel& model, double& rows) {
  const int64_t declared = std::max<int64_t>(1, model.network().batch().declared);
  rows = static_cast<double>(declared);
  shape::Bindings bindings;
  for (const exec::ProgramInput& input : model.network().inputs()) {
    if (!input.type.has_shape || input.type.dims.empty()) continue;
    std::vector<int64_t> dims = {declared};
    int64_t known = 1;
    for (size_t i = 1; i < input.type.dims.size(); ++i) {
      dims.push_back(input.type.dims[i].value);
      if (dims.back() > 0) known *= dims.back();
    }
    for (size_t i = 1; i < dims.size(); ++i)
      if (dims[i] <= 0) dims[i] = std::max<int64_t>(1, (model.length() - 1) / known);
    bindings.inputs[std::string(input.name)] = std::move(dims);
  }
  return bindings;
}

bool convolves(const graph::PlanningModel& planning) {
  const auto& order = planning.values.graphs[0].order;
  return std::any_of(order.begin(), order.end(), [&](ir::NodeId id) {
    const ir::Node& node = *planning.values.nodes[id].node;
    return node.is("Conv") || node.is("ConvTranspose");
  });
}

}  // namespace

double row_flops(const LanguageModel& model) {
  const double by_parameters = 2 * static_cast<double>(model.numbers() * model.predictions());
  double rows = 1, flops = 0;
  try {
    const graph::PlanningModel planning = graph::prepare(model.network().model(), bindings_of(model, rows));
    if (!convolves(planning)) return by_parameters;
    for (const ir::NodeId id : planning.values.graphs[0].order) flops += cost::op_cost(planning, id).mac_flops;
  } catch (const base::Error& error) {  // a figure in a table stops no search
    base::verbose("operations are counted by parameters: {}", error.what());
    return by_parameters;
  }
  return flops / rows;
}

double flops_of(double each, const LanguageModel& model, const TrainSettings& settings) {
  return each / 2 * row_flops(model) * static_cast<double>(settings.loop.steps * settings.batch);
}

}  // namespace allot::mixcal
