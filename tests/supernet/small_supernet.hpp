// A small space of layers for the tests of this module: two searched layers of three branches, and a task that is quickly learned.
#pragma once

#include "../nn/synthetic_task.hpp"
#include "../space/space_context.hpp"
#include "nacre/nn/torch_executor.hpp"
#include "nacre/nn/torch_types.hpp"
#include "nacre/supernet/shared_store.hpp"
#include "nacre/supernet/supernet_chooser.hpp"

namespace nacre::test {

inline SpaceContext quadrant_context() {
  SpaceContext context;
  const QuadrantTask task;
  context.task_name = task.name();
  context.signature = task.signature();
  context.recipe = quick_recipe(2);
  return context;
}

inline std::shared_ptr<const Space> small_layers(const std::string& candidates = "[k3_e1, k3_e2, k5_e1, skip]") {
  return make_space("mbconv", quadrant_context(),
                    "{candidates: " + candidates + ", stages: [[8, 2, 1], [16, 1, 2]], stem: 8, head: 16}");
}

inline std::shared_ptr<const Space> small_cells(const std::string& more = "") {
  return make_space("darts", quadrant_context(),
                    "{channels: 4, cells: 3, nodes: 2, operators: [max, skip, sep3, dil3]" + more + "}");
}

inline Numerics exact_numerics() {
  Numerics numerics;
  numerics.arithmetic = Arithmetic::fp64;
  return numerics;
}

inline at::Tensor random_images(int64_t count, at::ScalarType type = at::kFloat) {
  at::manual_seed(11);
  return at::randn({count, 3, 8, 8}, at::TensorOptions(type));
}

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return at::max(at::abs(a.to(at::kDouble) - b.to(at::kDouble))).item<double>();
}

}  // namespace nacre::test
