// The makers that register.cpp lists. Internal.
#pragma once

#include <memory>

#include "nacre/nn/losses.hpp"
#include "nacre/nn/optimizer.hpp"

namespace nacre {

std::unique_ptr<Optimizer> make_sgd(TrainableSet set, const Recipe& recipe);
std::unique_ptr<Optimizer> make_adamw(TrainableSet set, const Recipe& recipe);

std::unique_ptr<Loss> make_cross_entropy(const Recipe& recipe);
std::unique_ptr<Loss> make_mean_squared_error(const Recipe& recipe);

}  // namespace nacre
