// Batch norm, residual sum and activation of channels-last images as two passes over memory instead of six: on a CPU these
// operators cost as much as the convolutions between them, because libtorch 1.13 runs each as a pass of its own.
//
//   forward    statistics of x                       | y = f(x * scale + shift + r)
//   backward   sums of dz and dz * x, dz = dy * f'   | dx = a * dz + b * x + c  per channel
//
// Only x (and r) is kept for the backward pass; the argument of f is computed again. Plain arrays, no libtorch: a matrix of
// `rows` (batch x height x width) by `channels`, float or bfloat16 (as uint16_t); per-channel numbers are float.
#pragma once

#include <cstdint>

namespace nacre::kernels {

enum class FusedActivation { none, relu, relu6, hard_swish, swish, hard_sigmoid, sigmoid };

// Adds to sum[c] and square_sum[c] the sums over rows of (x - pivot[c]) and its square. The pivot keeps the variance exact
// where the mean is large against it.
template <class T>
void norm_sums(const T* x, int64_t rows, int64_t channels, const float* pivot, double* sum, double* square_sum);

// y = f(x * scale + shift + r); r may be null.
template <class T>
void norm_forward(const T* x, const T* residual, int64_t rows, int64_t channels, const float* scale, const float* shift,
                  FusedActivation f, T* y);

// Adds to sum[c] and product_sum[c] the sums over rows of dz and dz * (x - pivot[c]); writes dz where it is not null.
template <class T>
void norm_backward_sums(const T* x, const T* residual, const T* dy, int64_t rows, int64_t channels, const float* scale,
                        const float* shift, const float* pivot, FusedActivation f, double* sum, double* product_sum,
                        T* dz);

// dx = dz * scale + x * slope + offset, with dz = dy * f'(x * scale + shift + r).
template <class T>
void norm_backward_apply(const T* x, const T* residual, const T* dy, int64_t rows, int64_t channels, const float* scale,
                         const float* shift, const float* slope, const float* offset, FusedActivation f, T* dx);

}  // namespace nacre::kernels
