// SPDX-License-Identifier: Apache-2.0
#include "ir/inline.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "ir/instance.h"

namespace allot::ir {
namespace {

constexpr int kMaxCallDepth = 100;
constexpr uint64_t kMaxNodes = 10'000'000;

[[noreturn]] void malformed(std::string_view where, std::string_view what, std::string_view fix) {
  throw base::Error(base::ErrorKind::malformed, where, what, fix);
}

std::string describe(const Function& function) { return fmt::format("function '{}'", base::printable(function.name)); }

/// Calls visit(node) for all nodes of a list and of the bodies in it.
template <typename Visit>
void each_node(const std::vector<Node>& nodes, Visit& visit) {
  for (const auto& node : nodes) {
    visit(node);
    for (const auto& attribute : node.attributes)
      for (const auto& body : attribute.graphs) each_node(body->nodes, visit);
  }
}

/// Finds the function that a node calls.
class FunctionTable {
 public:
  static constexpr uint32_t kNone = NameTable::kNone;

  explicit FunctionTable(const std::vector<Function>& functions) {
    for (uint32_t i = 0; i < functions.size(); ++i) {
      const auto& f = functions[i];
      const Str kept = keys_.emplace_back(key(f.domain, f.name, f.overload));
      if (!table_.insert(kept, i).second)
        malformed(describe(f), "is defined twice", "give each function a name or an overload of its own");
    }
  }

  uint32_t callee(const Node& node) const {
    return keys_.empty() ? kNone : table_.find(key(node.domain, node.op_type, node.overload));
  }

 private:
  static std::string key(Str domain, Str name, Str overload) {
    // Lengths keep ("a", "bc") and ("ab", "c") apart.
    return fmt::format("{}:{}:{}{}{}", plain_domain(domain).size(), name.size(), plain_domain(domain), name, overload);
  }

  std::deque<std::string> keys_;
  NameTable table_;
};

/// Decides for every function that is reached whether and at what size it is written out.
class Plan {
 public:
  Plan(const Model& model, const FunctionTable& table)
      : model_(model), table_(table), entries_(model.functions.size()) {
    for (const auto& import : model.opset_imports) add_import(import);
    std::vector<uint32_t> path;
    const uint64_t nodes = visit(model.graph.nodes, path);
    if (nodes > kMaxNodes)
      malformed("functions", fmt::format("expand to more than {} nodes", kMaxNodes),
                "place the model without inlining its functions");
  }

  bool reached(uint32_t function) const { return entries_[function].state == State::done; }
  bool inlines(uint32_t function) const { return reached(function) && entries_[function].compatible; }
  const std::vector<OpsetImport>& imports() const { return imports_; }

 private:
  enum class State : uint8_t { unseen, open, done };
  struct Entry {
    State state = State::unseen;
    bool compatible = false;
    uint64_t nodes = 0;  // after expansion
    int depth = 0;       // of calls below
  };

  /// Nodes of `nodes` after expansion; `path` holds the functions that are open.
  uint64_t visit(const std::vector<Node>& nodes, std::vector<uint32_t>& path, int* depth = nullptr) {
    uint64_t total = 0;
    auto count = [&](const Node& node) {
      uint64_t size = 1;
      if (const uint32_t f = table_.callee(node); f != FunctionTable::kNone) {
        visit(f, path);
        if (entries_[f].compatible) size = entries_[f].nodes;
        if (depth) *depth = std::max(*depth, entries_[f].depth + 1);
      }
      total = std::min(total + size, kMaxNodes + 1);
    };
    each_node(nodes, count);
    return total;
  }

  void visit(uint32_t f, std::vector<uint32_t>& path) {
    Entry& entry = entries_[f];
    const Function& function = model_.functions[f];
    if (entry.state == State::done) return;
    if (entry.state == State::open) report_recursion(f, path);
    if (path.size() >= kMaxCallDepth) too_deep(function);
    entry.state = State::open;
    path.push_back(f);
    entry.compatible = merge_imports(function);
    entry.nodes = visit(function.nodes, path, &entry.depth);
    if (entry.depth >= kMaxCallDepth) too_deep(function);
    path.pop_back();
    entry.state = State::done;
  }

  [[noreturn]] static void too_deep(const Function& function) {
    malformed(describe(function), fmt::format("calls nest deeper than {}", kMaxCallDepth), "flatten the functions");
  }

  [[noreturn]] void report_recursion(uint32_t f, const std::vector<uint32_t>& path) const {
    std::string cycle;
    for (auto it = std::find(path.begin(), path.end(), f); it != path.end(); ++it)
      cycle += base::printable(model_.functions[*it].name) + " -> ";
    cycle += base::printable(model_.functions[f].name);
    malformed(describe(model_.functions[f]), "calls itself: " + cycle, "ONNX functions must not be recursive");
  }

  /// False if the model, with what was merged before, has another version of one of the function's domains.
  bool merge_imports(const Function& function) {
    for (const auto& wanted : function.opset_imports) {
      const uint32_t i = import_of_.find(plain_domain(wanted.domain));
      if (i != NameTable::kNone && imports_[i].version != wanted.version) return false;
    }
    for (const auto& wanted : function.opset_imports) add_import({wanted.domain, wanted.version, {}});
    return true;
  }

  void add_import(OpsetImport import) {
    const auto next = static_cast<uint32_t>(imports_.size());
    if (import_of_.insert(plain_domain(import.domain), next).second) imports_.push_back(import);
  }

  const Model& model_;
  const FunctionTable& table_;
  std::vector<Entry> entries_;
  std::vector<OpsetImport> imports_;  // the model's, then those merged
  NameTable import_of_;               // domain -> index
};

class Inliner {
 public:
  explicit Inliner(const Model& original)
      : table_(original.functions), plan_(original, table_), functions_(original.functions) {
    result_.model = clone(original);
  }

  Inlined run() {
    UniqueNames names(result_.model);
    names_ = &names;
    result_.model.opset_imports = plan_.imports();
    auto& nodes = result_.model.graph.nodes;
    auto originals = std::exchange(nodes, {});
    for (uint32_t i = 0; i < originals.size(); ++i) {
      expand(std::move(originals[i]), nodes);
      result_.call_of.resize(nodes.size(), i);
    }
    drop_functions();
    return std::move(result_);
  }

 private:
  void expand(Node node, std::vector<Node>& out) {
    const uint32_t f = table_.callee(node);
    if (f != FunctionTable::kNone && plan_.inlines(f)) {
      for (auto& inner : instantiate(functions_[f], node, *names_)) expand(std::move(inner), out);
      return;
    }
    for (auto& attribute : node.attributes)
      for (auto& body : attribute.graphs) {
        auto originals = std::exchange(body->nodes, {});
        for (auto& inner : originals) expand(std::move(inner), body->nodes);
      }
    out.push_back(std::move(node));
  }

  /// Keeps functions that are still called and those that never were, with all that they call.
  void drop_functions() {
    std::vector<bool> kept(functions_.size());
    std::vector<uint32_t> open;
    const auto keep = [&](uint32_t f) {
      if (f == FunctionTable::kNone || kept[f]) return;
      kept[f] = true;
      open.push_back(f);
    };
    auto keep_callee = [&](const Node& node) { keep(table_.callee(node)); };
    each_node(result_.model.graph.nodes, keep_callee);
    for (uint32_t f = 0; f < functions_.size(); ++f)
      if (!plan_.reached(f)) keep(f);
    while (!open.empty()) {
      const uint32_t f = open.back();
      open.pop_back();
      each_node(functions_[f].nodes, keep_callee);
    }
    auto& functions = result_.model.functions;
    size_t end = 0;
    for (size_t f = 0; f < functions.size(); ++f)
      if (kept[f] && end++ != f) functions[end - 1] = std::move(functions[f]);
    functions.resize(end);
  }

  Inlined result_;
  FunctionTable table_;
  Plan plan_;
  const std::vector<Function>& functions_;
  UniqueNames* names_ = nullptr;
};

}  // namespace

Inlined inline_functions(const Model& model) { return Inliner(model).run(); }

bool calls_functions(const Model& model) {
  const FunctionTable table(model.functions);
  bool found = false;
  auto look = [&](const Node& node) { found |= table.callee(node) != FunctionTable::kNone; };
  each_node(model.graph.nodes, look);
  return found;
}

}  // namespace allot::ir
