// Weight updates. An optimizer owns its state (velocities, moments) and changes a store's trainable tensors in place.
// Internal to modules that train: includes libtorch.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "nacre/base/registry.hpp"
#include "nacre/design/recipe.hpp"
#include "nacre/nn/parameter_store.hpp"
#include "nacre/nn/torch_headers.hpp"

namespace nacre {

// The trainable tensors of a store, in its order, with what an optimizer must know of each.
struct TrainableSet {
  std::vector<at::Tensor> tensors;
  std::vector<std::string> names;
  std::vector<bool> decays;
};
TrainableSet trainable_set(const PlainStore& store);

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  // One update; gradients in the order of the set (undefined: the tensor was not reached and keeps its value), each
  // multiplied by `gradient_scale` first. `regions` (empty, or one per tensor) says which part of a tensor was used:
  // boolean, of its shape; undefined: all. The rest moves neither by gradient nor by momentum nor by decay.
  void step(std::span<const at::Tensor> gradients, double rate, double gradient_scale,
            std::span<const at::Tensor> regions = {});
  // What a continued training needs, named "optimizer/<kind>/<weight>"; and back.
  virtual Weights state() const = 0;
  virtual void load(const Weights& state) = 0;

 protected:
  virtual void update(std::span<const at::Tensor> gradients, double rate, double gradient_scale) = 0;
  // Everything that an update of tensor i changes: the weight and its state.
  virtual std::vector<at::Tensor> changed_by(size_t i) const = 0;
};

using OptimizerFactory = std::function<std::unique_ptr<Optimizer>(TrainableSet set, const Recipe& recipe)>;

// Global L2 norm of the gradients.
double gradient_norm(std::span<const at::Tensor> gradients);

}  // namespace nacre
