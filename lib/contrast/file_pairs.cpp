// SPDX-License-Identifier: Apache-2.0
#include "contrast/file_pairs.h"

#include <algorithm>
#include <functional>

#include <ATen/ops/empty.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "contrast/pair_records.h"
#include "contrast/tokenizer.h"

namespace allot::contrast {
namespace {

using base::Error;
using base::ErrorKind;

/// What a network wants of one side.
struct Wanted {
  bool image = false;
  int64_t channels = 0, height = 0, width = 0;  // of images
  int64_t tokens = 0;
  bool mask = false;  // which tokens are of the text
};

Wanted wanted_by(const Tower& tower) {
  std::vector<const exec::ProgramInput*> inputs;
  for (const exec::ProgramInput& input : tower.network().inputs())
    if (!input.optional) inputs.push_back(&input);
  const auto size = [&](size_t axis) { return inputs[0]->type.dims[axis].value; };
  Wanted wanted;
  const size_t rank = inputs[0]->type.dims.size();
  wanted.image = ir::is_float(inputs[0]->type.elem);
  if (wanted.image && rank == 4 && inputs.size() == 1) {
    wanted.channels = size(1);
    wanted.height = size(2);
    wanted.width = size(3);
    if ((wanted.channels == 1 || wanted.channels == 3) && wanted.height > 0 && wanted.width > 0) return wanted;
  }
  if (!wanted.image && rank == 2 && inputs.size() <= 2 && size(1) > 0) {
    wanted.tokens = size(1);
    wanted.mask = inputs.size() == 2;
    return wanted;
  }
  throw Error(ErrorKind::unavailable, fmt::format("input '{}'", base::printable(inputs[0]->name)),
              "takes neither images [batch, 1 or 3, height, width] nor token ids [batch, tokens] of fixed sizes",
              "give arrays in .npz files");
}

class FilePairs final : public PairSource {
 public:
  FilePairs(const DataOptions& options, const std::vector<std::string>& files, const Towers& towers)
      : first_(wanted_by(towers.first)), second_(wanted_by(towers.second)), pixels_(options.pixels) {
    RecordKeys keys;
    if (!options.image_arrays.empty()) keys.first = options.image_arrays[0];
    if (!options.text_arrays.empty()) keys.second = options.text_arrays[0];
    keys.negatives = options.negative_array;
    keys.first_is_image = first_.image;
    keys.second_is_image = second_.image;
    for (const std::string& file : files)
      for (PairRecord& record : read_records_of(file, keys, options.keep_going, skipped_))
        records_.push_back(std::move(record));
    const bool texts = !first_.image || !second_.image;
    if (texts && options.tokenizer == "ids")
      throw Error(ErrorKind::usage, "--tokenizer", "is missing: these files hold texts",
                  "give bytes, vocab:FILE or bpe:FILE");
    if (!first_.image) first_tokens_ = make_tokenizer(options.tokenizer, first_.tokens);
    if (!second_.image) second_tokens_ = make_tokenizer(options.tokenizer, second_.tokens);
    if (options.keep_going && first_.image) leave_out_damaged();
    if (records_.empty())
      throw Error(ErrorKind::malformed, base::printable(files[0]), "has no pairs that can be read", "give others");
    if (skipped_ > 0) base::warn("{} pairs were left out", skipped_);
    check_negatives();
    count_cut();
  }

  int64_t size() const override { return static_cast<int64_t>(records_.size()); }
  int64_t negatives() const override { return negatives_; }
  Inputs rows(Side side, std::span<const int64_t> items) const override {
    std::vector<const Piece*> pieces;
    for (const int64_t item : items) pieces.push_back(&piece(side, item));
    return wanted(side).image ? images(wanted(side), items, pieces) : tokens(side, texts_of(pieces));
  }
  Inputs negative_rows(std::span<const int64_t> items, int64_t which) const override {
    std::vector<std::string_view> texts;
    for (const int64_t item : items) texts.push_back(record(item).negatives[static_cast<size_t>(which)]);
    return tokens(Side::second, texts);
  }
  uint64_t content(Side side, int64_t item) const override {
    const Piece& p = piece(side, item);
    return std::hash<std::string_view>()(wanted(side).image ? bytes_of(p, item)->view : std::string_view(p.text));
  }
  uint64_t negative_content(int64_t item, int64_t which) const override {
    return std::hash<std::string_view>()(record(item).negatives[static_cast<size_t>(which)]);
  }
  std::string fingerprint() const override {
    base::Sha256 hash;
    for (const PairRecord& record : records_) {
      hash.add_field(record.first.text);
      hash.add_field(record.second.text);
      hash.add_field(record.first.path);
      hash.add_field(static_cast<int64_t>(record.first.size));
    }
    return hash.hex();
  }
  std::string text(int64_t item) const override { return record(item).second.text; }
  std::optional<data::DecodedImage> picture(int64_t item) const override {
    if (!first_.image) return std::nullopt;
    return decoded(first_, record(item).first, item);
  }
  int64_t label(int64_t item) const override { return record(item).label; }
  int64_t cut() const override { return cut_; }
  int64_t skipped() const override { return skipped_; }

 private:
  /// Bytes of an image file, and what keeps them.
  struct Held {
    std::shared_ptr<const base::Bytes> file;
    std::string_view view;
  };

  const Wanted& wanted(Side side) const { return side == Side::first ? first_ : second_; }
  const PairRecord& record(int64_t item) const { return records_[static_cast<size_t>(item)]; }
  const Piece& piece(Side side, int64_t item) const {
    return side == Side::first ? record(item).first : record(item).second;
  }

  std::optional<Held> bytes_of(const Piece& piece, int64_t item) const {
    if (piece.archive) return Held{piece.archive, piece.archive->view().substr(piece.offset, piece.size)};
    try {
      Held held{base::Bytes::open(piece.path), {}};
      held.view = held.file->view();
      return held;
    } catch (const Error& error) {
      throw error.within(record(item).where);
    }
  }

  data::DecodedImage decoded(const Wanted& wanted, const Piece& piece, int64_t item) const {
    const Held held = *bytes_of(piece, item);
    const std::string name = piece.archive ? record(item).where : piece.path;
    return data::resized(data::with_channels(data::decode_image(held.view, name), wanted.channels), wanted.height,
                         wanted.width);
  }

  Inputs images(const Wanted& wanted, std::span<const int64_t> items, const std::vector<const Piece*>& pieces) const {
    const at::Tensor all =
        at::empty({static_cast<int64_t>(items.size()), wanted.channels, wanted.height, wanted.width}, at::kFloat);
    float* out = all.mutable_data_ptr<float>();
    const auto channels = static_cast<size_t>(wanted.channels);
    const data::Scaling scaling = pixel_scaling(pixels_, wanted.channels, 1.0f / 255);
    const auto of_channel = [&](const std::vector<float>& values, size_t c, float otherwise) {
      return values.empty() ? otherwise : values[values.size() == 1 ? 0 : c];
    };
    for (size_t i = 0; i < items.size(); ++i) {
      const data::DecodedImage image = decoded(wanted, *pieces[i], items[i]);
      for (size_t c = 0; c < channels; ++c)
        for (size_t pixel = c; pixel < image.pixels.size(); pixel += channels)
          *out++ = (static_cast<float>(image.pixels[pixel]) * scaling.factor - of_channel(scaling.mean, c, 0)) /
                   of_channel(scaling.deviation, c, 1);
    }
    return {all};
  }

  static std::vector<std::string_view> texts_of(const std::vector<const Piece*>& pieces) {
    std::vector<std::string_view> texts;
    for (const Piece* piece : pieces) texts.push_back(piece->text);
    return texts;
  }

  Inputs tokens(Side side, const std::vector<std::string_view>& texts) const {
    const Tokenizer& tokenizer = side == Side::first ? *first_tokens_ : *second_tokens_;
    const at::Tensor all = at::empty({static_cast<int64_t>(texts.size()), tokenizer.length()}, at::kLong);
    int64_t* out = all.mutable_data_ptr<int64_t>();
    bool cut = false;
    for (const std::string_view text : texts)
      for (const int64_t id : tokenizer.encode(text, cut)) *out++ = id;
    if (!wanted(side).mask) return {all};
    return {all, (all != 0).to(at::kLong)};
  }

  /// Decodes all once.
  void leave_out_damaged() {
    std::vector<PairRecord> kept;
    for (size_t i = 0; i < records_.size(); ++i) {
      try {
        decoded(first_, records_[i].first, static_cast<int64_t>(i));
        kept.push_back(records_[i]);
      } catch (const Error& error) {
        if (++skipped_ <= 10) base::warn("left out: {}", error.what());
      }
    }
    records_ = std::move(kept);
  }

  void check_negatives() {
    negatives_ = static_cast<int64_t>(records_[0].negatives.size());
    for (const PairRecord& each : records_)
      if (static_cast<int64_t>(each.negatives.size()) != negatives_)
        throw Error(ErrorKind::malformed, each.where,
                    fmt::format("has {} hard negatives, the first pair {}", each.negatives.size(), negatives_),
                    "give all pairs the same number");
  }

  void count_cut() {
    for (const PairRecord& each : records_) {
      bool cut = false, other = false;
      if (first_tokens_) first_tokens_->encode(each.first.text, cut);
      if (second_tokens_) second_tokens_->encode(each.second.text, other);
      cut_ += cut || other;
    }
    if (cut_ > 0) base::warn("{} of {} texts are longer than the network takes, and were cut", cut_, records_.size());
  }

  std::vector<PairRecord> records_;
  const Wanted first_, second_;
  const std::string pixels_;
  std::unique_ptr<Tokenizer> first_tokens_, second_tokens_;
  int64_t negatives_ = 0, skipped_ = 0, cut_ = 0;
};

}  // namespace

bool is_file_of_pairs(const std::string& path) {
  return path.ends_with(".tar") || path.ends_with(".csv") || path.ends_with(".tsv") || path.ends_with(".jsonl");
}

std::unique_ptr<PairSource> open_file_pairs(const DataOptions& options, const std::vector<std::string>& files,
                                            const Towers& towers) {
  return std::make_unique<FilePairs>(options, files, towers);
}

}  // namespace allot::contrast
