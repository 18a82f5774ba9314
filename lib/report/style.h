// SPDX-License-Identifier: Apache-2.0
// The one style sheet of all pages.
#pragma once

#include <string>

namespace allot::report {

/// CSS for everything that this module draws: light and dark, from 400 px.
std::string stylesheet();

}  // namespace allot::report
