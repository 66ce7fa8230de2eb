// Mixing of whole batches: mixup blends each sample with another (Zhang et al., arXiv 1710.09412), cutmix pastes a rectangle
// of another into it (Yun et al., arXiv 1905.04899). Targets become the same blend of both targets. Internal.
#pragma once

#include <optional>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/design/recipe.hpp"
#include "nacre/nn/torch_headers.hpp"

namespace nacre {

// What is to be done with one batch; drawn before anything is touched.
struct Mix {
  enum class Kind { blend, paste } kind = Kind::blend;
  double share = 1;                                  // of the sample's own target
  std::vector<int64_t> partners;                     // partner of each sample
  int64_t top = 0, left = 0, height = 0, width = 0;  // the rectangle that comes from the partner
};

// Nothing when the recipe mixes not. With both kinds on, each batch draws one. `height` and `width` are of the images; 0
// when the inputs are none, and then cutmix is off.
std::optional<Mix> draw_mix(const Recipe& recipe, int64_t batch, int64_t height, int64_t width, Random& random);

at::Tensor mix_inputs(const at::Tensor& inputs, const Mix& mix);
at::Tensor mix_targets(const at::Tensor& targets, const Mix& mix);

// Beta(alpha, alpha), by two gamma variates (Marsaglia and Tsang, ACM TOMS 26, 2000).
double draw_beta(double alpha, Random& random);

}  // namespace nacre
