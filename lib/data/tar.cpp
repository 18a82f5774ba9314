// SPDX-License-Identifier: Apache-2.0
#include "data/tar.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;

constexpr uint64_t kBlock = 512;

/// A field of a header, up to its first NUL.
std::string_view field(std::string_view header, size_t offset, size_t size) {
  const std::string_view all = header.substr(offset, size);
  return all.substr(0, std::min(all.find('\0'), all.size()));
}

std::optional<uint64_t> octal(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

class TarReader {
 public:
  explicit TarReader(const base::Bytes& file) : file_(file) {}

  std::vector<TarMember> run() {
    while (at_ + kBlock <= file_.size() && !is_end()) member();
    if (at_ < file_.size() && file_.size() - at_ < kBlock) fail("is cut off within a header");
    return std::move(members_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::malformed, fmt::format("{}: offset {}", base::printable(file_.path()), at_), what,
                "restore the archive, or leave it out");
  }

  std::string_view header() const { return file_.view().substr(at_, kBlock); }
  /// A block of zeros.
  bool is_end() const { return header().find_first_not_of('\0') == std::string_view::npos; }

  void member() {
    check_sum();
    const uint64_t size = pax_size_ ? *pax_size_ : size_of_member();
    const uint64_t begin = at_ + kBlock;
    if (size > file_.size() - begin) fail("begins a member that the archive's end cuts off");
    const char type = header()[156];
    const std::string_view content = file_.view().substr(begin, size);
    if (type == 'L') {
      long_name_ = std::string(content.substr(0, std::min(content.find('\0'), content.size())));
    } else if (type == 'x') {
      take_pax(content);
    } else if (type != 'g') {
      if (type == '0' || type == '\0' || type == '7') members_.push_back({name(), begin, size});
      long_name_.clear();
      pax_size_.reset();
    }
    at_ = begin + (size + kBlock - 1) / kBlock * kBlock;
  }

  uint64_t size_of_member() const {
    if (static_cast<unsigned char>(header()[124]) == 0x80) {  // GNU's way to write large numbers
      uint64_t size = 0;
      for (size_t i = 128; i < 136; ++i) size = size << 8 | static_cast<unsigned char>(header()[i]);
      return size;
    }
    const auto size = octal(field(header(), 124, 12));
    if (!size) fail("has a size that is no number");
    return *size;
  }

  std::string name() const {
    if (!long_name_.empty()) return long_name_;
    const std::string_view prefix = header().substr(257, 5) == "ustar" ? field(header(), 345, 155) : "";
    return prefix.empty() ? std::string(field(header(), 0, 100))
                          : fmt::format("{}/{}", prefix, field(header(), 0, 100));
  }

  void check_sum() const {
    uint64_t sum = 0;
    for (size_t i = 0; i < kBlock; ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header()[i]);
    if (octal(field(header(), 148, 8)) != sum) fail("has a header whose checksum is wrong");
  }

  /// Records "<length> key=value\n".
  void take_pax(std::string_view content) {
    while (!content.empty()) {
      size_t length = 0;
      const auto [end, error] = std::from_chars(content.data(), content.data() + content.size(), length);
      const auto digits = static_cast<size_t>(end - content.data());
      if (error != std::errc() || length <= digits + 1 || length > content.size()) fail("has a damaged pax header");
      const std::string_view record = content.substr(digits + 1, length - digits - 2);
      const size_t equals = std::min(record.find('='), record.size());
      const std::string_view key = record.substr(0, equals), value = record.substr(std::min(equals + 1, record.size()));
      if (key == "path") long_name_ = std::string(value);
      if (key == "size") {
        uint64_t size = 0;
        if (std::from_chars(value.data(), value.data() + value.size(), size).ec != std::errc())
          fail("has a damaged pax header");
        pax_size_ = size;
      }
      content.remove_prefix(length);
    }
  }

  const base::Bytes& file_;
  uint64_t at_ = 0;
  std::string long_name_;
  std::optional<uint64_t> pax_size_;
  std::vector<TarMember> members_;
};

}  // namespace

std::vector<TarMember> read_tar(const base::Bytes& file) { return TarReader(file).run(); }

}  // namespace allot::data
