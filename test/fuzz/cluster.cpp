// SPDX-License-Identifier: Apache-2.0
// A cluster file, and the form in which placements store it: the one must give the other.
#include "cluster/cluster.h"

#include "fuzz/target.h"

void allot::fuzz::parse(std::string_view bytes) {
  const auto cluster = cluster::parse(std::string(bytes), "cluster.yaml");
  const auto again = cluster::parse(cluster::dump(cluster), "dumped.yaml");
  ALLOT_ASSERT(cluster::hash(again) == cluster::hash(cluster));
}
