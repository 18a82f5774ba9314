// SPDX-License-Identifier: Apache-2.0
// Times whole steps of a proxy that is trained beside its reference model, for test/bench/mixcal_steps.py, which times
// PyTorch in turn with it.
//
//   mixcal_bench TOKENS MODEL BATCH     then, a number N a line on standard input: answers with the seconds that N
//                                       steps took, and the most bytes of memory held so far beyond those of the
//                                       libraries
#include <cstdlib>
#include <iostream>

#include "mixcal/training.h"
#include "served.h"

using namespace allot;

namespace {

constexpr int64_t kSteps = 1 << 20;  // of the run whose first steps are timed

mixcal::TrainSettings settings_of(const std::string& model, int64_t batch) {
  mixcal::TrainSettings settings;
  settings.model.model = model;
  settings.batch = batch;
  return settings;
}

class Training {
 public:
  Training(const std::string& tokens, const std::string& model, int64_t batch)
      : store_(tokens),
        settings_(settings_of(model, batch)),
        lesson_{store_, {data::Part::proxy}, 1, 1},
        reference_(settings_.model, store_.tokenizer().vocabulary, 1),
        proxy_(settings_.model, store_.tokenizer().vocabulary, 2),
        job_(proxy_, reference_, settings_, lesson_, {}, kSteps) {}

  void step() { job_.step(next_++, kSteps); }

 private:
  const data::TokenStore store_;
  const mixcal::TrainSettings settings_;
  const mixcal::Lesson lesson_;
  const mixcal::LanguageModel reference_;
  mixcal::LanguageModel proxy_;
  mixcal::ProxyJob job_;
  int64_t next_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::cerr << "usage: mixcal_bench TOKENS MODEL BATCH\n", 64;
  return bench::serve_steps("mixcal_bench", [&] { return Training(argv[1], argv[2], std::atol(argv[3])); });
}
