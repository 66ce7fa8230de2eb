// Trains a supernet block by block without labels and rates the paths of every block (BossNAS, Li et al., arXiv 2103.12424): for
// block 1, 2, ... the paths are trained by ensemble bootstrapping on what the best path of the blocks before gives, then each is
// rated by how well it predicts the center of all paths of its block; the best is fixed. A network's score is the sum over blocks.
//
//   online   weights that are trained, neck, predictor      target   their moving average, neck
//
// One engine: networks by the supernet chooser, weights in shared stores (one per block and side), batches, statistics per path.
// Deterministic in (space, task, settings, seed) for one Numerics on one machine; killed after any epoch it goes on from the state
// of that epoch to the same end. No libtorch here.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "nacre/supernet/supernet_training.hpp"

namespace nacre {

class BlockTraining {
 public:
  // `settings.blockwise` is given; its other policies do not apply. UserError when the space's chain cannot be cut, when views of
  // a sample would not differ, when settings contradict each other.
  BlockTraining(std::shared_ptr<const Space> space, std::shared_ptr<const Task> task, SupernetSettings settings,
                SupernetOptions options);
  ~BlockTraining();

  void run();

  struct RatedPath {
    Decisions decisions;  // of the block
    double score = 0;     // -4 .. 4, lower is better
    int64_t params = 0;   // of the block's part of the network, as the networks before it in the chain stand
    int64_t macs = 0;
  };
  struct RatedBlock {
    std::vector<std::string> layers;
    std::vector<RatedPath> paths;
    size_t best = 0;
  };
  // Those that are rated.
  const std::vector<RatedBlock>& blocks() const;
  size_t block_count() const;

  struct ScoredNetwork {
    Decisions decisions;
    double score = 0;  // sum over blocks
  };
  struct Limits {
    std::optional<double> params, macs;
  };
  // After run(): networks in the order of their scores, at most `count`, that keep the limits. Only paths that fit the best
  // paths of the other blocks take part.
  std::vector<ScoredNetwork> proposed(int64_t count, const Limits& limits) const;

  const std::vector<SupernetEpoch>& epochs() const;
  // Elements of trainable tensors of the blocks so far, neck and predictor included.
  int64_t parameter_count() const;
  // What SupernetOptions::state takes.
  Weights state() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// "layer1/op=conv layer2/op=att" of some of a network's decisions.
std::string path_text(const Trace& trace, const Decisions& some);
Json to_json(const BlockTraining::RatedBlock& block, const Trace& trace);

}  // namespace nacre
