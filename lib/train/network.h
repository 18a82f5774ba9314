// SPDX-License-Identifier: Apache-2.0
// An ONNX file as a network to train.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "config/binder.h"
#include "exec/program.h"
#include "exec/trainable.h"
#include "exec/write_back.h"
#include "ir/model.h"
#include "nn/optimizer.h"
#include "train/free_batch.h"
#include "train/head.h"

namespace allot::train {

struct NetworkOptions {
  std::string output = {}, logits = {};  // see find_head()
  // Which weights are trained, in this order, the last match counts: see exec::TrainRule.
  std::vector<std::string> freeze_until = {}, freeze_op = {}, freeze = {}, train = {};
  bool allow_dead = false, quantization_aware = false, tie = true;
  std::string weight_decay = "matrices";  // what decays: rank 2 and more; all-but-normalisation; all
  std::string batch_norm = "train";       // statistics of batches; eval: the stored ones; frozen: and scale, bias stay
  double dropout = -1;                    // ratio of all Dropout nodes in training; -1: their own
  double head_dropout = 0;                // ratio of a Dropout that is put before the last layer; 0: none
  std::string precision = "float32";      // or bf16: products in bfloat16 (autocast), parameters and losses in float32
  std::string batch = "free";             // see free_batch(); fixed: as exported
  int64_t segments = 0;                   // whose insides are computed again for gradients, to save memory; 0: none
  bool frozen = false;                    // nothing is trained, whatever the operators: not an option of tools
  bool fuse = true;                       // see exec::CompileOptions::fuse: not an option of tools

  void bind(config::Binder& binder);
};

/// The program of one file, its weights as leaves and running statistics. Several may be made of one file.
class Network {
 public:
  /// Errors: those of onnxio::read, exec::Program, exec::find_weights and find_head.
  explicit Network(const std::string& path, NetworkOptions options = {});
  explicit Network(std::shared_ptr<const ir::Model> model, NetworkOptions options = {});

  const ir::Model& model() const { return *model_; }
  const NetworkOptions& options() const { return options_; }
  const Head& head() const { return head_; }
  const FreedBatch& batch() const { return batch_; }
  const std::vector<exec::ProgramInput>& inputs() const { return program_->inputs(); }
  /// For variants of it; see exec/variant.h.
  const exec::Program& program() const { return *program_; }
  /// All floating weights of the file with the decision about each; none of a frozen network.
  const std::vector<exec::Weight>& weights() const { return weights_; }

  /// The logits [batch, ...] for inputs in the order of inputs(). With mode.training batch statistics and Dropout count
  /// as options say, and running statistics move. Gradients are recorded when torch's grad mode is on.
  /// Safe from several threads unless statistics move. Errors: those of exec::Program::run.
  at::Tensor logits(std::span<const at::Tensor> inputs, const exec::RunMode& mode = {}) const;

  /// What is trained, as leaves; for torch::autograd::grad.
  std::vector<at::Tensor> leaves() const;
  /// What is trained, for an optimiser; in the same order.
  std::vector<nn::TrainedTensor> trained() const;
  /// Running statistics of normalisation; none where batch_norm does not move them.
  std::vector<nn::NamedTensor> statistics() const;
  /// Both: what a checkpoint holds, an average averages and a copy copies. Shares memory with the network.
  std::vector<nn::NamedTensor> state() const;

  /// Another network of the same file and options, with the present values.
  Network copy() const;

  /// Writes the file with the present values; see exec::write_back. Where no tensor changed, the bytes are those of the
  /// original; else the model's metadata gets `metadata` beside allot.source, the original file's SHA-256, and
  /// allot.version, by which a resumed run knows that it may replace the file.
  /// Errors: those of onnxio::write and onnxio::copy_external_data.
  exec::WrittenBack write(const std::string& path, base::Replace replace,
                          const std::map<std::string, std::string>& metadata = {}) const;

 private:
  std::shared_ptr<const ir::Model> model_;  // as read
  NetworkOptions options_;
  Head head_;
  FreedBatch batch_;
  std::vector<exec::Weight> weights_;
  std::unique_ptr<exec::Program> program_;
};

}  // namespace allot::train
