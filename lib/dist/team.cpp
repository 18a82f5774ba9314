// SPDX-License-Identifier: Apache-2.0
#include "dist/team.h"

#include <algorithm>
#include <exception>
#include <new>

#include "base/log.h"
#include "base/stopped.h"

namespace allot::dist {
namespace {

using base::Error;
using base::ErrorKind;
using namespace std::chrono_literals;

constexpr auto kLook = 50ms;        // between looks for messages while a rank computes
constexpr auto kHeartbeat = 250ms;  // between signs of life
constexpr const char* kStopped = "stopped before there was anything to write";
constexpr auto kParting = 300ms;  // for last words to leave: to a dead rank they never do

enum class Kind : uint8_t { alive, message, parting };

std::string with_kind(Kind kind, std::string_view bytes) {
  WireWriter out;
  out.number(kind);
  out.bytes(bytes.data(), bytes.size());
  return out.take();
}

Error current_error() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const base::Stopped&) {
    return {ErrorKind::try_again, "", kStopped};
  } catch (const std::bad_alloc&) {
    return {ErrorKind::out_of_memory, "", "out of memory", "use a smaller input, or more memory a rank"};
  } catch (const std::exception& error) {
    return {ErrorKind::internal, "", base::printable(error.what()), "please report this"};
  } catch (...) {
    return {ErrorKind::internal, "", "unexpected exception", "please report this"};
  }
}

}  // namespace

Team::Team(Ranks& ranks, TeamOptions options)
    : ranks_(ranks), options_(std::move(options)), inbox_(ranks.size()), heard_(ranks.size(), Clock::now()) {
  if (!alone()) thread_ = std::thread([this] { beat(); });
}

Team::~Team() {
  ends_ = true;
  if (thread_.joinable()) thread_.join();
}

void Team::beat() {
  auto told = Clock::time_point();
  int told_code = 0;
  while (!ends_) {
    try {
      take_in();
      note_stop(options_.stop_code ? options_.stop_code() : 0);
      if (Clock::now() - told >= kHeartbeat || told_code != stop_code_) {
        told = Clock::now();
        told_code = stop_code_;
        tell_alive();
      }
    } catch (const Error& error) {
      const std::lock_guard lock(mutex_);
      error_ = error;
      return;
    }
    std::this_thread::sleep_for(kLook);
  }
}

/// The first watches over all others, and they over the first.
void Team::tell_alive() {
  const int code = stop_code_;
  const std::string bytes = with_kind(Kind::alive, {reinterpret_cast<const char*>(&code), sizeof code});
  if (is_first())
    send_others(bytes);
  else
    ranks_.send(0, bytes);
}

void Team::note_stop(int code) {
  if (code == 0 || stop_requested_) return;
  stop_code_ = code;
  stop_requested_ = true;
}

void Team::send_others(const std::string& bytes) {
  for (uint32_t to = 0; to < size(); ++to)
    if (to != rank()) ranks_.send(to, bytes);
}

void Team::take_in() {
  const std::lock_guard lock(mutex_);
  while (const auto received = ranks_.receive()) take_in(*received);
}

void Team::take_in(const Received& received) {
  heard_[received.from] = Clock::now();
  WireReader in(received.bytes);
  switch (in.number<Kind>()) {
    case Kind::alive:
      return note_stop(in.number<int>());
    case Kind::message:
      inbox_[received.from].push_back(received.bytes.substr(sizeof(Kind)));
      return;
    case Kind::parting:
      if (received.from == 0) first_has_parted_ = true;
      if (!error_) error_ = in.error().within(fmt::format("rank {}", received.from));
      return;
  }
  WireReader::damaged();
}

std::optional<std::string> Team::next_of(uint32_t from) {
  const std::lock_guard lock(mutex_);
  if (inbox_[from].empty()) return std::nullopt;
  std::string bytes = std::move(inbox_[from].front());
  inbox_[from].pop_front();
  return bytes;
}

/// Throws what ends the work of all.
void Team::check() {
  const std::lock_guard lock(mutex_);
  if (error_) throw *error_;
  const double patience_s = stop_requested_ ? options_.last_silence_s : options_.silence_s;
  const auto limit =
      Clock::now() - std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(patience_s));
  for (uint32_t other = is_first() ? 1 : 0; other < (is_first() ? size() : 1); ++other)
    if (heard_[other] < limit)
      throw Error(ErrorKind::try_again, fmt::format("rank {}", other),
                  fmt::format("was not heard of for {} s: it died, or its machine is out of reach", patience_s),
                  "run the same command with --resume, which goes on from the last checkpoint");
}

/// Looks often at first, and less often the longer it takes.
void Team::wait_for(const std::function<bool()>& done) {
  const auto start = Clock::now();
  while (true) {
    take_in();
    if (done()) return;
    check();
    std::this_thread::sleep_for(std::clamp<Clock::duration>((Clock::now() - start) / 32, 20us, 5ms));
  }
}

void Team::send(uint32_t to, std::string bytes) { ranks_.send(to, with_kind(Kind::message, bytes)); }

Received Team::receive(std::optional<uint32_t> from) {
  Received received;
  wait_for([&] {
    for (uint32_t other = 0; other < size(); ++other) {
      if (other == rank() || (from && *from != other)) continue;
      auto bytes = next_of(other);
      if (!bytes) continue;
      received = {other, std::move(*bytes)};
      return true;
    }
    return false;
  });
  return received;
}

std::vector<std::string> Team::gather(std::string mine) {
  std::vector<std::string> all(size());
  if (!alone()) send_others(with_kind(Kind::message, mine));
  all[rank()] = std::move(mine);
  for (uint32_t other = 0; other < size(); ++other)
    if (other != rank()) all[other] = receive(other).bytes;
  // Large messages travel while both sides look after them.
  if (!alone()) wait_for([this] { return ranks_.has_sent(); });
  return all;
}

std::string Team::from_first(std::string mine) {
  if (alone()) return mine;
  if (!is_first()) return receive(0).bytes;
  send_others(with_kind(Kind::message, mine));
  wait_for([this] { return ranks_.has_sent(); });
  return mine;
}

bool Team::goes_on(bool wanted) {
  if (alone()) return wanted && !stop_requested();
  note_stop(options_.stop_code ? options_.stop_code() : 0);
  WireWriter out;
  out.number(wanted);
  out.number(stop_code_.load());
  const auto all = gather(out.take());
  // What was gathered alone decides, as all have the same of it. A stop comes with its code, which heartbeats might
  // bring only after this rank has ended.
  bool goes_on = true;
  for (uint32_t from = 0; from < size(); ++from) {
    WireReader in(all[from]);
    const bool wants = in.number<bool>();
    const int code = in.number<int>();
    note_stop(code);
    goes_on = goes_on && code == 0 && (wants || from != 0);
  }
  return goes_on;
}

/// Last words, unless others know already, after a sign of life that tells of a signal. Leaving in peace would wait for
/// all, and one may be dead.
void Team::part(const Error& error) {
  WireWriter out;
  out.number(Kind::parting);
  out.error(error);
  try {
    note_stop(options_.stop_code ? options_.stop_code() : 0);
    tell_alive();
    if (is_first() || !was_told()) send_others(out.take());
    const auto limit = Clock::now() + kParting;
    while (!ranks_.has_sent() && Clock::now() < limit) std::this_thread::sleep_for(1ms);
  } catch (const Error&) {  // nobody can be told
  }
  ranks_.forsake();
}

bool Team::was_told() const {
  const std::lock_guard lock(mutex_);
  return error_.has_value();
}

/// Waits for it, as an earlier end of this rank would be taken for the cause.
bool Team::first_parts() {
  try {
    wait_for([this] {
      const std::lock_guard lock(mutex_);
      error_.reset();  // of no interest any more
      return first_has_parted_;
    });
    return true;
  } catch (const Error&) {
    return false;
  }
}

int Team::run(const std::function<int()>& job) {
  if (alone()) return job();
  try {
    const int code = job();
    gather({});
    return code;
  } catch (...) {
    const Error error = current_error();
    part(error);
    const bool by_signal = error.message() == kStopped;  // to any rank: all end by it
    if (is_first() ? !by_signal : !first_parts()) throw;
    if (is_first()) base::warn("{}", kStopped);
    return stop_code_ != 0 ? stop_code_.load() : base::exit_code(error.kind());
  }
}

std::vector<size_t> dealt(const Team* team, size_t pieces) {
  std::vector<size_t> mine;
  const size_t step = team ? team->size() : 1;
  for (size_t piece = team ? team->rank() : 0; piece < pieces; piece += step) mine.push_back(piece);
  return mine;
}

}  // namespace allot::dist
