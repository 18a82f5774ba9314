// SPDX-License-Identifier: Apache-2.0
#include "plan/language_model.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/error.h"
#include "cli/table.h"
#include "config/units.h"

namespace allot::plan {
namespace {

std::string bytes_text(double bytes) { return config::human_bytes(bytes); }

bool holds(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

/// "past_key_values.3.key" and "past_key_values.3.value" -> "past_key_values.3"; a name of both as it is.
std::string layer_name(std::string_view input) {
  for (const std::string_view kind : {"key", "value"})
    for (const char separator : {'.', '_'}) {
      const std::string suffix = std::string(1, separator) + std::string(kind);
      if (input.ends_with(suffix)) return std::string(input.substr(0, input.size() - suffix.size()));
    }
  return std::string(input);
}

/// The axis that counts tokens: the symbol that is not the batch's (axis 0; axis 1 of five), else the last but one.
size_t token_axis(const std::vector<ir::Dim>& dims) {
  for (size_t axis = dims.size() == 5 ? 2 : 1; axis < dims.size(); ++axis)
    if (dims[axis].value < 0) return axis;
  return dims.size() - 2;
}

void read_cache_inputs(const Input& input, KvCache& cache) {
  std::map<std::string, size_t> layer_of;
  for (const auto& info : input.model.graph.inputs) {
    const auto& dims = info.type.dims;
    if (!(holds(info.name, "past") || holds(info.name, "cache")) || dims.size() < 4 || dims.size() > 5) continue;
    const ir::ValueId value = input.planning.values.find(info.name);
    const auto& type = input.planning.shapes.types[value];
    const size_t tokens = token_axis(dims), batch = dims.size() - 4;
    double elements = 1;  // of one token of one sequence
    for (size_t axis = 0; axis < dims.size(); ++axis)
      if (axis != tokens && axis != batch) elements *= static_cast<double>(type.dims[axis]);
    const auto [entry, is_new] = layer_of.try_emplace(layer_name(info.name), cache.layers.size());
    if (is_new) cache.layers.push_back({entry->first, 0});
    cache.layers[entry->second].bytes_per_token += static_cast<int64_t>(elements * ir::bits(type.elem) / 8);
    cache.past = dims[tokens].symbol;
    if (dims[batch].value < 0) cache.batch = dims[batch].symbol;
  }
  if (!cache.layers.empty()) cache.source = "graph inputs";
}

void read_attention(const Input& input, KvCache& cache) {
  const auto& graph = input.built.graph;
  for (graph::OpId op = 0; op < graph.num_ops(); ++op) {
    const std::string& type = graph.type_names[graph.type[op]];
    if (type != "Attention" && type != "com.microsoft.MultiHeadAttention" &&
        type != "com.microsoft.GroupQueryAttention")
      continue;
    CacheLayer layer{std::string(graph.op_names[op]), 0};
    const auto values = input.planning.values.inputs[graph.node[op]];
    for (size_t i = 1; i < std::min<size_t>(3, values.size()); ++i) {
      if (values[i] == ir::kNone) continue;
      const auto& key = input.planning.shapes.types[values[i]];
      if (key.dims.size() < 3) continue;
      const int64_t tokens = std::max<int64_t>(1, key.dims[0] * key.dims[key.dims.size() - 2]);
      layer.bytes_per_token += key.bytes() / tokens;
    }
    if (layer.bytes_per_token > 0) cache.layers.push_back(std::move(layer));
  }
  if (!cache.layers.empty()) cache.source = "attention operators";
}

/// Tokens are integers of [batch, sequence]; a mask may span past and sequence.
void read_symbols(const Input& input, KvCache& cache) {
  for (const auto& info : input.model.graph.inputs) {
    const auto& dims = info.type.dims;
    if (dims.size() != 2 || !ir::is_integer(info.type.elem)) continue;
    const std::string symbol(dims[1].symbol);
    const bool total = holds(symbol, "+") || holds(symbol, "total");
    std::string& place = total ? cache.total : cache.sequence;
    if (place.empty() && symbol != cache.past) place = symbol;
    if (cache.batch.empty()) cache.batch = dims[0].symbol;
  }
}

struct Phase {
  std::string name;
  int64_t tokens, past;
};

struct Work {
  double flops = 0, bytes = 0, seconds = 0;
};

Work work_of(const Input& input) {
  Work work;
  const auto& costs = input.problem->costs();
  for (graph::OpId op = 0; op < input.graph().num_ops(); ++op) {
    const auto& cost = costs.ops[op];
    work.flops += cost.mac_flops;
    work.bytes += static_cast<double>(cost.bytes_read) + static_cast<double>(cost.bytes_written);
    int64_t best = cost::kCannotRun;
    for (cluster::DeviceId device = 0; device < costs.devices; ++device) best = std::min(best, costs.time(op, device));
    work.seconds += static_cast<double>(best) * 1e-12;
  }
  return work;
}

Work measure(const std::string& path, InputOptions options, const KvCache& cache, const Phase& phase) {
  const auto bind = [&](const std::string& symbol, int64_t size) {
    if (!symbol.empty()) options.dim.push_back(fmt::format("{}={}", symbol, size));
  };
  bind(cache.sequence, phase.tokens);
  bind(cache.past, phase.past);
  bind(cache.total, phase.tokens + phase.past);
  return work_of(*load(path, options));
}

std::string cache_text(const Input& input, const KvCache& cache, const std::vector<int64_t>& lengths) {
  const auto [least, most] = std::minmax_element(
      cache.layers.begin(), cache.layers.end(),
      [](const CacheLayer& a, const CacheLayer& b) { return a.bytes_per_token < b.bytes_per_token; });
  const int64_t params =
      std::accumulate(input.built.graph.param_bytes.begin(), input.built.graph.param_bytes.end(), int64_t{0});
  cli::Table table({"", "key-value cache"});
  table.row({"found in", fmt::format("{}: {} layers, '{}' first", cache.source, cache.layers.size(),
                                     base::printable(cache.layers.front().name, 60))});
  table.row({"a layer, a token", least->bytes_per_token == most->bytes_per_token
                                     ? bytes_text(static_cast<double>(most->bytes_per_token))
                                     : fmt::format("{} to {}", bytes_text(static_cast<double>(least->bytes_per_token)),
                                                   bytes_text(static_cast<double>(most->bytes_per_token)))});
  table.row({"a token", bytes_text(static_cast<double>(cache.bytes_per_token()))});
  for (const int64_t length : lengths)
    table.row({fmt::format("{} tokens", length),
               bytes_text(static_cast<double>(cache.bytes_per_token()) * static_cast<double>(length))});
  table.row({"weights, read for every token", bytes_text(static_cast<double>(params))});
  return table.str();
}

}  // namespace

int64_t KvCache::bytes_per_token() const {
  int64_t sum = 0;
  for (const auto& layer : layers) sum += layer.bytes_per_token;
  return sum;
}

KvCache find_kv_cache(const Input& input) {
  KvCache cache;
  read_cache_inputs(input, cache);
  if (cache.layers.empty()) read_attention(input, cache);
  read_symbols(input, cache);
  return cache;
}

std::string language_model_text(const std::string& path, const InputOptions& options,
                                const std::vector<int64_t>& lengths) {
  const auto input = load(path, options);
  const KvCache cache = find_kv_cache(*input);
  std::string text =
      cache.layers.empty()
          ? "no key-value cache: no graph input is named past or cache, and no attention operator reads keys\n"
          : cache_text(*input, cache, lengths);
  if (cache.sequence.empty()) return text + "no phases: no integer input has a symbol for the length of a sequence\n";
  cli::Table table({"phase", "tokens", "past", "MAC", "traffic", "FLOP/byte", "time", "a token"});
  for (const int64_t length : lengths)
    for (const Phase& phase : {Phase{"prefill", length, 0}, Phase{"decode", 1, length}}) {
      if (phase.past > 0 && cache.past.empty()) continue;
      const Work work = measure(path, options, cache, phase);
      table.row({phase.name, fmt::format("{}", phase.tokens), fmt::format("{}", phase.past),
                 config::human_count(work.flops / 2), bytes_text(work.bytes),
                 fmt::format("{:.2f}", work.bytes > 0 ? work.flops / work.bytes : 0), config::human_time(work.seconds),
                 config::human_time(work.seconds / static_cast<double>(std::max<int64_t>(1, phase.tokens)))});
    }
  return text + "\n" + table.str() +
         (cache.past.empty() ? "no decode phase: no input has a symbol for the past\n" : "");
}

}  // namespace allot::plan
