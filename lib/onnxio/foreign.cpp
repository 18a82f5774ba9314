// SPDX-License-Identifier: Apache-2.0
#include "onnxio/foreign.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace allot::onnxio {
namespace {

/// safetensors: eight bytes of header length, then a JSON object.
bool is_safetensors(std::string_view bytes) {
  if (bytes.size() < 10 || bytes[8] != '{') return false;
  uint64_t length;
  std::memcpy(&length, bytes.data(), sizeof length);
  return length >= 2 && length <= bytes.size() - 8;
}

bool is_text(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 ? byte != 0x7F : byte == '\n' || byte == '\r' || byte == '\t' || byte == '\f';
  });
}

bool contains(std::string_view text, std::string_view word) { return text.find(word) != text.npos; }

}  // namespace

Foreign identify(std::string_view bytes) {
  const auto head = bytes.substr(0, 512);
  if (head.empty()) return {"is empty", "fetch or export the model again"};
  if (head.starts_with("\x1f\x8b")) return {"is a gzip archive", "unpack it first: gunzip"};
  if (head.starts_with("PK\x03\x04"))
    return {"is a zip archive (a PyTorch or Keras checkpoint, or a packed model)",
            "unpack it, or export the model to ONNX"};
  if (head.starts_with("\x89HDF\r\n")) return {"is an HDF5 file", "export the model to ONNX"};
  if (head.size() >= 8 && head.substr(4, 4) == "ORTM")
    return {"is an ONNX Runtime flatbuffer (.ort)", "use the .onnx file that it was converted from"};
  if (head.size() >= 8 && head.substr(4, 4) == "TFL3") return {"is a TensorFlow Lite model", "export it to ONNX"};
  if (head.starts_with("GGUF")) return {"is a GGUF file", "export the model to ONNX"};
  if (is_safetensors(bytes)) return {"is a safetensors file: weights without a graph", "export the model to ONNX"};
  if (head.starts_with("version https://git-lfs"))
    return {"is a Git LFS pointer, not the model itself", "run 'git lfs pull' in its repository"};
  if (!is_text(head)) return {};
  if (contains(head, "<html") || contains(head, "<HTML") || contains(head, "<!DOCTYPE") || contains(head, "<!doctype"))
    return {"is an HTML page, probably of a failed download", "fetch the model again"};
  if (contains(head, "ir_version"))
    return {"is a model as text, not as binary protobuf", "convert it: onnx.parser or protobuf's text_format"};
  return {"is a text file", "pass an .onnx file"};
}

}  // namespace allot::onnxio
