// SPDX-License-Identifier: Apache-2.0
#include "onnxio/external.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "ir/payload.h"

namespace allot::onnxio {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

[[noreturn]] void refuse(ir::Str location, std::string_view what,
                         std::string_view fix = "put the data file itself into the model's folder") {
  throw Error(ErrorKind::malformed, fmt::format("external data '{}'", printable(location)), what, fix);
}

uint64_t number(const ir::Entry& entry) {
  uint64_t value = 0;
  const char* end = entry.value.data() + entry.value.size();
  const auto [stop, error] = std::from_chars(entry.value.data(), end, value);
  constexpr std::string_view kFix = "export the model again";
  if (error != std::errc{} || stop != end)
    throw Error(ErrorKind::malformed, "",
                fmt::format("external data has the {} '{}', which is no number of bytes", printable(entry.key),
                            printable(entry.value)),
                kFix);
  return value;
}

/// Closes what it holds unless it is released.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

[[noreturn]] void cannot_open(ir::Str location, const std::string& folder, int error) {
  if (error == ELOOP || error == EMLINK) refuse(location, "is or passes through a symbolic link");
  const auto where = fmt::format("external data '{}'", printable(location));
  if (error == ENOENT || error == ENOTDIR)
    throw Error(ErrorKind::input_missing, where, fmt::format("is not in the folder {}", printable(folder)),
                "put it beside the model");
  throw Error(error == EACCES ? ErrorKind::permission : ErrorKind::input_missing, where,
              fmt::format("cannot open: {}", std::strerror(error)));
}

/// O_NOFOLLOW on a folder that is a link fails with ENOTDIR; tells that apart from a plain file in the way.
bool is_link(int parent, const std::string& component) {
  struct stat info {};
  return ::fstatat(parent, component.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
}

void check_file(int fd, ir::Str location) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) refuse(location, "cannot be examined");
  if (!S_ISREG(info.st_mode)) refuse(location, "is not a regular file");
  if (info.st_nlink > 1) refuse(location, "has several hard links, so that it may be another file", "copy it");
}

}  // namespace

ExternalRange external_range(const ir::Tensor& tensor) {
  ExternalRange range;
  bool has_location = false, has_offset = false;
  const auto once = [](bool& seen, const ir::Entry& entry) {
    if (std::exchange(seen, true))
      throw Error(ErrorKind::malformed, "", fmt::format("external data has two of the key '{}'", printable(entry.key)),
                  "export the model again");
  };
  bool has_length = false;
  for (const auto& entry : tensor.external_data) {
    if (entry.key == "location") once(has_location, entry), range.location = entry.value;
    if (entry.key == "offset") once(has_offset, entry), range.offset = number(entry);
    if (entry.key == "length") once(has_length, entry), range.length = number(entry);
  }
  if (range.location.empty())
    throw Error(ErrorKind::malformed, "", "external data has no location", "export the model again");
  return range;
}

std::string model_folder(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

int open_beneath(const std::string& folder, ir::Str location) {
  if (location.find('\0') != location.npos) refuse(location, "has a NUL in its path");
  if (location.starts_with('/')) refuse(location, "is an absolute path");
  if (fmt::format("/{}/", location).find("/../") != std::string::npos) refuse(location, "leaves the model's folder");
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;  // nonblocking: a FIFO must not hang us
  Descriptor at(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (at.get() < 0) cannot_open(location, folder, errno);
  for (size_t begin = 0; begin <= location.size();) {
    const size_t end = std::min(location.find('/', begin), location.size());
    const std::string component(location.substr(begin, end - begin));
    const bool last = end == location.size();
    begin = end + 1;
    if (component.empty() || component == ".") {
      if (last) refuse(location, "names a folder");
      continue;
    }
    const int fd = ::openat(at.get(), component.c_str(), last ? kFlags : kFlags | O_DIRECTORY);
    const int error = errno;
    if (fd < 0) cannot_open(location, folder, is_link(at.get(), component) ? ELOOP : error);
    at.reset(fd);
  }
  check_file(at.get(), location);
  return at.release();
}

uint32_t ExternalFiles::file(ir::Str location) {
  const auto [it, is_new] = files_.try_emplace(location, static_cast<uint32_t>(model_.external.size()));
  if (is_new) {
    const auto path = (std::filesystem::path(folder_) / location).string();
    model_.external.push_back(base::Bytes::adopt_fd(open_beneath(folder_, location), path));
  }
  return it->second;
}

void ExternalFiles::attach(ir::Tensor& tensor) {
  const auto range = external_range(tensor);
  const auto elements = ir::element_count(tensor.dims);
  if (!elements) return;  // payload_problem will name the dimension
  const uint64_t length = range.length.value_or(static_cast<uint64_t>(ir::storage_bytes(tensor.dtype, *elements)));
  const uint32_t index = file(range.location);
  const uint64_t size = model_.external[index]->size();
  if (range.offset > size || length > size - range.offset)
    refuse(range.location,
           fmt::format("is {} bytes long; the tensor needs {} bytes at offset {}", size, length, range.offset),
           "fetch or export the model again");
  tensor.payload.file = index;
  tensor.payload.chunks.assign(1, {0, true, {range.offset, length}});
}

}  // namespace allot::onnxio
