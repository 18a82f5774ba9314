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

  enum class State { ended, full, failed };

  // Takes from the front of `packed` and fills `out` from `made` on, until one of them or the stream ends.
  State run(std::string_view& packed, std::string& out, uint64_t& made) {
    for (;;) {
      const auto in_size = static_cast<uInt>(std::min<uint64_t>(packed.size(), UINT_MAX));
      const auto out_size = static_cast<uInt>(std::min<uint64_t>(out.size() - made, UINT_MAX));
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
      stream_.avail_in = in_size;
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + made);
      stream_.avail_out = out_size;
      const int status = ::inflate(&stream_, Z_NO_FLUSH);
      const uint64_t used = in_size - stream_.avail_in, gained = out_size - stream_.avail_out;
      packed.remove_prefix(used), made += gained;
      if (status == Z_STREAM_END) return State::ended;
      if (status != Z_OK && status != Z_BUF_ERROR) return State::failed;
      if (used + gained == 0) return made == out.size() ? State::full : State::failed;
    }
  }

 private:
  z_stream stream_{};
};

}  // namespace

bool inflate_raw(std::string_view packed, uint64_t size, std::string& out) {
  if (size / kMostRatio > packed.size()) return false;
  out.resize(size);
  uint64_t made = 0;
  return Inflater(-MAX_WBITS).run(packed, out, made) == Inflater::State::ended && packed.empty() && made == size;
}

std::string gunzip(std::string_view packed, uint64_t most_bytes, const std::string& path) {
  constexpr int kGzip = 16;
  constexpr uint64_t kFirst = 1 << 16;
  const auto fail = [&](std::string_view what, std::string_view fix) {
    throw base::Error(base::ErrorKind::malformed, base::printable(path), what, fix);
  };
  std::string out;
  uint64_t made = 0;
  while (!packed.empty()) {
    Inflater inflater(MAX_WBITS + kGzip);
    for (auto state = Inflater::State::full; state != Inflater::State::ended;) {
      if (made == out.size()) {
        if (made == most_bytes)
          fail(fmt::format("unpacks to more than the limit of {} bytes", most_bytes), "raise the limit");
        out.resize(std::min(most_bytes, std::max(kFirst, 2 * made)));
      }
      state = inflater.run(packed, out, made);
      if (state == Inflater::State::failed) fail("is damaged or cut short", "fetch or compress it anew");
    }
  }
  out.resize(made);
  return out;
}

uint32_t checksum(std::string_view bytes) {
  return static_cast<uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace allot::data
