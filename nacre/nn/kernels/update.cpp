#include "nacre/nn/kernels/update.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "nacre/nn/kernels/multiversion.hpp"

namespace nacre::kernels {

NACRE_MULTIVERSION void sgd_update(float* __restrict weights, const float* __restrict gradient,
                                   float* __restrict velocity, int64_t count, const SgdStep& step) {
  const float rate = step.rate, momentum = step.momentum, decay = step.decay, scale = step.gradient_scale;
  if (velocity == nullptr) {
    for (int64_t i = 0; i < count; ++i) weights[i] -= rate * (scale * gradient[i] + decay * weights[i]);
  } else if (step.nesterov) {
    for (int64_t i = 0; i < count; ++i) {
      const float g = scale * gradient[i] + decay * weights[i];
      velocity[i] = momentum * velocity[i] + g;
      weights[i] -= rate * (g + momentum * velocity[i]);
    }
  } else {
    for (int64_t i = 0; i < count; ++i) {
      velocity[i] = momentum * velocity[i] + scale * gradient[i] + decay * weights[i];
      weights[i] -= rate * velocity[i];
    }
  }
}

NACRE_MULTIVERSION void adamw_update(float* __restrict weights, const float* __restrict gradient,
                                     float* __restrict first, float* __restrict second, int64_t count,
                                     const AdamStep& step) {
  const float b1 = step.beta1, b2 = step.beta2, scale = step.gradient_scale;
  const float shrink = 1.0F - step.rate * step.decay;
  const float rate = step.rate / step.correction1;
  const float root = 1.0F / std::sqrt(step.correction2);
  for (int64_t i = 0; i < count; ++i) {
    const float g = scale * gradient[i];
    first[i] = b1 * first[i] + (1.0F - b1) * g;
    second[i] = b2 * second[i] + (1.0F - b2) * g * g;
    weights[i] = shrink * weights[i] - rate * first[i] / (std::sqrt(second[i]) * root + step.epsilon);
  }
}

NACRE_MULTIVERSION void average_update(float* __restrict average, const float* __restrict weights, int64_t count,
                                       float decay) {
  const float share = 1.0F - decay;
  for (int64_t i = 0; i < count; ++i) average[i] += share * (weights[i] - average[i]);
}

namespace {

// Sixteen independent sums of a stretch, so that the loop has no chain.
NACRE_MULTIVERSION void add_squares(const float* __restrict values, int64_t count, float* __restrict sums) {
  for (int64_t i = 0; i + 16 <= count; i += 16) {
    for (int64_t j = 0; j < 16; ++j) sums[j] += values[i + j] * values[i + j];
  }
}

}  // namespace

double square_sum(const float* values, int64_t count) {
  double total = 0;
  constexpr int64_t kStretch = 4096;
  for (int64_t at = 0; at < count; at += kStretch) {
    const int64_t length = std::min(kStretch, count - at);
    std::array<float, 16> sums{};
    add_squares(values + at, length, sums.data());
    for (const float sum : sums) total += static_cast<double>(sum);
    for (int64_t i = length / 16 * 16; i < length; ++i)
      total += static_cast<double>(values[at + i]) * static_cast<double>(values[at + i]);
  }
  return total;
}

}  // namespace nacre::kernels
