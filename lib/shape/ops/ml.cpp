// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml: classical models and their features.
#include <algorithm>

#include "shape/registry.h"

namespace allot::shape {
namespace {

using ir::DataType;

void same_as_input(Context& c) { c.copy(0, 0); }

void floats_like_input(Context& c) {
  c.copy(0, 0);
  c.set_elem(0, DataType::float32);
}

int64_t count(const Context& c, ir::Str attribute) {
  const auto* found = c.node().find(attribute);
  if (!found) return 0;
  return static_cast<int64_t>(std::max({found->ints.size(), found->floats.size(), found->strings.size()}));
}

/// (rows, columns) of the output, with as many rows as the input has.
void set_rows(Context& c, size_t output, DataType elem, std::optional<int64_t> columns) {
  c.set_elem(output, elem);
  const Dims* input = c.dims(0);
  if (!input) return;
  Dims dims{input->size() > 1 ? (*input)[0] : 1};
  if (columns) dims.push_back(*columns);
  c.set(output, elem, std::move(dims));
}

/// Columns of the last dimension picked by the indices of input 1.
void array_feature_extractor(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims *input = c.dims(0), *indices = c.dims(1);
  if (!input || !indices || input->empty()) return;
  Dims dims = *input;
  dims.back() = product(*indices).value_or(0);
  if (dims.size() == 1) dims.insert(dims.begin(), 1);
  c.set(0, c.elem(0), std::move(dims));
}

/// Labels and scores of a classifier.
void classifier(Context& c) {
  int64_t classes = 0;
  for (const char* name : {"classlabels_strings", "classlabels_ints", "classlabels_int64s"})
    classes = std::max(classes, count(c, name));
  const bool strings = count(c, "classlabels_strings") > 0;
  set_rows(c, 0, strings ? DataType::string : DataType::int64, std::nullopt);
  c.set_elem(1, DataType::float32);
  if (classes > 0) set_rows(c, 1, DataType::float32, classes);
}

void linear_regressor(Context& c) { set_rows(c, 0, DataType::float32, c.node().int_or("targets", 1)); }
void svm_regressor(Context& c) { set_rows(c, 0, DataType::float32, 1); }
void tree_ensemble_regressor(Context& c) { set_rows(c, 0, DataType::float32, c.node().int_or("n_targets", 1)); }
void tree_ensemble(Context& c) { set_rows(c, 0, c.elem(0), c.node().int_or("n_targets", 1)); }

void feature_vectorizer(Context& c) {
  int64_t columns = 0;
  for (const int64_t size : c.node().ints("inputdimensions")) columns = checked_add(columns, size).value_or(-1);
  set_rows(c, 0, DataType::float32, columns);
}

void one_hot_encoder(Context& c) {
  c.set_elem(0, DataType::float32);
  const Dims* input = c.dims(0);
  if (!input) return;
  Dims dims = *input;
  dims.push_back(std::max(count(c, "cats_int64s"), count(c, "cats_strings")));
  c.set(0, DataType::float32, std::move(dims));
}

/// The element type follows the values of the map; without any, strings become integers and integers strings.
void label_encoder(Context& c) {
  c.copy(0, 0);
  DataType elem = c.elem(0) == DataType::string ? DataType::int64 : DataType::string;
  if (count(c, "values_floats") > 0) elem = DataType::float32;
  if (count(c, "values_int64s") > 0) elem = DataType::int64;
  if (count(c, "values_strings") > 0) elem = DataType::string;
  if (const auto* values = c.node().find("values_tensor"); values && values->tensors.size() == 1)
    elem = values->tensors[0].dtype;
  c.set_elem(0, elem);
}

void zip_map(Context& c) { c.set_type(0, {ir::Type::Kind::sequence, DataType::undefined, Trust::unknown, false, {}}); }

constexpr Operator kOperators[] = {
    {"ArrayFeatureExtractor", array_feature_extractor},
    {"Binarizer", same_as_input},
    {"CategoryMapper", label_encoder},
    {"FeatureVectorizer", feature_vectorizer},
    {"Imputer", same_as_input},
    {"LabelEncoder", label_encoder},
    {"LinearClassifier", classifier},
    {"LinearRegressor", linear_regressor},
    {"Normalizer", floats_like_input},
    {"OneHotEncoder", one_hot_encoder},
    {"SVMClassifier", classifier},
    {"SVMRegressor", svm_regressor},
    {"Scaler", floats_like_input},
    {"TreeEnsemble", tree_ensemble},
    {"TreeEnsembleClassifier", classifier},
    {"TreeEnsembleRegressor", tree_ensemble_regressor},
    {"ZipMap", zip_map},
};

}  // namespace

std::span<const Operator> ml_operators() { return kOperators; }

}  // namespace allot::shape
