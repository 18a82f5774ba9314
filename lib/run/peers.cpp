// SPDX-License-Identifier: Apache-2.0
#include "run/peers.h"

#include "run/wire.h"

namespace allot::run {
namespace {

using base::Error;
using base::ErrorKind;

// Between looks for messages: mpirun often gives a process one core, which the device needs.
constexpr auto kPause = std::chrono::microseconds(20);

enum class Tag : uint8_t { message, share, failure };

std::string write_share(const Share& share, Clock::time_point begin) {
  WireWriter out;
  out.number(Tag::share);
  out.number(share.seconds);
  out.number(share.peak_bytes);
  for (const auto* values : {&share.outputs, &share.gradients}) {
    out.number(static_cast<uint32_t>(values->size()));
    for (const auto& [number, value] : *values) {
      out.number(number);
      out.value(value);
    }
  }
  out.number(static_cast<uint32_t>(share.events.size()));
  for (Event event : share.events) {
    event.begin = Clock::time_point(event.begin - begin);  // clocks of different machines tell different times
    event.end = Clock::time_point(event.end - begin);
    out.number(event);
  }
  return out.take();
}

Share read_share(WireReader& in, Clock::time_point begin) {
  Share share;
  share.seconds = in.number<double>();
  share.peak_bytes = in.number<int64_t>();
  for (auto* values : {&share.outputs, &share.gradients})
    for (uint32_t count = in.number<uint32_t>(); count > 0; --count) {
      const auto number = in.number<uint32_t>();
      values->emplace_back(number, in.value());
    }
  for (uint32_t count = in.number<uint32_t>(); count > 0; --count) {
    Event event = in.number<Event>();
    event.begin = begin + event.begin.time_since_epoch();
    event.end = begin + event.end.time_since_epoch();
    share.events.push_back(event);
  }
  return share;
}

}  // namespace

Peers::Peers(dist::Ranks& ranks, Mailbox& mailbox) : ranks_(ranks), mailbox_(mailbox) {
  ranks_.barrier([] { return false; });
  thread_ = std::thread([this] { take_in(); });
}

Peers::~Peers() {
  ends_ = true;
  thread_.join();
}

void Peers::send(DeviceId to, const Message& message) {
  WireWriter out;
  out.number(Tag::message);
  out.number(message.kind);
  out.number(message.slot);
  out.number(message.from);
  out.number(message.part);
  out.value(message.value);
  ranks_.send(to, out.take());
}

void Peers::tell(const Error& error) {
  WireWriter out;
  out.number(Tag::failure);
  out.error(error);
  const std::string bytes = out.take();
  for (uint32_t rank = 0; rank < ranks_.size(); ++rank)
    if (rank != ranks_.rank()) ranks_.send(rank, bytes);
}

void Peers::check() const {
  const std::lock_guard lock(mutex_);
  if (error_) throw *error_;
}

bool Peers::has_failed() const {
  const std::lock_guard lock(mutex_);
  return error_.has_value();
}

std::vector<Share> Peers::gather(Share mine, Clock::time_point begin) {
  std::vector<Share> all;
  if (ranks_.rank() == 0) {
    all.resize(ranks_.size());
    all[0] = std::move(mine);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return error_ || shares_.size() + 1 == ranks_.size(); });
    for (const auto& [rank, bytes] : shares_) {
      WireReader in(bytes);
      all[rank] = read_share(in, begin);
    }
  } else {
    ranks_.send(0, write_share(mine, begin));
  }
  ranks_.barrier([this] { return has_failed(); });
  check();
  return all;
}

// The only reader of the ranks' messages while the run lasts.
void Peers::take_in() {
  try {
    while (!ends_) {
      if (const auto received = ranks_.receive())
        dispatch(*received);
      else
        std::this_thread::sleep_for(kPause);
    }
  } catch (const Error& error) {
    {
      const std::lock_guard lock(mutex_);
      error_ = error;
    }
    changed_.notify_all();
    mailbox_.close();
  }
}

void Peers::dispatch(const dist::Received& received) {
  WireReader in(received.bytes);
  switch (in.number<Tag>()) {
    case Tag::message: {
      Message message;
      message.kind = in.number<Message::Kind>();
      message.slot = in.number<exec::Slot>();
      message.from = in.number<DeviceId>();
      message.part = in.number<uint32_t>();
      message.value = in.value();
      return mailbox_.push(std::move(message));
    }
    case Tag::share: {
      const std::lock_guard lock(mutex_);
      shares_.emplace_back(received.from, received.bytes.substr(1));
      return changed_.notify_all();
    }
    case Tag::failure:
      throw in.error().within(fmt::format("rank {}", received.from));
  }
  throw Error(ErrorKind::malformed, fmt::format("a message of rank {}", received.from), "is damaged");
}

}  // namespace allot::run
