// The gradient along which a policy is taught by what its episodes brought: REINFORCE (Williams, Machine Learning 8, 1992) and
// the clipped surrogate of PPO (Schulman et al., 2017, equation 7).
#pragma once

#include <span>
#include <vector>

#include "nacre/search/policy_network.hpp"

namespace nacre {

struct PolicySample {
  PolicyNetwork::Episode episode;
  double log_probability = 0;  // when it was drawn, by the weights of its steps
  double advantage = 0;
  std::vector<double> step_weights = {};  // what each step counts (a discount, or 0 for what was not drawn); empty: 1
};

struct PolicyRule {
  bool clips = true;  // ppo; false: reinforce
  double clip = 0.2;
  double entropy_weight = 0;
};

// Mean over the samples of A log p (reinforce) or min(r A, clip(r) A) (ppo), plus the weighted entropy.
double policy_objective(const PolicyNetwork& policy, std::span<const PolicySample> samples, const PolicyRule& rule);
// Its gradient by the parameters of the policy.
std::vector<double> policy_gradient(const PolicyNetwork& policy, std::span<const PolicySample> samples,
                                    const PolicyRule& rule);

}  // namespace nacre
