// SPDX-License-Identifier: Apache-2.0
// What a finished search leaves in its folder, written and read back.
#pragma once

#include <string>

#include "base/file.h"
#include "mixcal/calibrate.h"

namespace allot::mixcal {

/// allot.mixture-run/1: weights by seed, losses and curves of all arms, the law; for programs.
std::string to_json(const Calibration& calibration);

/// mixture.json, result.json, report.html and, of methods with a proxy, trajectory.csv. Errors: those of
/// base::write_file.
void write_calibration(const Calibration& calibration, const std::string& folder, base::Replace replace);

/// Of a folder that write_calibration() wrote. Errors: input_missing; malformed with file and key or line; check_failed
/// if its files are not of one search.
Calibration read_calibration(const std::string& folder);

}  // namespace allot::mixcal
