// The first stage of a search with shared weights: trains the supernet, or goes on where it was stopped.
//
//   strategy is a supernet method   it proposes networks, and what follows is a search like any other over that list
//   evaluator supernet              the strategy proposes, and networks are judged by the shared weights
//
//   output_dir/supernet/state.safetensors   weights, architecture and optimizers after the last epoch; a method's is removed when
//                                           its networks are known
//   output_dir/supernet/supernet.json       epochs, probabilities, proposed networks with their metrics by shared weights
//   output_dir/supernet/block_scores.csv    of a training block by block: the score of every path of every block
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "nacre/nn/arithmetic.hpp"
#include "nacre/run/plan.hpp"

namespace nacre {

// How well shared weights tell networks apart: ranks of proposed networks by shared weights against those of their own training.
struct RankingQuality {
  int64_t networks = 0;
  double kendall = 0;
  double spearman = 0;
};

// UserError for settings that contradict each other, a space that cannot be a supernet, a target that cannot be its cost term, and
// shared weights of another study that cannot serve this one. Asked before a study is written.
void check_supernet(const Plan& plan);

class SupernetStage {
 public:
  SupernetStage(const Plan& plan, const Numerics& numerics, std::function<bool()> interrupted);

  // Throws Interrupted when asked to stop; the next sitting goes on after the last finished epoch.
  void run();

  // Proposes the stage's networks one after another, then nothing.
  std::unique_ptr<Strategy> strategy() const;
  // A method's from finished trials; the evaluator's from networks that are drawn and trained by themselves here. Nothing below
  // three networks. Written to supernet.json, too.
  std::optional<RankingQuality> judge(const std::vector<Trial>& trials);

 private:
  void train();
  // Block by block without labels (supernet/block_training.hpp); also writes block_scores.csv.
  void train_blocks(const struct SupernetSettings& settings);
  // The finished supernet of another study. UserError where it is not of the same networks.
  void take_over(const std::string& from) const;
  void propose(class SupernetTraining& training, Json& record) const;
  void pair_with_trials(const std::vector<Trial>& trials, std::vector<double>& shared, std::vector<double>& own) const;
  void pair_with_trainings(std::vector<double>& shared, std::vector<double>& own);

  const Plan& plan_;
  Numerics numerics_;
  std::function<bool()> interrupted_;
  std::filesystem::path folder_;
  Json record_;
  std::vector<Decisions> networks_;
};

}  // namespace nacre
