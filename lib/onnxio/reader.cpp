// SPDX-License-Identifier: Apache-2.0
#include "onnxio/reader.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "ir/payload.h"
#include "onnxio/external.h"
#include "onnxio/foreign.h"
#include "onnxio/parse.h"
#include "onnxio/tensors.h"

namespace allot::onnxio {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

constexpr int64_t kOldestIr = 3, kNewestIr = 13;        // before 3, files name no operator set
constexpr int64_t kOldestOpset = 7, kNewestOpset = 27;  // of the default domain

[[noreturn]] void malformed(std::string_view what, std::string_view fix) {
  throw Error(ErrorKind::malformed, "", what, fix);
}

void check_imports(const ir::Model& model) {
  for (const auto& import : model.opset_imports)
    if (import.version <= 0)
      malformed(
          fmt::format("imports opset version {} of the operator domain '{}'", import.version, printable(import.domain)),
          "export the model again");
  const int64_t opset = model.opset("");
  const auto& nodes = model.graph.nodes;
  const bool needed = model.opset_imports.empty() ||
                      std::any_of(nodes.begin(), nodes.end(), [](const auto& node) { return node.domain.empty(); });
  if (opset == 0 && needed)
    malformed("uses ONNX operators but imports no operator set", "add an opset_import with the exporter's opset");
  if (opset > kNewestOpset)
    base::warn("{}: opset {} is newer than {}; operators it changed are read by their last known definition",
               printable(model.path), opset, kNewestOpset);
  if (opset != 0 && opset < kOldestOpset)
    base::warn("{}: opset {} is older than {}, the oldest one supported; shapes and costs may be wrong",
               printable(model.path), opset, kOldestOpset);
}

void check_model(const ir::Model& model) {
  if (!model.graph.origin.known()) malformed("holds no graph, so it is no ONNX model", "export the model again");
  if (model.ir_version == 0) malformed("has no IR version", "export the model again");
  if (model.ir_version < kOldestIr)
    malformed(fmt::format("has IR version {}; the oldest one supported is {}", model.ir_version, kOldestIr),
              "export the model again with a current exporter");
  if (model.ir_version > kNewestIr)
    base::warn("{}: IR version {} is newer than {}; what it added is carried along unseen", printable(model.path),
               model.ir_version, kNewestIr);
  check_imports(model);
}

/// Maps external data and compares every payload with its dims and dtype.
void check_tensors(ir::Model& model, const ReadOptions& options) {
  ExternalFiles files(model);
  each_tensor(model, [&](ir::Tensor& tensor, const auto& describe) {
    try {
      if (options.external_data && tensor.payload.where == ir::Payload::Where::external) files.attach(tensor);
      if (const auto problem = ir::payload_problem(model, tensor); !problem.empty())
        malformed(problem, "the file is damaged; fetch or export it again");
    } catch (const Error& error) {
      throw error.within(describe());
    }
  });
}

}  // namespace

ir::Model read(std::shared_ptr<const base::Bytes> file, const ReadOptions& options) {
  const auto where = printable(file->path());
  ir::Model model;
  model.file = file;
  model.path = file->path();
  try {
    parse(file->view(), model, options.max_nesting);
    check_model(model);
  } catch (const Error& error) {
    const auto foreign = identify(file->view());
    if (!foreign.what.empty()) throw Error(ErrorKind::malformed, where, foreign.what, foreign.fix);
    throw error.within(where);
  }
  try {
    check_tensors(model, options);
  } catch (const Error& error) {
    throw error.within(where);
  }
  return model;
}

ir::Model read(const std::string& path, const ReadOptions& options) { return read(base::Bytes::open(path), options); }

}  // namespace allot::onnxio
