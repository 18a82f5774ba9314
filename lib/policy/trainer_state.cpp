// SPDX-License-Identifier: Apache-2.0
// A training run as a checkpoint, and back.
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include "base/error.h"
#include "policy/trainer.h"

namespace allot::policy {
namespace {

at::Tensor integers(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong); }

std::vector<int64_t> numbers(const std::vector<nn::NamedTensor>& tensors, const std::string& name,
                             const std::string& path) {
  for (const auto& [its_name, tensor] : tensors)
    if (its_name == name && tensor.scalar_type() == at::kLong) {
      const auto flat = tensor.contiguous();
      return {flat.const_data_ptr<int64_t>(), flat.const_data_ptr<int64_t>() + flat.numel()};
    }
  throw base::Error(base::ErrorKind::malformed, base::printable(path), fmt::format("lacks the tensor '{}'", name),
                    "begin the run anew");
}

std::vector<nn::NamedTensor> task_state(const Task& task) {
  const ElitesState elites = task.elites.state();
  return {{"placements", integers({elites.placements.begin(), elites.placements.end()})},
          {"scores", integers(elites.scores)},
          {"evaluations", integers({static_cast<int64_t>(task.evaluations)})},
          {"known", integers(task.reward->state())},
          {"moves", to_tensor(task.moves)},
          {"baseline", at::tensor({task.baseline, task.has_baseline ? 1.0 : 0.0}, at::kDouble)}};
}

void restore_task(Task& task, const std::vector<nn::NamedTensor>& state, const std::string& path) {
  const auto placements = numbers(state, "placements", path);
  task.elites.restore({{placements.begin(), placements.end()}, numbers(state, "scores", path)}, path);
  task.reward->restore(numbers(state, "known", path), path);
  const auto evaluations = numbers(state, "evaluations", path);
  for (const auto& [name, tensor] : state) {
    if (name == "moves") task.moves = move_weights(tensor, path);
    if (name != "baseline") continue;
    if (tensor.scalar_type() != at::kDouble || tensor.numel() != 2 || evaluations.size() != 1)
      throw base::Error(base::ErrorKind::malformed, base::printable(path),
                        "its tasks are not those of a policy's training", "begin the run anew");
    task.baseline = tensor.const_data_ptr<double>()[0];
    task.has_baseline = tensor.const_data_ptr<double>()[1] != 0;
  }
  task.evaluations = static_cast<uint64_t>(evaluations.front());
}

}  // namespace

train::Checkpoint Trainer::state() const {
  train::Checkpoint checkpoint = policy_.checkpoint();
  checkpoint.metadata["schema"] = kTrainingSchema;
  if (flat_) checkpoint.add("learner.flat.", flat_->state());
  if (hierarchical_) checkpoint.add("learner.hierarchical.", hierarchical_->state());
  checkpoint.add("trainer.", {{"update", integers({update_})}});
  for (size_t i = 0; i < tasks_.size(); ++i) checkpoint.add("task." + std::to_string(i) + ".", task_state(*tasks_[i]));
  return checkpoint;
}

void Trainer::restore(const train::Checkpoint& state, const std::string& path) {
  if (policy_.flat()) policy_.flat()->parameters().assign(state.with_prefix("flat."), path);
  if (policy_.grouping()) policy_.grouping()->parameters().assign(state.with_prefix("hierarchical."), path);
  if (flat_) flat_->assign(state.with_prefix("learner.flat."), path);
  if (hierarchical_) hierarchical_->assign(state.with_prefix("learner.hierarchical."), path);
  for (size_t i = 0; i < tasks_.size(); ++i)
    restore_task(*tasks_[i], state.with_prefix("task." + std::to_string(i) + "."), path);
  update_ = static_cast<uint32_t>(numbers(state.with_prefix("trainer."), "update", path).front());
}

}  // namespace allot::policy
