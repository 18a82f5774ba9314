// SPDX-License-Identifier: Apache-2.0
// zlib, with sizes that are bounded before anything is allocated.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace allot::data {

/// Unpacks a raw deflate stream into exactly `size` bytes of `out`. False if it is damaged or of another size; sizes
/// that no stream of this length can reach allocate nothing.
bool inflate_raw(std::string_view packed, uint64_t size, std::string& out);

/// Unpacks a gzip file of one or more members. Errors, naming `path`: malformed if it is damaged or needs more than
/// `most_bytes`.
std::string gunzip(std::string_view packed, uint64_t most_bytes, const std::string& path);

/// CRC-32 as zip and gzip use it.
uint32_t checksum(std::string_view bytes);

}  // namespace allot::data
