// Scales of channels whose number is a decision: found by shapes, put on where the channels are read, and turned into sizes in the end
// (search of widths of RARTS, Xue et al., arXiv 2008.03901; network slimming, Liu et al., arXiv 1708.06519, scales the batch-norm
// instead). Includes libtorch.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/design/target.hpp"
#include "nacre/space/space.hpp"
#include "nacre/supernet/shared_store.hpp"
#include "nacre/supernet/supernet_chooser.hpp"

namespace nacre {

class ChannelScales {
 public:
  // For the numbers of a supernet that set channels; kernels stay the largest. UserError, which names the decision, where a number sets
  // layers of different widths, and where there is none to learn.
  ChannelScales(const Space& space, const SupernetForm& form, const Supernet& whole);

  // One per number, its labels the channels.
  const std::vector<OpenDecision>& decisions() const { return decisions_; }
  const std::map<std::string, std::vector<SharedStore::Scale>, std::less<>>& rules() const { return rules_; }
  // The smallest alternative of decision `i` that holds as many channels as have scales above the threshold.
  int64_t alternative(size_t i, const std::vector<double>& scales, double threshold) const;

  struct Kept {
    double threshold = 0.1;
    double macs_share =
        1;  // below 1: instead, the smallest threshold that leaves so large a share of the largest network's
  };
  // Sizes by the scales; kernels and what else is a number the largest. Drawn: by a threshold or share around the one that is meant.
  Decisions network(const Space& space, const std::vector<std::vector<double>>& scales, Kept kept,
                    const Deployment& deployment, Random* random) const;

 private:
  std::vector<OpenDecision> numbers_;  // all of them
  std::vector<OpenDecision> decisions_;
  std::vector<std::vector<int64_t>> channels_;  // by decision and alternative
  std::map<std::string, std::vector<SharedStore::Scale>, std::less<>> rules_;
};

}  // namespace nacre
