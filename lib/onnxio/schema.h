// SPDX-License-Identifier: Apache-2.0
// The ONNX messages as far as Allot understands them: one list of fields per message, shared by reader and writer.
// What is not listed here travels as the bytes of its message's origin. Numbers and names: onnx.proto of ONNX 1.22.
//
// A visitor has
//   plain(number, member[, present])    a number, a string, a list of them, a type: no origin of its own;
//                                       `present` tells a writer to store it, by default what is not empty or 0
//   domain(number, member)              an operator domain, where "ai.onnx" reads as ""
//   child(number, message)              a field's one message
//   children(number, list[, present])   a field's messages
//   payload(tensor)                     the fields that hold a tensor's elements
#pragma once

#include "ir/model.h"

namespace allot::onnxio {

template <typename Message>
struct Schema;

template <>
struct Schema<ir::Entry> {
  static constexpr const char* kName = "StringStringEntryProto";
  template <typename M, typename Visitor>
  static void visit(M& m, Visitor& v) {
    v.plain(1, m.key);
    v.plain(2, m.value);
  }
};

template <>
struct Schema<ir::OpsetImport> {
  static constexpr const char* kName = "OperatorSetIdProto";
  template <typename M, typename Visitor>
  static void visit(M& m, Visitor& v) {
    v.domain(1, m.domain);
    v.plain(2, m.version);
  }
};

template <>
struct Schema<ir::ValueInfo> {
  static constexpr const char* kName = "ValueInfoProto";
  template <typename M, typename Visitor>
  static void visit(M& m, Visitor& v) {
    v.plain(1, m.name);
    v.plain(2, m.type);
  }
};

template <>
struct Schema<ir::Tensor> {
  static constexpr const char* kName = "TensorProto";
  template <typename M, typename Visitor>
  static void visit(M& m, Visitor& v) {
    v.plain(1, m.dims);
    v.plain(2, m.dtype);
    v.plain(8, m.name);
    v.payload(m);
    v.children(13, m.external_data);
  }
};

template <>
struct Schema<ir::SparseTensor> {
  static constexpr const char* kName = "SparseTensorProto";
  template <typename M, typename Visitor>
  static void visit(M& m, Visitor& v) {
    v.child(1, m.values);
    v.child(2, m.indices);
    v.plain(3, m.dims);
  }
};

template <>
struct Schema<ir::Attribute> {
  static constexpr const char* kName = "AttributeProto";
  template <typename M, typename Visitor>
  static void visit(M& m, Visitor& v) {
    using Kind = ir::Attribute::Kind;
    v.plain(1, m.name);
    v.plain(2, m.f, m.kind == Kind::float_);
    v.plain(3, m.i, m.kind == Kind::int_);
    v.plain(4, m.s, m.kind == Kind::string);
    v.children(5, m.tensors, m.kind == Kind::tensor);
    v.children(6, m.graphs, m.kind == Kind::graph);
    v.plain(7, m.floats, m.kind == Kind::floats);
    v.plain(8, m.ints, m.kind == Kind::ints);
    v.plain(9, m.strings, m.kind == Kind::strings);
    v.children(10, m.tensors, m.kind == Kind::tensors);
    v.children(11, m.graphs, m.kind == Kind::graphs);
    v.plain(14, m.types, m.kind == Kind::type);
    v.plain(15, m.types, m.kind == Kind::types);
    v.plain(20, m.kind);
    v.plain(21, m.ref_name);
    v.children(22, m.sparse_tensors, m.kind == Kind::sparse_tensor);
    v.children(23, m.sparse_tensors, m.kind == Kind::sparse_tensors);
  }
};

template <>
struct Schema<ir::ShardingSpec> {
  static constexpr const char* kName = "ShardingSpecProto";
  template <typename M, typename Visitor>
  static void visit(M& m, Visitor& v) {
    v.plain(1, m.tensor);
    v.plain(2, m.devices);
  }
};

template <>
struct Schema<ir::NodeDeviceConfiguration> {
  static constexpr const char* kName = "NodeDeviceConfigurationProto";
  template <typename M, typename Visitor>
  static void visit(M& m, Visitor& v) {
    v.plain(1, m.configuration);
    v.children(2, m.sharding);
    v.plain(3, m.pipeline_stage);
  }
};

template <>
struct Schema<ir::DeviceConfiguration> {
  static constexpr const char* kName = "DeviceConfigurationProto";
  template <typename M, typename Visitor>
  static void visit(M& m, Visitor& v) {
    v.plain(1, m.name);
    v.plain(2, m.num_devices);
    v.plain(3, m.devices);
  }
};

template <>
struct Schema<ir::Node> {
  static constexpr const char* kName = "NodeProto";
  template <typename M, typename Visitor>
  static void visit(M& m, Visitor& v) {
    v.plain(1, m.inputs);
    v.plain(2, m.outputs);
    v.plain(3, m.name);
    v.plain(4, m.op_type);
    v.children(5, m.attributes);
    v.domain(7, m.domain);
    v.plain(8, m.overload);
    v.children(9, m.metadata);
    v.children(10, m.device_configurations);
  }
};

template <>
struct Schema<ir::QuantizationAnnotation> {
  static constexpr const char* kName = "TensorAnnotation";
  template <typename M, typename Visitor>
  static void visit(M& m, Visitor& v) {
    v.plain(1, m.tensor);
    v.children(2, m.parameters);
  }
};

template <>
struct Schema<ir::Graph> {
  static constexpr const char* kName = "GraphProto";
  template <typename M, typename Visitor>
  static void visit(M& m, Visitor& v) {
    v.children(1, m.nodes);
    v.plain(2, m.name);
    v.children(5, m.initializers);
    v.children(11, m.inputs);
    v.children(12, m.outputs);
    v.children(13, m.value_infos);
    v.children(14, m.quantization_annotations);
    v.children(15, m.sparse_initializers);
    v.children(16, m.metadata);
  }
};

template <>
struct Schema<ir::Function> {
  static constexpr const char* kName = "FunctionProto";
  template <typename M, typename Visitor>
  static void visit(M& m, Visitor& v) {
    v.plain(1, m.name);
    v.plain(4, m.inputs);
    v.plain(5, m.outputs);
    v.plain(6, m.attributes);
    v.children(7, m.nodes);
    v.children(9, m.opset_imports);
    v.domain(10, m.domain);
    v.children(11, m.attribute_defaults);
    v.plain(13, m.overload);
  }
};

template <>
struct Schema<ir::Model> {
  static constexpr const char* kName = "ModelProto";
  template <typename M, typename Visitor>
  static void visit(M& m, Visitor& v) {
    v.plain(1, m.ir_version);
    v.plain(2, m.producer_name);
    v.plain(3, m.producer_version);
    v.plain(4, m.domain);
    v.plain(5, m.model_version);
    v.child(7, m.graph);
    v.children(8, m.opset_imports);
    v.children(14, m.metadata);
    v.children(25, m.functions);
    v.children(26, m.configurations);
  }
};

}  // namespace allot::onnxio
