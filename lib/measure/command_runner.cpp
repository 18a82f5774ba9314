// SPDX-License-Identifier: Apache-2.0
#include "measure/command_runner.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "measure/process.h"

namespace allot::measure {
namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* kFlag = "--reward-command";
constexpr std::string_view kModel = "{model}", kSpace = " \t\r\n";

}  // namespace

CommandRunner::CommandRunner(std::string command, ir::Model& model, const cluster::Cluster& cluster,
                             double timeout_seconds)
    : command_(std::move(command)), timeout_seconds_(timeout_seconds), file_(model, cluster) {
  if (command_.find(kModel) == command_.npos)
    throw Error(ErrorKind::usage, kFlag, "does not say where the model goes",
                "write {model} for its path: --reward-command 'bench.sh {model}'");
}

std::vector<double> CommandRunner::run(const std::vector<cluster::DeviceId>& device_of_node) {
  const std::string model = shell_quote(file_.write(device_of_node));
  std::string command = command_;
  for (size_t at = 0; (at = command.find(kModel, at)) != command.npos; at += model.size())
    command.replace(at, kModel.size(), model);
  Process process(kFlag, {"/bin/sh", "-c", command}, false);
  return {last_number(process.output(deadline_after(timeout_seconds_)))};
}

std::string shell_quote(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) c == '\'' ? quoted += "'\\''" : quoted += c;
  return quoted + "'";
}

double last_number(const std::string& output) {
  std::string_view text = output;
  const size_t end = text.find_last_not_of(kSpace);
  if (end == text.npos)
    throw Error(ErrorKind::check_failed, kFlag, "printed nothing", "print the seconds of a run as the last line");
  text = text.substr(0, end + 1);
  text.remove_prefix(text.rfind('\n') + 1);  // npos + 1 is 0
  text.remove_prefix(text.find_first_not_of(kSpace));
  double seconds = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || stop != text.data() + text.size() || !std::isfinite(seconds) || seconds <= 0)
    throw Error(ErrorKind::check_failed, kFlag,
                fmt::format("printed '{}' as its last line, which is no time", base::printable(text)),
                "print the seconds of a run there");
  return seconds;
}

}  // namespace allot::measure
