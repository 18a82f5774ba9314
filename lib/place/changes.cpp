// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "place/check.h"
#include "place/match.h"

namespace allot::place {
namespace {

using base::printable;

constexpr size_t kMaxLines = 50, kMaxDetails = 20;

void cap(std::vector<std::string>& lines, size_t most) {
  if (lines.size() <= most) return;
  const size_t more = lines.size() - most;
  lines.resize(most);
  lines.push_back(fmt::format("... and {} more", more));
}

void compare_ops(const std::vector<PlacedOp>& from, const std::vector<PlacedOp>& to, Changes& changes) {
  std::vector<uint32_t> from_rows, to_rows;
  const std::vector<OpIdentity> before = identities(from, from_rows), after = identities(to, to_rows);
  const std::vector<uint32_t> counterpart = match_ops(after, before);
  std::vector<char> found(before.size());
  for (size_t i = 0; i < after.size(); ++i) {
    const PlacedOp& now = to[to_rows[i]];
    if (counterpart[i] == graph::kNone) {
      changes.added.push_back(printable(now.name));
      continue;
    }
    found[counterpart[i]] = true;
    ++changes.compared;
    const PlacedOp& then = from[from_rows[counterpart[i]]];
    if (then.device != now.device)
      changes.moved.push_back(
          fmt::format("{}: {} -> {}", printable(now.name), printable(then.device), printable(now.device)));
  }
  for (size_t i = 0; i < before.size(); ++i)
    if (!found[i]) changes.removed.push_back(printable(from[from_rows[i]].name));
  changes.moved_ops = static_cast<uint32_t>(changes.moved.size());
}

using Settings = std::map<std::string, std::string>;

Settings settings(const std::map<std::string, int64_t>& dims) {
  Settings all;
  for (const auto& [name, value] : dims) all[name] = std::to_string(value);
  return all;
}

// Block YAML as cluster::dump writes it, flat: "devices gpu0 memory" -> "40GiB". Other text gives other keys, no error.
Settings settings(const std::string& yaml) {
  Settings all;
  std::vector<std::pair<size_t, std::string>> around;  // indentation and path of what encloses the line
  for (size_t begin = 0, end = 0; begin < yaml.size(); begin = end + 1) {
    end = std::min(yaml.find('\n', begin), yaml.size());
    std::string_view line(yaml.data() + begin, end - begin);
    const size_t indent = std::min(line.find_first_not_of(' '), line.size());
    line.remove_prefix(indent);
    const bool is_named_item = line.starts_with("- name: ");
    if (is_named_item) line.remove_prefix(8);
    while (!around.empty() && around.back().first >= indent) around.pop_back();
    const size_t colon = is_named_item || line.starts_with("- ") ? line.size() : std::min(line.find(':'), line.size());
    const std::string path = (around.empty() ? "" : around.back().second + " ") + std::string(line.substr(0, colon));
    all[path] = colon + 2 < line.size() ? line.substr(colon + 2) : "present";
    around.emplace_back(indent, path);
  }
  return all;
}

// One line for each key whose value differs; of what only one side has, not its parts.
std::vector<std::string> compare(const char* what, const Settings& from, const Settings& to) {
  Settings all = from;
  all.insert(to.begin(), to.end());
  std::vector<std::string> lines;
  std::string whole = "\n";  // the last key that one side lacks
  for (const auto& [key, unused] : all) {
    const auto before = from.find(key), after = to.find(key);
    const bool both = before != from.end() && after != to.end();
    if (key.starts_with(whole + " ") || (both && before->second == after->second)) continue;
    if (!both) whole = key;
    lines.push_back(fmt::format("{} {}: {} -> {}", what, printable(key),
                                before == from.end() ? "absent" : printable(before->second),
                                after == to.end() ? "absent" : printable(after->second)));
  }
  return lines;
}

}  // namespace

Changes compare_placements(const Sidecar& from, const Sidecar& to) {
  Changes changes;
  compare_ops(from.placement, to.placement, changes);
  for (auto* lines : {&changes.moved, &changes.added, &changes.removed}) cap(*lines, kMaxLines);

  changes.details = compare("dimension", settings(from.dims), settings(to.dims));
  if (from.target != to.target)
    changes.details.push_back(fmt::format("target: {} -> {}", printable(from.target), printable(to.target)));
  if (from.workload.kind != to.workload.kind)
    changes.details.push_back(
        fmt::format("workload: {} -> {}", printable(from.workload.kind), printable(to.workload.kind)));
  if (from.cost_model_version != to.cost_model_version)
    changes.details.push_back(
        fmt::format("cost model: version {} -> {}", from.cost_model_version, to.cost_model_version));
  const auto cluster = compare("cluster", settings(from.cluster_text), settings(to.cluster_text));
  changes.details.insert(changes.details.end(), cluster.begin(), cluster.end());
  cap(changes.details, kMaxDetails);
  return changes;
}

}  // namespace allot::place
