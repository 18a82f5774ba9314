// SPDX-License-Identifier: Apache-2.0
// Where pairs come from: items by number, which can be read again and again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/binder.h"
#include "contrast/two_pass.h"
#include "data/image_file.h"
#include "data/view.h"

namespace allot::contrast {

struct DataOptions {
  std::vector<std::string> files;                      // patterns, in order
  std::vector<std::string> image_arrays, text_arrays;  // one an input; empty: those of the inputs' names
  std::string negative_array;                          // [items, k, ...]: k hard negatives of each pair
  std::string tokenizer = "ids";                       // see make_tokenizer(); of texts that are not ids yet
  std::string pixels = "unit";  // from 0 to 1; signed: from -1 to 1; clip: by CLIP's mean and deviation
  bool keep_going = false;      // items that cannot be read are left out

  void bind(config::Binder& binder);
};

class PairSource {
 public:
  virtual ~PairSource() = default;
  virtual int64_t size() const = 0;
  /// Hard negatives of each pair.
  virtual int64_t negatives() const { return 0; }
  /// Rows of items for the network of that side. Safe from several threads. Errors: malformed, naming shard and item.
  virtual Inputs rows(Side side, std::span<const int64_t> items) const = 0;
  /// Negative number `which` of items.
  virtual Inputs negative_rows(std::span<const int64_t>, int64_t) const { return {}; }
  /// A number that tells apart what items, and their hard negatives, hold on that side.
  virtual uint64_t content(Side side, int64_t item) const = 0;
  virtual uint64_t negative_content(int64_t, int64_t) const { return 0; }
  /// What tells whether the same numbers mean the same items.
  virtual std::string fingerprint() const = 0;
  /// For people: text of an item, "" if there is none; its picture.
  virtual std::string text(int64_t) const { return ""; }
  virtual std::optional<data::DecodedImage> picture(int64_t) const { return std::nullopt; }
  /// Its class, or -1.
  virtual int64_t label(int64_t) const { return -1; }
  /// Texts that were cut to fit, and items that were left out.
  virtual int64_t cut() const { return 0; }
  virtual int64_t skipped() const { return 0; }
};

/// Files of one kind: arrays (.npz, .npy, .safetensors); or WebDataset shards (.tar), tables (.csv, .tsv) or objects
/// (.jsonl) of image files and texts (file_pairs.h). Errors: usage without files; input_missing; those of data::read;
/// malformed where items do not fit the towers' inputs.
std::unique_ptr<PairSource> open_pairs(const DataOptions& options, const Towers& towers);

/// How pixels become numbers (DataOptions::pixels), of images with that many channels; `factor` brings them to [0, 1].
data::Scaling pixel_scaling(const std::string& pixels, int64_t channels, float factor);

/// The files that patterns name ("shards/*.npz"), in the order of patterns, then of names. Errors: input_missing.
std::vector<std::string> expand(const std::vector<std::string>& patterns);

class EmbeddingCache;

/// Items of a source as a batch; with hard negatives where it has them.
class SourceBatch final : public Batch {
 public:
  /// `deduplicated`: duplicates are told by groups(): pairs that have equal content on one side or the other, or that
  /// are so related over several. Row pairs() * (1 + k) + i of the second side is negative k of pair i.
  /// `cache`: of the same source; null: none.
  SourceBatch(const PairSource& source, std::vector<int64_t> items, bool deduplicated,
              const EmbeddingCache* cache = nullptr);
  int64_t pairs() const override { return static_cast<int64_t>(items_.size()); }
  int64_t rows(Side side) const override { return side == Side::first ? pairs() : pairs() * (1 + source_.negatives()); }
  Inputs inputs(Side side, int64_t begin, int64_t count) const override;
  at::Tensor embeddings(Side side, int64_t begin, int64_t count) const override;
  at::Tensor groups(Side side) const override;
  /// Pairs with a duplicate in the batch.
  int64_t duplicates() const { return duplicates_; }

 private:
  const PairSource& source_;
  std::vector<int64_t> items_;
  const EmbeddingCache* cache_;
  at::Tensor first_groups_, second_groups_;
  int64_t duplicates_ = 0;
};

}  // namespace allot::contrast
