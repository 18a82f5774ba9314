// SPDX-License-Identifier: Apache-2.0
#include "onnxio/parse.h"

#include <bit>

#include "ir/wire.h"
#include "onnxio/parse_type.h"
#include "onnxio/reader.h"
#include "onnxio/schema.h"

namespace allot::onnxio {
namespace {

using ir::Attribute;
using ir::DataType;
using ir::Span;
using ir::Str;
using ir::wire::Field;
using ir::wire::Fields;
using ir::wire::malformed;
using Wire = ir::wire::Type;

class Parser {
 public:
  /// `max_nesting` of graphs in graphs; kPlain leaves all messages within the first one out.
  static constexpr int kPlain = -1;
  Parser(std::string_view file, int max_nesting) : file_(file), max_nesting_(max_nesting) {}

  template <typename M>
  void message(Span body, M& m);

 private:
  template <typename M>
  friend class Assign;

  std::string_view file_;
  int max_nesting_, nesting_ = 0;
};

/// The visitor that stores one field in the member that has its number.
template <typename Message>
class Assign {
 public:
  Assign(Parser& parser, const Field& field) : parser_(parser), field_(field) {}

  template <typename T>
  void plain(uint32_t number, T& member, bool = true) {
    if (field_.number == number) store(member);
  }

  void domain(uint32_t number, Str& member) {
    if (field_.number != number) return;
    store(member);
    if (member == "ai.onnx") member = {};
  }

  template <typename M>
  void child(uint32_t number, M& m) {
    if (!is_message(number)) return;
    if (m.origin.known())
      malformed(field_.begin, fmt::format("field {} of {} occurs twice", number, Schema<Message>::kName));
    parser_.message(field_.body, m);
  }

  template <typename M>
  void children(uint32_t number, std::vector<M>& list, bool = true) {
    if (is_message(number)) parser_.message(field_.body, list.emplace_back());
  }

  void children(uint32_t number, std::vector<std::unique_ptr<ir::Graph>>& list, bool = true) {
    if (is_message(number)) parser_.message(field_.body, *list.emplace_back(std::make_unique<ir::Graph>()));
  }

  void payload(ir::Tensor& tensor) {
    switch (field_.number) {
      case 4:
      case 5:
      case 6:
      case 7:
      case 10:
      case 11:
        typed_payload(tensor.payload);
        break;
      case 9:
        raw_payload(tensor.payload);
        break;
      case 14:
        need(Wire::varint);
        if (field_.value == 1) set_where(tensor.payload, ir::Payload::Where::external);
        break;
      default:
        break;
    }
  }

 private:
  using Payload = ir::Payload;

  bool is_message(uint32_t number) const {
    if (field_.number != number || parser_.max_nesting_ == Parser::kPlain) return false;
    need(Wire::bytes);
    return true;
  }

  void need(Wire type) const { expect(field_, type, Schema<Message>::kName); }

  void store(Str& member) {
    need(Wire::bytes);
    member = ir::wire::view(parser_.file_, field_.body);
  }
  void store(int64_t& member) {
    need(Wire::varint);
    member = static_cast<int64_t>(field_.value);
  }
  void store(int32_t& member) {
    need(Wire::varint);
    member = static_cast<int32_t>(field_.value);
  }
  void store(std::optional<int32_t>& member) { store(member.emplace()); }
  void store(float& member) {
    need(Wire::fixed32);
    member = std::bit_cast<float>(static_cast<uint32_t>(field_.value));
  }
  void store(DataType& member) { member = parse_data_type(field_, Schema<Message>::kName); }
  void store(Attribute::Kind& member) {
    need(Wire::varint);
    const bool is_known = field_.value <= static_cast<uint64_t>(Attribute::Kind::types);
    member = is_known ? static_cast<Attribute::Kind>(field_.value) : Attribute::Kind::undefined;
  }
  void store(ir::Type& member) {
    need(Wire::bytes);
    if (member.kind != ir::Type::Kind::none)
      malformed(field_.begin, fmt::format("field {} of {} occurs twice", field_.number, Schema<Message>::kName));
    member = parse_type(parser_.file_, field_.body);
  }

  void store(std::vector<Str>& list) { store(list.emplace_back()); }
  void store(std::vector<ir::Type>& list) { store(list.emplace_back()); }
  void store(std::vector<int64_t>& list) {
    if (field_.type != Wire::bytes) return store(list.emplace_back());
    for (uint64_t at = field_.body.offset; at < field_.end();)
      list.push_back(static_cast<int64_t>(ir::wire::get_varint(parser_.file_, at, field_.end())));
  }
  void store(std::vector<float>& list) {
    if (field_.type != Wire::bytes) return store(list.emplace_back());
    if (field_.body.size % sizeof(float) != 0) malformed(field_.begin, "a packed list of floats is cut off");
    const size_t old = list.size();
    list.resize(old + field_.body.size / sizeof(float));
    if (field_.body.size > 0)
      std::memcpy(list.data() + old, parser_.file_.data() + field_.body.offset, field_.body.size);
  }

  void set_where(Payload& payload, Payload::Where where) {
    if (payload.where != Payload::Where::none && payload.where != where)
      malformed(field_.begin, "a tensor holds its data in two ways");
    payload.where = where;
  }

  void raw_payload(Payload& payload) {
    need(Wire::bytes);
    // An empty raw_data beside other data is harmless, and some writers leave one.
    if (field_.body.size == 0 && payload.where != Payload::Where::raw) return;
    set_where(payload, Payload::Where::raw);
    payload.chunks.assign(1, {0, true, field_.body});
  }

  void typed_payload(Payload& payload) {
    const bool strings = field_.number == 6;
    const Wire element = field_.number == 4 ? Wire::fixed32 : field_.number == 10 ? Wire::fixed64 : Wire::varint;
    const bool packed = !strings && field_.type == Wire::bytes;
    if (!packed) need(strings ? Wire::bytes : element);
    if (packed && field_.body.size == 0) return;
    if (packed && element != Wire::varint && field_.body.size % (element == Wire::fixed32 ? 4 : 8) != 0)
      malformed(field_.begin, "a packed list is cut off");
    set_where(payload, Payload::Where::typed);
    if (!packed && !payload.chunks.empty()) {  // a run of single elements is one chunk
      auto& last = payload.chunks.back();
      if (!last.packed && last.field == field_.number && last.span.offset + last.span.size == field_.begin) {
        last.span.size = field_.end() - last.span.offset;
        return;
      }
    }
    const Span run{field_.begin, field_.end() - field_.begin};
    payload.chunks.push_back({field_.number, packed, packed ? field_.body : run});
  }

  Parser& parser_;
  const Field& field_;
};

/// What the fields of an attribute mean together.
struct AttributeRow {
  Attribute::Kind kind;
  uint32_t field;
  bool is_message, single;
};
constexpr AttributeRow kAttributeRows[] = {
    {Attribute::Kind::float_, 2, false, false},       {Attribute::Kind::int_, 3, false, false},
    {Attribute::Kind::string, 4, false, false},       {Attribute::Kind::tensor, 5, true, true},
    {Attribute::Kind::graph, 6, true, true},          {Attribute::Kind::floats, 7, false, false},
    {Attribute::Kind::ints, 8, false, false},         {Attribute::Kind::strings, 9, false, false},
    {Attribute::Kind::tensors, 10, true, false},      {Attribute::Kind::graphs, 11, true, false},
    {Attribute::Kind::type, 14, true, true},          {Attribute::Kind::types, 15, true, false},
    {Attribute::Kind::sparse_tensor, 22, true, true}, {Attribute::Kind::sparse_tensors, 23, true, false}};

bool has_field(uint32_t seen, uint32_t number) { return seen >> number & 1; }

/// The kind that early files leave out.
void deduce_kind(Attribute& attribute, uint32_t seen) {
  for (const auto& row : kAttributeRows)
    if (attribute.kind == Attribute::Kind::undefined && has_field(seen, row.field)) attribute.kind = row.kind;
}

/// Refuses an attribute whose messages are not those of its kind.
void check_attribute(const Attribute& a, uint32_t seen) {
  const auto refuse = [&](std::string_view what) {
    malformed(a.origin.offset, fmt::format("attribute '{}' {}", base::printable(a.name), what));
  };
  const size_t messages = a.tensors.size() + a.graphs.size() + a.sparse_tensors.size() + a.types.size();
  for (const auto& row : kAttributeRows) {
    if (row.kind != a.kind && row.is_message && has_field(seen, row.field))
      refuse(fmt::format("says it is of type {} but holds field {} of AttributeProto", static_cast<int>(a.kind),
                         row.field));
    const bool may_lack_it = !a.ref_name.empty();
    if (row.kind == a.kind && row.single && messages != 1 && !(messages == 0 && may_lack_it))
      refuse(fmt::format("holds {} values instead of one", messages));
  }
}

template <typename M>
void Parser::message(Span body, M& m) {
  constexpr bool kIsGraph = std::is_same_v<M, ir::Graph>;
  if constexpr (kIsGraph) {
    if (++nesting_ > max_nesting_ && max_nesting_ != kPlain)
      malformed(body.offset, fmt::format("graphs nest deeper than {}", max_nesting_));
  }
  if constexpr (requires { m.origin; }) m.origin = body;
  uint32_t seen = 0;
  Fields fields(file_, body);
  for (Field field; fields.next(field);) {
    Assign<M> assign(*this, field);
    Schema<M>::visit(m, assign);
    if (field.number < 32) seen |= uint32_t{1} << field.number;
  }
  if constexpr (std::is_same_v<M, Attribute>) {
    deduce_kind(m, seen);
    if (max_nesting_ != kPlain) check_attribute(m, seen);
  }
  if constexpr (std::is_same_v<M, ir::Node>) {
    if (m.op_type.empty()) malformed(body.offset, "a node names no operator");
  }
  if constexpr (kIsGraph) --nesting_;
}

}  // namespace

void parse(std::string_view file, ir::Model& model, int max_nesting) {
  Parser(file, max_nesting).message({0, file.size()}, model);
}

template <typename Message>
void parse_message(std::string_view file, Span body, Message& message) {
  Parser(file, ReadOptions{}.max_nesting).message(body, message);
}

template void parse_message(std::string_view, Span, ir::Tensor&);
template void parse_message(std::string_view, Span, ir::SparseTensor&);
template void parse_message(std::string_view, Span, ir::Function&);

template <typename Message>
void parse_plain(std::string_view file, Span body, Message& message) {
  Parser(file, Parser::kPlain).message(body, message);
}

template void parse_plain(std::string_view, Span, ir::QuantizationAnnotation&);
template void parse_plain(std::string_view, Span, ir::Model&);
template void parse_plain(std::string_view, Span, ir::Function&);
template void parse_plain(std::string_view, Span, ir::Graph&);
template void parse_plain(std::string_view, Span, ir::Node&);
template void parse_plain(std::string_view, Span, ir::Attribute&);
template void parse_plain(std::string_view, Span, ir::Tensor&);
template void parse_plain(std::string_view, Span, ir::SparseTensor&);
template void parse_plain(std::string_view, Span, ir::ValueInfo&);
template void parse_plain(std::string_view, Span, ir::Entry&);
template void parse_plain(std::string_view, Span, ir::OpsetImport&);
template void parse_plain(std::string_view, Span, ir::DeviceConfiguration&);
template void parse_plain(std::string_view, Span, ir::NodeDeviceConfiguration&);
template void parse_plain(std::string_view, Span, ir::ShardingSpec&);

}  // namespace allot::onnxio
