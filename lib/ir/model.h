// SPDX-License-Identifier: Apache-2.0
// An ONNX model without protobuf: names are views, weights stay in the file, everything knows where it came from.
//
// Lossless and editable: an object that was read carries the byte range of its message (`origin`). The writer
// (onnxio) copies what nobody touched from there, unknown fields included. Whoever edits
//   - a scalar or string field of an object sets its `edited` flag: its own fields are written anew, children kept;
//   - a list (nodes, attributes, metadata ...) just inserts, erases or replaces members: no flag needed.
// An object without origin was made here and is written from its fields.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "ir/dtype.h"

namespace allot::ir {

/// A view into the model's file or into Model::arena; lives as long as the model. May hold any bytes.
using Str = std::string_view;

/// Where a message's body (without tag and length) stands in Model::file.
struct Span {
  static constexpr uint64_t kNowhere = ~uint64_t{0};
  uint64_t offset = kNowhere;
  uint64_t size = 0;
  bool known() const { return offset != kNowhere; }
};

/// One dimension: a value (>= 0), a symbol, or neither (unknown).
struct Dim {
  int64_t value = -1;
  Str symbol;
};

/// TypeProto. Tensors and sparse tensors use elem and dims; sequences, optionals and map values use `element`.
struct Type {
  enum class Kind : uint8_t { none, tensor, sparse_tensor, sequence, map, optional, opaque };
  Kind kind = Kind::none;
  DataType elem = DataType::undefined;  // of a map: its key type
  bool has_shape = false;
  std::vector<Dim> dims;
  std::shared_ptr<const Type> element;
};

/// StringStringEntryProto: metadata and external-data keys.
struct Entry {
  Str key, value;
  Span origin;
};

struct ValueInfo {
  Str name;
  Type type;
  Span origin;
  bool edited = false;
};

/// Where a tensor's elements are. `chunks` are byte ranges of the model file: one for raw_data, one or more for
/// the typed fields (packed or not); for external data one range of external[file], none if it was not opened.
/// ir/payload.h decodes them all.
struct Payload {
  enum class Where : uint8_t { none, raw, typed, external, owned };
  struct Chunk {
    uint32_t field = 0;  // typed: field number in TensorProto (4 float, 5 int32, 6 string, 7 int64, 10, 11)
    bool packed = true;  // typed: the elements alone; otherwise successive fields, each with its tag
    Span span;
  };
  Where where = Where::none;
  std::vector<Chunk> chunks;
  uint32_t file = 0;                         // external: index into Model::external
  // Elements made here, as raw_data would hold them. Of external data: what replaces its range, of the same size, when
  // the external file is written (onnxio::copy_external_data).
  std::shared_ptr<const std::string> owned;
};

struct Tensor {
  Str name;
  DataType dtype = DataType::undefined;
  std::vector<int64_t> dims;
  Payload payload;
  std::vector<Entry> external_data;  // location, offset, length, checksum as written in the file
  Span origin;
  bool edited = false;
};

/// SparseTensorProto; its name is that of `values`.
struct SparseTensor {
  Tensor values, indices;
  std::vector<int64_t> dims;
  Span origin;
};

/// TensorAnnotation: which tensors hold the scale and zero point of another.
struct QuantizationAnnotation {
  Str tensor;
  std::vector<Entry> parameters;
  Span origin;
};

struct Graph;

/// AttributeProto. `kind` uses ONNX's numbers (1 float, 2 int, 3 string, 4 tensor, 5 graph, 6 floats, 7 ints,
/// 8 strings, 9 tensors, 10 graphs, 11 sparse, 12 sparse list, 13 type, 14 types).
struct Attribute {
  enum class Kind : uint8_t {
    undefined,
    float_,
    int_,
    string,
    tensor,
    graph,
    floats,
    ints,
    strings,
    tensors,
    graphs,
    sparse_tensor,
    sparse_tensors,
    type,
    types
  };
  Str name;
  Str ref_name;  // inside a function body: the function attribute whose value this takes
  Kind kind = Kind::undefined;
  float f = 0;
  int64_t i = 0;
  Str s;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<Str> strings;
  std::vector<Tensor> tensors;                 // tensor: exactly one; tensors: any number
  std::vector<SparseTensor> sparse_tensors;    // likewise
  std::vector<std::unique_ptr<Graph>> graphs;  // graph: exactly one; graphs: any number
  std::vector<Type> types;
  Span origin;
  bool edited = false;
};

/// ShardingSpecProto as far as placement uses it: a tensor, whole, on one device (see docs/formats.md);
/// anything else is carried as its origin.
struct ShardingSpec {
  Str tensor;
  std::vector<int64_t> devices;
  Span origin;
};

/// NodeDeviceConfigurationProto (IR 11).
struct NodeDeviceConfiguration {
  Str configuration;
  std::vector<ShardingSpec> sharding;
  std::optional<int32_t> pipeline_stage;
  Span origin;
};

/// DeviceConfigurationProto (IR 11).
struct DeviceConfiguration {
  Str name;
  int32_t num_devices = 0;
  std::vector<Str> devices;
  Span origin;
};

struct Node {
  Str op_type, domain, name, overload;  // domain "" is ai.onnx ("ai.onnx" is read as "")
  std::vector<Str> inputs, outputs;     // "" marks an absent optional one
  std::vector<Attribute> attributes;
  std::vector<Entry> metadata;
  std::vector<NodeDeviceConfiguration> device_configurations;
  Span origin;
  bool edited = false;

  /// The attribute of that name, or nullptr.
  const Attribute* find(Str attribute) const;
  int64_t int_or(Str attribute, int64_t otherwise) const;
  float float_or(Str attribute, float otherwise) const;
  Str string_or(Str attribute, Str otherwise) const;
  /// Empty when absent.
  const std::vector<int64_t>& ints(Str attribute) const;
  /// The attribute's first graph, or nullptr.
  const Graph* graph(Str attribute) const;
  bool is(Str type) const { return op_type == type && domain.empty(); }
};

/// GraphProto, whole model or body of a control-flow node.
struct Graph {
  Str name;
  std::vector<Node> nodes;
  std::vector<ValueInfo> inputs, outputs, value_infos;
  std::vector<Tensor> initializers;
  std::vector<SparseTensor> sparse_initializers;
  std::vector<QuantizationAnnotation> quantization_annotations;
  std::vector<Entry> metadata;
  Span origin;
  bool edited = false;
};

struct OpsetImport {
  Str domain;
  int64_t version = 0;
  Span origin;
};

/// FunctionProto: a model-local function.
struct Function {
  Str name, domain, overload;
  std::vector<Str> inputs, outputs, attributes;  // attributes without default
  std::vector<Attribute> attribute_defaults;
  std::vector<Node> nodes;
  std::vector<OpsetImport> opset_imports;
  Span origin;
  bool edited = false;
};

struct Model {
  Model() = default;
  Model(Model&&) = default;
  Model& operator=(Model&&) = default;

  int64_t ir_version = 0;
  Str producer_name, producer_version, domain;
  int64_t model_version = 0;
  Graph graph;
  std::vector<OpsetImport> opset_imports;
  std::vector<Entry> metadata;
  std::vector<Function> functions;
  std::vector<DeviceConfiguration> configurations;
  bool edited = false;  // ir_version, producer ... changed

  std::shared_ptr<const base::Bytes> file;                   // what `origin`s index; null for a model made here
  std::vector<std::shared_ptr<const base::Bytes>> external;  // mapped external-data files
  std::string path;                                          // where it was read from, "" if made here

  /// Version imported for `domain` ("" and "ai.onnx" are one), or 0.
  int64_t opset(Str domain_name) const;
  /// The value of a metadata entry, or nullopt.
  std::optional<Str> metadata_value(Str key) const;
  const Function* function(Str domain_name, Str name, Str overload) const;

  /// A view of `text` that lives as long as the model.
  Str intern(std::string text);
  /// Keeps what another model's views point to alive: for models derived from it.
  void share_storage(const Model& other);

 private:
  std::vector<std::shared_ptr<std::deque<std::string>>> arenas_;
  std::vector<std::shared_ptr<const base::Bytes>> shared_files_;
};

/// The one spelling of a domain: "" for "ai.onnx".
Str plain_domain(Str domain);

/// Deep copies, graphs included; origins are kept. All but a model's copy lean on the original model's storage.
Attribute clone(const Attribute& attribute);
Node clone(const Node& node);
std::unique_ptr<Graph> clone(const Graph& graph);
Function clone(const Function& function);
Model clone(const Model& model);

/// "node 'name' (Conv)" or "node #12 (Conv)" for messages.
std::string describe(const Node& node, size_t index);

}  // namespace allot::ir
