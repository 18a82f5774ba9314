// SPDX-License-Identifier: Apache-2.0
#include "contrast/pair_records.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "data/csv.h"
#include "data/tar.h"

namespace allot::contrast {
namespace {

using base::Error;
using base::ErrorKind;

/// What a record says by key, as text; lists of texts apart.
struct Fields {
  std::map<std::string, std::string> texts;
  std::map<std::string, std::vector<std::string>> lists;
};

int64_t label_of(const Fields& fields, const std::string& where) {
  const auto found = fields.texts.find("label");
  if (found == fields.texts.end() || found->second.empty()) return -1;
  int64_t label = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), label);
  if (error != std::errc() || end != text.data() + text.size() || label < 0)
    throw Error(ErrorKind::malformed, where, fmt::format("has the label '{}'", base::printable(text)),
                "number classes from 0");
  return label;
}

class Reader {
 public:
  Reader(const std::string& path, const RecordKeys& keys, bool keep_going, int64_t& skipped)
      : path_(path), shown_(base::printable(path)), keys_(keys), keep_going_(keep_going), skipped_(skipped) {}

  std::vector<PairRecord> run() {
    file_ = base::Bytes::open(path_);
    if (path_.ends_with(".tar"))
      tar();
    else if (path_.ends_with(".jsonl"))
      objects();
    else
      table();
    return std::move(records_);
  }

 private:
  /// Adds what `make` gives, unless it fails and may be left out.
  template <typename Make>
  void add(const Make& make) {
    try {
      records_.push_back(make());
    } catch (const Error& error) {
      if (!keep_going_ || error.kind() != ErrorKind::malformed) throw;
      if (++skipped_ <= 10) base::warn("left out: {}", error.what());
    }
  }

  Piece piece_of(const Fields& fields, const std::string& key, bool image, const std::string& where) const {
    const auto found = fields.texts.find(key);
    if (found == fields.texts.end() || found->second.empty())
      throw Error(ErrorKind::malformed, where, fmt::format("has no '{}'", base::printable(key)),
                  "name the columns with --image-array and --text-array, or leave it out with --keep-going");
    Piece piece;
    if (image)
      piece.path = (std::filesystem::path(path_).parent_path() / found->second).string();
    else
      piece.text = found->second;
    return piece;
  }

  PairRecord record_of(const Fields& fields, const std::string& where) const {
    PairRecord record;
    record.where = where;
    record.first = piece_of(fields, keys_.first, keys_.first_is_image, where);
    record.second = piece_of(fields, keys_.second, keys_.second_is_image, where);
    record.label = label_of(fields, where);
    if (const auto list = fields.lists.find(keys_.negatives); list != fields.lists.end())
      record.negatives = list->second;
    return record;
  }

  void table() {
    data::CsvReader reader(file_->view(), path_.ends_with(".tsv") ? '\t' : ',', path_);
    std::vector<std::string> header, row;
    if (!reader.next(header)) throw Error(ErrorKind::malformed, shown_, "is empty", "begin with a line of names");
    while (reader.next(row))
      add([&] {
        if (row.size() != header.size())
          throw Error(ErrorKind::malformed, reader.where(),
                      fmt::format("has {} fields, while there are {} names", row.size(), header.size()),
                      "quote commas");
        Fields fields;
        for (size_t i = 0; i < row.size(); ++i) fields.texts[header[i]] = row[i];
        return record_of(fields, reader.where());
      });
  }

  static Fields fields_of(const nlohmann::json& object, const std::string& where) {
    if (!object.is_object()) throw Error(ErrorKind::malformed, where, "is no object", "write one a line");
    Fields fields;
    for (const auto& [key, value] : object.items()) {
      if (value.is_string()) fields.texts[key] = value.get<std::string>();
      if (value.is_number_integer()) fields.texts[key] = value.dump();
      if (!value.is_array()) continue;
      for (const auto& each : value)
        if (each.is_string()) fields.lists[key].push_back(each.get<std::string>());
    }
    return fields;
  }

  void objects() {
    const std::string_view all = file_->view();
    size_t line = 0;
    for (size_t begin = 0; begin < all.size();) {
      const size_t end = std::min(all.find('\n', begin), all.size());
      const std::string_view text = all.substr(begin, end - begin);
      begin = end + 1;
      ++line;
      if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      const std::string where = fmt::format("{}:{}", shown_, line);
      add([&] {
        try {
          return record_of(fields_of(base::parse_json(text, path_), where), where);
        } catch (const Error& error) {
          if (error.where() == where) throw;
          throw Error(error.kind(), where, error.message(), error.fix());
        }
      });
    }
  }

  /// Members of one key, which stand together.
  struct Sample {
    std::string key;
    uint64_t offset = 0;
    std::map<std::string, data::TarMember> members;  // by extension
  };

  void tar() {
    Sample sample;
    for (data::TarMember& member : data::read_tar(*file_)) {
      const size_t slash = member.name.rfind('/');
      const size_t point = std::min(member.name.find('.', slash == std::string::npos ? 0 : slash), member.name.size());
      const std::string key = member.name.substr(0, point);
      if (key != sample.key || sample.members.empty()) {
        finish(sample);
        sample = {key, member.offset - 512, {}};
      }
      sample.members[member.name.substr(std::min(point + 1, member.name.size()))] = member;
    }
    finish(sample);
  }

  void finish(const Sample& sample) {
    if (sample.members.empty()) return;
    const std::string where = fmt::format("{}: offset {}: {}", shown_, sample.offset, base::printable(sample.key));
    add([&] {
      Fields fields;
      if (const auto json = sample.members.find("json"); json != sample.members.end())
        fields = fields_of(base::parse_json(content(json->second), where), where);
      if (const auto text = sample.members.find("txt"); text != sample.members.end())
        fields.texts[keys_.second] = std::string(content(text->second));
      if (const auto label = sample.members.find("cls"); label != sample.members.end())
        fields.texts["label"] = std::string(content(label->second));
      PairRecord record;
      if (!keys_.first_is_image) return record_of(fields, where);
      record.where = where;
      record.first = image_of(sample, where);
      record.second = piece_of(fields, keys_.second, false, where);
      record.label = label_of(fields, where);
      return record;
    });
  }

  Piece image_of(const Sample& sample, const std::string& where) const {
    for (const char* extension : {"png", "jpg", "jpeg"})
      if (const auto found = sample.members.find(extension); found != sample.members.end()) {
        Piece piece;
        piece.archive = file_;
        piece.offset = found->second.offset;
        piece.size = found->second.size;
        return piece;
      }
    throw Error(ErrorKind::malformed, where, "has no .png or .jpg", "complete it, or leave it out with --keep-going");
  }

  std::string_view content(const data::TarMember& member) const {
    std::string_view text = file_->view().substr(member.offset, member.size);
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    return text;
  }

  const std::string& path_;
  const std::string shown_;
  const RecordKeys& keys_;
  const bool keep_going_;
  int64_t& skipped_;
  std::shared_ptr<const base::Bytes> file_;
  std::vector<PairRecord> records_;
};

}  // namespace

std::vector<PairRecord> read_records_of(const std::string& path, const RecordKeys& keys, bool keep_going,
                                        int64_t& skipped) {
  return Reader(path, keys, keep_going, skipped).run();
}

}  // namespace allot::contrast
