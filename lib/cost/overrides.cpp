// SPDX-License-Identifier: Apache-2.0
// `allot.costs/1`: measured or published figures in place of the model's.
#include <cmath>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "cost/cost_table.h"

namespace allot::cost {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;
using nlohmann::json;

constexpr const char* kSchema = "allot.costs/1";
constexpr double kMaxTimeUs = 2.5e11;  // 3 days
constexpr double kMaxBytes = 0x1p60;

class Overrides {
 public:
  Overrides(CostTable& table, const graph::OpGraph& graph, const cluster::Cluster& cluster, const std::string& path)
      : table_(table), graph_(graph), cluster_(cluster), path_(path), text_(base::read_text(path)) {}

  size_t apply() {
    const json file = base::parse_json(text_, path_);
    base::check_json_keys(file, {"schema", "key", "devices", "ops", "tensors"}, text_, path_, "the costs file");
    if (!file.contains("schema") || file["schema"] != kSchema)
      fail("", fmt::format("its \"schema\" is not \"{}\"", kSchema), "is it a costs file?");
    read_columns(file.value("devices", json()));
    index_ops(file.value("key", json()));
    const json ops = file.value("ops", json::object()), tensors = file.value("tensors", json::object());
    if (!ops.is_object()) fail("\"ops\"", "must be an object");
    if (!tensors.is_object()) fail("\"tensors\"", "must be an object");
    for (const auto& [name, entry] : ops.items()) apply_op(name, entry);
    if (!ops.empty() && matched_ == 0)
      throw Error(ErrorKind::config, printable(path_), "none of its ops is in the model",
                  R"(check "key": "output" names an op by its first output, "node" by its node name)");
    apply_tensors(tensors);
    if (unmatched_ > 0)
      base::warn("{}: {} entries are not in the model, e.g. {}", printable(path_), unmatched_, examples_);
    require_sane_totals(table_, graph_);
    return matched_;
  }

 private:
  static constexpr size_t kSeveral = ~size_t{0}, kNoColumn = ~size_t{0};

  [[noreturn]] void fail(const std::string& where, std::string_view what,
                         std::string_view fix = "compare the file with docs/formats.md") const {
    throw Error(ErrorKind::malformed, printable(path_) + (where.empty() ? "" : ": " + where), what, fix);
  }

  // A column with the device's name, else one with its kind.
  void read_columns(const json& columns) {
    if (!columns.is_array() || columns.empty()) fail("\"devices\"", "must list at least one device name or kind");
    columns_ = columns.size();
    column_of_device_.assign(table_.devices, kNoColumn);
    for (const bool by_name : {false, true}) {
      for (size_t i = 0; i < columns.size(); ++i) {
        if (!columns[i].is_string()) fail("\"devices\"", "must hold strings");
        for (uint32_t d = 0; d < table_.devices; ++d) {
          const auto& device = cluster_.devices[d];
          if (columns[i] == (by_name ? device.name : device.kind)) column_of_device_[d] = i;
        }
      }
    }
    for (const auto& column : columns) check_column(column.get<std::string>());
  }

  void check_column(const std::string& column) const {
    std::vector<std::string> names;
    for (const auto& device : cluster_.devices) {
      if (device.name == column || device.kind == column) return;
      names.push_back(device.name);
    }
    throw Error(ErrorKind::config, printable(path_) + ": \"devices\"",
                fmt::format("\"{}\" is neither a device nor a kind of the cluster", printable(column)),
                base::suggestion(column, names));
  }

  void index_ops(const json& key) {
    if (key != "output" && key != "node") fail("\"key\"", R"(must be "output" or "node")");
    for (graph::OpId op = 0; op < graph_.num_ops(); ++op) {
      if (key == "output" && graph_.outputs[op].empty()) continue;
      const std::string_view name = key == "node" ? graph_.op_names[op] : graph_.tensor_names[graph_.outputs[op][0]];
      const auto [entry, inserted] = op_of_name_.try_emplace(std::string(name), op);
      if (!inserted) entry->second = kSeveral;
    }
  }

  void note_unmatched(const std::string& name) {
    constexpr size_t kExamples = 3;
    if (unmatched_++ >= kExamples) return;
    examples_ += fmt::format("{}'{}'", examples_.empty() ? "" : ", ", printable(name, 60));
  }

  void apply_op(const std::string& name, const json& entry) {
    const std::string where = fmt::format("op '{}'", printable(name));
    base::check_json_keys(entry, {"time_us", "workspace_bytes", "resident_bytes"}, text_, path_, where);
    const auto times = entry.contains("time_us") ? read_times(entry["time_us"], where) : std::vector<int64_t>();
    const int64_t workspace = entry.contains("workspace_bytes") ? read_bytes(entry["workspace_bytes"], where) : -1;
    const int64_t resident = entry.contains("resident_bytes") ? read_bytes(entry["resident_bytes"], where) : -1;
    const auto found = op_of_name_.find(name);
    if (found == op_of_name_.end()) return note_unmatched(name);
    if (found->second == kSeveral)
      throw Error(ErrorKind::config, printable(path_) + ": " + where, "several nodes have that name",
                  R"(name ops by their outputs: "key": "output")");
    const size_t op = found->second;
    ++matched_;
    if (workspace >= 0) table_.workspace_bytes[op] = workspace;
    if (resident >= 0) table_.resident_bytes[op] = resident;
    if (times.empty()) return;
    table_.measured[op] = true;
    for (uint32_t d = 0; d < table_.devices; ++d)
      if (column_of_device_[d] != kNoColumn) table_.time_ps[op * table_.devices + d] = times[column_of_device_[d]];
  }

  std::vector<int64_t> read_times(const json& times, const std::string& where) const {
    if (!times.is_array() || times.size() != columns_)
      fail(where, fmt::format("\"time_us\" must be a list of {} numbers, one for each of \"devices\"", columns_));
    std::vector<int64_t> result;
    for (const auto& time : times) {
      const bool number = time.is_number() && time.get<double>() >= 0 && time.get<double>() <= kMaxTimeUs;
      if (!number && !time.is_null())
        fail(where, "a time is neither null nor microseconds from 0 to 3 days", "write null where the op cannot run");
      result.push_back(time.is_null() ? kCannotRun : std::llround(time.get<double>() * 1e6));
    }
    return result;
  }

  int64_t read_bytes(const json& bytes, const std::string& where) const {
    if (!bytes.is_number() || !(bytes.get<double>() >= 0 && bytes.get<double>() <= kMaxBytes))
      fail(where, "a size is not a number of bytes from 0 to 1 EiB");
    return std::llround(bytes.get<double>());
  }

  void apply_tensors(const json& tensors) {
    std::unordered_map<std::string_view, graph::TensorId> by_name;
    if (!tensors.empty())
      for (graph::TensorId tensor = 0; tensor < graph_.num_tensors(); ++tensor)
        by_name.emplace(graph_.tensor_names[tensor], tensor);
    for (const auto& [name, entry] : tensors.items()) {
      const std::string where = fmt::format("tensor '{}'", printable(name));
      base::check_json_keys(entry, {"bytes"}, text_, path_, where);
      if (!entry.contains("bytes")) fail(where, "has no \"bytes\"");
      const int64_t bytes = read_bytes(entry["bytes"], where);
      const auto found = by_name.find(name);
      if (found == by_name.end())
        note_unmatched(name);
      else
        table_.tensor_bytes[found->second] = bytes;
    }
  }

  CostTable& table_;
  const graph::OpGraph& graph_;
  const cluster::Cluster& cluster_;
  const std::string& path_;
  const std::string text_;
  size_t columns_ = 0;
  std::vector<size_t> column_of_device_;
  std::unordered_map<std::string, size_t> op_of_name_;
  size_t matched_ = 0, unmatched_ = 0;
  std::string examples_;
};

}  // namespace

size_t apply_overrides(CostTable& table, const graph::OpGraph& graph, const cluster::Cluster& cluster,
                       const std::string& path) {
  return Overrides(table, graph, cluster, path).apply();
}

}  // namespace allot::cost
