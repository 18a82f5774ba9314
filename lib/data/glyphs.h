// SPDX-License-Identifier: Apache-2.0
// Images of made-up letters.
#pragma once

#include "data/generate.h"

namespace allot::data {

Dataset glyphs(const GenerateOptions& options);

}  // namespace allot::data
