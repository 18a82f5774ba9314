// SPDX-License-Identifier: Apache-2.0
#include "measure/place_messages.h"

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/json_object.h"
#include "cluster/cluster.h"
#include "measure/messages.h"

namespace allot::measure {
namespace {

using base::JsonObject;
using base::JsonSource;

constexpr const char* kRemedy = "use allot-worker and placer-apply of one version";

JsonObject root_of(const JsonSource& source, const nlohmann::json& document, const char* schema,
                   JsonObject::Keys keys) {
  const JsonObject root(source, document, "", keys);
  if (root.text("schema") != schema) root.fail("schema", fmt::format("is not {}", schema), kRemedy);
  return root;
}

}  // namespace

std::string to_json(const PlaceRequest& request) {
  base::JsonWriter json(0);
  json.begin_object().field("schema", kPlaceRequest).field("policy", request.policy).field("model", request.model);
  json.field("options", request.options).field("samples", request.samples);
  return json.field("seed", request.seed).field("threads", request.threads).end_object().str();
}

std::string to_json(const PlaceReply& reply) {
  base::JsonWriter json(0);
  json.begin_object().field("schema", kPlaceReply).field("units", reply.units);
  json.field("graph_hash", reply.graph_hash).field("costs_hash", reply.costs_hash).key("placements").begin_array();
  for (const auto& placement : reply.placements) json.begin_object().field("devices", placement).end_object();
  return json.end_array().field("log_probability", reply.log_probability).end_object().str();
}

PlaceRequest parse_place_request(const std::string& text) {
  const JsonSource source{"request to allot-worker", text, kRemedy};
  const nlohmann::json document = base::parse_json(text, source.path);
  const JsonObject root =
      root_of(source, document, kPlaceRequest, {"schema", "policy", "model", "options", "samples", "seed", "threads"});
  PlaceRequest request;
  request.policy = root.text("policy");
  request.model = root.text("model");
  request.options = root.text("options");
  request.samples = static_cast<uint32_t>(root.integer("samples", 1, UINT32_MAX));
  request.seed = root.natural("seed");
  request.threads = static_cast<uint32_t>(root.integer("threads", 0, UINT32_MAX));
  return request;
}

PlaceReply parse_place_reply(const std::string& text) {
  const JsonSource source{"answer of allot-worker", text, kRemedy};
  const nlohmann::json document = base::parse_json(text, source.path);
  throw_if_error(source, document);
  const JsonObject root = root_of(source, document, kPlaceReply,
                                  {"schema", "units", "graph_hash", "costs_hash", "placements", "log_probability"});
  PlaceReply reply;
  reply.units = static_cast<uint32_t>(root.integer("units", 0, UINT32_MAX));
  reply.graph_hash = root.text("graph_hash");
  reply.costs_hash = root.text("costs_hash");
  root.for_each("placements", {"devices"}, [&](const JsonObject& item) {
    const auto devices = item.list_of_integers("devices", 0, cluster::kMaxDevices - 1);
    if (devices.size() != reply.units) item.fail("devices", "is not a device for each unit", kRemedy);
    reply.placements.emplace_back(devices.begin(), devices.end());
  });
  reply.log_probability = root.list_of_numbers("log_probability");
  if (reply.placements.empty()) root.fail("placements", "is empty", kRemedy);
  if (reply.log_probability.size() != reply.placements.size())
    root.fail("log_probability", "is not a number for each placement", kRemedy);
  return reply;
}

}  // namespace allot::measure
