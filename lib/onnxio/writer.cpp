// SPDX-License-Identifier: Apache-2.0
// Each message is written by one merge of what its origin holds and what the object holds now (class Merge). A
// message that comes out as it went in is copied with its header, so that an unedited model is one piece: the file.
#include "onnxio/writer.h"

#include <concepts>
#include <utility>

#include "base/error.h"
#include "ir/wire.h"
#include "onnxio/encode.h"
#include "onnxio/parse.h"
#include "onnxio/rope.h"
#include "onnxio/schema.h"

namespace allot::onnxio {
namespace {

using ir::Span;
using ir::Tensor;
using ir::wire::Field;
using Where = ir::Payload::Where;

constexpr uint64_t kProtobufLimit = (uint64_t{1} << 31) - 1;

struct Output {
  std::string_view file;
  Rope rope;

  std::string_view view(Span span) const {
    ALLOT_ASSERT(span.offset <= file.size() && span.size <= file.size() - span.offset);
    return ir::wire::view(file, span);
  }
};

const ir::Graph& object(const std::unique_ptr<ir::Graph>& graph) { return *graph; }
template <typename M>
const M& object(const M& message) {
  return message;
}

bool same_payload(const ir::Payload& a, const ir::Payload& b) {
  if (a.where != b.where || a.where == Where::owned) return false;
  const auto same_chunk = [](const auto& x, const auto& y) {
    return x.field == y.field && x.packed == y.packed && x.span.offset == y.span.offset && x.span.size == y.span.size;
  };
  return a.where == Where::external || std::equal(a.chunks.begin(), a.chunks.end(), b.chunks.begin(), b.chunks.end(),
                                                  same_chunk);  // an external range stands in external_data
}

/// The visitor that writes one message: called for each field of the origin in its order, then once for the rest.
template <typename Message>
class Merge {
 public:
  Merge(Output& out, const Message& message, Span origin) : out_(out), message_(message), origin_(origin) {
    bool compare = true;  // messages without the flag are small
    if constexpr (requires { message.edited; }) compare = message.edited || !origin.known();
    if (compare) find_changes();
  }

  void run() {
    if (origin_.known()) {
      out_.view(origin_);
      ir::wire::Fields fields(out_.file, origin_);
      for (Field field; fields.next(field);) {
        at_ = &field;
        handled_ = false;
        Schema<Message>::visit(message_, *this);
        if (!handled_) copy(field);
      }
      at_ = nullptr;
    }
    Schema<Message>::visit(message_, *this);
  }

  template <typename T>
  void plain(uint32_t number, const T&, bool = true) {
    if (!changes_ || !due(number)) return;
    const auto now = changes_->now[number];
    if (now != changes_->before[number]) once(number, [&] { out_.rope.append_copy(now); });
  }
  void domain(uint32_t number, ir::Str member) { plain(number, member); }

  template <typename M>
  void child(uint32_t number, const M& message) {
    if (due(number)) members(number, &message, 1);
  }

  template <typename M>
  void children(uint32_t number, const std::vector<M>& list, bool present = true) {
    if (due(number)) members(number, list.data(), present ? list.size() : 0);
  }

  void payload(const Tensor& tensor) {
    if (!changes_ || !changes_->payload) return;
    for (const uint32_t number : {4, 5, 6, 7, 9, 10, 11, 14})
      if (due(number)) once(kPayloadGroup, [&] { put_payload(tensor); });
  }

 private:
  static constexpr uint32_t kPayloadGroup = 0;  // no field has this number

  struct Changes {
    PlainFields before, now;
    bool payload = false;
  };

  void find_changes() {
    changes_.emplace();
    Schema<Message>::visit(message_, changes_->now);
    Message before;
    if (origin_.known()) {
      parse_plain(out_.file, origin_, before);
      Schema<Message>::visit(std::as_const(before), changes_->before);
    }
    if constexpr (std::same_as<Message, Tensor>) changes_->payload = !same_payload(before.payload, message_.payload);
  }

  /// It is this field's turn: it stands at the present place, or the origin is through.
  bool due(uint32_t number) const { return !at_ || at_->number == number; }

  /// A changed field goes where it first stood; its other occurrences vanish.
  template <typename Put>
  void once(uint32_t number, Put put) {
    handled_ = true;
    if (!(done_ >> number & 1)) put();
    done_ |= uint32_t{1} << number;
  }

  /// Everything that must stand before or at the present place: new members follow the one they were put behind,
  /// and members that were moved forward wait for the one they were put behind.
  template <typename M>
  void members(uint32_t number, const M* list, size_t size) {
    handled_ = true;
    for (auto& i = written_[number]; i < size; ++i) {
      const auto& m = object(list[i]);
      if (at_ && m.origin.known() && m.origin.offset > at_->body.offset) break;
      member(number, m);
    }
  }

  template <typename M>
  void member(uint32_t number, const M& m) {
    const auto mark = out_.rope.open();
    Merge<M>(out_, m, m.origin).run();
    const bool in_place = at_ && m.origin.offset == at_->body.offset;
    if (!in_place || !out_.rope.holds_just(mark, out_.view(m.origin))) return out_.rope.close(mark, number);
    out_.rope.rewind(mark);
    copy(*at_);
  }

  void put_payload(const Tensor& tensor) {
    const auto& payload = tensor.payload;
    if (payload.where == Where::external) out_.rope.append_copy("\x70\x01");  // data_location: EXTERNAL
    if (payload.where == Where::owned) put_bytes(9, *payload.owned);
    if (payload.where != Where::raw && payload.where != Where::typed) return;
    for (const auto& chunk : payload.chunks) {
      const uint32_t number = payload.where == Where::raw ? 9 : chunk.field;
      if (chunk.packed)
        put_bytes(number, out_.view(chunk.span));
      else
        out_.rope.append_view(out_.view(chunk.span));
    }
  }

  void put_bytes(uint32_t number, std::string_view bytes) {
    const auto mark = out_.rope.open();
    out_.rope.append_view(bytes);
    out_.rope.close(mark, number);
  }

  void copy(const Field& field) { out_.rope.append_view(out_.view({field.begin, field.end() - field.begin})); }

  Output& out_;
  const Message& message_;
  const Span origin_;
  const Field* at_ = nullptr;                      // the origin's field that is being looked at
  bool handled_ = false;                           // it is known, and all that belongs in its place is written
  std::optional<Changes> changes_;                 // of plain fields; unset: there are none
  uint32_t done_ = 0;                              // changed fields written, by number
  std::array<uint32_t, kFieldNumbers> written_{};  // members of each list written, by number
};

void build(const ir::Model& model, Output& out) {
  Span origin;
  if (model.file) {
    out.file = model.file->view();
    origin = {0, out.file.size()};
  }
  Merge<ir::Model>(out, model, origin).run();
}

}  // namespace

void write(const ir::Model& model, const std::string& path, base::Replace replace) {
  Output out;
  build(model, out);
  const bool was_large = model.file && model.file->size() > kProtobufLimit;
  if (out.rope.size() > kProtobufLimit && !was_large)
    throw base::Error(
        base::ErrorKind::malformed, base::printable(path),
        fmt::format("would take {} bytes, more than the 2 GiB that protobuf readers accept", out.rope.size()),
        "store the weights as external data");
  base::AtomicFile file(path, replace);
  for (const auto piece : out.rope.pieces()) file.write(piece);
  file.commit();
}

std::string serialize(const ir::Model& model) {
  Output out;
  build(model, out);
  std::string bytes;
  bytes.reserve(out.rope.size());
  for (const auto piece : out.rope.pieces()) bytes += piece;
  return bytes;
}

}  // namespace allot::onnxio
