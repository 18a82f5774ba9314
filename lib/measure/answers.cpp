// SPDX-License-Identifier: Apache-2.0
#include "measure/answers.h"

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/json_object.h"

namespace allot::measure {
namespace {

using base::ErrorKind;
using base::JsonObject;
using base::JsonWriter;

constexpr const char* kRequestName = "request to allot-worker";
constexpr const char* kRemedy = "use a program of the worker's own version";

const char* name(ErrorKind kind) {
  switch (kind) {
#define ALLOT_NAME(kind, code, text) \
  case ErrorKind::kind:              \
    return #kind;
    ALLOT_ERROR_KINDS(ALLOT_NAME)
#undef ALLOT_NAME
  }
  return "internal";
}

const char* name(Span::Kind kind) {
  return kind == Span::Kind::op ? "op" : kind == Span::Kind::copy ? "copy" : "backward";
}

template <typename Items, typename Write>
void write_list(JsonWriter& json, const char* key, const Items& items, const Write& write) {
  json.key(key).begin_array();
  for (const auto& item : items) {
    json.begin_object();
    write(item);
    json.end_object();
  }
  json.end_array();
}

uint32_t small(const JsonObject& object, const char* key) {
  return static_cast<uint32_t>(object.integer(key, 0, UINT32_MAX));
}

bool is_second(const JsonObject& object, const char* key, const char* first, const char* second) {
  const std::string word = object.text(key);
  if (word != first && word != second) object.fail(key, fmt::format("is neither {} nor {}", first, second), kRemedy);
  return word == second;
}

}  // namespace

std::string to_json(const Hello& hello) {
  JsonWriter json(0);
  json.begin_object().field("schema", "allot.worker/1").field("version", hello.version);
  json.field("libtorch", hello.libtorch).field("cuda_devices", hello.cuda_devices);
  return json.field("cores", hello.cores).end_object().str();
}

std::string to_json(const Reply& reply) {
  JsonWriter json(0);
  json.begin_object().field("schema", kRunReply).field("seconds", reply.seconds);
  if (reply.single) {
    json.key("single").begin_object().field("device", reply.single->device);
    json.field("seconds", reply.single->seconds).end_object();
  }
  if (reply.check) {
    json.key("check").begin_object().field("values", reply.check->values);
    json.field("identical", reply.check->identical).field("largest_error", reply.check->largest_error);
    json.field("worst", reply.check->worst).field("ok", reply.check->ok).end_object();
  }
  write_list(json, "devices", reply.devices, [&](const DeviceRun& device) {
    json.field("name", device.name).field("threads", device.threads);
    json.field("peak_bytes", device.peak_bytes).field("busy_us", device.busy_us);
  });
  write_list(json, "nodes", reply.nodes, [&](const NodeTime& node) {
    json.field("node", node.node).field("device", node.device).field("median_us", node.median_us);
  });
  write_list(json, "transfers", reply.transfers, [&](const TransferTime& transfer) {
    json.field("tensor", transfer.tensor).field("from", transfer.from).field("to", transfer.to);
    json.field("bytes", transfer.bytes).field("median_us", transfer.median_us);
  });
  write_list(json, "timeline", reply.timeline, [&](const Span& span) {
    json.field("kind", name(span.kind)).field("node", span.node).field("device", span.device);
    json.field("begin_us", span.begin_us).field("end_us", span.end_us);
    if (span.kind == Span::Kind::copy) json.field("tensor", span.tensor);
  });
  return json.end_object().str();
}

std::string to_json(const base::Error& error, std::string_view schema) {
  JsonWriter json(0);
  json.begin_object().field("schema", schema).key("error").begin_object();
  json.field("kind", name(error.kind())).field("where", error.where());
  json.field("what", error.message()).field("fix", error.fix()).end_object();
  return json.end_object().str();
}

std::string schema_of(const std::string& request) {
  const nlohmann::json document = base::parse_json(request, kRequestName);
  const auto schema = document.is_object() ? document.find("schema") : document.end();
  if (schema == document.end() || !schema->is_string())
    throw base::Error(ErrorKind::malformed, kRequestName, "has no schema", kRemedy);
  return schema->get<std::string>();
}

Request parse_request(const std::string& text) {
  const base::JsonSource source{kRequestName, text, kRemedy};
  const nlohmann::json document = base::parse_json(text, source.path);
  const JsonObject root(source, document, "",
                        {"schema", "model", "devices", "placement", "dims", "inputs", "outputs", "replace", "seed",
                         "threads", "workload", "warm_up", "repeat", "check", "timeline"});
  if (root.text("schema") != kRunRequest) root.fail("schema", fmt::format("is not {}", kRunRequest), kRemedy);
  Request request;
  request.model = root.text("model");
  root.for_each("devices", {"name", "kind"}, {"index"}, [&](const JsonObject& item) {
    RunDevice device{item.text("name"), std::nullopt};
    if (is_second(item, "kind", "cpu", "cuda")) device.cuda = item.has("index") ? small(item, "index") : 0;
    request.devices.push_back(std::move(device));
  });
  for (const int64_t device : root.list_of_integers("placement", 0, UINT32_MAX))
    request.placement.push_back(static_cast<uint32_t>(device));
  request.dims = root.integers("dims");
  request.inputs = root.text("inputs");
  request.outputs = root.text("outputs");
  request.replace = root.truth("replace");
  request.seed = root.natural("seed");
  request.threads = small(root, "threads");
  request.training = is_second(root, "workload", "inference", "training");
  request.warm_up = small(root, "warm_up");
  request.repeat = small(root, "repeat");
  request.check = root.truth("check");
  request.timeline = root.truth("timeline");
  if (request.devices.empty()) root.fail("devices", "is empty", kRemedy);
  return request;
}

}  // namespace allot::measure
