// SPDX-License-Identifier: Apache-2.0
// Mixtures as files, and in the words of other trainers: each is read back by the rules of the one that reads it.
#include "mixcal/exporters.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "config/yaml.h"

using namespace allot;
using mixcal::Mixture;

namespace {

Mixture example() {
  Mixture mixture{
      .method = "doremi", .budget = 1e9, .seeds = {3, 4}, .tokenizer_kind = "bytes", .tokenizer_hash = "abc"};
  mixture.domains = {{"books", 0.5, 0.4, 0.01, 100'000'000, 50'000, 1},
                     {"code", 1.0 / 3, 0.3, 0.02, 2'000'000'000, 1'000, 1},
                     {"web's own", 1.0 / 6, 0.3, 0, 900'000'000, 500, 2}};
  return mixture;
}

const std::vector<double> kShares = {0.5, 0.333333, 0.166667};

std::string text_for(const std::string& target, std::vector<std::string> paths = {"web's own=/data/web"}) {
  return mixcal::exported(example(), {.target = target, .paths = std::move(paths)}).text;
}

/// White space apart.
std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

/// Megatron: weight, prefix, weight, prefix ...
void check_pairs(const std::vector<std::string>& pairs) {
  REQUIRE(pairs.size() == 6);
  double sum = 0;
  for (size_t i = 0; i < 3; ++i) {
    CHECK(std::stod(pairs[2 * i]) == Approx(kShares[i]).margin(1e-9));
    sum += std::stod(pairs[2 * i]);
  }
  CHECK(sum == Approx(1).margin(1e-9));
  CHECK(pairs[1] == "books");
  CHECK(pairs[5] == "/data/web");
}

/// What stands between quotes, and numbers, of a Python expression.
struct Literals {
  explicit Literals(const std::string& text) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '"') {
        const size_t end = text.find('"', i + 1);
        strings.push_back(text.substr(i + 1, end - i - 1));
        i = end;
      } else if (std::isdigit(static_cast<unsigned char>(text[i])) &&
                 !std::isalnum(static_cast<unsigned char>(text[i - 1]))) {
        size_t used = 0;
        numbers.push_back(std::stod(text.substr(i), &used));
        i += used - 1;
      }
    }
  }
  std::vector<std::string> strings;
  std::vector<double> numbers;
};

void check_shares(const std::vector<double>& found, const std::vector<double>& wanted) {
  REQUIRE(found.size() >= wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) CHECK(found[i] == Approx(wanted[i]).margin(1e-6));
}

}  // namespace

TEST_CASE("A mixture comes back from its file") {
  const auto path = (std::filesystem::temp_directory_path() / "allot-mixture-test.json").string();
  Mixture mixture = example();
  mixture.settings["step"] = "0.03";
  mixture.flops["proxy"] = 1e12;
  mixture.warnings = {"a warning"};
  base::write_file(path, mixcal::to_json(mixture), base::Replace::any);
  const Mixture again = mixcal::read_mixture(path);
  CHECK(mixcal::largest_difference(again.weights(), mixture.weights()) < 1e-6);
  CHECK(again.names() == mixture.names());
  CHECK(again.settings == mixture.settings);
  CHECK(again.flops == mixture.flops);
  CHECK(again.warnings == mixture.warnings);
  CHECK(again.domains[0].tokens == 100'000'000);
  CHECK(again.domains[0].epochs(1e9) == Approx(5));
  CHECK(mixcal::read_weights(path, {"code", "books", "web's own"}, "abc")[1] == Approx(0.5));
  CHECK_THROWS_AS(mixcal::read_weights(path, {"code", "books"}), base::Error);
  CHECK_THROWS_AS(mixcal::read_weights(path, {"code", "books", "web's own", "more"}), base::Error);
  CHECK_THROWS_AS(mixcal::read_weights(path, mixture.names(), "of another tokenizer"), base::Error);
  std::filesystem::remove(path);
}

TEST_CASE("Weights come from lines, too") {
  const auto path = (std::filesystem::temp_directory_path() / "allot-weights-test.csv").string();
  const auto read = [&](const std::string& text) {
    std::ofstream(path) << text;
    return mixcal::read_weights(path, {"a", "b"});
  };
  CHECK(mixcal::largest_difference(read("name,weight\nb,3\na,1\n"), mixcal::Weights{0.25, 0.75}) < 1e-12);
  CHECK(mixcal::largest_difference(read("b,3\na,1\n"), mixcal::Weights{0.25, 0.75}) < 1e-12);
  for (const char* bad :
       {"name,weight\na,1\n", "a,1\nb,x\n", "a,1\na,1\nb,1\n", "a,1,2\nb,1\n", "a,-1\nb,1\n", "a,0\nb,0\n", ""})
    CHECK_THROWS_AS(read(bad), base::Error);
  std::filesystem::remove(path);
}

TEST_CASE("Megatron reads its lists") {
  std::vector<std::string> line = words(text_for("megatron"));
  CHECK(line.front() == "--data-path");
  line.erase(line.begin());
  check_pairs(line);
  check_pairs(words(text_for("megatron-file")));
  const nlohmann::json splits = nlohmann::json::parse(text_for("megatron-splits"));
  check_pairs(splits.at("train").get<std::vector<std::string>>());
  CHECK(splits.at("valid").size() == 3);
  CHECK(splits.at("test").size() == 3);
  CHECK_THROWS_AS(text_for("megatron", {}), base::Error);  // a name with a blank is no path in such a list
  const Literals nemo(text_for("nemo"));
  check_pairs(nemo.strings);
  const Literals bridge(text_for("megatron-bridge"));
  check_shares(bridge.numbers, kShares);
  CHECK(bridge.strings == std::vector<std::string>{"books", "code", "/data/web"});
}

TEST_CASE("Trainers that count documents get shares of documents") {
  double sum = 0;
  std::vector<double> shares = {0.5 / 50'000, 1.0 / 3 / 1'000, 1.0 / 6 / 500};
  for (const double each : shares) sum += each;
  for (double& each : shares) each /= sum;
  for (const char* target : {"streaming", "torchtitan", "datasets"}) {
    INFO(target);
    const mixcal::Exported result = mixcal::exported(example(), {.target = target});
    CHECK(result.unit == "document");
    check_shares(Literals(result.text).numbers, shares);
  }
  const config::Node foundry = config::parse_yaml(text_for("llm-foundry"), "here");
  const config::Node& streams = foundry.at("train_loader").at("dataset").at("streams");
  CHECK(streams.at("code").at("proportion").quantity(config::Unit::none, 0, 1) == Approx(shares[1]).margin(1e-6));
  CHECK(streams.at("web's own").at("local").text() == "/data/web");
  Mixture unknown = example();
  unknown.domains[0].tokens_per_document = 0;
  CHECK_THROWS_AS(mixcal::exported(unknown, {.target = "streaming"}), base::Error);
}

TEST_CASE("YAML of nanotron, OLMo-core and RegMix") {
  const config::Node nanotron = config::parse_yaml(text_for("nanotron"), "here");
  const config::Node& dataset = nanotron.at("data_stages").items()[0].at("data").at("dataset");
  CHECK(dataset.at("dataset_folder").items().size() == 3);
  CHECK(dataset.at("dataset_weights").items()[1].quantity(config::Unit::none, 0, 1) == Approx(1.0 / 3).margin(1e-6));
  const config::Node olmo = config::parse_yaml(text_for("olmo-core"), "here");
  double sum = 0;
  for (const config::Node& source : olmo.at("sources").items())
    sum += source.at("target_ratio").quantity(config::Unit::none, 0, 1);
  CHECK(sum == Approx(1).margin(1e-9));
  CHECK(olmo.at("sources").items()[0].at("max_repetition_ratio").quantity(config::Unit::none, 0, 100) == 5);
  CHECK(olmo.at("requested_tokens").quantity(config::Unit::none, 0, 1e18) == 1e9);
  const config::Node regmix = config::parse_yaml(text_for("regmix"), "here");
  CHECK(regmix.at("train").at("train_books").quantity(config::Unit::none, 0, 1) == Approx(0.5));
  CHECK(regmix.at("valid").at("valid_code").quantity(config::Unit::none, 0, 1) == 1);
}

TEST_CASE("DoReMi's file, CSV and the shell") {
  const nlohmann::json doremi = nlohmann::json::parse(text_for("doremi"));
  CHECK(doremi.at("train_domain_weights").at("books").get<double>() == Approx(0.5));
  CHECK(doremi.at("eval_domain_weights").size() == 3);
  const auto path = (std::filesystem::temp_directory_path() / "allot-export-test.csv").string();
  std::ofstream(path) << text_for("csv");
  CHECK(mixcal::largest_difference(mixcal::read_weights(path, example().names()), example().weights()) < 1e-6);
  std::filesystem::remove(path);
  CHECK(text_for("env").find("MIX_WEIGHTS='0.5 0.333333 0.166667'") != std::string::npos);
}

TEST_CASE("Shares of another tokenizer's tokens") {
  const mixcal::ExportOptions options{.target = "doremi", .bytes_per_token = {"books=4", "code=2", "web's own=4"}};
  const nlohmann::json found = nlohmann::json::parse(mixcal::exported(example(), options).text);
  // Bytes of each: 0.5, 1/3 and 1/3, since a token of the last is two.
  const double sum = 0.5 / 4 + 1.0 / 6 + 1.0 / 12;
  CHECK(found.at("train_domain_weights").at("books").get<double>() == Approx(0.125 / sum).margin(1e-6));
  CHECK(found.at("train_domain_weights").at("code").get<double>() == Approx(1.0 / 6 / sum).margin(1e-6));
  CHECK_THROWS_AS(mixcal::exported(example(), {.target = "csv", .bytes_per_token = {"books=4"}}), base::Error);
  CHECK_THROWS_AS(mixcal::exported(example(), {.target = "csv", .bytes_per_token = {"book=4"}}), base::Error);
}

TEST_CASE("Domains without weight are left out, and all others are above 0") {
  Mixture mixture = example();
  mixture.domains[0].weight = 0, mixture.domains[1].weight = 1 - 1e-9, mixture.domains[2].weight = 1e-9;
  for (const std::string& target : mixcal::export_targets()) {
    INFO(target);
    const std::string text = mixcal::exported(mixture, {.target = target, .paths = {"web's own=web"}}).text;
    CHECK(text.find("books") == std::string::npos);
    CHECK(text.find("web") != std::string::npos);
  }
}
