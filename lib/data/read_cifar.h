// SPDX-License-Identifier: Apache-2.0
// The binary version of CIFAR-10 and CIFAR-100.
#pragma once

#include <memory>
#include <string>

#include "base/file.h"
#include "data/dataset.h"
#include "data/read.h"

namespace allot::data {

/// Tells the file by its size: whole records of 1 or 2 labels and 3,072 pixels.
bool is_cifar(std::string_view bytes);

/// uint8 array "x" [items, 3, 32, 32]. CIFAR-100: the fine label. Class names from batches.meta.txt or
/// fine_label_names.txt beside the file.
Dataset read_cifar(const std::shared_ptr<const base::Bytes>& file);

}  // namespace allot::data
