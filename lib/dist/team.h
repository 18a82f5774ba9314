// SPDX-License-Identifier: Apache-2.0
// Ranks that do one job in step: all hold the same state, each does its part of the work, and all get all results.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "dist/ranks.h"
#include "dist/wire.h"

namespace allot::dist {

struct TeamOptions {
  const std::atomic<bool>* stop = nullptr;  // set to end
  std::function<int()> stop_code = {};      // with what exit code; 0 before it is set
  double silence_s = 10;                    // a rank that is not heard of for as long is dead
  double last_silence_s = 1.5;              // the same once asked to stop: mpirun kills all soon after one died
};

/// Ranks say every now and then that they live, on a thread of their own, so that nobody waits for a dead one. One
/// thread at a time calls the functions that all ranks have to call in the same order, which are marked "all". With one
/// rank these cost nothing. Errors of them: try_again naming the rank that died; the error that another rank told.
class Team {
 public:
  explicit Team(Ranks& ranks, TeamOptions options = {});
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  uint32_t rank() const { return ranks_.rank(); }
  uint32_t size() const { return ranks_.size(); }
  bool is_first() const { return rank() == 0; }
  unsigned cores() const { return ranks_.cores(); }  // Ranks::cores

  /// All: what each of them gives, by rank.
  std::vector<std::string> gather(std::string mine);
  /// All: what the first gives.
  std::string from_first(std::string mine);
  /// All: whether the first wants to go on, and none was asked to stop.
  bool goes_on(bool wanted);

  /// Returns at once; for messages of which only sender and receiver know.
  void send(uint32_t to, std::string bytes);
  /// Waits for one from `from`, or from any.
  Received receive(std::optional<uint32_t> from = {});

  /// Whether a rank was asked to stop, maybe another one: set within a second. Searches may end with what they have,
  /// but what all do in step ends by goes_on().
  const std::atomic<bool>& stop_requested() const {
    return alone() && options_.stop ? *options_.stop : stop_requested_;
  }
  /// TeamOptions::stop_code of the rank that was; 0 if none was.
  int stop_code() const { return alone() && options_.stop_code ? options_.stop_code() : stop_code_.load(); }

  /// All: does `job` and returns what it returns. No rank leaves before all are done, as the first to leave would end
  /// the others. When one fails, all end: the first throws the error, the others return its exit code, so that it is
  /// told once. Without the first, all throw.
  int run(const std::function<int()>& job);

 private:
  using Clock = std::chrono::steady_clock;

  bool alone() const { return size() == 1; }
  void beat();
  void tell_alive();
  void note_stop(int code);
  void take_in();
  void take_in(const Received& received);
  void send_others(const std::string& bytes);
  std::optional<std::string> next_of(uint32_t from);
  void check();
  void wait_for(const std::function<bool()>& done);
  bool was_told() const;
  void part(const base::Error& error);
  bool first_parts();

  Ranks& ranks_;
  const TeamOptions options_;
  std::atomic<bool> stop_requested_ = false, ends_ = false;
  std::atomic<int> stop_code_ = 0;
  mutable std::mutex mutex_;                    // of what follows
  std::vector<std::deque<std::string>> inbox_;  // by rank
  std::vector<Clock::time_point> heard_;        // by rank: when last
  std::optional<base::Error> error_;            // of another rank
  bool first_has_parted_ = false;
  std::thread thread_;  // last: it uses the rest
};

/// The pieces of work, numbered from 0, that this rank does. Without a team, all.
std::vector<size_t> dealt(const Team* team, size_t pieces);

/// All: gives every rank what the others made of the pieces that they were dealt. write(WireWriter&, const T&),
/// read(WireReader&) -> T.
template <typename T, typename Write, typename Read>
void exchange(Team* team, std::vector<T>& pieces, const Write& write, const Read& read) {
  if (!team || team->size() == 1) return;
  WireWriter mine;
  for (const size_t piece : dealt(team, pieces.size())) write(mine, pieces[piece]);
  const auto all = team->gather(mine.take());
  for (uint32_t rank = 0; rank < all.size(); ++rank) {
    if (rank == team->rank()) continue;
    WireReader in(all[rank]);
    for (size_t piece = rank; piece < pieces.size(); piece += all.size()) pieces[piece] = read(in);
    if (!in.at_end()) WireReader::damaged();
  }
}

}  // namespace allot::dist
