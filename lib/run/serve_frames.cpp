// SPDX-License-Identifier: Apache-2.0
// The loop around the server, and the frames it speaks in.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <optional>

#include "base/error.h"
#include "measure/answers.h"
#include "measure/process.h"
#include "run/serve.h"

namespace allot::run {
namespace {

using base::Error;
using base::ErrorKind;

constexpr size_t kMostFrameBytes = measure::Process::kMostFrameBytes;

// Fewer bytes than asked for only at the end of input.
size_t read_all(int descriptor, char* data, size_t count) {
  size_t done = 0;
  while (done < count) {
    const ssize_t n = ::read(descriptor, data + done, count - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error(ErrorKind::io, "requests", std::strerror(errno));
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

void write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error(ErrorKind::io, "answers", std::strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

std::optional<std::string> read_frame(int descriptor) {
  unsigned char length[8];
  const size_t got = read_all(descriptor, reinterpret_cast<char*>(length), sizeof length);
  if (got == 0) return std::nullopt;
  uint64_t size = 0;
  for (size_t i = sizeof length; i-- > 0;) size = size << 8 | length[i];
  if (got < sizeof length || size > kMostFrameBytes)
    throw Error(ErrorKind::malformed, "requests", "are no frames", "let placer-apply --run start the worker");
  std::string frame(size, '\0');
  if (read_all(descriptor, frame.data(), size) < size) throw Error(ErrorKind::malformed, "requests", "end in a frame");
  return frame;
}

void write_frame(int descriptor, std::string_view text) {
  std::string length(8, '\0');
  for (size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(uint64_t{text.size()} >> (8 * i));
  write_all(descriptor, length);
  write_all(descriptor, text);
}

const Service& service_for(const std::string& text, const std::vector<Service>& services) {
  const std::string schema = measure::schema_of(text);
  for (const Service& service : services)
    if (service.request == schema) return service;
  throw Error(ErrorKind::malformed, "request to allot-worker",
              fmt::format("its schema {} is none that is served", base::printable(schema)),
              "use a program of the worker's own version");
}

std::string answer(const std::vector<Service>& services, const std::string& text) {
  std::string reply = services.front().reply;  // to what is no request at all
  try {
    const Service& service = service_for(text, services);
    reply = service.reply;
    return service.answer(text);
  } catch (const Error& error) {
    return measure::to_json(error, reply);
  } catch (const std::bad_alloc&) {
    return measure::to_json(Error(ErrorKind::out_of_memory, "", "memory is exhausted", "use a smaller batch"), reply);
  } catch (const std::exception& error) {  // torch's, outside of any node
    return measure::to_json(Error(ErrorKind::internal, "", error.what()), reply);
  }
}

}  // namespace

void serve(int requests, int answers, std::string_view version, const std::vector<Service>& services) {
  write_frame(answers, measure::to_json(greeting(version)));
  while (const auto text = read_frame(requests)) write_frame(answers, answer(services, *text));
}

}  // namespace allot::run
