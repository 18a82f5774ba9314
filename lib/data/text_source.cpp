// SPDX-License-Identifier: Apache-2.0
#include "data/text_source.h"

#include <dlfcn.h>
#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <new>

#include "base/error.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;

constexpr unsigned kBlock = 1 << 18;

[[noreturn]] void missing(const std::string& path) {
  throw Error(ErrorKind::input_missing, base::printable(path), "cannot be opened", "check the path");
}

[[noreturn]] void damaged(const std::string& path, ErrorKind kind) {
  throw Error(kind, base::printable(path), "is damaged, cut short or cannot be read", "fetch or compress it anew");
}

class GzipSource : public TextSource {
 public:
  explicit GzipSource(const std::string& path) : path_(path), file_(::gzopen(path.c_str(), "rb")) {
    if (!file_) missing(path);
    ::gzbuffer(file_, kBlock);
  }
  ~GzipSource() override { ::gzclose_r(file_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  bool read(std::string& out, size_t most) override {
    const size_t before = out.size();
    out.resize(before + most);
    const int count = ::gzread(file_, out.data() + before, static_cast<unsigned>(most));
    out.resize(before + static_cast<size_t>(std::max(0, count)));
    int error = Z_OK;
    ::gzerror(file_, &error);
    if (count < 0 || error == Z_BUF_ERROR || error == Z_DATA_ERROR)
      damaged(path_, error == Z_ERRNO ? ErrorKind::io : ErrorKind::malformed);
    return count > 0;
  }

 private:
  std::string path_;
  gzFile file_;
};

/// The part of libzstd's interface that is needed, which has been the same since its version 1.0: every Debian has the
/// library, few have its headers. Source: the manual of zstd 1.5, "Streaming decompression".
class Zstd {
 public:
  struct In {
    const void* data;
    size_t size, at;
  };
  struct Out {
    void* data;
    size_t size, at;
  };

  explicit Zstd(const std::string& path) : library_(::dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL)) {
    if (library_) {
      find(create, "ZSTD_createDStream");
      find(release, "ZSTD_freeDStream");
      find(unpack, "ZSTD_decompressStream");
      find(is_error, "ZSTD_isError");
    }
    if (!create || !release || !unpack || !is_error)
      throw Error(ErrorKind::unavailable, base::printable(path), "is packed by Zstandard, and libzstd.so.1 is not here",
                  "install libzstd1, or unpack it: zstd -d");
  }

  void* (*create)() = nullptr;
  size_t (*release)(void*) = nullptr;
  size_t (*unpack)(void*, Out*, In*) = nullptr;
  unsigned (*is_error)(size_t) = nullptr;

 private:
  template <typename Function>
  void find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(::dlsym(library_, name));
  }

  void* library_;  // stays open: threads may read other files
};

class ZstdSource : public TextSource {
 public:
  explicit ZstdSource(const std::string& path) : zstd_(path), path_(path), file_(std::fopen(path.c_str(), "rb")) {
    if (!file_) missing(path);
    stream_ = zstd_.create();
    if (!stream_) throw std::bad_alloc();
  }
  ~ZstdSource() override {
    if (stream_) zstd_.release(stream_);
    if (file_) std::fclose(file_);
  }
  ZstdSource(const ZstdSource&) = delete;
  ZstdSource& operator=(const ZstdSource&) = delete;

  bool read(std::string& out, size_t most) override {
    const size_t before = out.size();
    out.resize(before + most);
    Zstd::Out unpacked{out.data() + before, most, 0};
    while (unpacked.at == 0) {
      if (in_.at == in_.size) refill();
      const bool all_in = in_.at == in_.size;  // the file has ended; something may still be held back
      if (all_in && left_ == 0) break;
      left_ = zstd_.unpack(stream_, &unpacked, &in_);
      if (zstd_.is_error(left_) || (all_in && unpacked.at == 0 && left_ != 0)) damaged(path_, ErrorKind::malformed);
    }
    out.resize(before + unpacked.at);
    return unpacked.at > 0;
  }

 private:
  void refill() {
    in_ = {packed_, std::fread(packed_, 1, sizeof packed_, file_), 0};
    if (std::ferror(file_)) damaged(path_, ErrorKind::io);
  }

  Zstd zstd_;
  std::string path_;
  std::FILE* file_;
  void* stream_ = nullptr;
  char packed_[kBlock];
  Zstd::In in_{packed_, 0, 0};
  size_t left_ = 0;  // what unpack() said last: 0 between frames
};

}  // namespace

std::unique_ptr<TextSource> open_text(const std::string& path) {
  if (path.ends_with(".zst") || path.ends_with(".zstd")) return std::make_unique<ZstdSource>(path);
  return std::make_unique<GzipSource>(path);
}

}  // namespace allot::data
