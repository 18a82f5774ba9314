// SPDX-License-Identifier: Apache-2.0
#include "exec/body.h"

#include "exec/check.h"

namespace allot::exec {

std::vector<Value> run_body(Frame& frame, uint32_t block, std::vector<Value> inputs) {
  const auto& slots = frame.plan().blocks[block].inputs;
  if (slots.size() != inputs.size())
    malformed("its body has {} inputs where {} are passed", slots.size(), inputs.size());
  for (size_t i = 0; i < slots.size(); ++i) frame.slot(slots[i]) = std::move(inputs[i]);
  frame.run(block);
  return frame.take_outputs(block);
}

}  // namespace allot::exec
