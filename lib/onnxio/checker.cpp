// SPDX-License-Identifier: Apache-2.0
#include "onnxio/checker.h"

#include <onnx/checker.h>
#include <onnx/common/version.h>
#include <onnx/defs/schema.h>
#include <onnx/onnx_pb.h>

#include <google/protobuf/io/coded_stream.h>

#include "base/error.h"
#include "ir/payload.h"
#include "onnxio/tensors.h"
#include "onnxio/writer.h"

namespace allot::onnxio {
namespace {

namespace onnx = ONNX_NAMESPACE;
namespace io = google::protobuf::io;

constexpr size_t kSmallPayload = 1024;  // bytes; what operators read as parameters is smaller
// 64 nested graphs take three messages each and 64 nested types two; protobuf's own limit of 100 is for strangers.
constexpr int kRecursionLimit = 512;

/// Large payloads become tensors without elements: the checker looks at storage, not at values. Sparse tensors stay
/// as they are, since their dims are compared with one another.
struct LeaveOut {
  const ir::Model& model;
  template <typename Describe>
  void operator()(ir::Tensor& tensor, const Describe&) const {
    const bool is_external = tensor.payload.where == ir::Payload::Where::external;
    if (!is_external && static_cast<uint64_t>(ir::tensor_bytes(tensor)) <= kSmallPayload) return;
    tensor.dims = {0};
    tensor.payload = {};
    tensor.external_data.clear();
    tensor.edited = true;
  }
  template <typename Describe>
  void operator()(ir::SparseTensor&, const Describe&) const {}
};

std::string skeleton(const ir::Model& model) {
  auto copy = clone(model);
  each_tensor(copy, LeaveOut{model});
  return serialize(copy);
}

}  // namespace

void check(const ir::Model& model) {
  const auto where = base::printable(model.path);
  const auto bytes = skeleton(model);
  onnx::ModelProto proto;
  io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
  stream.SetRecursionLimit(kRecursionLimit);
  if (!proto.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    throw base::Error(base::ErrorKind::malformed, where, "protobuf cannot parse it", "export the model again");
  try {
    onnx::checker::check_model(proto);
  } catch (const std::exception& error) {
    throw base::Error(base::ErrorKind::malformed, where, "ONNX's checker says: " + base::printable(error.what(), 1000),
                      "export the model again");
  }
}

LibraryVersion library_version() {
  const auto& domains = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map();
  return {onnx::LAST_RELEASE_VERSION, onnx::IR_VERSION, domains.at(onnx::ONNX_DOMAIN).second};
}

}  // namespace allot::onnxio
