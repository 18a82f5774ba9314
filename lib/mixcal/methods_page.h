// SPDX-License-Identifier: Apache-2.0
// Several searches on the same data beside each other, and beside natural and uniform shares.
#pragma once

#include <string>
#include <vector>

#include "mixcal/calibrate.h"
#include "train/text_table.h"

namespace allot::mixcal {

struct ReportedRun {
  std::string label;  // the method, with the folder's name where two have the same
  Calibration calibration;
};

/// Of folders of searches. Errors: those of read_calibration(); check_failed for runs on other data, with other domains
/// that count, or without a comparison where there are several.
std::vector<ReportedRun> read_runs(const std::vector<std::string>& folders);

/// A row for natural and uniform shares, then one a run: losses, differences with 95 % intervals to what the same run
/// trained on natural and uniform shares, cost, and whether it is better than uniform.
train::TextTable methods_table(const std::vector<ReportedRun>& runs);

/// The page of one run is page_of(Calibration).
std::string page_of(const std::vector<ReportedRun>& runs);

/// allot.mixture-report/1: what the table has, by seed.
std::string to_json(const std::vector<ReportedRun>& runs);

/// "run,method,domain,weight,deviation,reference_weight,tokens,epochs".
std::string weights_csv(const std::vector<ReportedRun>& runs);
/// "run,trained_on,seed,domain,loss": test losses, nats a token.
std::string losses_csv(const std::vector<ReportedRun>& runs);

}  // namespace allot::mixcal
