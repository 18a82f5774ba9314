// SPDX-License-Identifier: Apache-2.0
#include "policy/rank_wire.h"

#include <cstring>

namespace allot::policy {

void write(dist::WireWriter& out, const Samples& samples) {
  out.number(samples.draw);
  for (const at::Tensor* tensor :
       {&samples.devices, &samples.groups, &samples.log_probability, &samples.group_log_probability})
    write(out, *tensor);
}

void write(dist::WireWriter& out, const place::Score& score) { out.number(score); }

void write(dist::WireWriter& out, const UnitPlacement& placement) {
  out.number(uint64_t{placement.size()});
  out.bytes(placement.data(), placement.size() * sizeof(DeviceId));
}

void write(dist::WireWriter& out, const place::Improved& improved) {
  write(out, improved.placement);
  write(out, improved.score);
  out.number(improved.evaluations);
}

Samples read_samples(dist::WireReader& in) {
  Samples samples;
  samples.draw = in.number<Draw>();
  for (at::Tensor* tensor :
       {&samples.devices, &samples.groups, &samples.log_probability, &samples.group_log_probability})
    *tensor = read_tensor(in);
  return samples;
}

place::Score read_score(dist::WireReader& in) { return in.number<place::Score>(); }

UnitPlacement read_placement(dist::WireReader& in) {
  const auto units = in.number<uint64_t>();
  const auto data = in.bytes(units * sizeof(DeviceId));
  UnitPlacement placement(units);
  if (!data.empty()) std::memcpy(placement.data(), data.data(), data.size());
  return placement;
}

place::Improved read_improved(dist::WireReader& in) {
  place::Improved improved;
  improved.placement = read_placement(in);
  improved.score = read_score(in);
  improved.evaluations = in.number<uint64_t>();
  return improved;
}

}  // namespace allot::policy
