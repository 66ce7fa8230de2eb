// What a training minimises. Internal to modules that train: includes libtorch.
#pragma once

#include "nacre/design/recipe.hpp"
#include "nacre/nn/torch_headers.hpp"

namespace nacre {

class Loss {
 public:
  virtual ~Loss() = default;
  // Mean over the batch, a scalar in float (double for double predictions). Predictions come in any arithmetic.
  virtual at::Tensor value(const at::Tensor& prediction, const at::Tensor& target) const = 0;
  // Targets that can be averaged, for mixup and cutmix: class indices become one-hot rows. `classes` is the width of the
  // prediction.
  virtual at::Tensor mixable(const at::Tensor& target, int64_t classes) const = 0;
  // How far the student is from the teacher (Hinton et al., arXiv 1503.02531).
  virtual at::Tensor distillation(const at::Tensor& student, const at::Tensor& teacher, double temperature) const = 0;
};

}  // namespace nacre
