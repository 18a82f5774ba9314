// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "place/ranks.h"
#include "policy/groups.h"

namespace allot::policy {
namespace {

constexpr int64_t kShapeSums = 16;

/// Distinct pairs of steps that an edge leads between, itself left out.
nn::Edges edges_between(const Grouping& grouping) {
  const auto& instance = grouping.instance;
  std::vector<std::pair<int64_t, int64_t>> pairs;
  for (uint32_t element = 0; element < instance.after.rows(); ++element)
    for (const uint32_t next : instance.after[element])
      if (grouping.step_of[element] != grouping.step_of[next])
        pairs.emplace_back(grouping.step_of[element], grouping.step_of[next]);
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  std::vector<int64_t> from, to;
  for (const auto& [a, b] : pairs) from.push_back(a), to.push_back(b);
  return {at::tensor(from, at::kLong), at::tensor(to, at::kLong)};
}

/// [steps, width of rows]: sums over the members of each group.
at::Tensor sums(const Grouping& grouping, const at::Tensor& rows) {
  return at::zeros({grouping.steps(), rows.size(1)}).index_add(0, grouping.step, rows);
}

at::Tensor sizes(const Grouping& grouping) { return sums(grouping, at::ones({grouping.instance.elements(), 1})); }

/// What an instance's pairs are to its elements, to groups.
at::Tensor pairs_of(const Grouping& grouping, const GroupTracker::Facts& facts) {
  const auto& instance = grouping.instance;
  auto pairs = at::zeros({grouping.steps(), instance.devices(), kPairWidth});
  auto* row = pairs.data_ptr<float>();
  for (int64_t step = 0; step < grouping.steps(); ++step)
    for (int64_t device = 0; device < instance.devices(); ++device, row += kPairWidth) {
      row[0] = static_cast<float>(std::log1p(facts.time_ps[step * instance.devices() + device] / facts.share_ps));
      row[1] = grouping.mask.data_ptr<float>()[step * instance.devices() + device] == 0;
      row[2] = static_cast<float>(
          std::log1p(facts.bytes[step] * static_cast<double>(grouping.steps()) / facts.usable_bytes[device]));
    }
  return pairs;
}

}  // namespace

GroupEmbedder::GroupEmbedder(nn::Parameters& parameters, const std::string& name, const NetworkSettings& settings,
                             int64_t vocabulary, int64_t element_width, int64_t groups)
    : vocabulary_(vocabulary), groups_(groups), width_(vocabulary + kShapeSums + groups), settings_(settings) {
  if (settings.neighbours != "messages") return;
  messages_ = std::make_unique<nn::GraphNet>(parameters, name + ".messages",
                                             element_width + 1 + (settings.costs ? kCostWidth : 0), settings.hidden,
                                             static_cast<int>(settings.rounds));
  width_ = settings.hidden;
}

at::Tensor GroupEmbedder::published(const Instance& instance, const Grouping& grouping) const {
  auto counts = at::zeros({grouping.steps() * vocabulary_});
  const auto place = grouping.step.index_select(0, instance.type_element) * vocabulary_ + instance.type;
  counts.index_add_(0, place, at::ones({place.size(0)}));
  counts = counts.reshape({grouping.steps(), vocabulary_});
  auto shapes = sums(grouping, instance.shapes).narrow(1, 0, kShapeSums);
  if (settings_.defects.overlapping_shapes) {
    const int64_t shared = std::min(kShapeSums, vocabulary_);
    counts.narrow(1, 0, shared).add_(shapes.narrow(1, 0, shared));
    shapes = at::zeros({grouping.steps(), kShapeSums});
  }
  auto adjacency = at::zeros({grouping.steps(), groups_});
  const nn::Edges edges = edges_between(grouping);
  for (int64_t i = 0; i < edges.from.size(0); ++i)
    adjacency.data_ptr<float>()[edges.from.data_ptr<int64_t>()[i] * groups_ + edges.to.data_ptr<int64_t>()[i]] = 1;
  return at::cat({counts, shapes, adjacency}, 1);
}

Sequence GroupEmbedder::operator()(const Instance& instance, const Grouping& grouping,
                                   const at::Tensor& embeddings) const {
  Sequence sequence;
  sequence.mask = grouping.mask;
  if (messages_) {
    const auto size = sizes(grouping).clamp_min(1);
    std::vector<at::Tensor> parts = {sums(grouping, embeddings) / size, size.log2()};
    if (settings_.costs) parts.push_back(sums(grouping, instance.costs) / size);
    sequence.elements = (*messages_)(at::cat(parts, 1), edges_between(grouping));
  } else {
    sequence.elements = published(instance, grouping);
  }
  if (!settings_.devices) return sequence;
  const auto facts = GroupTracker::facts(grouping);
  sequence.facts = {instance.device_features, pairs_of(grouping, *facts)};
  if (settings_.schedule) sequence.make_tracker = [facts] { return std::make_unique<GroupTracker>(facts); };
  return sequence;
}

namespace {

/// Of tensors between elements of different steps, to each other step once.
GroupTracker::Traffic traffic(const Grouping& grouping, const place::Problem& problem) {
  const auto& instance = grouping.instance;
  const auto& graph = problem.graph();
  const place::MeanTransfer transfer(problem.cluster());
  std::vector<std::vector<std::pair<uint32_t, double>>> rows(static_cast<size_t>(grouping.steps()));
  std::vector<uint32_t> readers;
  for (graph::TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) {
    if (graph.producer[tensor] == graph::kNone) continue;
    const uint32_t made = instance.index[graph.unit_of[graph.producer[tensor]]];
    if (made == graph::kNone) continue;
    const auto from = static_cast<uint32_t>(grouping.step_of[made]);
    readers.clear();
    for (const OpId op : graph.consumers[tensor])
      if (const uint32_t reads = instance.index[graph.unit_of[op]]; reads != graph::kNone)
        readers.push_back(static_cast<uint32_t>(grouping.step_of[reads]));
    std::sort(readers.begin(), readers.end());
    readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
    for (const uint32_t to : readers) {
      if (to == from) continue;
      const double ps = transfer(problem.costs().tensor_bytes[tensor]);
      rows[from].emplace_back(to, ps);
      rows[to].emplace_back(from, ps);
    }
  }
  GroupTracker::Traffic traffic;
  for (auto& row : rows) {
    std::sort(row.begin(), row.end());
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0 && row[i].first == row[i - 1].first) {
        traffic.ps.back() += row[i].second;
        continue;
      }
      traffic.neighbours.push(row[i].first);
      traffic.ps.push_back(row[i].second);
    }
    traffic.neighbours.end_row();
  }
  return traffic;
}

}  // namespace

std::shared_ptr<const GroupTracker::Facts> GroupTracker::facts(const Grouping& grouping) {
  const auto& problem = *grouping.instance.problem;
  const size_t devices = problem.devices();
  auto facts = std::make_shared<Facts>();
  facts->time_ps.assign(static_cast<size_t>(grouping.steps()) * devices, 0);
  facts->bytes.assign(static_cast<size_t>(grouping.steps()), 0);
  double sum_ps = 0;
  for (uint32_t step = 0; step < grouping.steps(); ++step)
    for (const uint32_t element : grouping.members[step]) {
      const UnitId unit = grouping.instance.order[element];
      const DeviceId fastest = problem.fastest(unit);
      for (DeviceId device = 0; device < devices; ++device)
        facts->time_ps[step * devices + device] +=
            static_cast<double>(problem.unit_time_ps(unit, problem.allowed(unit, device) ? device : fastest));
      facts->bytes[step] += grouping.instance.lasting_bytes[unit];
      sum_ps += static_cast<double>(problem.unit_time_ps(unit, fastest));
    }
  for (const auto& device : problem.cluster().devices)
    facts->usable_bytes.push_back(std::max(1.0, static_cast<double>(device.usable_bytes())));
  facts->traffic = traffic(grouping, problem);
  facts->share_ps = std::max(1.0, sum_ps / static_cast<double>(devices));
  return facts;
}

void GroupTracker::look(float* features) {
  const size_t devices = facts_->usable_bytes.size();
  const auto step = static_cast<uint32_t>(taken_.size());
  std::vector<double> here(devices);
  double all = 0;
  for (size_t i = facts_->traffic.neighbours.begin[step]; i < facts_->traffic.neighbours.begin[step + 1]; ++i) {
    const uint32_t other = facts_->traffic.neighbours.items[i];
    all += facts_->traffic.ps[i];
    if (other < step) here[taken_[other]] += facts_->traffic.ps[i];
  }
  const double longest = *std::max_element(busy_ps_.begin(), busy_ps_.end());
  for (size_t device = 0; device < devices; ++device, features += kTrackWidth) {
    const double after = busy_ps_[device] + facts_->time_ps[step * devices + device];
    features[0] = static_cast<float>(busy_ps_[device] / facts_->share_ps);
    features[1] = static_cast<float>(after / facts_->share_ps);
    features[2] = static_cast<float>((after - longest) / facts_->share_ps);
    features[3] = static_cast<float>(std::log1p((all - here[device]) / facts_->share_ps));
    features[4] = static_cast<float>(std::log1p(here[device] / facts_->share_ps));
    features[5] = longest > 0 ? static_cast<float>(busy_ps_[device] / longest) : 0;
    features[6] = static_cast<float>((held_bytes_[device] + facts_->bytes[step]) / facts_->usable_bytes[device]);
    features[7] = static_cast<float>(all > 0 ? here[device] / all : 0);
  }
}

void GroupTracker::take(DeviceId device) {
  const auto step = taken_.size();
  busy_ps_[device] += facts_->time_ps[step * busy_ps_.size() + device];
  held_bytes_[device] += facts_->bytes[step];
  taken_.push_back(device);
}

}  // namespace allot::policy
