// SPDX-License-Identifier: Apache-2.0
// All that inference knows so far, value by value, and what to do about contradictions.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shape/dims.h"
#include "shape/infer.h"

namespace allot::shape {

/// Tensors with more elements have no known content.
constexpr int64_t kMaxContent = 4096;
/// The newest opset of the default domain whose rules are here.
constexpr int64_t kNewestOpset = 27;

/// Known elements of a sequence value; shared, because every SequenceInsert makes a new list of the old elements.
struct Element {
  ValueType type;
  Result::Known content;
};
using Sequence = std::vector<std::shared_ptr<const Element>>;

/// A named dimension: `inferred` from a graph input, `bound` as the largest among a sequence's elements, `assumed`
/// where only inner declarations use it.
struct Symbol {
  int64_t value = 0;
  Trust trust = Trust::inferred;
};

class State {
 public:
  State(const ir::Model& of, const ir::Values& resolved);

  const ir::Model& model;
  const ir::Values& values;
  int64_t opset;  // of the default domain; the newest known when the model imports a newer one or none
  Result result;
  std::unordered_map<ir::Str, Symbol> symbols;
  std::unordered_map<ir::ValueId, Sequence> sequences;

  /// False where a contradiction may lie on a path that is never taken: in bodies of If, Loop and Scan.
  bool certain = true;
  /// True while a branch is walked that is known not to be taken: nothing it says is of interest.
  bool silent = false;
  int64_t default_dim = 1;
  int depth = 0;  // of the graph being walked within control flow
  /// Random operators seen so far, bodies included.
  uint64_t random_nodes = 0;

  ValueType& type(ir::ValueId v) { return result.types[v]; }

  /// Known elements of `v`, or nullptr. Initializers and Constant tensors are decoded at the first call. All calls
  /// together give 2^27 elements, which bounds the time that rules spend on contents; then nothing is known any more.
  const std::vector<double>* content(ir::ValueId v);
  /// Whether content(v) may give something: cheaper, nothing is decoded.
  bool may_know(ir::ValueId v) const { return result.content[v].known || source_[v] != nullptr; }
  Trust content_trust(ir::ValueId v) const { return content_trust_[v]; }
  /// Ignored for more than kMaxContent elements, and when it would not fit.
  void set_content(ir::ValueId v, std::vector<double> data, Trust trust);
  /// Whether `words` more numbers may be kept: all contents and followed sequences share 2^24.
  bool fits(size_t words) const { return held_ + words <= kMaxHeld; }
  void set_sequence(ir::ValueId v, Sequence elements);
  /// The elements of `v` are those of `tensor`, to be decoded if anybody asks.
  void set_source(ir::ValueId v, const ir::Tensor& tensor);

  void warn(std::string_view where, std::string_view what);
  /// Warns the first time that `key` is given.
  void warn_once(const std::string& key, std::string_view where, std::string_view what);
  /// Throws malformed when the shapes are facts; warns when an assumed dimension, an upper bound or a path that
  /// may not be taken can be the reason.
  void contradict(std::string_view where, std::string_view what, Trust trust);
  /// Moves the count of suppressed warnings into the result.
  void finish();

 private:
  void seed_initializers();

  std::vector<Trust> content_trust_;
  std::vector<const ir::Tensor*> source_;
  std::unordered_map<std::string, bool> warned_;
  size_t suppressed_ = 0;
  static constexpr size_t kMaxHeld = size_t{1} << 24, kMaxGiven = size_t{1} << 27;
  size_t held_ = 0;   // words in result.content and sequences
  size_t given_ = 0;  // elements that content() gave
};

/// The type of a tensor stored in the file. Errors: malformed for a rank over kMaxRank, a negative dimension or a
/// size over int64, naming `where`.
ValueType type_of(const ir::Tensor& tensor, std::string_view where);
/// The same errors for any type.
void check_size(const ValueType& type, std::string_view where);

}  // namespace allot::shape
