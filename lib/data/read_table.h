// SPDX-License-Identifier: Apache-2.0
// Tables of numbers in text.
#pragma once

#include <memory>

#include "base/file.h"
#include "data/dataset.h"
#include "data/read.h"

namespace allot::data {

/// Columns by the names of the first line: the label's (empty: unlabelled), "id", "split", and numbers for all others,
/// which become array "x". Labels that are all whole numbers are classes, all numbers targets, others names of classes.
Dataset read_table(const std::shared_ptr<const base::Bytes>& file, char separator, const ReadOptions& options);

/// One field an item, empty ones without a label, as labels of `dataset`, of options.label_kind or as read_table tells.
/// Errors: malformed for a name that is not among options.class_names.
void set_labels(Dataset& dataset, const std::vector<std::string>& fields, const ReadOptions& options);

}  // namespace allot::data
