// SPDX-License-Identifier: Apache-2.0
// Entries of a zip archive, for .npz files.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"

namespace allot::data {

/// One entry, unpacked.
struct ZipEntry {
  std::string name;
  std::string content;
};

/// All entries in the order of the directory, stored or deflated, each checked against its CRC. Reads zip64.
/// Errors: malformed, naming path and entry, for damage and for more than `most_bytes` in all; unavailable for other
/// compressions and encryption.
std::vector<ZipEntry> read_zip(const base::Bytes& file, uint64_t most_bytes);

/// An archive of stored entries with fixed dates: equal entries give equal bytes.
std::string write_zip(const std::vector<ZipEntry>& entries);

}  // namespace allot::data
