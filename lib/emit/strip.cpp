// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "emit/annotate.h"
#include "emit/annotation.h"

namespace allot::emit {
namespace {

// Removes entries with one of `keys`, then gives those that annotate() had saved their keys back.
template <typename Keys>
void strip_entries(std::vector<ir::Entry>& entries, const Keys& keys) {
  std::erase_if(entries, [&](const ir::Entry& e) { return !e.key.starts_with(kSaved) && is_ours(e.key, keys); });
  for (auto& entry : entries)
    if (is_ours(entry.key, keys)) entry.key.remove_prefix(kSaved.size());
}

bool strip_node(ir::Node& node, const std::string& configuration) {
  if (!value_of(node.metadata, kDevice)) return false;
  strip_entries(node.metadata, kNodeKeys);
  std::erase_if(node.device_configurations, [&](const auto& entry) { return entry.configuration == configuration; });
  return true;
}

void restore_ir_version(ir::Model& model, ir::Str text) {
  int64_t version = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, version);
  // What is no older version than the present one was not written by annotate().
  if (error != std::errc{} || stop != end || version <= 0 || version >= model.ir_version) return;
  model.ir_version = version;
  model.edited = true;
}

}  // namespace

size_t strip(ir::Model& model) {
  const std::string configuration(model.metadata_value(kConfiguration).value_or(AnnotateOptions().configuration));
  size_t annotated = 0;
  visit_nodes(model.graph, [&](ir::Node& node, uint32_t) { annotated += strip_node(node, configuration) ? 1 : 0; });
  if (const auto version = model.metadata_value(kIrVersion)) {
    restore_ir_version(model, *version);
    strip_entries(model.metadata, kModelKeys);
    std::erase_if(model.configurations, [&](const auto& entry) { return entry.name == configuration; });
  }
  return annotated;
}

}  // namespace allot::emit
