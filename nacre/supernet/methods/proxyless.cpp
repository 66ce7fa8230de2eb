// ProxylessNAS (Cai et al., ICLR 2019, arXiv 1812.00332): one drawn path is active in a step of the weights, two in a step of the
// architecture, so that the supernet needs about the memory of one network. The gates of the two count as real numbers in the
// gradient; the probability of all other alternatives stays as it was.
#include "nacre/supernet/methods.hpp"

namespace nacre {

void add_proxyless(Registry<MethodFactory>& list) {
  list.add({.name = "proxyless",
            .summary =
                "one path active per step of the weights, two per step of the architecture; expected cost in the loss",
            .source = "ProxylessNAS, Cai et al., arXiv 1812.00332",
            .parameters = method_parameters({{"supernet_epochs", 120},
                                             {"weighting", "binary"},
                                             {"weight_paths", "one"},
                                             {"architecture_paths", "two"},
                                             {"architecture_share", 0.05},
                                             {"architecture_every", 5},
                                             {"architecture_from", 1.0},
                                             {"architecture_rate", 1e-3},
                                             {"architecture_beta1", 0.0},
                                             {"architecture_decay", 0.0},
                                             {"cost_form", "additive"},
                                             {"cost_lambda", 0.1}}),
            .example = "search: {strategy: proxyless, trials: 4, supernet_epochs: 20, architecture_rate: 0.01}"},
           settings_from_options);
}

}  // namespace nacre
