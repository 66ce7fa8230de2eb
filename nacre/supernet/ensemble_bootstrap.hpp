// Self-supervised training of many paths at once: every path of a block learns to predict, from one view of a sample, what all of
// them say together of another view (ensemble bootstrapping, BossNAS, Li et al., arXiv 2103.12424, section 3.2; BYOL, Grill et
// al., arXiv 2006.07733, is the case of one path). The parts of it as functions.
//
// Includes libtorch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/nn/torch_headers.hpp"

namespace nacre {

// d(u, v) = -2 <u / |u|, v / |v|>, the mean over the samples: -2 where all agree, 2 where all oppose. [N, D] each.
at::Tensor cosine_distance(const at::Tensor& prediction, const at::Tensor& target);

// The mean of the paths' projections [N, D], each row normalized before; without a gradient.
at::Tensor ensemble_target(std::span<const at::Tensor> projections);

// m_t = 1 - (1 - base) (cos(pi t / T) + 1) / 2: from `base` to 1.
double target_momentum(double base, int64_t step, int64_t steps);

// target <- m target + (1 - m) online, pair by pair.
void move_average(std::span<const at::Tensor> target, std::span<const at::Tensor> online, double momentum);

// Fair sampling (FairNAS, Chu et al., arXiv 1907.01845): as many paths as each of `decisions` decisions has alternatives, dealt so
// that every alternative of every decision is in exactly one of them.
std::vector<std::vector<int64_t>> fair_deal(size_t decisions, int64_t alternatives, Random& random);

}  // namespace nacre
