// SPDX-License-Identifier: Apache-2.0
// Output as a list of pieces that stay where they are: in the mapped input, or in small blocks made here.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ir/wire.h"

namespace allot::onnxio {

class Rope {
 public:
  /// Appends bytes that outlive the rope. A piece that continues the last one in memory joins it.
  void append_view(std::string_view bytes) {
    if (bytes.empty()) return;
    size_ += bytes.size();
    if (!pieces_.empty() && pieces_.back().data() + pieces_.back().size() == bytes.data())
      pieces_.back() = {pieces_.back().data(), pieces_.back().size() + bytes.size()};
    else
      pieces_.push_back(bytes);
  }

  void append_copy(std::string_view bytes) { append_view(keep(bytes)); }

  /// Where a message's header will go once the length of what follows is known.
  struct Mark {
    size_t piece = 0;
    uint64_t size = 0;
  };
  Mark open() {
    const Mark mark{pieces_.size(), size_};
    pieces_.emplace_back();
    return mark;
  }

  /// Puts tag and length before all that was appended since.
  void close(Mark mark, uint32_t field_number) {
    std::string header;
    ir::wire::put_tag(header, field_number, ir::wire::Type::bytes);
    ir::wire::put_varint(header, size_ - mark.size);
    pieces_[mark.piece] = keep(header);
    size_ += header.size();
  }

  /// All that was appended since is this very range of memory.
  bool holds_just(Mark mark, std::string_view bytes) const {
    const size_t pieces = pieces_.size() - mark.piece - 1;
    if (bytes.empty()) return pieces == 0;
    return pieces == 1 && pieces_.back().data() == bytes.data() && pieces_.back().size() == bytes.size();
  }

  void rewind(Mark mark) {
    pieces_.resize(mark.piece);
    size_ = mark.size;
  }

  uint64_t size() const { return size_; }
  const std::vector<std::string_view>& pieces() const { return pieces_; }

 private:
  std::string_view keep(std::string_view bytes) {
    constexpr size_t kBlockBytes = 1 << 16;
    if (left_ < bytes.size()) {
      left_ = std::max(kBlockBytes, bytes.size());
      next_ = blocks_.emplace_back(std::make_unique_for_overwrite<char[]>(left_)).get();
    }
    const std::string_view kept(next_, bytes.size());
    std::copy(bytes.begin(), bytes.end(), next_);
    next_ += bytes.size();
    left_ -= bytes.size();
    return kept;
  }

  std::vector<std::string_view> pieces_;
  uint64_t size_ = 0;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t left_ = 0;
};

}  // namespace allot::onnxio
