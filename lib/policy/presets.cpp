// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "policy/settings.h"

namespace allot::policy {
namespace {

/// What the three published modes have in common: devices are numbers, and so are neighbours.
Settings published() {
  Settings settings;
  auto& network = settings.network;
  network.attention = "additive";
  network.hidden = 512;
  network.costs = network.aligned = network.devices = network.schedule = false;
  network.grouper_relu = false;
  network.tanh_constant = 0;
  auto& learning = settings.learning;
  learning.algorithm = "reinforce";
  learning.groupings = 1;
  learning.placements = 4;
  learning.relative = learning.standardize = false;
  learning.learning_rate = 0.1;
  learning.entropy = learning.batch_mean = learning.elite_weight = 0;
  learning.imitation = learning.polished = 0;
  learning.final_search = 0;
  learning.moves = false;
  learning.epochs = 1;
  return settings;
}

/// Mirhoseini et al., ICML 2017; placement 1. Its learning rate and size are not published: those of ICLR 2018.
Settings icml2017() {
  Settings settings = published();
  settings.network.form = "flat";
  settings.network.neighbours = "one-hot";
  settings.network.bidirectional = false;
  settings.learning.learning_rate = 1e-3;
  settings.learning.placements = 8;
  settings.learning.executed_only_after = 5000;
  return settings;
}

/// Mirhoseini et al., ICLR 2018; placement 2.
Settings iclr2018() {
  Settings settings = published();
  settings.network.form = "hierarchical";
  settings.network.neighbours = "indices";
  settings.network.groups = 256;
  settings.network.groups_per_device = 0;
  settings.network.tanh_constant = 5;
  settings.network.temperature = 10;
  settings.learning.executed_only_after = 500;
  settings.learning.noise_until = 500;
  return settings;
}

/// The defaults of TensorFlow's hierarchical_controller.py; placement 2.6, 3.
Settings grappler() {
  Settings settings = iclr2018();
  settings.network.groups_per_device = 20;
  settings.network.logarithms = false;
  settings.network.tanh_constant = settings.network.temperature = 1;
  settings.learning.placements = 1;
  settings.learning.decay = 0.95;
  settings.learning.executed_only_after = 1000;
  settings.learning.noise_until = 750;
  settings.learning.noise_amplitude = 0.5;
  settings.learning.noise_relative = true;
  return settings;
}

Settings boost(const char* form) {
  Settings settings;
  settings.network.form = form;
  return settings;
}

}  // namespace

std::vector<std::string> preset_names() {
  return {"boost", "flat", "hierarchical", "icml2017", "iclr2018", "grappler"};
}

Settings preset(const std::string& name) {
  if (name == "boost") return boost("auto");
  if (name == "flat" || name == "hierarchical") return boost(name.c_str());
  if (name == "icml2017") return icml2017();
  if (name == "iclr2018") return iclr2018();
  if (name == "grappler") return grappler();
  throw base::Error(base::ErrorKind::usage, "--policy", fmt::format("unknown: '{}'", base::printable(name)),
                    base::suggestion(name, preset_names()));
}

void Settings::resolve() {
  if (learning.bug_compatible) network.defects = {true, true, true, true};
}

void NetworkSettings::bind(config::Binder& binder) {
  constexpr int64_t kMost = 1 << 16;
  binder.choice("form", form, "flat: a device an operation; hierarchical: groups first; auto: by size",
                {"auto", "flat", "hierarchical"});
  binder.choice("neighbours", neighbours, "how an operation knows those next to it; messages: a graph network",
                {"messages", "one-hot", "indices"});
  binder.choice("attention", attention, "of the decoder", {"dot", "additive"});
  binder.integer("hidden", hidden, "width of the decoder", 2, kMost);
  binder.flag("bidirectional", bidirectional, "the encoder reads in both directions");
  binder.integer("groups", groups, "of the grouper, at most", 1, kMost);
  binder.integer("groups_per_device", groups_per_device, "of the grouper, at most; 0 = no such limit", 0, kMost);
  binder.integer("grouper_hidden", grouper_hidden, "width of the grouper", 1, kMost);
  binder.flag("grouper_relu", grouper_relu, "the grouper's hidden layer is not linear");
  binder.flag("logarithms", logarithms, "sizes enter by their logarithm");
  binder.flag("costs", costs, "times, bytes and levels enter, too");
  binder.flag("aligned", aligned, "the decoder sees the encoder's state of its own step");
  binder.flag("devices", devices, "devices are known by what they are, not by number: serves any cluster");
  binder.flag("schedule", schedule, "and by when they would be done, as a list scheduler reckons");
  binder.integer("rounds", rounds, "of messages", 0, 64);
  binder.number("tanh_constant", tanh_constant, "C of C tanh(logits / T); 0 = none", 0, 1e6);
  binder.number("temperature", temperature, "T", 1e-6, 1e6);
}

void LearningSettings::bind(config::Binder& binder) {
  constexpr int64_t kMost = int64_t{1} << 40;
  binder.choice("algorithm", algorithm, "of the gradient", {"ppo", "reinforce"});
  binder.integer("groupings", groupings, "drawn an update, where there are groups", 1, 1 << 16);
  binder.integer("placements", placements, "drawn of each", 1, 1 << 16);
  binder.choice("cost", cost, "of a time", {"sqrt", "identity", "log1p"});
  binder.flag("relative", relative, "times count as multiples of the lower bound, not as seconds");
  binder.number("learning_rate", learning_rate, "of Adam", 0, 1e3);
  binder.number("decay", decay, "of the learning rate, every decay_every updates after decay_after", 0, 1);
  binder.integer("decay_every", decay_every, "see decay", 1, kMost);
  binder.integer("decay_after", decay_after, "see decay", 0, kMost);
  binder.number("clip_norm", clip_norm, "largest norm of a gradient; 0 = any", 0, 1e9);
  binder.number("baseline_decay", baseline_decay, "of the moving average of costs", 0, 1);
  binder.number("failing", failing, "seconds that a placement counts for that cannot run", 0, 1e9);
  binder.integer("executed_only_after", executed_only_after, "updates from which such placements teach nothing", 0,
                 kMost);
  binder.integer("noise_until", noise_until, "updates with noise on the logits", 0, kMost);
  binder.number("noise_amplitude", noise_amplitude, "largest noise; its deviation in RMS of the logits if relative", 0,
                1e6);
  binder.flag("noise_relative", noise_relative, "see noise_amplitude");
  binder.number("clip_ratio", clip_ratio, "of ppo", 0, 1);
  binder.number("entropy", entropy, "weight of the entropy, falling to 0 at entropy_until", 0, 1e3);
  binder.integer("entropy_until", entropy_until, "see entropy", 1, kMost);
  binder.integer("epochs", epochs, "gradient steps an update, of ppo", 1, 1000);
  binder.number("batch_mean", batch_mean,
                "weight of the batch's own mean in the baseline; the rest is a moving average", 0, 1);
  binder.flag("standardize", standardize, "advantages are divided by their deviation");
  binder.integer("teacher", teacher, "evaluations of annealing whose answer is one of the seeds", 0, kMost);
  binder.integer("imitation", imitation, "updates that imitate the best seeds first", 0, kMost);
  binder.integer("polished", polished, "placements an update that local search improves", 0, 1 << 16);
  binder.integer("polish", polish, "evaluations of it a unit", 0, 1 << 20);
  binder.number("final_search", final_search, "part of the budget that annealing from the best has at the end", 0, 1);
  binder.flag("moves", moves, "that annealing learns which moves to try, beginning with what the policy knows of it");
  binder.number("elite_weight", elite_weight, "of imitating one of the best so far", 0, 1e3);
  binder.flag("bug_compatible", bug_compatible, "do wrong what the released code does wrong: for comparison only");
}

}  // namespace allot::policy
