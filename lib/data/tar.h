// SPDX-License-Identifier: Apache-2.0
// Members of tar archives, found without unpacking.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"

namespace allot::data {

/// A file within an archive: its content is [offset, offset + size).
struct TarMember {
  std::string name;
  uint64_t offset = 0, size = 0;
};

/// All regular files in order. Reads the formats of POSIX.1-1988 (ustar), GNU (long names) and POSIX.1-2001 (pax paths
/// and sizes). Errors, naming path and offset: malformed for a header whose checksum is wrong, for numbers that are
/// none and for members that the archive's end cuts off.
std::vector<TarMember> read_tar(const base::Bytes& file);

}  // namespace allot::data
