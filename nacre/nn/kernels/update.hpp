// Weight updates as one pass over memory each. Plain arrays of float, no libtorch.
#pragma once

#include <cstdint>

namespace nacre::kernels {

struct SgdStep {
  float rate = 0;
  float momentum = 0;
  float decay = 0;
  float gradient_scale = 1;  // of clipping
  bool nesterov = false;
};

// g' = scale g + decay w; m = momentum m + g'; w -= rate (nesterov ? g' + momentum m : m). m may be null without momentum.
void sgd_update(float* weights, const float* gradient, float* velocity, int64_t count, const SgdStep& step);

struct AdamStep {
  float rate = 0;
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
  float decay = 0;  // decoupled: w -= rate * decay * w
  float gradient_scale = 1;
  float correction1 = 1;  // 1 - beta1^t
  float correction2 = 1;  // 1 - beta2^t
};

void adamw_update(float* weights, const float* gradient, float* first, float* second, int64_t count,
                  const AdamStep& step);

// average += (1 - decay) * (weights - average)
void average_update(float* average, const float* weights, int64_t count, float decay);

double square_sum(const float* values, int64_t count);

}  // namespace nacre::kernels
