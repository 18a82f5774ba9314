// SPDX-License-Identifier: Apache-2.0
#include "contrast/embedding_cache.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <vector>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"

namespace allot::contrast {
namespace {

using base::Error;
using base::ErrorKind;

constexpr int64_t kRows = 4096;  // in memory at a time while the file is written
constexpr const char* kName = "embeddings";

const char* dtype_of(const Tower& tower) { return tower.type() == at::kDouble ? "F64" : "F32"; }

std::string name_of(const Tower& tower, const PairSource& source, Side side) {
  base::Sha256 hash;
  const TowerOptions& options = tower.options();
  if (const auto& file = tower.network().model().file) hash.add_field(file->view());
  hash.add_field(fmt::format("{} {} {} {} {} {}", tower.network().head().logits, options.normalised, options.project,
                             options.seed, options.batch_norm, options.precision));
  hash.add_field(source.size());
  // The fingerprint of a source has what its files are read as, but not what is in them.
  hash.add_field(source.fingerprint());
  for (int64_t item = 0; item < source.size(); ++item) hash.add_field(static_cast<int64_t>(source.content(side, item)));
  return fmt::format("{}-{}.safetensors", side == Side::first ? "image" : "text", hash.hex().substr(0, 24));
}

/// The beginning of a safetensors file of one tensor, whose data follow as they are computed.
std::string header(const Tower& tower, int64_t items) {
  const int64_t bytes = items * tower.dimension() * static_cast<int64_t>(c10::elementSize(tower.type()));
  base::JsonWriter json;
  json.begin_object().key("__metadata__").begin_object().field("schema", "allot.contrast-embeddings/1").end_object();
  json.key(kName).begin_object().field("dtype", dtype_of(tower)).key("shape").begin_array();
  json.value(items).value(tower.dimension()).end_array();
  json.key("data_offsets").begin_array().value(int64_t{0}).value(bytes).end_array().end_object();
  std::string text = json.end_object().str();
  text.append((8 - text.size() % 8) % 8, ' ');  // so that data are aligned
  const uint64_t length = text.size();
  std::string size(sizeof length, '\0');
  std::memcpy(size.data(), &length, sizeof length);
  return size + text;
}

std::vector<int64_t> range_of(int64_t begin, int64_t end) {
  std::vector<int64_t> items(static_cast<size_t>(end - begin));
  std::iota(items.begin(), items.end(), begin);
  return items;
}

at::Tensor embedded(const Towers& towers, const PairSource& source, Side side, const std::vector<int64_t>& items,
                    int64_t micro, unsigned threads) {
  const SourceBatch batch(source, items, false);
  return embed_rows(towers.of(side), batch, side, {0, std::ssize(items)}, micro, threads, {});
}

}  // namespace

EmbeddingCache::EmbeddingCache(const Towers& towers, const PairSource& source, Side side, const CacheOptions& options)
    : side_(side) {
  const Tower& tower = towers.of(side);
  ALLOT_ASSERT(!tower.trains());
  path_ = (std::filesystem::path(options.folder) / name_of(tower, source, side)).string();
  if (!options.team || options.team->is_first()) {
    std::error_code failed;
    std::filesystem::create_directories(options.folder, failed);
    if (failed)
      throw Error(ErrorKind::cannot_create, base::printable(options.folder), failed.message(),
                  "name a folder that can be made with --cache-embeddings");
    bool valid = std::filesystem::exists(path_);
    if (valid) {
      open(tower, source);
      valid = fits(towers, source);
      if (!valid) base::warn("{} does not hold what the encoder computes, and is made anew", base::printable(path_));
    }
    if (!valid) write(towers, source, options);
  }
  if (options.team) options.team->from_first("");  // nobody opens it before it is there
  open(tower, source);
}

void EmbeddingCache::write(const Towers& towers, const PairSource& source, const CacheOptions& options) const {
  base::info("computing embeddings of {} items into {}", source.size(), base::printable(path_));
  base::AtomicFile file(path_, base::Replace::own);
  file.write(header(towers.of(side_), source.size()));
  for (int64_t begin = 0; begin < source.size(); begin += kRows) {
    const auto items = range_of(begin, std::min(source.size(), begin + kRows));
    const at::Tensor rows = embedded(towers, source, side_, items, options.micro, options.threads).contiguous();
    file.write({static_cast<const char*>(rows.const_data_ptr()), rows.nbytes()});
  }
  file.commit();
}

void EmbeddingCache::open(const Tower& tower, const PairSource& source) {
  file_ = base::read_safetensors(path_);
  const auto found = file_.tensors.find(kName);
  const std::vector<int64_t> shape = {source.size(), tower.dimension()};
  if (found == file_.tensors.end() || found->second.shape != shape || found->second.dtype != dtype_of(tower))
    throw Error(ErrorKind::malformed, base::printable(path_), "holds no embeddings of these items", "remove the file");
  // Torch has no tensors of constant memory; nothing writes into this one.
  embeddings_ = at::from_blob(const_cast<std::byte*>(found->second.data.data()), shape, tower.type());
}

bool EmbeddingCache::fits(const Towers& towers, const PairSource& source) const {
  constexpr int64_t kProbes = 8;
  std::vector<int64_t> items;
  for (int64_t i = 0; i < std::min(kProbes, source.size()); ++i)
    items.push_back(i * source.size() / std::min(kProbes, source.size()));
  const at::Tensor anew = embedded(towers, source, side_, items, kProbes, 1);
  // Rounding depends on the size of micro-batches; in bfloat16 that is much.
  const double most = towers.of(side_).options().precision == "float32" ? 1e-4 : 2e-2;
  return (anew - rows(items)).abs().max().item<double>() <= most;
}

at::Tensor EmbeddingCache::rows(std::span<const int64_t> items) const {
  const at::NoGradGuard no_gradients;
  at::Tensor found = at::empty({std::ssize(items), embeddings_.size(1)}, embeddings_.scalar_type());
  const size_t bytes = static_cast<size_t>(embeddings_.size(1)) * embeddings_.element_size();
  const auto* from = static_cast<const char*>(embeddings_.const_data_ptr());
  auto* to = static_cast<char*>(found.mutable_data_ptr());
  for (size_t i = 0; i < items.size(); ++i)
    std::memcpy(to + i * bytes, from + static_cast<size_t>(items[i]) * bytes, bytes);
  return found;
}

}  // namespace allot::contrast
