// SPDX-License-Identifier: Apache-2.0
#include "mixcal/language_model.h"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "base/rng.h"
#include "mixcal/gpt.h"
#include "mixcal/items.h"
#include "nn/loss.h"
#include "train/initial.h"
#include "train/inspect.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;

constexpr uint32_t kStream = 0x6d69786d;
constexpr int64_t kDefaultLength = 64;

const std::vector<std::string> kTokenNames = {"input_ids", "input", "tokens", "x"};

/// The sequence length that an input is declared with, or -1.
int64_t declared_length(const exec::ProgramInput& input) {
  if (!input.type.has_shape || input.type.dims.size() != 2) return -1;
  return input.type.dims[1].value;
}

}  // namespace

void ModelOptions::bind(config::Binder& binder) {
  std::string built_in;
  for (const std::string& name : gpt_names()) built_in += (built_in.empty() ? "" : ", ") + name;
  binder.text(
      "model", model,
      "network that is trained: " + built_in + ", or an ONNX file that gives logits of tokens, or of items' classes");
  binder.choice("init", init, "where training begins: at weights drawn by seed, or at the file's", {"fresh", "keep"});
  binder.flag("verify", verify, "check a file before it is trained: causality, mask, gradients, whether it learns");
  binder.integer("length", length, "tokens a sequence; 0 = as many as the model takes", 0, 1 << 20);
}

bool ModelOptions::is_file() const { return model.ends_with(".onnx"); }

LanguageModel::LanguageModel(const ModelOptions& options, int64_t vocabulary, uint64_t seed) : vocabulary_(vocabulary) {
  const auto size = find_gpt(options.model);
  if (!size && !options.is_file())
    throw Error(ErrorKind::usage, base::printable(options.model), "is no model",
                base::suggestion(options.model, gpt_names()) + ", or name an ONNX file");
  if (size) {
    network_ = std::make_unique<train::Network>(std::make_shared<const ir::Model>(make_gpt(*size, vocabulary, seed)));
  } else {
    network_ = std::make_unique<train::Network>(options.model);
    if (options.init == "fresh") draw_weights(seed);
  }
  find_inputs();
  const int64_t most = size ? size->length + 1 : length_;  // the last token is only predicted
  if (size) length_ = most;
  if (options.length > 0) {
    if (most > 0 && options.length > most)
      throw Error(ErrorKind::config, "--length", fmt::format("is {}, and the model takes {}", options.length, most),
                  "shorten sequences");
    if (!size && most > 0 && options.length != most)
      throw Error(ErrorKind::config, "--length",
                  fmt::format("is {}, and the file is made for {} alone", options.length, most),
                  "export it with a free sequence length");
    length_ = options.length;
  }
  if (length_ == 0) length_ = kDefaultLength;
  if (length_ < 2) throw Error(ErrorKind::config, "--length", "leaves nothing to predict", "give 2 tokens or more");
}

LanguageModel::LanguageModel(const ModelOptions& options, const data::TokenStore& store, uint64_t seed) {
  if (store.tokenizer().kind != kItemsKind) {
    *this = LanguageModel(options, store.tokenizer().vocabulary, seed);
    return;
  }
  if (!options.is_file())
    throw Error(ErrorKind::usage, base::printable(options.model), "is no classifier",
                "name an ONNX file that takes items: mpl-train gen --net writes small ones");
  if (options.length > 0) throw Error(ErrorKind::usage, "--length", "is of sequences, and items have none");
  of_items_ = true;
  vocabulary_ = store.tokenizer().vocabulary;
  network_ = std::make_unique<train::Network>(options.model);
  find_item_input(numbers_of_item(store));
  if (options.init == "fresh") train::draw_glorot(*network_, seed, kStream, 0);
}

void LanguageModel::find_item_input(int64_t numbers) {
  const exec::ProgramInput* taken = nullptr;
  for (const exec::ProgramInput& input : network_->inputs()) {
    if (input.optional) continue;
    if (taken || input.type.elem != ir::DataType::float32)
      throw Error(ErrorKind::config, base::printable(input.name), "is an input that items have nothing for",
                  "export a classifier with one float32 input [batch, ...]");
    taken = &input;
  }
  if (!taken) throw Error(ErrorKind::config, "--model", "has no input", "export a classifier with one float32 input");
  int64_t known = 1, free = -1;
  for (size_t i = 1; taken->type.has_shape && i < taken->type.dims.size(); ++i) {
    const int64_t dim = taken->type.dims[i].value;
    item_shape_.push_back(dim);
    if (dim > 0)
      known *= dim;
    else
      free = free < 0 ? std::ssize(item_shape_) - 1 : std::ssize(item_shape_);
  }
  if (item_shape_.empty()) item_shape_ = {numbers};
  if (free >= 0 && free < std::ssize(item_shape_) && numbers % known == 0)
    item_shape_[static_cast<size_t>(free)] = numbers / known;
  int64_t taken_numbers = 1;
  for (const int64_t dim : item_shape_) taken_numbers *= dim;
  std::string told;
  for (const int64_t dim : item_shape_) told += (told.empty() ? "" : ", ") + std::to_string(dim);
  if (taken_numbers != numbers)
    throw Error(ErrorKind::config, base::printable(taken->name),
                fmt::format("takes items of [{}], and the data's have {} numbers", told, numbers),
                "give a network for these items, with at most one dimension beside the batch left free");
  length_ = numbers + 1;
  inputs_ = {Role::tokens};
}

void LanguageModel::find_inputs() {
  const auto& inputs = network_->inputs();
  const auto wanted = std::count_if(inputs.begin(), inputs.end(), [](const auto& input) { return !input.optional; });
  bool found = false;
  for (const exec::ProgramInput& input : inputs) {
    if (input.optional) continue;
    const bool is_tokens =
        wanted == 1 || std::find(kTokenNames.begin(), kTokenNames.end(), input.name) != kTokenNames.end();
    if (is_tokens && input.type.elem == ir::DataType::int64) {
      inputs_.push_back(Role::tokens);
      found = true;
      if (const int64_t declared = declared_length(input); declared > 0) {
        length_ = declared + 1;
        has_fixed_length_ = true;
      }
    } else if (input.name == "attention_mask") {
      inputs_.push_back(Role::mask);
    } else if (input.name == "position_ids") {
      inputs_.push_back(Role::positions);
    } else {
      throw Error(ErrorKind::config, base::printable(input.name), "is an input that a language model has not",
                  input.name.starts_with("past") ? "export it without a cache"
                                                 : "export it with input_ids, int64 [batch, sequence]");
    }
  }
  if (!found)
    throw Error(ErrorKind::config, "--model", "has no input of int64 tokens",
                "export it with input_ids, int64 [batch, sequence]");
}

/// As those of make_gpt() are drawn; scales are 1 and biases 0.
void LanguageModel::draw_weights(uint64_t seed) {
  const at::NoGradGuard no_gradients;
  const std::vector<nn::TrainedTensor> trained = network_->trained();
  const auto is_scale = [&](const std::string& name) {
    return std::any_of(network_->weights().begin(), network_->weights().end(), [&](const exec::Weight& weight) {
      return weight.name == name && weight.slot.ends_with("scale");
    });
  };
  for (size_t i = 0; i < trained.size(); ++i) {
    at::Tensor tensor = trained[i].tensor;
    if (tensor.dim() < 2) {
      tensor.fill_(is_scale(trained[i].name) ? 1 : 0);
      continue;
    }
    base::Rng rng(seed, kStream, static_cast<uint32_t>(i));
    std::vector<double> values(static_cast<size_t>(tensor.numel()));
    for (double& value : values) value = 0.02 * rng.normal();
    tensor.copy_(at::tensor(values, at::kDouble).view(tensor.sizes()));
  }
}

bool LanguageModel::takes_mask() const {
  return std::find(inputs_.begin(), inputs_.end(), Role::mask) != inputs_.end();
}

at::Tensor LanguageModel::logits_of_items(const at::Tensor& items) const {
  // Numbers came as their bits.
  const at::Tensor numbers = items.narrow(1, 0, length_ - 1).to(at::kInt).view(at::kFloat);
  std::vector<int64_t> shape = {items.size(0)};
  shape.insert(shape.end(), item_shape_.begin(), item_shape_.end());
  const std::vector<at::Tensor> given = {numbers.reshape(shape)};
  const at::Tensor logits = network_->logits(given);
  if (logits.numel() != items.size(0) * logits.size(-1))
    throw Error(ErrorKind::config, base::printable(network_->head().logits), "is not a row of logits for every item",
                "export a classifier that gives logits [batch, classes]");
  check_classes(logits.size(-1));
  return logits.reshape({items.size(0), 1, logits.size(-1)});
}

void LanguageModel::check_classes(int64_t classes) const {
  if (classes >= vocabulary_) return;
  const char* what = of_items_ ? "classes" : "tokens";
  throw Error(
      ErrorKind::config, base::printable(network_->head().logits),
      fmt::format("tells {} {} apart, and the data has {}", classes, what, vocabulary_),
      of_items_ ? "export it with the classes of the data" : "export it with the vocabulary of the data's tokenizer");
}

at::Tensor LanguageModel::logits(const at::Tensor& tokens, const at::Tensor& mask) const {
  if (of_items_) return logits_of_items(tokens);
  std::vector<at::Tensor> given;
  for (const Role role : inputs_)
    given.push_back(role == Role::tokens ? tokens
                    : role == Role::mask ? (mask.defined() ? mask : at::ones_like(tokens))
                                         : at::arange(tokens.size(1), at::kLong).expand_as(tokens).contiguous());
  at::Tensor logits = network_->logits(given);  // Dropout draws nothing: losses are compared
  const int64_t rows = tokens.size(0), length = tokens.size(1), classes = logits.size(-1);
  if (logits.numel() != rows * length * classes)
    throw Error(ErrorKind::config, base::printable(network_->head().logits), "is not a row of logits for every token",
                "export a language model that gives logits of all positions");
  check_classes(classes);
  return logits.reshape({rows, length, classes});
}

at::Tensor LanguageModel::losses(const at::Tensor& tokens) const {
  if (of_items_) return nn::cross_entropies(logits(tokens), tokens.narrow(1, length_ - 1, 1).contiguous());
  const int64_t seen = tokens.size(1) - 1;
  return nn::cross_entropies(logits(tokens.narrow(1, 0, seen).contiguous()), tokens.narrow(1, 1, seen).contiguous());
}

int64_t LanguageModel::numbers() const { return train::trained_numbers(*network_); }

}  // namespace allot::mixcal
