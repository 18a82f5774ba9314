// SPDX-License-Identifier: Apache-2.0
// What is to be decided about a supergraph, and where each decision takes effect.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace allot::enas {

/// What a variable's value is. Source of all of this file: specification of enas-search, 5.2.
enum class Kind : uint8_t {
  one_of,  // one of the labels
  subset,  // any number of them within [least, most]
  k_of     // `most` of them, in ascending order; with `repeats` one may be there several times
};
const char* name_of(Kind kind);

struct Variable {
  std::string name;
  Kind kind = Kind::one_of;
  std::vector<std::string> labels;       // of its alternatives
  int64_t least = 0, most = 0;           // how many are chosen; of one_of 1 and 1
  bool repeats = false;                  // of k_of
  std::string vocabulary;                // variables of one vocabulary share embeddings; "": none
  std::vector<std::string> anchors;      // by alternative: the place in the graph that it stands for; empty: none
  std::string anchor;                    // the place that is complete once this is decided; "": none
  double prior = 0.5, prior_weight = 0;  // of subset: how likely an alternative should be, and how much that counts

  size_t size() const { return labels.size(); }
  /// What loose ends know alternative `i` by.
  const std::string& place(size_t i) const { return anchors.empty() ? labels[i] : anchors[i]; }
};

/// Of a stored tensor, `block` entries of an axis belong to each alternative, and go with it.
struct Slice {
  std::string tensor;
  int64_t axis = 0, block = 1;
};

/// A node (join) whose inputs a decision chooses from.
struct Binding {
  std::string node;
  std::string variable;                             // "": loose ends
  std::vector<std::vector<uint32_t>> alternatives;  // by alternative, the inputs that it brings
  std::vector<uint32_t> required;                   // inputs that always stay; so do those of no alternative
  std::vector<std::string> of, anchors;             // of loose ends: variables, and by alternative the place that it is
  std::vector<Slice> slices;

  bool loose_ends() const { return variable.empty(); }
};

/// A weighted count of chosen alternatives and its bound: see parse_constraint.
struct Constraint {
  enum class Compare : uint8_t { at_most, below, at_least, above, equal };
  struct Counted {
    size_t variable = 0;
    uint32_t label = 0;
    double factor = 1;
  };

  std::string text;
  std::vector<Counted> counted;
  Compare compare = Compare::at_most;
  double bound = 0;
};

struct Space {
  std::vector<Variable> variables;  // in the order in which they are decided
  std::vector<Binding> bindings;
  std::vector<Constraint> constraints;  // all of which every architecture that is drawn keeps

  std::optional<size_t> find(std::string_view variable) const;
};

/// Indices of chosen alternatives, ascending.
using Choice = std::vector<uint32_t>;
/// By variable.
using Assignment = std::vector<Choice>;

/// How many assignments there are as log10, and exactly where that is below 2^53.
struct SpaceSize {
  double log10 = 0;
  std::optional<uint64_t> exact;
};
uint64_t domain_size(const Variable& variable);  // saturates at 2^53
SpaceSize size_of(const Space& space);
/// Assignment number `index` of size_of().exact, the last variable running fastest.
Assignment assignment_at(const Space& space, uint64_t index);

/// "op1=conv3 skip2=L0+L1 skip3=", variables whose `active` flag is 0 left out; empty `active`: all are active.
std::string text_of(const Space& space, const Assignment& assignment, const std::vector<char>& active = {});
/// The inverse; variables that are not named get their first alternatives.
/// Errors: malformed, naming the part that is no variable or label.
Assignment parse_assignment(const Space& space, std::string_view text);

}  // namespace allot::enas
