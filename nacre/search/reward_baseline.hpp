// What a reward is worth to a controller: less the moving average of rewards before it, over their spread, so that the unit of an
// objective does not matter (the baseline of Zoph and Le, ICLR 2017; dividing by the spread is ours).
#pragma once

#include <cmath>
#include <optional>

namespace nacre {

class RewardBaseline {
 public:
  explicit RewardBaseline(double decay) : decay_(decay) {}

  // Of the next reward, which then counts for those after it. The first one has none.
  double advantage(double reward) {
    if (!average_) average_ = reward;
    const double above = reward - *average_;
    average_ = decay_ * *average_ + (1 - decay_) * reward;
    spread_ = decay_ * spread_ + (1 - decay_) * above * above;
    weight_ = decay_ * weight_ + (1 - decay_);
    return spread_ > 0 ? above / std::sqrt(spread_ / weight_) : 0;
  }
  std::optional<double> average() const { return average_; }

 private:
  double decay_;
  std::optional<double> average_;
  double spread_ = 0, weight_ = 0;
};

}  // namespace nacre
