// SPDX-License-Identifier: Apache-2.0
// Hugging Face's tokenizer.json.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/json_object.h"
#include "data/text_tokenizer.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;
using nlohmann::json;

constexpr uint64_t kMostBytes = 256 << 20;
constexpr int64_t kLargestId = INT32_MAX - 1;
constexpr const char* kElsewhere = "tokenize elsewhere, and give files of tokens";
constexpr std::array kEndNames = {"<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"};

class Reader {
 public:
  Reader(std::string text, const std::string& path)
      : source_{path, std::move(text), "give the tokenizer.json of a byte-level BPE tokenizer"},
        parsed_(base::parse_json(source_.text, path)),
        top_(source_, parsed_, "", {"model", "pre_tokenizer"},
             {"version", "truncation", "padding", "added_tokens", "normalizer", "post_processor", "decoder"}) {}

  TextTokenizer::Content read() {
    if (!is_null(parsed_, "normalizer")) refuse("/normalizer", "changes text before it is cut");
    read_model();
    read_steps();
    read_added();
    content_.vocabulary = largest_ + 1;
    for (const char* name : kEndNames)
      if (const auto found = ids_.find(name); found != ids_.end() && content_.end_of_document < 0)
        content_.end_of_document = found->second;
    content_.hash = base::sha256(source_.text);
    return std::move(content_);
  }

 private:
  static bool is_null(const json& object, const char* key) { return !object.contains(key) || object.at(key).is_null(); }

  /// What an object says it is; "" if it does not.
  static std::string type_of(const json& value) {
    const bool has = value.is_object() && value.contains("type") && value.at("type").is_string();
    return has ? value.at("type").get<std::string>() : "";
  }

  std::string where(const std::string& pointer) const {
    return fmt::format("{}:{}", base::printable(source_.path), base::line_of(source_.text, pointer));
  }
  [[noreturn]] void refuse(const std::string& pointer, const std::string& what) const {
    throw Error(ErrorKind::unavailable, where(pointer), fmt::format("key {} {}", base::printable(pointer), what),
                kElsewhere);
  }
  [[noreturn]] void malformed(const std::string& pointer, const std::string& what) const {
    throw Error(ErrorKind::malformed, where(pointer), fmt::format("key {} {}", base::printable(pointer), what),
                source_.remedy);
  }

  void read_model() {
    const json& value = parsed_.at("model");
    if (const std::string type = type_of(value); !type.empty() && type != "BPE")
      refuse("/model/type", fmt::format("is {}, not BPE", base::printable(type)));
    const base::JsonObject model = top_.object("model", {"vocab", "merges"},
                                               {"type", "dropout", "unk_token", "continuing_subword_prefix",
                                                "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"});
    if (!is_null(value, "dropout") && model.number("dropout") > 0) refuse("/model/dropout", "makes tokens random");
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (!is_null(value, key) && !model.text(key).empty())
        refuse(fmt::format("/model/{}", key), "marks parts of words, which bytes do not need");
    for (const auto& [token, id] : model.integers("vocab")) {
      if (id > kLargestId) malformed("/model/vocab", fmt::format("has the token {}, beyond 31 bits", id));
      ids_.emplace(token, static_cast<uint32_t>(id));
      largest_ = std::max(largest_, id);
    }
    for (size_t byte = 0; byte < 256; ++byte) {
      const auto found = ids_.find(byte_characters()[byte]);
      if (found == ids_.end())
        refuse("/model/vocab", fmt::format("has no token for byte {}, so some text has none", byte));
      content_.bytes[byte] = found->second;
    }
    read_merges(value.at("merges"));
    if (is_null(value, "ignore_merges") || !model.truth("ignore_merges")) return;
    for (const auto& [token, id] : ids_)
      if (auto bytes = bytes_of_characters(token)) content_.whole.emplace(std::move(*bytes), id);
  }

  void read_merges(const json& merges) {
    if (!merges.is_array()) malformed("/model/merges", "must be a list");
    for (size_t i = 0; i < merges.size(); ++i) {
      const auto [left, right] = pair_of(merges[i], i);
      content_.merges.add(id_of(left, i), id_of(right, i), id_of(left + right, i));
    }
  }

  /// "left right", or ["left", "right"] since version 0.20.
  std::pair<std::string, std::string> pair_of(const json& merge, size_t i) const {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
      return {merge[0].get<std::string>(), merge[1].get<std::string>()};
    const std::string text = merge.is_string() ? merge.get<std::string>() : "";
    const size_t blank = text.find(' ');
    if (blank == text.npos || text.find(' ', blank + 1) != text.npos)
      malformed(fmt::format("/model/merges/{}", i), "is no pair of tokens");
    return {text.substr(0, blank), text.substr(blank + 1)};
  }

  uint32_t id_of(const std::string& token, size_t merge) const {
    const auto found = ids_.find(token);
    if (found == ids_.end())
      malformed(fmt::format("/model/merges/{}", merge),
                fmt::format("needs the token '{}', which the vocabulary has not", base::printable(token)));
    return found->second;
  }

  void read_steps() {
    const json& value = parsed_.at("pre_tokenizer");
    if (type_of(value) != "Sequence") {
      read_step(value, "/pre_tokenizer", true);
      return;
    }
    top_.object("pre_tokenizer", {"type", "pretokenizers"});  // and no other key
    const json& list = value.at("pretokenizers");
    if (!list.is_array() || list.empty()) malformed("/pre_tokenizer/pretokenizers", "must be a list of steps");
    for (size_t i = 0; i < list.size(); ++i)
      read_step(list[i], fmt::format("/pre_tokenizer/pretokenizers/{}", i), i + 1 == list.size());
  }

  /// `value` is at `pointer`. The last step, and no other, makes bytes.
  void read_step(const json& value, const std::string& pointer, bool is_last) {
    const std::string type = type_of(value);
    if (is_last != (type == "ByteLevel") || (type != "ByteLevel" && type != "Split" && type != "Digits"))
      refuse(pointer, is_last ? fmt::format("is {}, and does not end with ByteLevel", name_of(type))
                              : fmt::format("is {}, which is not known there", name_of(type)));
    const auto object = [&](base::JsonObject::Keys keys, base::JsonObject::Keys optional = {}) {
      return base::JsonObject(source_, value, pointer, keys, optional);
    };
    if (type == "ByteLevel") {
      const base::JsonObject step = object({"type", "add_prefix_space"}, {"trim_offsets", "use_regex"});
      if (step.truth("add_prefix_space")) content_.steps.push_back({.adds_blank = true});
      if (!step.has("use_regex") || step.truth("use_regex")) content_.steps.push_back({.rule = WordRule::gpt2});
    } else if (type == "Digits") {
      const bool single = object({"type", "individual_digits"}).truth("individual_digits");
      content_.steps.push_back({.rule = single ? WordRule::numbers_apart : WordRule::runs_of_numbers});
    } else {
      content_.steps.push_back({.rule = rule_of(object({"type", "pattern", "behavior", "invert"}), pointer)});
    }
  }
  static std::string name_of(const std::string& type) {
    return type.empty() ? "none that is known" : base::printable(type);
  }

  WordRule rule_of(const base::JsonObject& split, const std::string& pointer) const {
    const base::JsonObject pattern = split.object("pattern", {}, {"Regex", "String"});
    // Words make up the text, so these two mean the same.
    const bool isolates = split.text("behavior") == "Isolated" && !split.truth("invert");
    const bool keeps_matches = split.text("behavior") == "Removed" && split.truth("invert");
    if (pattern.has("Regex") && (isolates || keeps_matches))
      for (const WordRule rule : {WordRule::gpt2, WordRule::gpt4, WordRule::single_numbers})
        if (pattern.text("Regex") == regular_expression(rule)) return rule;
    refuse(pointer, "cuts text by a pattern that is none of GPT-2's, GPT-4's, Llama 3's and Qwen's");
  }

  void read_added() {
    if (is_null(parsed_, "added_tokens")) return;
    size_t number = 0;
    top_.for_each("added_tokens", {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"},
                  [&](const base::JsonObject& object) {
                    const std::string pointer = fmt::format("/added_tokens/{}", number++);
                    const AddedToken token{object.text("content"),
                                           static_cast<uint32_t>(object.integer("id", 0, kLargestId)),
                                           object.truth("lstrip"), object.truth("rstrip"), !object.truth("normalized")};
                    if (object.truth("single_word"))
                      refuse(pointer + "/single_word", "depends on words around a token");
                    if (token.content.empty()) return;
                    const auto known = ids_.emplace(token.content, token.id).first;
                    if (known->second != token.id)
                      malformed(pointer + "/id", fmt::format("is not {}, as the vocabulary has it", known->second));
                    largest_ = std::max<int64_t>(largest_, token.id);
                    content_.added.push_back(token);
                  });
  }

  const base::JsonSource source_;
  const json parsed_;
  const base::JsonObject top_;
  TextTokenizer::Content content_;
  std::unordered_map<std::string, uint32_t> ids_;
  int64_t largest_ = 0;
};

}  // namespace

std::shared_ptr<const TextTokenizer> read_tokenizer(const std::string& path) {
  return parse_tokenizer(base::read_text(path, kMostBytes), path);
}

std::shared_ptr<const TextTokenizer> parse_tokenizer(std::string text, const std::string& path) {
  return std::make_shared<TextTokenizer>(Reader(std::move(text), path).read());
}

}  // namespace allot::data
