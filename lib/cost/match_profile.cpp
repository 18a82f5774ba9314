// SPDX-License-Identifier: Apache-2.0
#include "cost/match_profile.h"

#include <algorithm>
#include <deque>
#include <map>
#include <string_view>
#include <unordered_map>

namespace allot::cost {
namespace {

using graph::kNone;
using graph::OpId;

std::string_view without_domain(std::string_view type) { return type.substr(type.rfind('.') + 1); }

bool is_copy(const ProfiledNode& node) { return node.type.starts_with("Memcpy"); }

/// `name` without its last decoration; unchanged when there is none.
std::string_view undecorated(std::string_view name) {
  for (const std::string_view blocked : {"_bn_nchwc", "_mul_nchwc", "_nchwc"})  // channels in blocks of a vector
    if (name.ends_with(blocked)) return name.substr(0, name.size() - blocked.size());
  if (const size_t token = name.rfind("_token_");
      token != name.npos && name.find_first_not_of("0123456789", token + 7) == name.npos)
    return name.substr(0, token);
  const std::string_view open = name.ends_with('/') ? name.substr(0, name.size() - 1) : name;
  const size_t slash = open.rfind('/');
  return open.ends_with("Fusion") && slash != open.npos ? open.substr(0, slash) : name;
}

class Matcher {
 public:
  Matcher(const Profile& profile, const graph::OpGraph& graph, const graph::Fusion& fusion)
      : profile_(profile), graph_(graph), fusion_(fusion), main_(profile.nodes.size(), kNone) {
    for (OpId op = graph.num_ops(); op-- > 0;) {
      op_of_name_[graph.op_names[op]] = op;
      for (const auto tensor : graph.outputs[op]) op_of_value_[graph.tensor_names[tensor]] = op;
    }
  }

  Measured match() {
    measured_.us.assign(graph_.num_ops(), -1);
    measured_.provider.resize(graph_.num_ops());
    match_names();
    match_kernels();
    match_neighbours();
    for (size_t i = 0; i < main_.size(); ++i) charge(profile_.nodes[i], main_[i]);
    for (OpId op = 0; op < graph_.num_ops(); ++op)
      if (fusion_.main_of[op] != op && measured_.us[fusion_.main_of[op]] >= 0) measured_.us[op] = 0;
    return std::move(measured_);
  }

 private:
  void match_names() {
    for (size_t i = 0; i < main_.size(); ++i) {
      const ProfiledNode& node = profile_.nodes[i];
      if (is_copy(node)) continue;
      const OpId op = find(node.name);
      ++measured_.nodes;
      measured_.us_in_all += node.us();
      if (op == kNone) continue;
      main_[i] = fusion_.main_of[op];
      ++measured_.by_name;
      measured_.us_by_name += node.us();
    }
  }

  OpId find(std::string_view name) const {
    if (name.starts_with("fused ")) name.remove_prefix(6);
    for (;;) {
      if (const OpId op = look_up(op_of_name_, name); op != kNone) return op;
      if (const OpId op = look_up(op_of_value_, name); op != kNone) return op;
      const std::string_view shorter = undecorated(name);
      if (shorter == name) break;
      name = shorter;
    }
    // A branch that became part of the graph: its control-flow op ran it.
    const size_t branch = std::min(name.find("_then_branch_"), name.find("_else_branch_"));
    return branch == name.npos ? kNone : look_up(op_of_name_, name.substr(0, branch));
  }

  using Names = std::unordered_map<std::string_view, OpId>;
  static OpId look_up(const Names& names, std::string_view name) {
    const auto found = names.find(name);
    return found == names.end() ? kNone : found->second;
  }

  void match_kernels() {
    std::vector<char> taken(graph_.num_ops(), false);
    for (const OpId main : main_)
      if (main != kNone) taken[main] = true;
    std::map<std::string_view, std::deque<OpId>> waiting;
    for (OpId op = 0; op < graph_.num_ops(); ++op)
      if (fusion_.main_of[op] == op && !taken[op]) waiting[without_domain(fusion_.kernel[op])].push_back(op);
    for (size_t i = 0; i < main_.size(); ++i) {
      if (main_[i] != kNone || is_copy(profile_.nodes[i])) continue;
      const auto found = waiting.find(profile_.nodes[i].type);
      if (found == waiting.end() || found->second.empty()) continue;
      main_[i] = found->second.front();
      found->second.pop_front();
    }
  }

  void match_neighbours() {
    OpId next = kNone;
    for (size_t i = main_.size(); i-- > 0;) {
      if (main_[i] == kNone && profile_.nodes[i].type == "ReorderInput") main_[i] = next;
      if (main_[i] != kNone) next = main_[i];
    }
    OpId last = next;
    for (size_t i = 0; i < main_.size(); ++i) {
      if (main_[i] == kNone && !is_copy(profile_.nodes[i])) main_[i] = last;
      if (main_[i] != kNone) last = main_[i];
    }
  }

  void charge(const ProfiledNode& node, OpId main) {
    if (is_copy(node)) return measured_.copies.push_back(node);
    if (main == kNone) return;
    measured_.us[main] = std::max(0.0, measured_.us[main]) + node.us();
    measured_.provider[main] = node.provider;
  }

  const Profile& profile_;
  const graph::OpGraph& graph_;
  const graph::Fusion& fusion_;
  Names op_of_name_, op_of_value_;
  std::vector<OpId> main_;  // by node of the profile
  Measured measured_;
};

}  // namespace

Measured match_profile(const Profile& profile, const graph::OpGraph& graph, const graph::Fusion& fusion) {
  return Matcher(profile, graph, fusion).match();
}

}  // namespace allot::cost
