// SPDX-License-Identifier: Apache-2.0
// Bytes of files of text, packed or not, from the beginning to the end.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace allot::data {

class TextSource {
 public:
  virtual ~TextSource() = default;

  /// Appends up to `most` bytes; false at the end. Errors: io; malformed for a damaged or cut archive.
  virtual bool read(std::string& out, size_t most) = 0;
};

/// By the file's name: .zst and .zstd are unpacked by the system's libzstd.so.1, all others by zlib if gzip packed
/// them, and else are read as they are. Errors: input_missing; unavailable where that library is not there.
std::unique_ptr<TextSource> open_text(const std::string& path);

}  // namespace allot::data
