// Batch norm, residual sum and activation as one differentiable operation: y = f(norm(x) + r).
//
// On a CPU with channels-last float or bfloat16 images it runs the two-pass kernels of nn/kernels/norm_activation.hpp and
// keeps only x and r for the backward pass; elsewhere it is the same formula made of libtorch's operators. Internal.
#pragma once

#include "nacre/nn/kernels/norm_activation.hpp"
#include "nacre/nn/torch_headers.hpp"

namespace nacre {

struct NormSettings {
  double epsilon = 1e-5;
  double momentum = 0.1;  // of the new statistic, as libtorch has it
  kernels::FusedActivation activation = kernels::FusedActivation::none;
  bool training = false;
  bool update_statistics = true;
};

// x [N,C,...] or [N,C]; residual undefined or shaped as x; scale, shift, mean, variance [C] (the last two are updated in
// place when training).
at::Tensor fused_norm(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& scale, const at::Tensor& shift,
                      const at::Tensor& mean, const at::Tensor& variance, const NormSettings& settings);

// True when the fast kernels serve these tensors; for tests.
bool fused_norm_is_fast(const at::Tensor& x, const at::Tensor& residual);

}  // namespace nacre
