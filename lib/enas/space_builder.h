// SPDX-License-Identifier: Apache-2.0
// Supergraphs built node by node, with their space beside them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "enas/generate.h"
#include "ir/builder.h"

namespace allot::enas {

/// What a generator of images has at some place: channels and size.
struct Feature {
  ir::Str value;
  int64_t channels = 0, height = 0, width = 0;
};

class SpaceBuilder {
 public:
  explicit SpaceBuilder(const std::string& name, int64_t opset = 18) : builder_(name, opset) {}

  ir::Builder& graph() { return builder_; }
  void scope(const std::string& scope) {
    scope_ = scope;
    builder_.set_scope(scope);
  }

  /// Stored float32 tensors, of the present scope: "<scope>/<name>". Matrices and kernels are drawn in finish().
  ir::Str weight(const std::string& name, std::vector<int64_t> dims);
  ir::Str constant(const std::string& name, std::vector<int64_t> dims, float value);

  void variable(Variable variable) { space_.variables.push_back(std::move(variable)); }
  /// A node named "<scope>/<name>/..." whose inputs are the alternatives of a variable.
  ir::Str join(const std::string& name, ir::Str type, const std::string& variable, std::vector<ir::Str> alternatives,
               std::vector<ir::Str> required = {});
  /// A node whose inputs are the places `anchors` that no variable in `of` chooses.
  ir::Str loose_ends(const std::string& name, ir::Str type, std::vector<std::string> of,
                     std::vector<std::string> anchors, std::vector<ir::Str> values);
  /// The last binding takes `block` entries of an axis of a tensor along.
  void slice(ir::Str tensor, int64_t axis, int64_t block);

  // Layers of images. All convolutions keep the size but for their stride, and have no bias: normalisation follows.
  Feature convolution(const Feature& x, int64_t channels, int64_t kernel, int64_t groups = 1,
                      const std::string& name = "w", int64_t stride = 1);
  Feature separable(const Feature& x, int64_t channels, int64_t kernel, int64_t stride = 1);
  Feature normalised(const Feature& x, const std::string& name = "bn");
  Feature rectified(const Feature& x) { return {builder_.add("Relu", {x.value}), x.channels, x.height, x.width}; }
  Feature pool(const Feature& x, ir::Str type, int64_t stride = 1);
  /// Half the size by two convolutions, the second of the image moved by a pixel, joined and normalised.
  /// Source: specification of enas-search, 1.2.
  Feature halved(const Feature& x, int64_t channels);
  /// Mean over the image, then a layer that gives "logits".
  void classify(const Feature& x, int64_t classes);

  /// Weights drawn as `init` says.
  Generated finish(const std::string& init, uint64_t seed);

  static Variable one_of(std::string name, std::vector<std::string> labels, std::string vocabulary);

 private:
  std::string scoped(const std::string& name) const { return scope_.empty() ? name : scope_ + "/" + name; }

  ir::Builder builder_;
  Space space_;
  std::string scope_;
};

/// "1x28x28". Errors: usage.
std::vector<int64_t> parse_dims(const std::string& text, size_t count);

// One a space.
Generated make_dag(const GenerateOptions& options, uint64_t seed);
Generated make_rnn(const GenerateOptions& options, uint64_t seed);
Generated make_macro(const GenerateOptions& options, uint64_t seed);
Generated make_micro(const GenerateOptions& options, uint64_t seed);
Generated make_blocks(const GenerateOptions& options, uint64_t seed);
Generated make_nb201(const GenerateOptions& options, uint64_t seed);

}  // namespace allot::enas
