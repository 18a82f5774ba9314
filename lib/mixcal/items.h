// SPDX-License-Identifier: Apache-2.0
// Labelled items of tables and images as stores: an item is a document of its numbers, float32 by their bits, and its
// class. So whatever finds mixtures of text finds those of items.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "data/dataset.h"
#include "data/token_store.h"

namespace allot::mixcal {

struct PrepareOptions;

constexpr const char* kItemsKind = "items";  // of data::Tokenizer

/// A dataset, each item in one group: that of its class, or of what it has in the column, field or array `category`.
struct GroupedItems {
  data::Dataset dataset;
  std::vector<std::string> groups;  // names
  std::vector<size_t> group_of;     // by item
};

/// Items of the files `paths`, or each of `domains`, name and path, a group of its own. Errors: those of data::read;
/// input_missing for a category that is not there; malformed for labels that are no classes, and for several arrays of
/// features.
GroupedItems read_items(const std::vector<std::string>& paths,
                        const std::vector<std::pair<std::string, std::string>>& domains, const std::string& label,
                        const std::string& category);

/// Writes the store `output`, a domain for each group. Bytes are divided by 255, and images with channels last become
/// planes; all other numbers stay. Items without a class are left out. Errors: those of read_items and
/// data::TokenWriter.
data::TokenStore prepare_items(const std::vector<std::string>& paths, const PrepareOptions& options,
                               const std::string& output, uint64_t seed, unsigned threads, base::Replace replace);

/// What losses on a store of this kind are counted in: nats a token, or an item.
std::string unit_of_losses(const std::string& kind);

/// Numbers of one item of such a store, without its class.
int64_t numbers_of_item(const data::TokenStore& store);

}  // namespace allot::mixcal
