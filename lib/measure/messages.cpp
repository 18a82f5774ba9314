// SPDX-License-Identifier: Apache-2.0
#include "measure/messages.h"

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/json_object.h"

namespace allot::measure {
namespace {

using base::Error;
using base::ErrorKind;
using base::JsonObject;
using base::JsonSource;

constexpr const char* kRemedy = "install the allot-worker of this version";

JsonSource source(const char* message, const std::string& text) { return {message, text, kRemedy}; }

ErrorKind kind_named(const JsonObject& error) {
  const std::string name = error.text("kind");
#define ALLOT_NAMED(kind, code, text) \
  if (name == #kind) return ErrorKind::kind;
  ALLOT_ERROR_KINDS(ALLOT_NAMED)
#undef ALLOT_NAMED
  error.fail("kind", fmt::format("'{}' is no kind of error", base::printable(name)), kRemedy);
}

void require_schema(const JsonObject& root, const char* schema) {
  if (root.text("schema") != schema) root.fail("schema", fmt::format("is not {}", schema), kRemedy);
}

uint32_t below(const JsonObject& object, const char* key, size_t count) {
  return static_cast<uint32_t>(object.integer(key, 0, static_cast<int64_t>(count) - 1));
}

uint32_t number(const JsonObject& object, const char* key) {
  return static_cast<uint32_t>(object.integer(key, 0, UINT32_MAX));
}

Span read_span(const JsonObject& object, const Request& request) {
  Span span;
  const std::string kind = object.text("kind");
  if (kind != "op" && kind != "copy" && kind != "backward")
    object.fail("kind", "is none of op, copy, backward", kRemedy);
  span.kind = kind == "op" ? Span::Kind::op : kind == "copy" ? Span::Kind::copy : Span::Kind::backward;
  // Inputs of the model are copied, too, and belong to no node.
  if (object.has("node")) span.node = below(object, "node", request.placement.size());
  span.device = below(object, "device", request.devices.size());
  span.begin_us = object.number("begin_us");
  span.end_us = object.number("end_us");
  if (object.has("tensor")) span.tensor = object.text("tensor");
  if (span.end_us < span.begin_us) object.fail("end_us", "is before begin_us", kRemedy);
  return span;
}

void read_lists(const JsonObject& root, const Request& request, Reply& reply) {
  const size_t devices = request.devices.size();
  root.for_each("devices", {"name", "threads", "peak_bytes", "busy_us"}, [&](const JsonObject& item) {
    reply.devices.push_back(
        {item.text("name"), number(item, "threads"), item.integer("peak_bytes"), item.number("busy_us")});
  });
  if (reply.devices.size() != devices) root.fail("devices", "is not a device each", kRemedy);
  root.for_each("nodes", {"node", "device", "median_us"}, [&](const JsonObject& item) {
    reply.nodes.push_back(
        {below(item, "node", request.placement.size()), below(item, "device", devices), item.number("median_us")});
  });
  root.for_each("transfers", {"tensor", "from", "to", "bytes", "median_us"}, [&](const JsonObject& item) {
    reply.transfers.push_back({item.text("tensor"), below(item, "from", devices), below(item, "to", devices),
                               item.integer("bytes"), item.number("median_us")});
  });
  if (!root.has("timeline")) return;
  root.for_each("timeline", {"kind", "device", "begin_us", "end_us"}, {"node", "tensor"},
                [&](const JsonObject& item) { reply.timeline.push_back(read_span(item, request)); });
}

}  // namespace

void throw_if_error(const JsonSource& source, const nlohmann::json& answer) {
  if (!answer.is_object() || !answer.contains("error")) return;
  const JsonObject error =
      JsonObject(source, answer, "", {"schema", "error"}).object("error", {"kind", "where", "what", "fix"});
  throw Error(kind_named(error), error.text("where"), error.text("what"), error.text("fix"));
}

Check read_check(const JsonObject& answer) {
  const JsonObject check = answer.object("check", {"values", "identical", "largest_error", "worst", "ok"});
  return {.values = number(check, "values"),
          .identical = check.truth("identical"),
          .ok = check.truth("ok"),
          .largest_error = check.number("largest_error"),
          .worst = check.text("worst")};
}

std::string to_json(const Request& request) {
  base::JsonWriter json(0);
  json.begin_object().field("schema", kRunRequest).field("model", request.model);
  json.key("devices").begin_array();
  for (const auto& device : request.devices) {
    json.begin_object().field("name", device.name).field("kind", device.cuda ? "cuda" : "cpu");
    if (device.cuda) json.field("index", *device.cuda);
    json.end_object();
  }
  json.end_array().field("placement", request.placement).key("dims").begin_object();
  for (const auto& [symbol, size] : request.dims) json.field(symbol, size);
  json.end_object().field("inputs", request.inputs).field("outputs", request.outputs);
  json.field("replace", request.replace).field("seed", request.seed).field("threads", request.threads);
  json.field("workload", request.training ? "training" : "inference");
  json.field("warm_up", request.warm_up).field("repeat", request.repeat);
  return json.field("check", request.check).field("timeline", request.timeline).end_object().str();
}

Hello parse_hello(const std::string& text) {
  const JsonSource message = source("greeting of allot-worker", text);
  const nlohmann::json document = base::parse_json(text, message.path);
  const JsonObject root(message, document, "", {"schema", "version", "cuda_devices", "cores"}, {"libtorch"});
  require_schema(root, "allot.worker/1");
  return {root.text("version"), root.has("libtorch") ? root.text("libtorch") : "", number(root, "cuda_devices"),
          number(root, "cores")};
}

Reply parse_reply(const std::string& text, const Request& request) {
  const JsonSource message = source("answer of allot-worker", text);
  const nlohmann::json document = base::parse_json(text, message.path);
  throw_if_error(message, document);
  const JsonObject root(message, document, "", {"schema", "seconds", "devices", "nodes", "transfers"},
                        {"single", "check", "timeline"});
  require_schema(root, kRunReply);
  Reply reply;
  reply.seconds = root.list_of_numbers("seconds");
  if (reply.seconds.size() != request.repeat) root.fail("seconds", "is not a time for each repeat", kRemedy);
  if (root.has("single")) {
    const JsonObject single = root.object("single", {"device", "seconds"});
    reply.single = {single.text("device"), single.list_of_numbers("seconds")};
  }
  if (root.has("check")) reply.check = read_check(root);
  read_lists(root, request, reply);
  return reply;
}

}  // namespace allot::measure
