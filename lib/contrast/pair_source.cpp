// SPDX-License-Identifier: Apache-2.0
#include "contrast/pair_source.h"

#include <glob.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/hash.h"
#include "contrast/embedding_cache.h"
#include "contrast/file_pairs.h"
#include "contrast/tokenizer.h"
#include "data/image_view.h"
#include "data/read.h"
#include "data/view.h"

namespace allot::contrast {
namespace {

using base::Error;
using base::ErrorKind;

/// Arrays of files, in memory or mapped.
class ArrayPairs final : public PairSource {
 public:
  ArrayPairs(const DataOptions& options, const std::vector<std::string>& files, const Towers& towers)
      : dataset_(data::read(files)), pixels_(options.pixels) {
    if (options.tokenizer != "ids") tokenizer_ = make_tokenizer(options.tokenizer, 1 << 10);
    first_ = views_of(towers.first, options.image_arrays, "--image-array", "image");
    second_ = views_of(towers.second, options.text_arrays, "--text-array", towers.tied() ? "text" : "");
    if (!options.negative_array.empty()) open_negatives(options.negative_array, towers.second);
  }

  int64_t size() const override { return dataset_.size(); }
  int64_t negatives() const override { return negatives_; }
  Inputs rows(Side side, std::span<const int64_t> items) const override {
    return filled(side == Side::first ? first_ : second_, items);
  }
  Inputs negative_rows(std::span<const int64_t> items, int64_t which) const override {
    std::vector<int64_t> rows;
    for (const int64_t item : items) rows.push_back(item * negatives_ + which);
    return filled(of_negatives_, rows);
  }
  uint64_t content(Side side, int64_t item) const override {
    return hash_of(side == Side::first ? first_ : second_, item);
  }
  uint64_t negative_content(int64_t item, int64_t which) const override {
    return hash_of(of_negatives_, item * negatives_ + which);
  }
  std::string fingerprint() const override {
    base::Sha256 hash;
    hash.add_field(data::fingerprint(dataset_));
    for (const Entry& entry : second_)
      hash.add_field({reinterpret_cast<const char*>(entry.array.bytes.data()), entry.array.bytes.size()});
    return hash.hex();
  }
  std::optional<data::DecodedImage> picture(int64_t item) const override {
    const data::Array& array = first_[0].array;
    if (array.dtype != data::DType::uint8 || array.shape.size() < 3) return std::nullopt;
    const data::ImageGeometry geometry = data::geometry_of(array);
    data::DecodedImage image{geometry.height, geometry.width, geometry.channels, {}};
    if (image.channels != 1 && image.channels != 3) return std::nullopt;
    const auto row = array.row<uint8_t>(item);
    image.pixels.resize(row.size());
    const auto pixels = static_cast<size_t>(image.height * image.width), channels = static_cast<size_t>(image.channels);
    for (size_t c = 0; c < channels; ++c)
      for (size_t i = 0; i < pixels; ++i)
        image.pixels[i * channels + c] = row[geometry.channels_last ? i * channels + c : c * pixels + i];
    return image;
  }
  std::string text(int64_t item) const override {
    const data::Array& array = second_[0].array;
    if (!tokenizer_ || array.dtype == data::DType::float32) return "";
    std::vector<int64_t> ids;
    if (array.dtype == data::DType::int64) {
      const auto row = array.row<int64_t>(item);
      ids.assign(row.begin(), row.end());
    } else {
      const auto row = array.row<uint8_t>(item);
      ids.assign(row.begin(), row.end());
    }
    return tokenizer_->decode(ids);
  }
  int64_t label(int64_t item) const override {
    return dataset_.label_kind == data::LabelKind::classes ? dataset_.labels.row<int64_t>(item)[0] : -1;
  }

 private:
  struct Entry {
    data::Array array;
    std::unique_ptr<data::View> view;
  };

  /// An entry for each input of a tower.
  std::vector<Entry> views_of(const Tower& tower, const std::vector<std::string>& chosen, const char* flag,
                              const std::string& otherwise) const {
    const std::vector<std::string> inputs = tower.input_names();
    std::vector<std::string> names = chosen.empty() ? inputs : chosen;
    if (chosen.empty() && names.size() == 1 && !otherwise.empty() && has(otherwise)) names = {otherwise};
    if (names.size() != inputs.size())
      throw Error(ErrorKind::usage, flag,
                  fmt::format("names {} arrays, while the network has {} inputs", names.size(), inputs.size()),
                  "name one array an input, in their order");
    std::vector<Entry> entries;
    for (size_t i = 0; i < names.size(); ++i)
      entries.push_back(entry_of(dataset_.feature(names[i]), input_of(tower, inputs[i])));
    return entries;
  }

  bool has(const std::string& name) const {
    return std::any_of(dataset_.features.begin(), dataset_.features.end(),
                       [&](const data::Array& array) { return array.name == name; });
  }

  static const exec::ProgramInput& input_of(const Tower& tower, const std::string& name) {
    const auto& inputs = tower.network().inputs();
    return *std::find_if(inputs.begin(), inputs.end(), [&](const auto& input) { return input.name == name; });
  }

  Entry entry_of(const data::Array& array, const exec::ProgramInput& input) const {
    const bool whole = !ir::is_float(input.type.elem), image = input.type.dims.size() == 4;
    Entry entry{array, nullptr};
    if (whole && array.dtype == data::DType::float32)
      throw Error(ErrorKind::malformed, fmt::format("{}: array '{}'", dataset_.origin, array.name),
                  fmt::format("holds fractions, while input '{}' takes whole numbers", base::printable(input.name)),
                  "give token ids");
    const float factor = array.dtype == data::DType::uint8 ? 1.0f / 255 : 1;
    if (image && !whole) {
      data::ImageOptions options;
      options.scaling = pixel_scaling(pixels_, data::geometry_of(array).channels, factor);
      entry.view = data::image_view(array, options);
    } else {
      data::Scaling scaling;
      scaling.factor = factor;
      entry.view = data::plain_view(array, whole ? nullptr : &scaling);
    }
    check(entry, input);
    return entry;
  }

  void check(const Entry& entry, const exec::ProgramInput& input) const {
    const auto& item = entry.view->shape();
    bool fits = item.size() + 1 == input.type.dims.size();
    for (size_t i = 0; fits && i < item.size(); ++i) {
      const int64_t wanted = input.type.dims[i + 1].value;
      fits = wanted < 0 || wanted == item[i];
    }
    if (!fits)
      throw Error(ErrorKind::malformed, fmt::format("{}: array '{}'", dataset_.origin, entry.array.name),
                  fmt::format("has items [{}], which input '{}' does not take", fmt::join(item, ", "),
                              base::printable(input.name)),
                  "give items of the size that the network is made for");
  }

  /// [items, k, ...] as [items * k, ...].
  void open_negatives(const std::string& name, const Tower& tower) {
    data::Array array = dataset_.feature(name);
    const std::vector<std::string> inputs = tower.input_names();
    if (array.shape.size() < 3 || inputs.size() != 1)
      throw Error(ErrorKind::malformed, fmt::format("{}: array '{}'", dataset_.origin, name),
                  "is not [items, negatives, ...] for a network of one input", "stack the negatives of an item");
    negatives_ = array.shape[1];
    array.shape.erase(array.shape.begin() + 1);
    array.shape[0] *= negatives_;
    of_negatives_.push_back(entry_of(array, input_of(tower, inputs[0])));
  }

  static Inputs filled(const std::vector<Entry>& entries, std::span<const int64_t> items) {
    Inputs inputs;
    for (const Entry& entry : entries) {
      std::vector<int64_t> shape = {static_cast<int64_t>(items.size())};
      shape.insert(shape.end(), entry.view->shape().begin(), entry.view->shape().end());
      at::Tensor tensor = at::empty(shape, entry.view->dtype() == data::DType::int64 ? at::kLong : at::kFloat);
      entry.view->fill(items, {}, {static_cast<std::byte*>(tensor.mutable_data_ptr()), tensor.nbytes()});
      inputs.push_back(std::move(tensor));
    }
    return inputs;
  }

  static uint64_t hash_of(const std::vector<Entry>& entries, int64_t item) {
    uint64_t hash = 0;
    for (const Entry& entry : entries) {
      const auto bytes = static_cast<size_t>(entry.array.elements()) * data::dtype_bytes(entry.array.dtype);
      const std::string_view row(
          reinterpret_cast<const char*>(entry.array.bytes.data()) + static_cast<size_t>(item) * bytes, bytes);
      hash = hash * 0x9E3779B97F4A7C15u + std::hash<std::string_view>()(row);
    }
    return hash;
  }

  data::Dataset dataset_;
  const std::string pixels_;
  std::unique_ptr<Tokenizer> tokenizer_;  // for people
  std::vector<Entry> first_, second_, of_negatives_;
  int64_t negatives_ = 0;
};

/// Sets that are joined, by a representative each.
class DisjointSets {
 public:
  explicit DisjointSets(size_t size) : parents_(size) { std::iota(parents_.begin(), parents_.end(), size_t{0}); }
  size_t find(size_t i) {
    while (parents_[i] != i) i = parents_[i] = parents_[parents_[i]];
    return i;
  }
  void join(size_t a, size_t b) { parents_[std::max(find(a), find(b))] = std::min(find(a), find(b)); }

 private:
  std::vector<size_t> parents_;
};

}  // namespace

void DataOptions::bind(config::Binder& binder) {
  binder.list(
      "data", files,
      "pairs: .npz, .npy, .safetensors files of arrays, .tar shards, .csv, .tsv or .jsonl; patterns as shards/*.npz");
  binder.list("image_array", image_arrays,
              "array, column or key for each input of the first network; default: of the input's name");
  binder.list("text_array", text_arrays, "the same of the second network");
  binder.text("negative_array", negative_array,
              "array [items, k, ...] of k hard negatives of each pair; of .jsonl the key of a list of texts");
  binder.text("tokenizer", tokenizer,
              "of texts: bytes, vocab:FILE or bpe:FILE (CLIP's merges); ids: there are numbers");
  binder.choice("pixels", pixels,
                "are numbers from 0 to 1, from -1 to 1, or of mean 0 and deviation 1 by CLIP's figures",
                {"unit", "signed", "clip"});
  binder.flag("keep_going", keep_going, "leave out items that cannot be read: they are named and counted");
}

data::Scaling pixel_scaling(const std::string& pixels, int64_t channels, float factor) {
  data::Scaling scaling;
  scaling.factor = factor;
  if (pixels == "signed") scaling.mean = scaling.deviation = {0.5f};
  if (pixels == "clip" && channels == 3) {  // Radford et al., 2021
    scaling.mean = {0.48145466f, 0.4578275f, 0.40821073f};
    scaling.deviation = {0.26862954f, 0.26130258f, 0.27577711f};
  } else if (pixels == "clip") {
    scaling.mean = {0.45f};
    scaling.deviation = {0.27f};
  }
  return scaling;
}

std::vector<std::string> expand(const std::vector<std::string>& patterns) {
  std::vector<std::string> files;
  for (const std::string& pattern : patterns) {
    glob_t found{};
    const int code = glob(pattern.c_str(), 0, nullptr, &found);  // in order of names
    for (size_t i = 0; code == 0 && i < found.gl_pathc; ++i) files.emplace_back(found.gl_pathv[i]);
    globfree(&found);
    if (code != 0)
      throw Error(ErrorKind::input_missing, base::printable(pattern), "names no file", "give a file or a pattern");
  }
  return files;
}

std::unique_ptr<PairSource> open_pairs(const DataOptions& options, const Towers& towers) {
  if (options.files.empty()) throw Error(ErrorKind::usage, "--data", "is missing", "name files of pairs");
  const std::vector<std::string> files = expand(options.files);
  if (is_file_of_pairs(files[0])) return open_file_pairs(options, files, towers);
  return std::make_unique<ArrayPairs>(options, files, towers);
}

SourceBatch::SourceBatch(const PairSource& source, std::vector<int64_t> items, bool deduplicated,
                         const EmbeddingCache* cache)
    : source_(source), items_(std::move(items)), cache_(cache) {
  if (!deduplicated) return;
  const size_t pairs = items_.size();
  const auto rows = static_cast<size_t>(this->rows(Side::second));
  // Pair i is set i, a further row of the second side a set of its own.
  DisjointSets sets(rows);
  std::unordered_map<uint64_t, size_t> firsts, seconds;
  for (size_t i = 0; i < rows; ++i) {
    const int64_t item = items_[i % pairs];
    if (i < pairs) sets.join(i, firsts.emplace(source_.content(Side::first, item), i).first->second);
    const uint64_t second = i < pairs ? source_.content(Side::second, item)
                                      : source_.negative_content(item, static_cast<int64_t>(i / pairs) - 1);
    sets.join(i, seconds.emplace(second, i).first->second);
  }
  std::vector<int64_t> groups(rows);
  std::vector<int64_t> members(rows);
  for (size_t i = 0; i < rows; ++i) groups[i] = static_cast<int64_t>(sets.find(i));
  for (size_t i = 0; i < pairs; ++i) ++members[static_cast<size_t>(groups[i])];
  for (size_t i = 0; i < pairs; ++i) duplicates_ += members[static_cast<size_t>(groups[i])] > 1;
  second_groups_ = at::tensor(groups, at::kLong);
  first_groups_ = second_groups_.narrow(0, 0, static_cast<int64_t>(pairs));
}

Inputs SourceBatch::inputs(Side side, int64_t begin, int64_t count) const {
  if (side == Side::first || begin + count <= pairs())
    return source_.rows(side, std::span(items_).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)));
  std::vector<Inputs> parts;  // of pairs, and of negatives by number
  for (int64_t row = begin; row < begin + count;) {
    const int64_t which = row / pairs(), place = row % pairs();
    const int64_t here = std::min(begin + count - row, pairs() - place);
    const auto items = std::span(items_).subspan(static_cast<size_t>(place), static_cast<size_t>(here));
    parts.push_back(which == 0 ? source_.rows(side, items) : source_.negative_rows(items, which - 1));
    row += here;
  }
  Inputs joined;
  for (size_t i = 0; i < parts[0].size(); ++i) {
    std::vector<at::Tensor> pieces;
    for (Inputs& part : parts) pieces.push_back(part[i]);
    joined.push_back(at::cat(pieces));
  }
  return joined;
}

at::Tensor SourceBatch::embeddings(Side side, int64_t begin, int64_t count) const {
  if (!cache_ || cache_->side() != side) return {};
  ALLOT_ASSERT(begin + count <= pairs());
  return cache_->rows(std::span(items_).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)));
}

at::Tensor SourceBatch::groups(Side side) const { return side == Side::first ? first_groups_ : second_groups_; }

}  // namespace allot::contrast
