// The registries of this module, for lists, help and checks. Free of libtorch: what they make is only named.
#pragma once

#include <functional>
#include <memory>

#include "nacre/base/registry.hpp"

namespace nacre {

struct Recipe;
struct TrainableSet;
class Optimizer;
class Loss;

const Registry<std::function<std::unique_ptr<Optimizer>(TrainableSet, const Recipe&)>>& optimizer_registry();
const Registry<std::function<std::unique_ptr<Loss>(const Recipe&)>>& loss_registry();

}  // namespace nacre
