// SPDX-License-Identifier: Apache-2.0
#include "contrast/zero_shot.h"

#include <algorithm>

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "config/yaml.h"
#include "contrast/evaluation.h"
#include "contrast/tokenizer.h"

namespace allot::contrast {
namespace {

using base::Error;
using base::ErrorKind;

std::string filled(const std::string& pattern, const std::string& name) {
  const size_t place = pattern.find("{}");
  return place == std::string::npos ? pattern : pattern.substr(0, place) + name + pattern.substr(place + 2);
}

/// [classes, D].
at::Tensor class_embeddings(const Tower& tower, const Prompts& prompts, const std::string& kind) {
  std::vector<const exec::ProgramInput*> inputs;
  for (const exec::ProgramInput& input : tower.network().inputs())
    if (!input.optional) inputs.push_back(&input);
  if (inputs[0]->type.dims.size() != 2 || ir::is_float(inputs[0]->type.elem) || inputs[0]->type.dims[1].value < 1)
    throw Error(ErrorKind::unavailable, fmt::format("input '{}'", base::printable(inputs[0]->name)),
                "takes no token ids [batch, tokens] of a fixed number", "give an encoder of texts");
  const auto tokenizer = make_tokenizer(kind, inputs[0]->type.dims[1].value);
  std::vector<at::Tensor> classes;
  for (const std::string& name : prompts.classes) {
    const auto count = static_cast<int64_t>(prompts.templates.size());
    const at::Tensor ids = at::empty({count, tokenizer->length()}, at::kLong);
    int64_t* out = ids.mutable_data_ptr<int64_t>();
    bool cut = false;
    for (const std::string& pattern : prompts.templates)
      for (const int64_t id : tokenizer->encode(filled(pattern, name), cut)) *out++ = id;
    Inputs given = {ids};
    if (inputs.size() == 2) given.push_back((ids != 0).to(at::kLong));
    classes.push_back(normalised(tower.embed(given, {}).mean(0, true)));
  }
  return at::cat(classes);
}

}  // namespace

Prompts read_prompts(const std::string& path) {
  const config::Node document = config::load_yaml(path);
  document.require_keys({"classes", "templates"});
  Prompts prompts;
  for (const config::Node& each : document.at("classes").items()) prompts.classes.push_back(each.text());
  if (const config::Node* templates = document.find("templates"))
    for (const config::Node& each : templates->items()) prompts.templates.push_back(each.text());
  if (prompts.classes.empty()) document.fail("there are no classes");
  if (prompts.templates.empty()) prompts.templates = {"{}"};
  return prompts;
}

ZeroShot zero_shot(const Towers& towers, const PairSource& source, const Prompts& prompts, const std::string& tokenizer,
                   int64_t micro, unsigned threads) {
  const at::NoGradGuard no_gradients;
  const at::Tensor classes = class_embeddings(towers.second, prompts, tokenizer);
  const at::Tensor items = embed_all(towers, source, Side::first, micro, threads);
  const at::Tensor similarities = at::mm(items, classes.t()).to(at::kDouble).contiguous();
  const int64_t count = classes.size(0);
  ZeroShot result;
  std::vector<int64_t> of_class(static_cast<size_t>(count)), right(of_class.size());
  for (int64_t item = 0; item < source.size(); ++item) {
    const int64_t label = source.label(item);
    if (label < 0) continue;
    if (label >= count)
      throw Error(ErrorKind::malformed, fmt::format("item {}", item),
                  fmt::format("has the label {}, while there are {} classes", label, count), "name all classes");
    const double* row = similarities.const_data_ptr<double>() + item * count;
    const auto rank = std::count_if(row, row + count, [&](double each) { return each >= row[label]; }) - 1;
    ++result.items;
    result.top1 += rank < 1;
    result.top5 += rank < 5;
    ++of_class[static_cast<size_t>(label)];
    right[static_cast<size_t>(label)] += rank < 1;
  }
  if (result.items == 0)
    throw Error(ErrorKind::malformed, "--data", "has no labels", "add an array y, a column label or .cls members");
  result.top1 /= static_cast<double>(result.items);
  result.top5 /= static_cast<double>(result.items);
  double present = 0;
  for (size_t c = 0; c < of_class.size(); ++c) {
    if (of_class[c] == 0) continue;
    ++present;
    result.mean_of_classes += static_cast<double>(right[c]) / static_cast<double>(of_class[c]);
  }
  result.mean_of_classes /= present;
  return result;
}

}  // namespace allot::contrast
