// SPDX-License-Identifier: Apache-2.0
#include "measure/place_messages.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/json_object.h"
#include "cluster/cluster.h"
#include "measure/messages.h"
#include "place/groups.h"

namespace allot::measure {
namespace {

using base::JsonObject;
using base::JsonSource;

constexpr const char* kRemedy = "use allot-worker and the program that asks it of one version";

JsonObject root_of(const JsonSource& source, const nlohmann::json& document, const char* schema,
                   JsonObject::Keys keys) {
  const JsonObject root(source, document, "", keys);
  if (root.text("schema") != schema) root.fail("schema", fmt::format("is not {}", schema), kRemedy);
  return root;
}

void read_groupings(const JsonObject& root, PlaceReply& reply) {
  root.for_each("groupings", {"groups"}, [&](const JsonObject& item) {
    const auto groups = item.list_of_integers("groups", place::kNoGroup, INT32_MAX);
    if (groups.size() != reply.units) item.fail("groups", "is not a number for each unit", kRemedy);
    reply.groupings.emplace_back(groups.begin(), groups.end());
  });
  const auto grouping = root.list_of_integers("grouping", 0, UINT32_MAX);
  const auto missing = [&](int64_t index) { return static_cast<size_t>(index) >= reply.groupings.size(); };
  if (grouping.size() != (reply.groupings.empty() ? 0 : reply.placements.size()) ||
      std::any_of(grouping.begin(), grouping.end(), missing))
    root.fail("grouping", "is not a grouping for each placement", kRemedy);
  reply.grouping.assign(grouping.begin(), grouping.end());
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
  json.end_array().field("log_probability", reply.log_probability).key("groupings").begin_array();
  for (const auto& groups : reply.groupings) json.begin_object().field("groups", groups).end_object();
  return json.end_array().field("grouping", reply.grouping).end_object().str();
}

std::string to_json(const EmbedRequest& request) {
  base::JsonWriter json(0);
  json.begin_object().field("schema", kEmbedRequest).field("policy", request.policy).field("model", request.model);
  json.field("options", request.options).field("output", request.output);
  return json.field("replace", request.replace).end_object().str();
}

std::string to_json(const EmbedReply& reply) {
  base::JsonWriter json(0);
  json.begin_object().field("schema", kEmbedReply).field("units", reply.units);
  json.field("graph_hash", reply.graph_hash).field("costs_hash", reply.costs_hash);
  const emit::EmbeddingPicture& picture = reply.picture;
  json.field("embedded", picture.units).field("x", picture.x).field("y", picture.y);
  json.field("explained", std::vector(picture.explained.begin(), picture.explained.end()));
  return json.field("devices", picture.devices).field("groups", picture.groups).end_object().str();
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

EmbedRequest parse_embed_request(const std::string& text) {
  const JsonSource source{"request to allot-worker", text, kRemedy};
  const nlohmann::json document = base::parse_json(text, source.path);
  const JsonObject root =
      root_of(source, document, kEmbedRequest, {"schema", "policy", "model", "options", "output", "replace"});
  return {root.text("policy"), root.text("model"), root.text("options"), root.text("output"), root.truth("replace")};
}

PlaceReply parse_place_reply(const std::string& text) {
  const JsonSource source{"answer of allot-worker", text, kRemedy};
  const nlohmann::json document = base::parse_json(text, source.path);
  throw_if_error(source, document);
  const JsonObject root = root_of(
      source, document, kPlaceReply,
      {"schema", "units", "graph_hash", "costs_hash", "placements", "log_probability", "groupings", "grouping"});
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
  read_groupings(root, reply);
  return reply;
}

EmbedReply parse_embed_reply(const std::string& text) {
  const JsonSource source{"answer of allot-worker", text, kRemedy};
  const nlohmann::json document = base::parse_json(text, source.path);
  throw_if_error(source, document);
  const JsonObject root =
      root_of(source, document, kEmbedReply,
              {"schema", "units", "graph_hash", "costs_hash", "embedded", "x", "y", "explained", "devices", "groups"});
  EmbedReply reply;
  reply.units = static_cast<uint32_t>(root.integer("units", 0, UINT32_MAX));
  reply.graph_hash = root.text("graph_hash");
  reply.costs_hash = root.text("costs_hash");
  emit::EmbeddingPicture& picture = reply.picture;
  const auto embedded = root.list_of_integers("embedded", 0, int64_t{reply.units} - 1);
  picture.units.assign(embedded.begin(), embedded.end());
  picture.x = root.list_of_numbers("x");
  picture.y = root.list_of_numbers("y");
  const auto explained = root.list_of_numbers("explained");
  const auto devices = root.list_of_integers("devices", 0, cluster::kMaxDevices - 1);
  picture.devices.assign(devices.begin(), devices.end());
  const auto groups = root.list_of_integers("groups", place::kNoGroup, INT32_MAX);
  picture.groups.assign(groups.begin(), groups.end());
  const auto require = [&](bool holds, const char* key) {
    if (!holds) root.fail(key, "is of another length than it must be", kRemedy);
  };
  require(picture.x.size() == embedded.size(), "x");
  require(picture.y.size() == embedded.size(), "y");
  require(explained.size() == picture.explained.size(), "explained");
  require(devices.size() == reply.units, "devices");
  require(groups.empty() || groups.size() == reply.units, "groups");
  std::copy(explained.begin(), explained.end(), picture.explained.begin());
  return reply;
}

}  // namespace allot::measure
