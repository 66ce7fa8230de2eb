// Trains a supernet: weights and architecture by one plan, whose parts are policies. The methods of the field are settings of it
// (methods/).
//
//   data        the training split, a share of it kept for the architecture (none: both see all)
//   paths       what is active in a step of the weights and of the architecture: all, one drawn path, two alternatives per decision
//   update      when which is updated, and by which gradient
//   cost term   expected cost in the architecture's loss
//
// Deterministic in (space, task, settings, seed) for one Numerics on one machine; killed after any epoch it goes on from the state
// of that epoch to the same end. No libtorch here.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/json.hpp"
#include "nacre/design/target.hpp"
#include "nacre/design/task.hpp"
#include "nacre/ir/weights_file.hpp"
#include "nacre/nn/arithmetic.hpp"
#include "nacre/space/space.hpp"
#include "nacre/supernet/block_chain.hpp"
#include "nacre/supernet/block_heads.hpp"
#include "nacre/supernet/supernet_chooser.hpp"

namespace nacre {

// What is active in a step.
enum class ActivePaths {
  all,  // every alternative, mixed
  one,  // one per decision: drawn from the architecture's distribution (equal chances before the architecture learns)
  two,  // two per decision, drawn from it without replacement (ProxylessNAS, arXiv 1812.00332, section 3.2)
};

enum class ArchitectureUpdate {
  none,          // drawn with equal chances throughout; networks are chosen afterwards
  single_level,  // with the weights, by the same loss on the same batch
  first_order,   // by the validation loss at the current weights (DARTS, arXiv 1806.09055, xi = 0)
  second_order,  // by the validation loss after one step of the weights (equations 7 and 8)
  reinforce,  // by the reward of drawn networks on validation data: costs need no derivative (ProxylessNAS, appendix D)
  relaxed,    // two copies of the weights, one per part of the data, kept near each other (RARTS, arXiv 2008.03901)
};

// A part of a training that draws paths: which alternatives may be drawn, for how long, with how much of the learning rate.
// Each begins with fresh momentum and a schedule of its own (progressive shrinking, Once-for-All, arXiv 1908.09791, section 3.3).
struct SupernetPhase {
  double epochs = 0;
  double rate_factor = 1;
  int64_t networks_per_step = 1;  // drawn paths whose gradients are added
  bool sort_channels = false;     // before it begins (channel_order.hpp)
  // Alternatives by the last word of a decision's key ("kernel"), from the largest: so many may be drawn; those not named, all.
  std::map<std::string, int64_t> largest;
};

// The phases of progressive shrinking for a space's decisions: the largest network; kernels; depth, first two values, then all; other
// numbers in the same way, their channels sorted before. `epochs` in all, divided as the paper does (180 : 120 : 25 : 120 : 25 : 120).
std::vector<SupernetPhase> progressive_phases(const Trace& trace, double epochs);

// A training block by block without labels (block_training.hpp; BossNAS, arXiv 2103.12424).
struct BlockwiseSettings {
  BlockPartition partition;
  int64_t paths_per_step = 0;  // drawn ones; 0: fair, each alternative of each decision in one of them
  bool ensemble = true;        // the target is what all paths of a step say; false: a path's own (BYOL)
  bool own_views = false;      // each path of a step has two views of its own
  double view_jitter = 0;      // images: brightness and contrast of a view, else noise; in standard deviations
  double base_momentum = 0.99;
  HeadForm heads;
  int64_t most_paths = 256;           // of a block
  int64_t rating_samples = 512;       // of the validation split
  int64_t calibration_samples = 256;  // of the training split, for each path's statistics
};

struct SupernetSettings {
  std::optional<BlockwiseSettings> blockwise;  // what a training block by block has of its own
  SupernetForm form;
  bool nested_weights = false;
  bool kernel_transforms = false;
  ActivePaths weight_paths = ActivePaths::all;
  ActivePaths architecture_paths = ActivePaths::all;

  ArchitectureUpdate update = ArchitectureUpdate::first_order;
  double architecture_share = 0.5;  // of the training split; 0: the architecture sees the same samples as the weights
  int64_t every = 1;                // steps of the weights per step of the architecture
  bool by_epoch = false;            // all steps of the weights of an epoch, then all of the architecture
  double architecture_from = 0;     // epochs before the architecture learns
  double proximity = 1;             // RARTS: beta, of the term that keeps the copies together
  int64_t reinforce_samples = 10;   // reinforce: networks drawn per step
  double reward_exponent = 0.1;     // reinforce: accuracy * (reference / cost)^exponent
  double train_weight = 1;          // RARTS: lambda, of the first copy's loss

  std::string weighting = "softmax";  // or kThreshold (policies.hpp)
  double indicator_keep = 1;          // thresholds: chance that an indicator counts, while the architecture waits
  double temperature = 1;             // of gumbel
  double temperature_decay = 1;       // factor per epoch
  double architecture_rate = 3e-4, architecture_beta1 = 0.5, architecture_beta2 = 0.999, architecture_decay = 1e-3;

  std::string cost_form = "none";
  std::string cost_metric;  // "": the target's first
  double cost_alpha = 0.2, cost_beta = 0.6, cost_lambda = 0.1;
  double cost_reference = 0;    // 0: the expected cost at the start
  double cost_unit = 0;         // 0: 1e-6 of seconds and joules, else 1
  bool cost_separable = false;  // thresholds: sizes of one layer as a product (expected_cost.hpp)

  std::vector<SupernetPhase> phases;  // of drawn paths; empty: one, of recipe.epochs, with everything
  double distillation =
      0;  // from the second phase on: weight of imitating the largest network as the first one left it

  // Widths: channels that a number decides get scales that are learned as the architecture; those at or below the threshold are left
  // out, or as many as it takes to keep so large a share of the largest network's multiply-adds.
  bool channel_scales = false;
  double scale_sparsity = 1e-4;  // times the sum of all scales' sizes, in the architecture's loss
  double scale_threshold = 0.1;
  double macs_share = 1;  // below 1: instead of the threshold
  // Of lattices: longest (the largest sum of weights), greedy_down or greedy_up (lattice_path.hpp).
  std::string lattice_choice = "longest";

  Recipe recipe;  // of the weights: epochs, batch size, optimizer ...
};

// One epoch, for reports.
struct SupernetEpoch {
  int64_t epoch = 0;                        // 1, 2, ...
  double weight_loss = 0;                   // mean over the steps of the weights
  std::optional<double> architecture_loss;  // without the cost term
  std::optional<double> expected_cost;      // in the metric's unit
  double entropy = 0;                       // mean over decisions, nats
  double temperature = 1;
  double time_s = 0;
  std::vector<std::vector<double>> probabilities;  // per open decision
};

Json to_json(const SupernetEpoch& epoch);

// What a training holds, counted, not measured.
struct SupernetMemory {
  int64_t weights_bytes = 0;     // shared weights, all copies
  int64_t optimizer_bytes = 0;   // and what the optimizer keeps of them
  int64_t activation_bytes = 0;  // results of all nodes of a step, for its batch: the largest step so far
};

Json to_json(const SupernetMemory& memory);

struct SupernetOptions {
  Numerics numerics;
  uint64_t seed = 0;
  Target* target = nullptr;  // of the cost term
  Deployment deployment;
  const Weights* state = nullptr;  // goes on from there
  std::function<bool()> interrupted = [] { return false; };
  // After each epoch, with what a resumed training needs.
  std::function<void(const SupernetEpoch&, const std::function<Weights()>&)> report =
      [](const SupernetEpoch&, const std::function<Weights()>&) {};
};

class SupernetTraining {
 public:
  // UserError when the space cannot be a supernet, when the cost term has no target, when settings contradict each other.
  SupernetTraining(std::shared_ptr<const Space> space, std::shared_ptr<const Task> task, SupernetSettings settings,
                   SupernetOptions options);
  ~SupernetTraining();

  void run();

  const std::vector<OpenDecision>& open() const;
  std::vector<std::vector<double>> probabilities() const;
  const std::vector<SupernetEpoch>& epochs() const;
  // With thresholds the network that they leave. Else the most probable network: of operators the most probable one but "none", of edges those whose best operator counts most (times
  // the edge's own probability, where edges have weights).
  Decisions best_network() const;
  // The one network of which all others are slices. UserError where the space has decisions without an order.
  Decisions largest_network() const;
  // Drawn from the distribution, decision by decision.
  Decisions sampled_network(Random& random) const;
  // Expected cost of complete decisions, and whether the target's own answer agrees; nothing without a cost term.
  std::optional<double> cost_of(const Decisions& decisions) const;

  // Metrics of a network by shared weights on the validation split, its batch statistics taken anew from training samples (0: those
  // that are kept, which are no network's own).
  Metrics evaluate(const Decisions& decisions, int64_t recalibration_samples = 1024);
  // Its weights by the names of the network that stands alone. UserError where supernet and network differ in form.
  Weights network_weights(const Decisions& decisions, int64_t recalibration_samples = 1024);

  int64_t parameter_count() const;
  SupernetMemory memory() const;
  // What SupernetOptions::state takes.
  Weights state() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nacre
