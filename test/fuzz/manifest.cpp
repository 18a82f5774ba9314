// SPDX-License-Identifier: Apache-2.0
// A manifest of images and a split of a dataset: the same text is read as either.
#include "data/generate.h"
#include "data/read_images.h"
#include "data/split.h"
#include "fuzz/target.h"

void allot::fuzz::parse(std::string_view bytes) {
  static const auto dataset = data::generate({.per_class = 4});
  try {
    data::check(data::read_manifest(base::Bytes::from(std::string(bytes)), {.most_bytes = 1 << 20}));
  } catch (const base::Error& error) {
    if (error.kind() == base::ErrorKind::internal) throw;
  }
  const MemoryFile file(bytes);
  const auto items = data::read_items(file.path(), dataset);
  ALLOT_ASSERT(items.size() <= static_cast<size_t>(dataset.size()));
  data::read_split(file.path(), dataset);
}
