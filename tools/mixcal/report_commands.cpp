// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "base/error.h"
#include "base/log.h"
#include "commands.h"
#include "mixcal/methods_page.h"
#include "mixcal/page.h"
#include "mixcal/saved.h"

namespace allot {
namespace {

using base::Error;
using base::ErrorKind;

void print(const std::vector<mixcal::ReportedRun>& runs) {
  if (runs.size() == 1) {
    const mixcal::Calibration& only = runs[0].calibration;
    fmt::print("{}", text_of(mixcal::weight_table(only.mixture)));
    if (!only.arms.empty()) fmt::print("\n{}", text_of(mixcal::arm_table(only)));
    return;
  }
  for (const mixcal::ReportedRun& run : runs)
    if (const std::string worse = run.calibration.beside_uniform(run.label); !worse.empty()) fmt::print("{}\n", worse);
  fmt::print("{}", text_of(mixcal::methods_table(runs)));
}

}  // namespace

int report_runs(const cli::App& app, const Options& options) {
  const std::vector<std::string> folders = options.paths();
  if (folders.empty()) throw Error(ErrorKind::usage, "report", "needs a run", "name folders of mixcal calibrate");
  const std::string& output = output_of(options, "a folder for the report");
  const std::vector<mixcal::ReportedRun> runs = mixcal::read_runs(folders);
  std::error_code error;
  std::filesystem::create_directories(output, error);
  if (error) throw Error(ErrorKind::cannot_create, base::printable(output), error.message());
  const base::Replace replace = app.common().replace();
  base::write_file(output + "/report.html", runs.size() == 1 ? page_of(runs[0].calibration) : page_of(runs), replace);
  base::write_file(output + "/weights.csv", mixcal::weights_csv(runs), base::Replace::any);
  base::write_file(output + "/losses.csv", mixcal::losses_csv(runs), base::Replace::any);
  if (app.common().json)
    fmt::print("{}", mixcal::to_json(runs));
  else
    print(runs);
  base::info("wrote {0}/report.html, {0}/weights.csv and {0}/losses.csv", base::printable(output));
  return 0;
}

}  // namespace allot
