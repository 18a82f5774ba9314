// SPDX-License-Identifier: Apache-2.0
#include "data/inflate.h"

#include <algorithm>
#include <climits>

#include <zlib.h>

#include "base/error.h"

namespace allot::data {
namespace {

constexpr uint64_t kMostRatio = 1032;  // of deflate: 258 bytes for two bits

class Inflater {
 public:
  explicit Inflater(int window_bits) { ALLOT_ASSERT(::inflateInit2(&stream_, window_bits) == Z_OK); }
  ~Inflater() { ::inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Feeds `packed` whole and fills `out` whole; true if the stream ends at both ends.
  bool run(std::string_view packed, std::string& out) {
    uint64_t fed = 0, made = 0;
    for (;;) {
      const auto in_size = static_cast<uInt>(std::min<uint64_t>(packed.size() - fed, UINT_MAX));
      const auto out_size = static_cast<uInt>(std::min<uint64_t>(out.size() - made, UINT_MAX));
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + fed));
      stream_.avail_in = in_size;
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + made);
      stream_.avail_out = out_size;
      const int status = ::inflate(&stream_, Z_NO_FLUSH);
      const uint64_t used = in_size - stream_.avail_in, gained = out_size - stream_.avail_out;
      fed += used, made += gained;
      if (status == Z_STREAM_END) return fed == packed.size() && made == out.size();
      if (status != Z_OK || used + gained == 0) return false;
    }
  }

 private:
  z_stream stream_{};
};

}  // namespace

bool inflate_raw(std::string_view packed, uint64_t size, std::string& out) {
  if (size / kMostRatio > packed.size()) return false;
  out.resize(size);
  return Inflater(-MAX_WBITS).run(packed, out);
}

uint32_t checksum(std::string_view bytes) {
  return static_cast<uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace allot::data
