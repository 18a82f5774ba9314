// SPDX-License-Identifier: Apache-2.0
// Processes that do one job together: started by mpirun, or this one alone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace allot::dist {

struct Received {
  uint32_t from = 0;
  std::string bytes;
};

/// All functions may be called from any thread. Errors of all: io, with what MPI says.
class Ranks {
 public:
  virtual ~Ranks() = default;

  virtual uint32_t rank() const = 0;
  virtual uint32_t size() const = 0;

  /// Of the cores of its host, how many are this rank's share, so that ranks beside one another do not get in each
  /// other's way; at least 1.
  virtual unsigned cores() const = 0;

  /// Returns at once; messages to one rank arrive in order. At most 2^31 - 1 bytes. Errors: unavailable for more.
  virtual void send(uint32_t to, std::string bytes) = 0;
  /// A message that has arrived, if there is one.
  virtual std::optional<Received> receive() = 0;
  /// Whether all that this rank sent has left.
  virtual bool has_sent() = 0;
  /// Waits for all ranks to come here; `gives_up` is asked again and again, since a rank that died never comes.
  /// Returns whether all came.
  virtual bool barrier(const std::function<bool()>& gives_up) = 0;
  /// This process will end without the others: a rank that died would keep it waiting for ever.
  virtual void forsake() = 0;
};

/// The ranks of this job. Joins MPI when mpirun (Open MPI, MPICH) or srun (PMI, PMIx) started the process, at the first
/// call in the process; otherwise one rank alone. Errors: unavailable when mpirun started it, but Allot was built
/// without MPI.
Ranks& ranks();

/// Whether mpirun started this process as one of several, by its environment.
bool is_one_of_several();

}  // namespace allot::dist
