// FBNet (Wu et al., CVPR 2019, arXiv 1812.03443): every alternative in the supernet, mixed by samples of the Gumbel soft-max whose
// temperature falls; an epoch of weights on four fifths of the data, then one of the architecture on the rest; cost as a factor of
// the loss. The paper trains the weights with learning rate 0.1, and 90 epochs of which the first ten are the weights' alone.
#include "nacre/supernet/methods.hpp"

namespace nacre {

void add_fbnet(Registry<MethodFactory>& list) {
  list.add({.name = "fbnet",
            .summary = "supernet of all alternatives mixed by Gumbel soft-max, expected cost as a factor of the loss",
            .source = "FBNet, Wu et al., arXiv 1812.03443",
            .parameters = method_parameters({{"supernet_epochs", 90},
                                             {"weighting", "gumbel"},
                                             {"temperature", 5.0},
                                             {"temperature_decay", 0.956},
                                             {"architecture_share", 0.2},
                                             {"by_epoch", true},
                                             {"architecture_from", 10.0},
                                             {"architecture_rate", 0.01},
                                             {"architecture_beta1", 0.9},
                                             {"architecture_decay", 5e-4},
                                             {"cost_form", "multiplicative_log"}}),
            .example = "search: {strategy: fbnet, trials: 6, supernet_epochs: 20, architecture_from: 3}"},
           settings_from_options);
}

}  // namespace nacre
