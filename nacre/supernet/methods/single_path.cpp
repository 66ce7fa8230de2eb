// Single-Path NAS (Stamoulis et al., arXiv 1904.02877): the supernet is the largest network; which part of its kernels, channels and
// layers is used is decided by norms of weights against thresholds, which one optimizer trains with the weights on all of the data.
// The paper's code weighs the cost by 20 and trains by RMSProp; SGD at learning rate 0.1 needs less. For the first epochs there is no cost term, and indicators are dropped at random (section 4: five of eight epochs, 0.6 are kept).
#include "nacre/supernet/methods.hpp"
#include "nacre/supernet/policies.hpp"

namespace nacre {

void add_single_path(Registry<MethodFactory>& list) {
  list.add(
      {.name = "single_path",
       .summary =
           "the largest network with thresholds on its weights' norms, trained as one network; log cost in the loss",
       .source = "Single-Path NAS, Stamoulis et al., arXiv 1904.02877",
       .parameters = method_parameters({{"supernet_epochs", 8},
                                        {"weighting", std::string(kThreshold)},
                                        {"update", "single_level"},
                                        {"architecture_share", 0.0},
                                        {"architecture_from", 5.0},
                                        {"indicator_keep", 0.6},
                                        {"cost_form", "logarithmic"},
                                        {"cost_lambda", 2.0}}),
       .example = "search: {strategy: single_path, trials: 3, supernet_epochs: 20, architecture_from: 8}"},
      settings_from_options);
}

}  // namespace nacre
