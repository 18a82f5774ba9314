// SPDX-License-Identifier: Apache-2.0
#include "mixcal/mixture.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/json_object.h"
#include "cli/version.h"
#include "data/csv.h"
#include "mixcal/nested.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* kSchema = "allot.mixture/1";

Weights in_order_of(const std::vector<std::string>& names, const std::map<std::string, double>& given,
                    const std::string& path) {
  Weights weights;
  for (const std::string& name : names) {
    const auto found = given.find(name);
    if (found == given.end())
      throw Error(ErrorKind::malformed, base::printable(path),
                  fmt::format("says nothing of domain '{}'", base::printable(name)),
                  "give every domain of the data a weight, 0 for none");
    weights.push_back(found->second);
  }
  for (const auto& [name, weight] : given)
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw Error(ErrorKind::malformed, base::printable(path),
                  fmt::format("names a domain '{}' that the data has not", base::printable(name)),
                  base::suggestion(name, names));
  return normalized(std::move(weights), base::printable(path));
}

std::map<std::string, double> read_csv_weights(const std::string& path) {
  const auto file = base::Bytes::open(path);
  data::CsvReader reader(file->view(), ',', path);
  std::map<std::string, double> weights;
  std::vector<std::string> fields;
  for (bool first = true; reader.next(fields); first = false) {
    if (fields.size() != 2)
      throw Error(ErrorKind::malformed, reader.where(), fmt::format("has {} fields", fields.size()),
                  "write name,weight");
    double weight = 0;
    const std::string& text = fields[1];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
    if (error != std::errc() || end != text.data() + text.size()) {
      if (first) continue;  // names of columns
      throw Error(ErrorKind::malformed, reader.where(), fmt::format("'{}' is no number", base::printable(text)),
                  "write name,weight");
    }
    if (!weights.emplace(fields[0], weight).second)
      throw Error(ErrorKind::malformed, reader.where(), fmt::format("names '{}' twice", base::printable(fields[0])),
                  "keep one");
  }
  return weights;
}

}  // namespace

Weights Mixture::weights() const {
  Weights weights;
  for (const MixtureDomain& domain : domains) weights.push_back(domain.weight);
  return weights;
}

std::vector<std::string> Mixture::names() const {
  std::vector<std::string> names;
  for (const MixtureDomain& domain : domains) names.push_back(domain.name);
  return names;
}

std::string to_json(const Mixture& mixture) {
  const Weights written = rounded(mixture.weights());
  base::JsonWriter json;
  json.begin_object().field("schema", kSchema).field("method", mixture.method).field("unit", "token");
  json.key("domains").begin_array();
  for (size_t i = 0; i < written.size(); ++i) {
    const MixtureDomain& domain = mixture.domains[i];
    json.begin_object(true).field("name", domain.name).field("weight", written[i]);
    json.field("reference_weight", domain.reference).field("deviation", domain.deviation);
    json.field("tokens_available", domain.tokens).field("epochs_at_budget", domain.epochs(mixture.budget));
    json.field("tokens_per_document", domain.tokens_per_document).field("bytes_per_token", domain.bytes_per_token);
    json.end_object();
  }
  json.end_array().field("budget_tokens", mixture.budget).field("seeds", mixture.seeds);
  json.key("tokenizer")
      .begin_object(true)
      .field("kind", mixture.tokenizer_kind)
      .field("hash", mixture.tokenizer_hash)
      .end_object();
  json.field("data", mixture.data).key("settings").begin_object();
  for (const auto& [name, value] : mixture.settings) json.field(name, value);
  json.end_object().key("flops").begin_object();
  for (const auto& [stage, flops] : mixture.flops) json.field(stage, flops);
  json.end_object().field("warnings", mixture.warnings).field("version", cli::build_description());
  return json.end_object().str();
}

Mixture read_mixture(const std::string& path) {
  const base::JsonSource source{path, base::read_text(path), "give a file that mixcal wrote"};
  const nlohmann::json parsed = base::parse_json(source.text, path);
  const base::JsonObject top(source, parsed, "",
                             {"schema", "method", "unit", "domains", "budget_tokens", "seeds", "tokenizer", "data",
                              "settings", "flops", "warnings", "version"});
  if (top.text("schema") != kSchema) top.fail("schema", fmt::format("is not {}", kSchema));
  Mixture mixture{.method = top.text("method"), .budget = top.number("budget_tokens")};
  top.for_each(
      "domains",
      {"name", "weight", "reference_weight", "deviation", "tokens_available", "epochs_at_budget", "tokens_per_document",
       "bytes_per_token"},
      [&](const base::JsonObject& domain) {
        mixture.domains.push_back({domain.text("name"), domain.number("weight"), domain.number("reference_weight"),
                                   domain.number("deviation"), domain.integer("tokens_available"),
                                   domain.number("tokens_per_document"), domain.number("bytes_per_token")});
      });
  if (mixture.domains.empty()) top.fail("domains", "is empty");
  const Weights weights = normalized(mixture.weights(), base::printable(path));
  for (size_t i = 0; i < weights.size(); ++i) mixture.domains[i].weight = weights[i];
  for (const int64_t seed : top.list_of_integers("seeds")) mixture.seeds.push_back(static_cast<uint64_t>(seed));
  const base::JsonObject tokenizer = top.object("tokenizer", {"kind", "hash"});
  mixture.tokenizer_kind = tokenizer.text("kind"), mixture.tokenizer_hash = tokenizer.text("hash");
  mixture.data = top.text("data");
  for (const auto& [name, value] : parsed.at("settings").items())
    mixture.settings[name] = value.is_string() ? value.get<std::string>() : value.dump();
  mixture.flops = top.numbers("flops");
  mixture.warnings = top.texts("warnings");
  return mixture;
}

Weights read_weights(const std::string& path, const std::vector<std::string>& names, const std::string& tokenizer) {
  if (path.ends_with(".csv"))
    return in_order_of(names, multiplied_out(read_csv_weights(path), names, base::printable(path)), path);
  const Mixture mixture = read_mixture(path);
  if (!tokenizer.empty() && !mixture.tokenizer_hash.empty() && mixture.tokenizer_hash != tokenizer)
    throw Error(ErrorKind::check_failed, base::printable(path), "is of another tokenizer than the data",
                "convert the shares, and give them as name,weight in a .csv file");
  std::map<std::string, double> weights;
  for (const MixtureDomain& domain : mixture.domains) weights[domain.name] = domain.weight;
  return in_order_of(names, weights, path);
}

}  // namespace allot::mixcal
