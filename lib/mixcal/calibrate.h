// SPDX-License-Identifier: Apache-2.0
// The whole search for one mixture, by any method, and what it is worth beside natural and uniform shares.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/binder.h"
#include "mixcal/comparison.h"
#include "mixcal/group_dro.h"
#include "mixcal/mixture.h"
#include "mixcal/propose.h"
#include "mixcal/stages.h"

namespace allot::mixcal {

struct CalibrateOptions {
  std::string method = "doremi";
  TrainSettings settings;  // of references, proxies and runs of a swarm
  DroOptions dro;
  DogeOptions doge;
  AioliOptions aioli;
  std::string reference = "natural";  // weights of the reference model's data: natural, uniform or a file
  std::string reference_model = "";   // an ONNX file in its place; "": it is trained
  int64_t rounds = 1, seeds = 1;
  double tolerance = 1e-3;        // change of any weight below which rounds end
  double exponent = 0.5;          // of temperature
  double epochs = 4, budget = 0;  // no domain is passed more often when so many tokens are drawn; 0: the comparison's
  SamplingOptions swarm;
  int64_t swarm_steps = 0;  // of each run; 0: half as many as of others
  ProposeOptions propose;
  bool compare = true;            // train on natural, uniform and found weights
  std::string primary = "";       // model that is compared on; "": the proxy's
  int64_t primary_steps = 0;      // 0: as many as the proxy's
  std::vector<std::string> over;  // domains that count in average and worst; none: all

  void bind(config::Binder& binder);
};

std::vector<std::string> method_names();

struct Calibration {
  Mixture mixture;
  std::vector<Weights> by_seed;
  std::vector<std::vector<std::vector<double>>> trajectories;  // of the last round, [seed][row]: Trajectory::rows()
  std::vector<Arm> arms;                                       // natural, uniform, the method; empty without comparison
  int64_t compared_steps = 0;                                  // of each of them
  std::vector<size_t> over;                                    // domains that count
  std::vector<Fitted> fitted;                                  // of a swarm's law
  bool stopped = false;                                        // by a signal: the rest is not there

  /// Whether the method is_better() than uniform.
  bool beats_uniform() const;
  /// beside_uniform() under this name; "" without a comparison.
  std::string beside_uniform(const std::string& name) const;
};

/// Errors: malformed for fewer than two domains; those of training, propose() and capped().
Calibration calibrate(const data::TokenStore& store, const CalibrateOptions& options, const CalibrateContext& context);

/// Tokens that weights are for: as the options say, or those of the comparison.
double budget_of(const CalibrateOptions& options, const data::TokenStore& store);

/// Weights that a word names, or a file. Errors: those of read_weights().
Weights named_weights(const std::string& text, const data::TokenStore& store, double exponent, double budget,
                      double epochs);

}  // namespace allot::mixcal
