// SPDX-License-Identifier: Apache-2.0
// NumPy's files as datasets, and back.
#pragma once

#include <memory>
#include <string>

#include "base/file.h"
#include "data/dataset.h"
#include "data/read.h"

namespace allot::data {

/// One array, named "x"; stays mapped where it can.
Dataset read_npy_dataset(std::shared_ptr<const base::Bytes> file, const ReadOptions& options);
/// Arrays by name, in memory.
Dataset read_npz(std::shared_ptr<const base::Bytes> file, const ReadOptions& options);

/// Features, labels as "y" and class names' order as they are, stored without compression; numpy.load reads it.
void write_npz(const std::string& path, const Dataset& dataset, base::Replace replace);

}  // namespace allot::data
