// SPDX-License-Identifier: Apache-2.0
// Shapes of every value with all dimensions bound, and the values of small tensors that shapes depend on.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/model.h"
#include "ir/values.h"

namespace allot::shape {

/// What the user fixed. A symbol has one value everywhere; an input's shape may be given whole.
struct Bindings {
  std::map<std::string, int64_t> dims;                 // "batch" -> 8, or "x:0" for a nameless dimension
  std::map<std::string, std::vector<int64_t>> inputs;  // "x" -> {8, 3, 224, 224}; -1 leaves one as it is
  int64_t default_dim = 1;                             // for what nobody bound
  /// What the model leaves to run time, by base::NamePattern on node names; a nameless node is "<op type>_<node>". The
  /// first pattern that matches counts.
  struct Hint {
    std::string pattern;
    double value = 0;
  };
  std::vector<Hint> trip_counts;  // how often a Loop runs, unless its own limit is lower
  std::vector<Hint> then_shares;  // how likely an If takes its then_branch, in [0, 1]
};

/// How a shape came to be known, best first.
enum class Trust : uint8_t {
  inferred,  // from the operator's rule, exactly
  declared,  // from the file's own value_info
  bound,     // an upper bound of a data-dependent size
  assumed,   // the operator is unknown: taken from its first input
  unknown
};

/// Type and shape of one value. For sequences, maps and optionals: `elem` and `dims` of an element if known.
struct ValueType {
  ir::Type::Kind kind = ir::Type::Kind::none;
  ir::DataType elem = ir::DataType::undefined;
  Trust trust = Trust::unknown;
  bool has_rank = false;
  std::vector<int64_t> dims;

  /// Product of dims; 0 when the rank is unknown; saturates at INT64_MAX.
  int64_t elements() const;
  /// Bytes in memory: elements by dtype, sub-byte packed; 0 for anything that is not a tensor.
  int64_t bytes() const;
};

/// A dimension that nobody bound and the value it was given, e.g. {"batch", {"x"}, 1}.
struct Assumption {
  std::string symbol;
  std::vector<std::string> inputs;
  int64_t value = 0;
};

struct Result {
  std::vector<ValueType> types;  // by ir::ValueId
  /// Constant content of small tensors of integers, booleans and floats (<= 4096 elements), as doubles that are
  /// exact for |x| < 2^53; by ir::ValueId, empty vector and known = false where not known. Of initializers and
  /// Constant nodes only those that a rule has read. Known is not constant: see README.md.
  struct Known {
    bool known = false;
    std::vector<double> data;
  };
  std::vector<Known> content;
  std::unordered_map<ir::NodeId, double> trip_counts, then_shares;  // hints, by node
  std::vector<char> constant;  // by ir::ValueId: no graph input or random op in its whole cone
  std::vector<Assumption> assumptions;
  std::vector<std::string> warnings;  // one line each, at most 100 and then a count
};

/// Infers in concrete mode: file-order independent (uses values.order), bodies of If/Loop/Scan included, every
/// dimension of graph inputs bound by `bindings` or the default. Opsets 7-27 and the contrib table of
/// com.microsoft; an operator without rule yields `declared` or else `assumed` types, never an error.
/// When inference and the file's value_info disagree on a number, inference wins and a warning says so.
/// Errors: malformed, naming the node, when shapes contradict the operator (MatMul of 3 and 4 columns), for a
/// negative dimension or a size over int64; config when a binding names nothing, contradicts the file's number
/// (both are shown) or is < 0; config when a hint's pattern is invalid or matches no such node.
Result infer(const ir::Model& model, const ir::Values& values, const Bindings& bindings);

}  // namespace allot::shape
