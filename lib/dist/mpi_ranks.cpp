// SPDX-License-Identifier: Apache-2.0
#include "dist/mpi_ranks.h"

#ifdef ALLOT_MPI
#include <mpi.h>
#endif

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"

namespace allot::dist {

using base::Error;
using base::ErrorKind;

#ifdef ALLOT_MPI

namespace {

constexpr int kTag = 1;

void check(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw Error(ErrorKind::io, what, std::string(text, static_cast<size_t>(length)), "look at what mpirun says");
}

/// One lock around every call: MPI implementations differ in how many threads they stand.
class MpiRanks : public Ranks {
 public:
  MpiRanks() {
    int provided = 0, rank = 0, size = 1;
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
    if (provided < MPI_THREAD_SERIALIZED)
      throw Error(ErrorKind::unavailable, "MPI", "serves one thread only", "use an MPI built with threads");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    check(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
    check(MPI_Comm_size(MPI_COMM_WORLD, &size), "MPI_Comm_size");
    rank_ = static_cast<uint32_t>(rank);
    size_ = static_cast<uint32_t>(size);
    cores_ = share_of_cores();
  }

  ~MpiRanks() override {
    if (forsaken_) return;
    const std::lock_guard lock(mutex_);
    while (!sent_.empty()) forget_sent();
    MPI_Finalize();
  }

  uint32_t rank() const override { return rank_; }
  uint32_t size() const override { return size_; }
  unsigned cores() const override { return cores_; }

  void send(uint32_t to, std::string bytes) override {
    if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max()))
      throw Error(ErrorKind::unavailable, "MPI", fmt::format("cannot send {} bytes at once", bytes.size()),
                  "place the nodes so that smaller tensors travel");
    const std::lock_guard lock(mutex_);
    forget_sent();
    Sent& sent = sent_.emplace_back();
    sent.bytes = std::move(bytes);
    check(MPI_Isend(sent.bytes.data(), static_cast<int>(sent.bytes.size()), MPI_BYTE, static_cast<int>(to), kTag,
                    MPI_COMM_WORLD, &sent.request),
          "MPI_Isend");
  }

  std::optional<Received> receive() override {
    const std::lock_guard lock(mutex_);
    forget_sent();
    int is_there = 0, count = 0;
    MPI_Message message;
    MPI_Status status;
    check(MPI_Improbe(MPI_ANY_SOURCE, kTag, MPI_COMM_WORLD, &is_there, &message, &status), "MPI_Improbe");
    if (!is_there) return std::nullopt;
    check(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
    Received received{static_cast<uint32_t>(status.MPI_SOURCE), std::string(static_cast<size_t>(count), '\0')};
    check(MPI_Mrecv(received.bytes.data(), count, MPI_BYTE, &message, MPI_STATUS_IGNORE), "MPI_Mrecv");
    return received;
  }

  bool has_sent() override {
    const std::lock_guard lock(mutex_);
    forget_sent();
    return sent_.empty();
  }

  void forsake() override { forsaken_ = true; }

  bool barrier(const std::function<bool()>& gives_up) override {
    MPI_Request request;
    {
      const std::lock_guard lock(mutex_);
      check(MPI_Ibarrier(MPI_COMM_WORLD, &request), "MPI_Ibarrier");
    }
    while (!gives_up()) {
      int done = 0;
      {
        const std::lock_guard lock(mutex_);
        forget_sent();
        check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      }
      if (done) return true;
      std::this_thread::yield();
    }
    return false;
  }

 private:
  struct Sent {
    std::string bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  // A message's memory is needed until it has left.
  void forget_sent() {
    for (auto sent = sent_.begin(); sent != sent_.end();) {
      int done = 0;
      check(MPI_Test(&sent->request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      sent = done ? sent_.erase(sent) : std::next(sent);
    }
  }

  /// Of each core that this process may use, the part that other ranks of the host leave: mpirun binds each rank to
  /// cores of its own, or all to the same.
  static unsigned share_of_cores() {
    MPI_Comm host;
    check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host), "MPI_Comm_split_type");
    cpu_set_t set;
    CPU_ZERO(&set);
    ::sched_getaffinity(0, sizeof set, &set);
    std::vector<int> mine(CPU_SETSIZE), users(CPU_SETSIZE);
    for (int core = 0; core < CPU_SETSIZE; ++core) mine[core] = CPU_ISSET(core, &set) ? 1 : 0;
    check(MPI_Allreduce(mine.data(), users.data(), CPU_SETSIZE, MPI_INT, MPI_SUM, host), "MPI_Allreduce");
    MPI_Comm_free(&host);
    double share = 0;
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (mine[core]) share += 1.0 / users[core];
    return std::max(1u, static_cast<unsigned>(share + 1e-6));
  }

  uint32_t rank_ = 0, size_ = 1;
  unsigned cores_ = 1;
  std::atomic<bool> forsaken_ = false;
  std::mutex mutex_;
  std::list<Sent> sent_;
};

}  // namespace

std::unique_ptr<Ranks> join_mpi() { return std::make_unique<MpiRanks>(); }

#else

std::unique_ptr<Ranks> join_mpi() {
  throw Error(ErrorKind::unavailable, "mpirun", "started this process, but Allot was built without MPI",
              "install libopenmpi-dev and build again, or run without mpirun");
}

#endif

}  // namespace allot::dist
