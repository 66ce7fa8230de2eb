#include "nacre/nn/kernels/norm_activation.hpp"

#include <algorithm>
#include <bit>
#include <vector>

#include "nacre/nn/kernels/multiversion.hpp"

namespace nacre::kernels {
namespace {

NACRE_INLINE float load(float value) { return value; }
NACRE_INLINE float load(uint16_t value) { return std::bit_cast<float>(static_cast<uint32_t>(value) << 16); }
NACRE_INLINE void store(float* to, float value) { *to = value; }
// Round to nearest even. The quiet NaN that x86 makes stays one.
NACRE_INLINE void store(uint16_t* to, float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  *to = static_cast<uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

// exp by 2^n * polynomial (degree 6 on [-ln2/2, ln2/2], error below 2 ulp), without branches so that loops vectorise.
NACRE_INLINE float exponential(float x) {
  x = x > 88.0F ? 88.0F : x < -87.0F ? -87.0F : x;
  constexpr float kRounder = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  const float n = (x * 1.44269504F + kRounder) - kRounder;
  const float r = (x - n * 0.693359375F) - n * -2.12194440e-4F;
  float p = 1.38888889e-3F;
  p = p * r + 8.33333333e-3F;
  p = p * r + 4.16666667e-2F;
  p = p * r + 1.66666667e-1F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  return p * std::bit_cast<float>(static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23);
}

NACRE_INLINE float sigmoid(float z) { return 1.0F / (1.0F + exponential(-z)); }

// Comparisons are written so that NaN passes: a diverged network must not look alive.
template <FusedActivation F>
NACRE_INLINE float activate(float z) {
  if constexpr (F == FusedActivation::relu) return z < 0.0F ? 0.0F : z;
  if constexpr (F == FusedActivation::relu6) return z < 0.0F ? 0.0F : z > 6.0F ? 6.0F : z;
  if constexpr (F == FusedActivation::hard_sigmoid) {
    const float s = z * (1.0F / 6) + 0.5F;
    return s < 0.0F ? 0.0F : s > 1.0F ? 1.0F : s;
  }
  if constexpr (F == FusedActivation::hard_swish) return z * activate<FusedActivation::hard_sigmoid>(z);
  if constexpr (F == FusedActivation::sigmoid) return sigmoid(z);
  if constexpr (F == FusedActivation::swish) return z * sigmoid(z);
  return z;
}

template <FusedActivation F>
NACRE_INLINE float slope_of(float z) {
  if constexpr (F == FusedActivation::relu) return z > 0.0F ? 1.0F : 0.0F;
  if constexpr (F == FusedActivation::relu6) return z > 0.0F && z < 6.0F ? 1.0F : 0.0F;
  if constexpr (F == FusedActivation::hard_sigmoid) return z > -3.0F && z < 3.0F ? 1.0F / 6 : 0.0F;
  if constexpr (F == FusedActivation::hard_swish) return z < -3.0F ? 0.0F : z > 3.0F ? 1.0F : z * (1.0F / 3) + 0.5F;
  if constexpr (F == FusedActivation::sigmoid) {
    const float s = sigmoid(z);
    return s * (1.0F - s);
  }
  if constexpr (F == FusedActivation::swish) {
    const float s = sigmoid(z);
    return s * (1.0F + z * (1.0F - s));
  }
  return 1.0F;
}

// Rows are taken several at a time, as one long row with the per-channel numbers repeated: inner loops are then long
// whatever the number of channels, and accumulators do not depend on each other.
constexpr int64_t kTile = 512;

struct Tiling {
  int64_t rows_per_tile = 1;
  int64_t length = 0;  // rows_per_tile * channels
};

Tiling tiling_for(int64_t rows, int64_t channels) {
  Tiling tiling;
  tiling.rows_per_tile = std::clamp<int64_t>(kTile / std::max<int64_t>(1, channels), 1, std::max<int64_t>(1, rows));
  tiling.length = tiling.rows_per_tile * channels;
  return tiling;
}

std::vector<float> repeated(const float* values, int64_t channels, const Tiling& tiling) {
  std::vector<float> result(static_cast<size_t>(tiling.length));
  for (auto to = result.begin(); to != result.end(); to += channels) std::copy_n(values, channels, to);
  return result;
}

// Accumulators of one tile, emptied into doubles every so often so that float sums stay short.
class Accumulators {
 public:
  Accumulators(int64_t channels, const Tiling& tiling)
      : channels_(channels),
        length_(tiling.length),
        a_(static_cast<size_t>(tiling.length)),
        b_(static_cast<size_t>(tiling.length)) {}
  float* a() { return a_.data(); }
  float* b() { return b_.data(); }
  void empty_into(double* sum_a, double* sum_b) {
    for (int64_t row = 0; row < length_; row += channels_) {
      for (int64_t c = 0; c < channels_; ++c) {
        sum_a[c] += static_cast<double>(a_[static_cast<size_t>(row + c)]);
        sum_b[c] += static_cast<double>(b_[static_cast<size_t>(row + c)]);
      }
    }
    std::ranges::fill(a_, 0.0F);
    std::ranges::fill(b_, 0.0F);
  }

 private:
  int64_t channels_, length_;
  std::vector<float> a_, b_;
};

constexpr int64_t kTilesPerSum = 256;

// --- the inner loops: one tile each. Bodies are templates, the entries below instantiate them per instruction set.

template <class T>
NACRE_INLINE void sums_body(const T* __restrict x, int64_t n, const float* __restrict pivot, float* __restrict sum,
                            float* __restrict squares) {
  for (int64_t i = 0; i < n; ++i) {
    const float d = load(x[i]) - pivot[i];
    sum[i] += d;
    squares[i] += d * d;
  }
}

template <FusedActivation F, class T>
NACRE_INLINE void forward_body(const T* __restrict x, const T* __restrict r, int64_t n, const float* __restrict scale,
                               const float* __restrict shift, T* __restrict y) {
  if (r == nullptr) {
    for (int64_t i = 0; i < n; ++i) store(y + i, activate<F>(load(x[i]) * scale[i] + shift[i]));
  } else {
    for (int64_t i = 0; i < n; ++i) store(y + i, activate<F>(load(x[i]) * scale[i] + shift[i] + load(r[i])));
  }
}

template <FusedActivation F, bool kResidual, class T>
NACRE_INLINE float gradient_at(const T* __restrict x, const T* __restrict r, const T* __restrict dy, int64_t i,
                               const float* __restrict scale, const float* __restrict shift) {
  if constexpr (F == FusedActivation::none) return load(dy[i]);
  float z = load(x[i]) * scale[i] + shift[i];
  if constexpr (kResidual) z += load(r[i]);
  return load(dy[i]) * slope_of<F>(z);
}

template <FusedActivation F, bool kResidual, bool kWrite, class T>
NACRE_INLINE void backward_sums_loop(const T* __restrict x, const T* __restrict r, const T* __restrict dy, int64_t n,
                                     const float* __restrict scale, const float* __restrict shift,
                                     const float* __restrict pivot, float* __restrict sum, float* __restrict products,
                                     T* __restrict dz) {
  for (int64_t i = 0; i < n; ++i) {
    const float d = gradient_at<F, kResidual>(x, r, dy, i, scale, shift);
    sum[i] += d;
    products[i] += d * (load(x[i]) - pivot[i]);
    if constexpr (kWrite) store(dz + i, d);
  }
}

template <FusedActivation F, class T>
NACRE_INLINE void backward_sums_body(const T* x, const T* r, const T* dy, int64_t n, const float* scale,
                                     const float* shift, const float* pivot, float* sum, float* products, T* dz) {
  if (r == nullptr) return backward_sums_loop<F, false, false>(x, r, dy, n, scale, shift, pivot, sum, products, dz);
  if (dz == nullptr) return backward_sums_loop<F, true, false>(x, r, dy, n, scale, shift, pivot, sum, products, dz);
  backward_sums_loop<F, true, true>(x, r, dy, n, scale, shift, pivot, sum, products, dz);
}

template <FusedActivation F, bool kResidual, class T>
NACRE_INLINE void backward_apply_loop(const T* __restrict x, const T* __restrict r, const T* __restrict dy, int64_t n,
                                      const float* __restrict scale, const float* __restrict shift,
                                      const float* __restrict slope, const float* __restrict offset, T* __restrict dx) {
  for (int64_t i = 0; i < n; ++i) {
    const float d = gradient_at<F, kResidual>(x, r, dy, i, scale, shift);
    store(dx + i, d * scale[i] + load(x[i]) * slope[i] + offset[i]);
  }
}

template <FusedActivation F, class T>
NACRE_INLINE void backward_apply_body(const T* x, const T* r, const T* dy, int64_t n, const float* scale,
                                      const float* shift, const float* slope, const float* offset, T* dx) {
  if (r == nullptr) return backward_apply_loop<F, false>(x, r, dy, n, scale, shift, slope, offset, dx);
  backward_apply_loop<F, true>(x, r, dy, n, scale, shift, slope, offset, dx);
}

// --- per instruction set. target_clones wants plain functions, so that each type is written out.

#define NACRE_FOR_EACH_ACTIVATION(f, call)                                          \
  switch (f) {                                                                      \
    case FusedActivation::none: return call(FusedActivation::none);                 \
    case FusedActivation::relu: return call(FusedActivation::relu);                 \
    case FusedActivation::relu6: return call(FusedActivation::relu6);               \
    case FusedActivation::hard_swish: return call(FusedActivation::hard_swish);     \
    case FusedActivation::swish: return call(FusedActivation::swish);               \
    case FusedActivation::hard_sigmoid: return call(FusedActivation::hard_sigmoid); \
    case FusedActivation::sigmoid: return call(FusedActivation::sigmoid);           \
  }

#define NACRE_TILES(T)                                                                                                 \
  NACRE_MULTIVERSION void tile_sums(const T* x, int64_t n, const float* pivot, float* sum, float* squares) {           \
    sums_body(x, n, pivot, sum, squares);                                                                              \
  }                                                                                                                    \
  NACRE_MULTIVERSION void tile_forward(const T* x, const T* r, int64_t n, const float* scale, const float* shift,      \
                                       FusedActivation f,                                                              \
                                       T* y){NACRE_FOR_EACH_ACTIVATION(f, NACRE_CALL_FORWARD)} NACRE_MULTIVERSION void \
  tile_backward_sums(const T* x, const T* r, const T* dy, int64_t n, const float* scale, const float* shift,           \
                     const float* pivot, FusedActivation f, float* sum, float* products,                               \
                     T* dz){NACRE_FOR_EACH_ACTIVATION(f, NACRE_CALL_BACKWARD_SUMS)} NACRE_MULTIVERSION void            \
  tile_backward_apply(const T* x, const T* r, const T* dy, int64_t n, const float* scale, const float* shift,          \
                      const float* slope, const float* offset, FusedActivation f, T* dx) {                             \
    NACRE_FOR_EACH_ACTIVATION(f, NACRE_CALL_BACKWARD_APPLY)                                                            \
  }

#define NACRE_CALL_FORWARD(F) forward_body<F>(x, r, n, scale, shift, y)
#define NACRE_CALL_BACKWARD_SUMS(F) backward_sums_body<F>(x, r, dy, n, scale, shift, pivot, sum, products, dz)
#define NACRE_CALL_BACKWARD_APPLY(F) backward_apply_body<F>(x, r, dy, n, scale, shift, slope, offset, dx)

NACRE_TILES(float)
NACRE_TILES(uint16_t)

template <class T>
const T* advanced(const T* pointer, int64_t by) {
  return pointer == nullptr ? nullptr : pointer + by;
}

}  // namespace

template <class T>
void norm_sums(const T* x, int64_t rows, int64_t channels, const float* pivot, double* sum, double* square_sum) {
  const Tiling tiling = tiling_for(rows, channels);
  const std::vector<float> pivots = repeated(pivot, channels, tiling);
  Accumulators accumulators(channels, tiling);
  const int64_t total = rows * channels;
  int64_t tiles = 0;
  for (int64_t at = 0; at < total; at += tiling.length) {
    tile_sums(x + at, std::min(tiling.length, total - at), pivots.data(), accumulators.a(), accumulators.b());
    if (++tiles % kTilesPerSum == 0) accumulators.empty_into(sum, square_sum);
  }
  accumulators.empty_into(sum, square_sum);
}

template <class T>
void norm_forward(const T* x, const T* residual, int64_t rows, int64_t channels, const float* scale, const float* shift,
                  FusedActivation f, T* y) {
  const Tiling tiling = tiling_for(rows, channels);
  const std::vector<float> scales = repeated(scale, channels, tiling), shifts = repeated(shift, channels, tiling);
  const int64_t total = rows * channels;
  for (int64_t at = 0; at < total; at += tiling.length) {
    tile_forward(x + at, advanced(residual, at), std::min(tiling.length, total - at), scales.data(), shifts.data(), f,
                 y + at);
  }
}

template <class T>
void norm_backward_sums(const T* x, const T* residual, const T* dy, int64_t rows, int64_t channels, const float* scale,
                        const float* shift, const float* pivot, FusedActivation f, double* sum, double* product_sum,
                        T* dz) {
  const Tiling tiling = tiling_for(rows, channels);
  const std::vector<float> scales = repeated(scale, channels, tiling), shifts = repeated(shift, channels, tiling),
                           pivots = repeated(pivot, channels, tiling);
  Accumulators accumulators(channels, tiling);
  const int64_t total = rows * channels;
  int64_t tiles = 0;
  for (int64_t at = 0; at < total; at += tiling.length) {
    tile_backward_sums(x + at, advanced(residual, at), dy + at, std::min(tiling.length, total - at), scales.data(),
                       shifts.data(), pivots.data(), f, accumulators.a(), accumulators.b(),
                       dz == nullptr ? nullptr : dz + at);
    if (++tiles % kTilesPerSum == 0) accumulators.empty_into(sum, product_sum);
  }
  accumulators.empty_into(sum, product_sum);
}

template <class T>
void norm_backward_apply(const T* x, const T* residual, const T* dy, int64_t rows, int64_t channels, const float* scale,
                         const float* shift, const float* slope, const float* offset, FusedActivation f, T* dx) {
  const Tiling tiling = tiling_for(rows, channels);
  const std::vector<float> scales = repeated(scale, channels, tiling), shifts = repeated(shift, channels, tiling),
                           slopes = repeated(slope, channels, tiling), offsets = repeated(offset, channels, tiling);
  const int64_t total = rows * channels;
  for (int64_t at = 0; at < total; at += tiling.length) {
    tile_backward_apply(x + at, advanced(residual, at), dy + at, std::min(tiling.length, total - at), scales.data(),
                        shifts.data(), slopes.data(), offsets.data(), f, dx + at);
  }
}

#define NACRE_INSTANTIATE(T)                                                                                       \
  template void norm_sums<T>(const T*, int64_t, int64_t, const float*, double*, double*);                          \
  template void norm_forward<T>(const T*, const T*, int64_t, int64_t, const float*, const float*, FusedActivation, \
                                T*);                                                                               \
  template void norm_backward_sums<T>(const T*, const T*, const T*, int64_t, int64_t, const float*, const float*,  \
                                      const float*, FusedActivation, double*, double*, T*);                        \
  template void norm_backward_apply<T>(const T*, const T*, const T*, int64_t, int64_t, const float*, const float*, \
                                       const float*, const float*, FusedActivation, T*);
NACRE_INSTANTIATE(float)
NACRE_INSTANTIATE(uint16_t)

}  // namespace nacre::kernels
