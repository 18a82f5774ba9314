// SPDX-License-Identifier: Apache-2.0
// Gradient cases of movement, indexing, reductions, recurrence, attention, images, signals and control.
#pragma once

#include "exec/gradient_cases_math.h"

namespace allot::test {

inline std::vector<GradientCase> movement_gradient_cases() {
  return {
      {"Reshape", 14, {}, {grad({2, 3, 2}), list({3, -1})}, 1},
      {"Flatten", 13, {{"axis", int64_t{2}}}, {grad({2, 3, 2})}, 1},
      {"Transpose", 13, {}, {grad({2, 3})}, 1},
      {"Transpose", 13, {{"perm", Ints{1, 2, 0}}}, {grad({2, 3, 2})}, 1},
      {"Squeeze", 13, {}, {grad({2, 1, 3}), list({1})}, 1},
      {"Unsqueeze", 13, {}, {grad({2, 3}), list({0, -1})}, 1},
      {"Unsqueeze", 11, {{"axes", Ints{1}}}, {grad({2, 3})}, 1},
      {"Expand", 13, {}, {grad({2, 1}), list({3, 1, 4})}, 1},
      {"Tile", 13, {}, {grad({2, 3}), list({2, 2})}, 1},
      {"DepthToSpace", 13, {{"blocksize", int64_t{2}}}, {grad({1, 8, 2, 1})}, 1},
      {"DepthToSpace", 13, {{"blocksize", int64_t{2}}, {"mode", "CRD"}}, {grad({1, 8, 2, 1})}, 1},
      {"SpaceToDepth", 13, {{"blocksize", int64_t{2}}}, {grad({1, 1, 4, 2})}, 1},
      {"Concat", 13, {{"axis", int64_t{1}}}, {grad({2, 3}), grad({2, 1})}, 1},
      {"Split", 18, {{"axis", int64_t{1}}, {"num_outputs", int64_t{2}}}, {grad({2, 3})}, 2},
      {"Split", 13, {}, {grad({4, 2}), list({1, 3})}, 2},
      {"Slice", 13, {}, {grad({4, 3}), list({1}), list({4}), list({0}), list({2})}, 1},
      {"Slice", 13, {}, {grad({4, 3}), list({-1}), list({-100}), list({0}), list({-2})}, 1},
      {"Pad", 21, {}, {grad({2, 3}), list({1, 0, -1, 2}), number(0.5)}, 1},
      {"Pad", 21, {{"mode", "reflect"}}, {grad({3, 3}), list({1, 2, 0, 1})}, 1},
      {"Pad", 21, {{"mode", "edge"}}, {grad({2, 3}), list({1, 2, 3, 1})}, 1},
      {"Pad", 21, {{"mode", "wrap"}}, {grad({2, 3}), list({1, 2, 0, 1})}, 1},
      {"CenterCropPad", 18, {}, {grad({3, 4}), list({5, 2})}, 1},
      {"Trilu", 14, {}, {grad({3, 3}), fixed_ints({}, {1})}, 1},
      {"Trilu", 14, {{"upper", int64_t{0}}}, {grad({2, 3, 3})}, 1},
      {"ReverseSequence", 10, {{"time_axis", int64_t{0}}, {"batch_axis", int64_t{1}}}, {grad({3, 2}), list({2, 3})}, 1},
      {"Cast", 13, {{"to", int64_t{11}}}, {grad({2, 3})}, 1},
      {"CastLike", 15, {}, {grad({2, 3}), fixed_floats({1}, {0})}, 1},
      {"Dropout", 13, {}, {grad({4, 3}), number(0.5), fixed_ints({}, {1}, at::kBool)}, 1},
  };
}

inline std::vector<GradientCase> indexing_gradient_cases() {
  return {
      {"Gather", 13, {}, {grad({3, 2}), fixed_ints({2, 2}, {0, 2, -1, 0})}, 1},
      {"Gather", 13, {{"axis", int64_t{1}}}, {grad({2, 3}), fixed_ints({2}, {2, 0})}, 1},
      {"GatherElements", 13, {{"axis", int64_t{1}}}, {grad({2, 3}), fixed_ints({2, 2}, {0, 2, -1, 1})}, 1},
      {"GatherND", 13, {}, {grad({2, 3}), fixed_ints({2, 2}, {0, 1, 1, 2})}, 1},
      {"GatherND", 13, {{"batch_dims", int64_t{1}}}, {grad({2, 3, 2}), fixed_ints({2, 1}, {1, 2})}, 1},
      {"ScatterElements",
       18,
       {{"axis", int64_t{1}}},
       {grad({2, 4}), fixed_ints({2, 2}, {0, 3, 2, 1}), grad({2, 2})},
       1},
      {"ScatterElements",
       18,
       {{"axis", int64_t{0}}, {"reduction", "add"}},
       {grad({3, 2}), fixed_ints({2, 2}, {0, 2, 0, 1}), grad({2, 2})},
       1},
      {"ScatterElements",
       18,
       {{"axis", int64_t{0}}, {"reduction", "mul"}},
       {grad({3, 2}, 0.5, 2), fixed_ints({1, 2}, {0, 2}), grad({1, 2}, 0.5, 2)},
       1},
      {"Scatter", 9, {{"axis", int64_t{1}}}, {grad({2, 4}), fixed_ints({2, 2}, {0, 3, 2, 1}), grad({2, 2})}, 1},
      {"ScatterND", 18, {}, {grad({4, 2}), fixed_ints({2, 1}, {1, 3}), grad({2, 2})}, 1},
      {"ScatterND", 18, {{"reduction", "add"}}, {grad({4, 2}), fixed_ints({2, 1}, {1, 1}), grad({2, 2})}, 1},
      {"TensorScatter", 24, {}, {grad({1, 4, 2}), grad({1, 1, 2}), list({2})}, 1},
      {"Compress", 11, {{"axis", int64_t{0}}}, {grad({3, 2}), fixed_ints({3}, {1, 0, 1}, at::kBool)}, 1},
      {"TopK", 11, {}, {distinct({2, 4}), list({2})}, 1},
      {"TopK", 11, {{"largest", int64_t{0}}, {"axis", int64_t{0}}}, {distinct({4, 2}), list({2})}, 1},
      {"Col2Im", 18, {}, {grad({1, 4, 4}), list({3, 3}), list({2, 2})}, 1},
      {"OneHot", 11, {}, {fixed_ints({2}, {1, 0}), fixed_ints({}, {3}), grad({2})}, 1},
  };
}

inline std::vector<GradientCase> reduction_gradient_cases() {
  std::vector<GradientCase> cases;
  for (const char* op : {"ReduceSum", "ReduceMean", "ReduceLogSumExp", "ReduceSumSquare", "ReduceProd"}) {
    cases.push_back({op, 18, {}, {grad({2, 3, 2}, 0.5, 2), list({1})}, 1});
    cases.push_back({op, 18, {{"keepdims", int64_t{0}}}, {grad({2, 3, 2}, 0.5, 2), list({0, -1})}, 1});
    cases.push_back({op, 11, {{"axes", Ints{0}}}, {grad({2, 3}, 0.5, 2)}, 1});
    cases.push_back({op, 18, {}, {grad({2, 3}, 0.5, 2)}, 1});
  }
  for (const char* op : {"ReduceL1", "ReduceL2", "ReduceLogSum"})
    cases.push_back({op, 18, {}, {grad({2, 3}, 0.5, 2), list({1})}, 1});
  for (const char* op : {"ReduceMax", "ReduceMin"}) {
    cases.push_back({op, 18, {}, {distinct({2, 3}), list({1})}, 1});
    cases.push_back({op, 18, {{"keepdims", int64_t{0}}}, {distinct({2, 3})}, 1});
  }
  cases.push_back({"CumSum", 14, {}, {grad({2, 3}), fixed_ints({}, {1})}, 1});
  cases.push_back(
      {"CumSum", 14, {{"exclusive", int64_t{1}}, {"reverse", int64_t{1}}}, {grad({2, 3}), fixed_ints({}, {0})}, 1});
  cases.push_back({"CumProd", 26, {}, {grad({2, 3}, 0.5, 2), fixed_ints({}, {1})}, 1});
  return cases;
}

inline std::vector<GradientCase> recurrent_gradient_cases() {
  std::vector<GradientCase> cases;
  const struct {
    const char* op;
    int64_t gates;
  } cells[] = {{"LSTM", 4}, {"GRU", 3}, {"RNN", 1}};
  for (const auto& [op, g] : cells) {
    const int64_t n = g * 2;
    const size_t outputs = std::string(op) == "LSTM" ? 3 : 2;
    const Attributes size = {{"hidden_size", int64_t{2}}};
    cases.push_back({op, 14, size, {grad({3, 2, 2}), grad({1, n, 2}), grad({1, n, 2}), grad({1, 2 * n})}, outputs});
    Attributes both = size;
    both.emplace_back("direction", "bidirectional");
    cases.push_back({op, 14, both, {grad({3, 1, 2}), grad({2, n, 2}), grad({2, n, 2}), grad({2, 2 * n})}, outputs});
    cases.push_back({op,
                     14,
                     size,
                     {grad({3, 2, 2}), grad({1, n, 2}), grad({1, n, 2}), grad({1, 2 * n}),
                      fixed_ints({2}, {2, 3}, at::kInt), grad({1, 2, 2})},
                     outputs});
    Attributes clipped = size;
    clipped.emplace_back("clip", 5.0);
    cases.push_back({op, 14, clipped, {grad({2, 1, 2}), grad({1, n, 2}), grad({1, n, 2})}, outputs});
  }
  cases.push_back({"LSTM",
                   14,
                   {{"hidden_size", int64_t{2}}},
                   {grad({2, 1, 2}), grad({1, 8, 2}), grad({1, 8, 2}), grad({1, 16}), absent(), grad({1, 1, 2}),
                    grad({1, 1, 2}), grad({1, 6})},
                   3});
  cases.push_back({"LSTM",
                   14,
                   {{"hidden_size", int64_t{2}}, {"input_forget", int64_t{1}}},
                   {grad({2, 1, 2}), grad({1, 8, 2}), grad({1, 8, 2})},
                   3});
  cases.push_back({"LSTM",
                   14,
                   {{"hidden_size", int64_t{2}}, {"activations", Names{"HardSigmoid", "Softsign", "Tanh"}}},
                   {grad({2, 1, 2}), grad({1, 8, 2}), grad({1, 8, 2})},
                   3});
  cases.push_back({"GRU",
                   14,
                   {{"hidden_size", int64_t{2}}, {"linear_before_reset", int64_t{1}}},
                   {grad({3, 2, 2}), grad({1, 6, 2}), grad({1, 6, 2}), grad({1, 12})},
                   2});
  return cases;
}

inline std::vector<GradientCase> network_gradient_cases() {
  return {
      {"Attention", 24, {}, {grad({1, 2, 3, 2}), grad({1, 2, 4, 2}), grad({1, 2, 4, 2})}, 1},
      {"Attention",
       24,
       {{"is_causal", int64_t{1}}, {"softcap", 2.0}},
       {grad({1, 2, 3, 2}), grad({1, 1, 3, 2}), grad({1, 1, 3, 2})},
       1},
      {"Attention",
       24,
       {{"q_num_heads", int64_t{2}}, {"kv_num_heads", int64_t{2}}},
       {grad({1, 3, 4}), grad({1, 3, 4}), grad({1, 3, 4}), grad({3, 3})},
       1},
      {"FlexAttention", 27, {}, {grad({1, 2, 3, 2}), grad({1, 2, 4, 2}), grad({1, 2, 4, 2})}, 1},
      {"LinearAttention",
       27,
       {{"update_rule", "linear"}, {"q_num_heads", int64_t{2}}, {"kv_num_heads", int64_t{2}}},
       {grad({1, 3, 4}), grad({1, 3, 4}), grad({1, 3, 4})},
       2},
      {"RotaryEmbedding", 23, {}, {grad({1, 2, 3, 4}), grad({3, 2}), grad({3, 2}), fixed_ints({1, 3}, {0, 1, 2})}, 1},
      {"Resize", 19, {{"mode", "linear"}}, {grad({1, 1, 3, 3}), absent(), fixed_floats({4}, {1, 1, 1.5, 2})}, 1},
      {"Resize",
       19,
       {{"mode", "cubic"}, {"coordinate_transformation_mode", "align_corners"}},
       {grad({1, 1, 4, 3}), absent(), absent(), list({1, 1, 6, 5})},
       1},
      {"Resize",
       19,
       {{"mode", "linear"}, {"antialias", int64_t{1}}},
       {grad({1, 1, 5, 4}), absent(), absent(), list({1, 1, 3, 2})},
       1},
      {"Resize", 19, {{"mode", "nearest"}}, {grad({1, 1, 2, 2}), absent(), fixed_floats({4}, {1, 1, 2, 3})}, 1},
      {"Upsample", 9, {{"mode", "linear"}}, {grad({1, 1, 2, 2}), fixed_ints({4}, {1, 1, 2, 2}, at::kFloat)}, 1},
      {"GridSample", 20, {}, {grad({1, 1, 3, 3}), grad({1, 2, 2, 2}, -0.55, -0.45)}, 1},
      {"GridSample", 20, {{"mode", "cubic"}}, {grad({1, 1, 4, 4}), grad({1, 2, 2, 2}, -0.2, -0.05)}, 1},
      {"AffineGrid", 20, {}, {grad({1, 2, 3}), list({1, 1, 2, 3})}, 1},
      {"RoiAlign",
       16,
       {{"output_height", int64_t{2}}, {"output_width", int64_t{2}}},
       {grad({1, 1, 6, 6}), fixed_floats({1, 4}, {0.3, 0.4, 4.2, 4.6}), list({0})},
       1},
      {"MaxRoiPool",
       22,
       {{"pooled_shape", Ints{2, 2}}},
       {distinct({1, 1, 4, 4}), fixed_floats({1, 5}, {0, 0, 0, 3, 3})},
       1},
      {"DequantizeLinear", 13, {}, {fixed_ints({3}, {1, -2, 3}, at::kChar), grad({}, 0.5, 1)}, 1},
      {"DFT", 20, {}, {grad({1, 4, 2}), absent(), fixed_ints({}, {1})}, 1},
      {"STFT",
       17,
       {{"onesided", int64_t{1}}},
       {grad({1, 8, 1}), fixed_ints({}, {2}), fixed_floats({4}, {0.2, 1, 1, 0.2}), fixed_ints({}, {4})},
       1},
  };
}

inline std::vector<GradientCase> gradient_cases() {
  std::vector<GradientCase> all;
  for (auto family :
       {unary_gradient_cases(), arithmetic_gradient_cases(), product_gradient_cases(), pooling_gradient_cases(),
        normalization_gradient_cases(), movement_gradient_cases(), indexing_gradient_cases(),
        reduction_gradient_cases(), recurrent_gradient_cases(), network_gradient_cases()})
    for (GradientCase& one : family) all.push_back(std::move(one));
  return all;
}

/// Operators that pass gradients and yet have no case, with the reason.
inline std::vector<std::pair<std::string, std::string>> without_gradient_case() {
  return {
      {"If", "passes gradients of its branch's operators: program_test"},
      {"Loop", "likewise"},
      {"Scan", "likewise"},
      {"ConcatFromSequence", "works on sequences: program_test"},
      {"Optional", "likewise"},
      {"OptionalGetElement", "likewise"},
      {"SequenceAt", "likewise"},
      {"SequenceConstruct", "likewise"},
      {"SequenceEmpty", "takes no tensor"},
      {"SequenceErase", "likewise"},
      {"SequenceInsert", "likewise"},
      {"SequenceMap", "likewise"},
      {"SplitToSequence", "likewise"},
  };
}

}  // namespace allot::test
