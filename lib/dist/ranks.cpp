// SPDX-License-Identifier: Apache-2.0
#include "dist/ranks.h"

#include <cstdlib>

#include "base/error.h"
#include "base/parallel.h"
#include "dist/mpi_ranks.h"

namespace allot::dist {
namespace {

class Alone : public Ranks {
 public:
  uint32_t rank() const override { return 0; }
  uint32_t size() const override { return 1; }
  unsigned cores() const override { return base::resolve_threads(0); }
  void send(uint32_t, std::string) override { ALLOT_ASSERT(!"there is nobody to send to"); }
  std::optional<Received> receive() override { return std::nullopt; }
  bool has_sent() override { return true; }
  bool barrier(const std::function<bool()>&) override { return true; }
  void forsake() override {}
};

}  // namespace

bool is_one_of_several() {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
    if (const char* size = std::getenv(variable)) return std::atoi(size) > 1;
  // srun --mpi=pmix; what else srun starts does not know of MPI.
  const char* tasks = std::getenv("SLURM_STEP_NUM_TASKS");
  return std::getenv("PMIX_RANK") && tasks && std::atoi(tasks) > 1;
}

Ranks& ranks() {
  static const std::unique_ptr<Ranks> all = is_one_of_several() ? join_mpi() : std::make_unique<Alone>();
  return *all;
}

}  // namespace allot::dist
