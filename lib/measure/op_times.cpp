// SPDX-License-Identifier: Apache-2.0
#include "measure/op_times.h"

#include <cstdlib>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/json_object.h"

namespace allot::measure {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSchema = "allot.op-times/1";

}  // namespace

std::string OpTimes::path(const std::string& folder) const {
  base::Sha256 hash;
  hash.add_field(device);
  hash.add_field(libtorch);
  return (fs::path(folder) / fmt::format("op-times-{}.json", hash.hex().substr(0, 16))).string();
}

void OpTimes::read(const std::string& folder) {
  const std::string file = path(folder);
  if (!fs::exists(file)) return;
  const base::JsonSource source{file, base::read_text(file), "delete the file: it is made anew"};
  const nlohmann::json document = base::parse_json(source.text, file);
  const base::JsonObject root(source, document, "", {"schema", "device", "libtorch", "op_us", "copies"});
  if (root.text("schema") != kSchema) root.fail("schema", fmt::format("is not {}", kSchema), source.remedy);
  op_us.merge(root.numbers("op_us"));
  root.for_each("copies", {"bytes", "us"},
                [&](const base::JsonObject& copy) { copy_us.emplace(copy.integer("bytes"), copy.number("us")); });
}

void OpTimes::write(const std::string& folder) const {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw base::Error(base::ErrorKind::cannot_create, base::printable(folder),
                      "cannot create the folder: " + error.message(), "name another with --measure-cache");
  base::JsonWriter json;
  json.begin_object().field("schema", kSchema).field("device", device).field("libtorch", libtorch);
  json.key("op_us").begin_object();
  for (const auto& [key, us] : op_us) json.field(key, us);
  json.end_object().key("copies").begin_array();
  for (const auto& [bytes, us] : copy_us) json.begin_object(true).field("bytes", bytes).field("us", us).end_object();
  base::write_file(path(folder), json.end_array().end_object().str(), base::Replace::own);
}

std::string default_cache() {
  const auto value = [](const char* name) { return std::string(std::getenv(name) ? std::getenv(name) : ""); };
  if (const std::string cache = value("XDG_CACHE_HOME"); !cache.empty()) return cache + "/allot";
  const std::string home = value("HOME");
  return home.empty() ? "" : home + "/.cache/allot";
}

}  // namespace allot::measure
