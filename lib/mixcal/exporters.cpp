// SPDX-License-Identifier: Apache-2.0
#include "mixcal/exporters.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "config/yaml.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;

/// A domain as a trainer is told of it.
struct Source {
  std::string name, path;
  double share = 0;
  int64_t epochs = 1;  // whole ones that the budget needs
};
using Sources = std::vector<Source>;

/// Shortest text of a number of six digits that has a point, so that no reader takes it for a whole one.
std::string number(double value) {
  std::string text = fmt::format("{:.6f}", value);
  while (text.ends_with('0') && text[text.size() - 2] != '.') text.pop_back();
  return text;
}

/// A Python string literal; what JSON escapes, Python reads alike.
std::string python(const std::string& text) { return base::json_quote(text); }

std::string cat(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

std::string join(const Sources& sources, std::string_view between, const auto& of) {
  std::string text;
  for (const Source& source : sources) {
    if (!text.empty()) text += between;
    text += of(source);
  }
  return text;
}

std::string shell_word(const std::string& text) {
  const bool plain =
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,") ==
      std::string::npos;
  if (plain && !text.empty()) return text;
  std::string quoted;
  for (const char each : text) quoted += each == '\'' ? "'\\''" : std::string(1, each);
  return cat({"'", quoted, "'"});
}

std::string share_of(const Source& source) { return number(source.share); }
std::string path_of(const Source& source) { return python(source.path); }

/// Arguments in files are cut at white space, without any quoting.
void check_words(const Sources& sources) {
  for (const Source& source : sources)
    if (source.path.find_first_of(" \t\n\r") != std::string::npos)
      throw Error(ErrorKind::config, base::printable(source.path), "holds white space, which Megatron's lists cannot",
                  "name the domain's path: --path NAME=PATH");
}

std::string megatron(const Sources& sources, const Mixture&, const ExportOptions&) {
  check_words(sources);
  return cat({"--data-path ",
              join(sources, " ",
                   [](const Source& s) {
                     return cat({number(s.share), " ", shell_word(s.path)});
                   }),
              "\n"});
}

std::string megatron_file(const Sources& sources, const Mixture&, const ExportOptions&) {
  check_words(sources);
  return cat({join(sources, " ", [](const Source& s) { return cat({number(s.share), " ", s.path}); }), "\n"});
}

std::string megatron_splits(const Sources& sources, const Mixture&, const ExportOptions&) {
  check_words(sources);
  base::JsonWriter json;
  json.begin_object().key("train").begin_array(true);
  for (const Source& source : sources) json.value(number(source.share)).value(source.path);
  json.end_array();
  for (const char* split : {"valid", "test"}) {
    json.key(split).begin_array(true);
    for (const Source& source : sources) json.value(source.path);
    json.end_array();
  }
  return json.end_object().str();
}

std::string nemo(const Sources& sources, const Mixture&, const ExportOptions&) {
  const auto pair = [](const Source& s) { return cat({"\"", number(s.share), "\", ", python(s.path)}); };
  return cat({"paths = [", join(sources, ", ", pair), "]\n"});
}

std::string megatron_bridge(const Sources& sources, const Mixture&, const ExportOptions&) {
  return cat({"blend = ([", join(sources, ", ", path_of), "], [", join(sources, ", ", share_of), "])\n"});
}

std::string streaming(const Sources& sources, const Mixture&, const ExportOptions&) {
  const auto stream = [](const Source& s) {
    return cat({"    Stream(local=", python(s.path), ", proportion=", number(s.share), "),\n"});
  };
  return cat(
      {"streams = [\n", join(sources, "", stream),
       "]\n# StreamingDataset(streams=streams, epoch_size=..., shuffle=True, batching_method=\"stratified\")\n"});
}

std::string llm_foundry(const Sources& sources, const Mixture&, const ExportOptions&) {
  const auto stream = [](const Source& s) {
    return fmt::format("      {}:\n        local: {}\n        split: train\n        proportion: {}\n",
                       config::yaml_scalar(s.name), config::yaml_scalar(s.path), number(s.share));
  };
  return cat({"train_loader:\n  dataset:\n    streams:\n", join(sources, "", stream)});
}

std::string nanotron(const Sources& sources, const Mixture&, const ExportOptions&) {
  const auto item = [](const std::string& text) { return cat({"          - ", text, "\n"}); };
  return cat(
      {"data_stages:\n  - name: mixture\n    start_training_step: 1\n    data:\n      dataset:\n"
       "        dataset_folder:\n",
       join(sources, "", [&](const Source& s) { return item(config::yaml_scalar(s.path)); }),
       "        dataset_weights:\n", join(sources, "", [&](const Source& s) { return item(number(s.share)); })});
}

std::string torchtitan(const Sources& sources, const Mixture&, const ExportOptions&) {
  const auto dataset = [](const Source& s) {
    return cat({"        WeightedDataset(dataset=", python(s.path), ", weight=", number(s.share), "),\n"});
  };
  return cat({"DatasetMixConfig(\n    datasets=(\n", join(sources, "", dataset), "    ),\n)\n"});
}

std::string olmo_core(const Sources& sources, const Mixture& mixture, const ExportOptions& options) {
  if (mixture.budget <= 0)
    throw Error(ErrorKind::check_failed, "olmo-core", "asks for the number of tokens, and the mixture has no budget",
                "give one: --budget");
  std::string text =
      fmt::format("requested_tokens: {:.0f}\nglobal_batch_size: {}\nsources:\n", mixture.budget, options.batch_tokens);
  for (const Source& source : sources)
    text += fmt::format("  - source_name: {}\n    target_ratio: {}\n    paths: [{}]\n    max_repetition_ratio: {}.0\n",
                        config::yaml_scalar(source.name), number(source.share), config::yaml_scalar(source.path),
                        source.epochs);
  return text;
}

std::string hugging_face(const Sources& sources, const Mixture& mixture, const ExportOptions&) {
  const auto load = [](const Source& s) {
    return cat({"load_dataset(", python(s.path), ", split=\"train\", streaming=True)"});
  };
  return fmt::format(
      "dataset = interleave_datasets(\n    [{}],\n    probabilities=[{}],\n    seed={},\n"
      "    stopping_strategy=\"all_exhausted\",\n)\n",
      join(sources, ", ", load), join(sources, ", ", share_of), mixture.seeds.empty() ? 0 : mixture.seeds.front());
}

std::string regmix(const Sources& sources, const Mixture&, const ExportOptions&) {
  const auto train = [](const Source& s) {
    return fmt::format("  {}: {}\n", config::yaml_scalar(fmt::format("train_{}", s.name)), number(s.share));
  };
  const auto valid = [](const Source& s) {
    return fmt::format("  {}: 1.0\n", config::yaml_scalar(fmt::format("valid_{}", s.name)));
  };
  return cat({"train:\n", join(sources, "", train), "valid:\n", join(sources, "", valid)});
}

std::string doremi(const Sources& sources, const Mixture&, const ExportOptions&) {
  base::JsonWriter json;
  json.begin_object().key("train_domain_weights").begin_object();
  for (const Source& source : sources) json.field(source.name, source.share);
  json.end_object().key("eval_domain_weights").begin_object();
  for (const Source& source : sources) json.field(source.name, 1 / static_cast<double>(sources.size()));
  return json.end_object().end_object().str();
}

std::string csv(const Sources& sources, const Mixture&, const ExportOptions&) {
  const auto line = [](const Source& s) {
    if (s.name.find_first_of(",\"\n\r") == std::string::npos) return fmt::format("{},{}\n", s.name, number(s.share));
    std::string quoted;
    for (const char each : s.name) quoted += each == '"' ? "\"\"" : std::string(1, each);
    return fmt::format("\"{}\",{}\n", quoted, number(s.share));
  };
  return cat({"name,weight\n", join(sources, "", line)});
}

std::string environment(const Sources& sources, const Mixture&, const ExportOptions&) {
  return cat({"MIX_DOMAINS=", shell_word(join(sources, " ", [](const Source& s) { return s.path; })),
              "\nMIX_WEIGHTS=", shell_word(join(sources, " ", share_of)), "\n"});
}

struct Target {
  const char *name, *unit;
  std::string (*write)(const Sources&, const Mixture&, const ExportOptions&);
};
// Units as the trainers' own sources have them: specification of mixcal, 7.4.
constexpr Target kTargets[] = {{"csv", "token", csv},
                               {"env", "token", environment},
                               {"doremi", "token", doremi},
                               {"regmix", "token", regmix},
                               {"megatron", "sequence", megatron},
                               {"megatron-file", "sequence", megatron_file},
                               {"megatron-splits", "sequence", megatron_splits},
                               {"megatron-bridge", "sequence", megatron_bridge},
                               {"nemo", "sequence", nemo},
                               {"nanotron", "sequence", nanotron},
                               {"olmo-core", "token", olmo_core},
                               {"streaming", "document", streaming},
                               {"llm-foundry", "document", llm_foundry},
                               {"torchtitan", "document", torchtitan},
                               {"datasets", "document", hugging_face}};

/// "domain=value" for each domain that is named.
std::map<std::string, std::string> by_domain(const std::vector<std::string>& given, const Mixture& mixture,
                                             const char* flag) {
  std::map<std::string, std::string> result;
  const std::vector<std::string> names = mixture.names();
  for (const std::string& each : given) {
    const size_t equals = std::min(each.find('='), each.size());
    const std::string name = each.substr(0, equals);
    if (equals == each.size())
      throw Error(ErrorKind::config, flag, fmt::format("'{}' has no =", base::printable(each)), "write DOMAIN=VALUE");
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw Error(ErrorKind::config, flag, fmt::format("there is no domain '{}'", base::printable(name)),
                  base::suggestion(name, names));
    result[name] = each.substr(equals + 1);
  }
  return result;
}

/// Shares of tokens of a tokenizer with so many bytes a token, from shares of this one's.
Mixture in_tokens_of(Mixture mixture, const ExportOptions& options) {
  const auto given = by_domain(options.bytes_per_token, mixture, "--bytes-per-token");
  if (given.empty()) return mixture;
  Weights weights;
  for (MixtureDomain& domain : mixture.domains) {
    const auto found = given.find(domain.name);
    double bytes = 0;
    if (found != given.end()) std::from_chars(found->second.data(), found->second.data() + found->second.size(), bytes);
    if (!(bytes > 0))
      throw Error(ErrorKind::config, "--bytes-per-token",
                  fmt::format("domain '{}' has none above 0", base::printable(domain.name)),
                  "give one for every domain");
    const double own = domain.bytes_per_token > 0 ? domain.bytes_per_token : 1;
    weights.push_back(domain.weight * own / bytes);
    domain.tokens_per_document *= own / bytes;
    domain.tokens = static_cast<int64_t>(static_cast<double>(domain.tokens) * own / bytes);
    domain.bytes_per_token = bytes;
  }
  weights = normalized(std::move(weights));
  for (size_t i = 0; i < weights.size(); ++i) mixture.domains[i].weight = weights[i];
  return mixture;
}

}  // namespace

void ExportOptions::bind(config::Binder& binder) {
  binder.choice("to", target, "trainer whose words are written", export_targets());
  binder.list("path", paths, "DOMAIN=PATH: where the trainer finds it; default: the domain's name");
  binder.list("bytes_per_token", bytes_per_token,
              "DOMAIN=NUMBER for every domain, where the trainer's tokenizer is another: shares are converted");
  binder.integer("batch_tokens", batch_tokens, "of olmo-core: tokens a batch", 1, int64_t{1} << 40);
}

Weights document_shares(const Mixture& mixture) {
  Weights shares;
  for (const MixtureDomain& domain : mixture.domains) {
    if (domain.weight > 0 && !(domain.tokens_per_document > 0))
      throw Error(ErrorKind::check_failed, base::printable(domain.name), "how long its documents are is not known",
                  "give a mixture that mixcal made from data, or a target that counts tokens");
    shares.push_back(domain.weight > 0 ? domain.weight / domain.tokens_per_document : 0);
  }
  return normalized(std::move(shares));
}

Exported exported(const Mixture& given, const ExportOptions& options) {
  const auto target = std::find_if(std::begin(kTargets), std::end(kTargets),
                                   [&](const Target& each) { return options.target == each.name; });
  if (target == std::end(kTargets))
    throw Error(ErrorKind::config, base::printable(options.target), "is no target",
                base::suggestion(options.target, export_targets()));
  const Mixture mixture = in_tokens_of(given, options);
  const auto paths = by_domain(options.paths, mixture, "--path");
  const Weights shares =
      rounded(std::string_view(target->unit) == "document" ? document_shares(mixture) : mixture.weights());
  Sources sources;
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] == 0) continue;
    const MixtureDomain& domain = mixture.domains[i];
    const auto path = paths.find(domain.name);
    sources.push_back({domain.name, path == paths.end() ? domain.name : path->second, shares[i],
                       std::max<int64_t>(1, std::llround(std::ceil(domain.epochs(mixture.budget))))});
  }
  return {target->write(sources, mixture, options), target->unit};
}

std::vector<std::string> export_targets() {
  std::vector<std::string> names;
  for (const Target& target : kTargets) names.emplace_back(target.name);
  return names;
}

}  // namespace allot::mixcal
