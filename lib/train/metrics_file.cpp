// SPDX-License-Identifier: Apache-2.0
#include "train/metrics_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"

namespace allot::train {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

[[noreturn]] void fail(ErrorKind kind, const std::string& path, std::string_view doing, int error) {
  if (error == EACCES || error == EPERM || error == EROFS) kind = ErrorKind::permission;
  throw Error(kind, printable(path), fmt::format("{}: {}", doing, std::strerror(error)),
              error == ENOSPC || error == EFBIG ? "free some space" : "");
}

}  // namespace

MetricsFile::MetricsFile(std::string path)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) fail(ErrorKind::cannot_create, path_, "cannot open", errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor_);
    throw Error(ErrorKind::try_again, printable(path_), "another process writes to it", "wait until that run ends");
  }
  bytes_ = static_cast<uint64_t>(std::max<off_t>(0, ::lseek(descriptor_, 0, SEEK_END)));
}

MetricsFile::~MetricsFile() { ::close(descriptor_); }

void MetricsFile::append(std::string line) {
  if (!line.ends_with('\n')) line += '\n';
  ALLOT_ASSERT(line.find('\n') == line.size() - 1);
  for (size_t written = 0; written < line.size();) {
    const ssize_t n = ::write(descriptor_, line.data() + written, line.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      cut(bytes_);
      fail(ErrorKind::io, path_, "cannot write", error);
    }
    written += static_cast<size_t>(n);
  }
  bytes_ += line.size();
}

void MetricsFile::cut(uint64_t bytes) {
  const off_t size = ::lseek(descriptor_, 0, SEEK_END);
  if (size > static_cast<off_t>(bytes) && ::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0)
    fail(ErrorKind::io, path_, "cannot shorten", errno);
  bytes_ = std::min(bytes_, bytes);
}

void MetricsFile::flush() {
  if (::fsync(descriptor_) != 0) fail(ErrorKind::io, path_, "cannot flush to disk", errno);
}

}  // namespace allot::train
