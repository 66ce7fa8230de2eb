// Architecture design as a mathematical programme (DeepMAD, Shen et al., CVPR 2023, arXiv 2303.02165, section 4): the network
// of greatest entropy whose effectiveness and costs keep their bounds. Nothing is trained and no weight is drawn.
//
//   maximize   sum of weighted entropies of the scales  -  beta exp(spread of the depths)
//   such that  effectiveness of every scale <= rho,  limits on costs,  channels never fall from stage to stage
//
// Two solvers, both by mutation alone: `annealing` walks from network to network and accepts worse ones ever less (Kirkpatrick et
// al., Science 1983); `evolution`, the paper's, draws parents from an archive of the best. Both start at the smallest network;
// as long as none keeps the bounds, the one that breaks them least ranks first. A step changes two sizes, by a factor or to
// a neighbor; unordered decisions take another alternative. It works on every space; where the space knows its networks by formula (Space::summarize) an evaluation takes microseconds.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/ir/entropy.hpp"
#include "nacre/search/objective.hpp"
#include "nacre/space/space.hpp"
#include "nacre/space/trace.hpp"

namespace nacre {

struct EntropyProgramSettings {
  double effectiveness = 0.3;  // rho: largest allowed, over all scales
  EntropySettings entropy = {};
  double beta = 10;
  bool variance =
      false;  // of the depths, as in the paper; else their standard deviation, as the released networks have it
  int64_t depths_from = 2;  // the first stages' depths are free
  bool rising_channels = true;
  int64_t evaluations = 50'000;  // networks scored, whether they keep the bounds or not
  int64_t archive = 256;
  bool annealing = true;  // else evolution
};

struct DesignedNetwork {
  Decisions decisions;
  double score = 0;
  double entropy = 0;  // weighted, without the penalty
  double effectiveness = 0;
  double violation = 0;  // by how much bounds are broken, in sum of relative excesses; 0: all are kept
};

class EntropyProgram {
 public:
  using Summarize = std::function<std::optional<NetworkSummary>(const Decisions&)>;
  using Build = std::function<Design(const Decisions&)>;
  using Costs = std::function<Metrics(const Design&)>;

  // `trace` must outlive this. Limits on what cannot be known without a measurement are left to the study.
  EntropyProgram(const Trace& trace, std::vector<Limit> limits, Summarize summarize, Build build, Costs costs);

  // Best first, at most `archive`; empty when no network keeps the bounds. Deterministic in the stream.
  std::vector<DesignedNetwork> solve(const EntropyProgramSettings& settings, Random& random,
                                     const std::function<bool()>& interrupted = {}) const;
  // Of one network; nothing when it has no layers.
  std::optional<DesignedNetwork> score(const Decisions& decisions, const EntropyProgramSettings& settings) const;

 private:
  class Archive;
  void evolve(const EntropyProgramSettings& settings, Archive& archive, Random& random,
              const std::function<bool()>& interrupted) const;
  void anneal(const EntropyProgramSettings& settings, Archive& archive, Random& random,
              const std::function<bool()>& interrupted) const;
  std::optional<NetworkSummary> summary_of(const Decisions& decisions) const;
  double excess(const Decisions& decisions, const NetworkSummary& summary) const;
  Decisions smallest(Random& random) const;
  Decisions mutate(const Decisions& parent, Random& random) const;
  void change(Decisions& decisions, Random& random) const;

  const Trace& trace_;
  std::vector<Limit> limits_;
  Summarize summarize_;
  Build build_;
  Costs costs_;
  bool conditional_ = false;  // some decisions exist only under others
};

}  // namespace nacre
