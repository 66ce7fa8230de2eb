#include "nacre/nn/fused_norm.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

namespace nacre {
namespace {

using kernels::FusedActivation;

struct Matrix {
  int64_t rows = 0;
  int64_t channels = 0;
};

Matrix matrix_of(const at::Tensor& x) {
  const int64_t channels = x.size(1);
  return {.rows = channels == 0 ? 0 : x.numel() / channels, .channels = channels};
}

// Rows are divided evenly among threads; the division depends on the thread count only, so that sums are repeatable.
struct Share {
  int64_t first = 0;
  int64_t rows = 0;
};

constexpr int64_t kElementsPerThread = 16384;

int64_t share_count(const Matrix& matrix) {
  const int64_t useful = std::max<int64_t>(1, matrix.rows * matrix.channels / kElementsPerThread);
  return std::min<int64_t>({at::get_num_threads(), useful, std::max<int64_t>(1, matrix.rows)});
}

Share share_of(const Matrix& matrix, int64_t shares, int64_t i) {
  const int64_t first = matrix.rows * i / shares;
  return {first, matrix.rows * (i + 1) / shares - first};
}

template <class F>
void for_each_share(int64_t shares, const F& body) {
  if (shares == 1) return body(0);
  at::parallel_for(0, shares, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(i);
  });
}

template <class T>
const T* data_of(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<const T*>(tensor.data_ptr()) : nullptr;
}
template <class T>
T* writable_data_of(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.data_ptr()) : nullptr;
}

template <class T>
const T* advanced(const T* pointer, int64_t by) {
  return pointer == nullptr ? nullptr : pointer + by;
}

// Calls body(T{}) with the arithmetic type in which the kernels read the tensor's bytes.
template <class F>
void with_type(const at::Tensor& x, const F& body) {
  if (x.scalar_type() == at::kFloat) return body(float{});
  body(uint16_t{});
}

// Sums over all shares, in their order. body(share, sums_a, sums_b).
template <class F>
void reduce_shares(const Matrix& matrix, std::vector<double>& a, std::vector<double>& b, const F& body) {
  const int64_t shares = share_count(matrix);
  const auto channels = static_cast<size_t>(matrix.channels);
  std::vector<double> partial_a(channels * static_cast<size_t>(shares)), partial_b(partial_a.size());
  for_each_share(shares, [&](int64_t i) {
    const size_t offset = static_cast<size_t>(i) * channels;
    body(share_of(matrix, shares, i), partial_a.data() + offset, partial_b.data() + offset);
  });
  a.assign(channels, 0);
  b.assign(channels, 0);
  for (size_t i = 0; i < partial_a.size(); ++i) {
    a[i % channels] += partial_a[i];
    b[i % channels] += partial_b[i];
  }
}

struct Statistics {
  std::vector<float> mean, inverse_deviation;  // per channel
};

Statistics batch_statistics(const at::Tensor& x, const Matrix& matrix, const at::Tensor& running_mean,
                            const at::Tensor& running_variance, const NormSettings& settings) {
  const auto channels = static_cast<size_t>(matrix.channels);
  std::vector<float> pivot(channels);
  std::vector<double> sums, squares;
  with_type(x, [&]<class T>(T) {
    const T* data = data_of<T>(x);
    const at::Tensor first = at::from_blob(const_cast<T*>(data), {matrix.channels}, x.options().requires_grad(false))
                                 .to(at::kFloat)
                                 .contiguous();
    std::copy_n(first.data_ptr<float>(), channels, pivot.begin());
    reduce_shares(matrix, sums, squares, [&](const Share& share, double* a, double* b) {
      kernels::norm_sums(data + share.first * matrix.channels, share.rows, matrix.channels, pivot.data(), a, b);
    });
  });
  Statistics statistics{std::vector<float>(channels), std::vector<float>(channels)};
  const auto n = static_cast<double>(matrix.rows);
  float* mean = settings.update_statistics && running_mean.defined() ? running_mean.data_ptr<float>() : nullptr;
  float* variance = mean != nullptr ? running_variance.data_ptr<float>() : nullptr;
  for (size_t c = 0; c < channels; ++c) {
    const double shifted = sums[c] / n;
    const double spread = std::max(0.0, squares[c] / n - shifted * shifted);
    const double center = shifted + static_cast<double>(pivot[c]);
    statistics.mean[c] = static_cast<float>(center);
    statistics.inverse_deviation[c] = static_cast<float>(1.0 / std::sqrt(spread + settings.epsilon));
    // NaN must reach the loss: max(0, NaN) above is 0.
    if (!std::isfinite(squares[c])) statistics.inverse_deviation[c] = std::numeric_limits<float>::quiet_NaN();
    if (mean == nullptr) continue;
    const auto m = static_cast<float>(settings.momentum);
    mean[c] += m * (static_cast<float>(center) - mean[c]);
    variance[c] += m * (static_cast<float>(n > 1 ? spread * n / (n - 1) : spread) - variance[c]);
  }
  return statistics;
}

Statistics running_statistics(const at::Tensor& running_mean, const at::Tensor& running_variance,
                              const NormSettings& settings) {
  const auto channels = static_cast<size_t>(running_mean.numel());
  Statistics statistics{std::vector<float>(channels), std::vector<float>(channels)};
  for (size_t c = 0; c < channels; ++c) {
    statistics.mean[c] = running_mean.data_ptr<float>()[c];
    statistics.inverse_deviation[c] = static_cast<float>(
        1.0 / std::sqrt(static_cast<double>(running_variance.data_ptr<float>()[c]) + settings.epsilon));
  }
  return statistics;
}

// norm(x) = x * scale + shift per channel.
struct Affine {
  std::vector<float> scale, shift;
};

Affine affine_of(const Statistics& statistics, const float* gamma, const float* beta) {
  const size_t channels = statistics.mean.size();
  Affine affine{std::vector<float>(channels), std::vector<float>(channels)};
  for (size_t c = 0; c < channels; ++c) {
    affine.scale[c] = gamma[c] * statistics.inverse_deviation[c];
    affine.shift[c] = beta[c] - statistics.mean[c] * affine.scale[c];
  }
  return affine;
}

at::Tensor apply_forward(const at::Tensor& x, const at::Tensor& residual, const Matrix& matrix, const Affine& affine,
                         FusedActivation f) {
  at::Tensor y = at::empty_like(x);
  const int64_t shares = share_count(matrix);
  with_type(x, [&]<class T>(T) {
    for_each_share(shares, [&](int64_t i) {
      const Share share = share_of(matrix, shares, i);
      const int64_t offset = share.first * matrix.channels;
      kernels::norm_forward(data_of<T>(x) + offset, advanced(data_of<T>(residual), offset), share.rows, matrix.channels,
                            affine.scale.data(), affine.shift.data(), f, writable_data_of<T>(y) + offset);
    });
  });
  return y;
}

at::Tensor as_vector(const std::vector<float>& values) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::TensorOptions(at::kFloat));
  std::copy(values.begin(), values.end(), tensor.data_ptr<float>());
  return tensor;
}

std::vector<float> from_vector(const at::Tensor& tensor) {
  return {tensor.data_ptr<float>(), tensor.data_ptr<float>() + tensor.numel()};
}

struct Gradients {
  at::Tensor x, residual, gamma, beta;
};

Gradients backward(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& gamma, const at::Tensor& beta,
                   at::Tensor dy, const Statistics& statistics, FusedActivation f, bool batch_statistics_used) {
  const Matrix matrix = matrix_of(x);
  const auto channels = static_cast<size_t>(matrix.channels);
  Affine affine = affine_of(statistics, gamma.data_ptr<float>(), beta.data_ptr<float>());
  Gradients gradients;
  const bool write_dz = residual.defined() && f != FusedActivation::none;
  at::Tensor dz = write_dz ? at::empty_like(x) : at::Tensor();
  std::vector<double> sums, products;
  with_type(x, [&]<class T>(T) {
    reduce_shares(matrix, sums, products, [&](const Share& share, double* a, double* b) {
      const int64_t offset = share.first * matrix.channels;
      T* out = writable_data_of<T>(dz);
      kernels::norm_backward_sums(data_of<T>(x) + offset, advanced(data_of<T>(residual), offset),
                                  data_of<T>(dy) + offset, share.rows, matrix.channels, affine.scale.data(),
                                  affine.shift.data(), statistics.mean.data(), f, a, b,
                                  out == nullptr ? out : out + offset);
    });
  });
  gradients.residual = write_dz ? dz : residual.defined() ? dy : at::Tensor();
  gradients.gamma = at::empty_like(gamma);
  gradients.beta = at::empty_like(beta);
  std::vector<float> slope(channels, 0.0F), offsets(channels, 0.0F);
  const auto n = static_cast<double>(matrix.rows);
  for (size_t c = 0; c < channels; ++c) {
    const double inverse = static_cast<double>(statistics.inverse_deviation[c]);
    const double d_gamma = products[c] * inverse, scale = static_cast<double>(affine.scale[c]);
    gradients.gamma.data_ptr<float>()[c] = static_cast<float>(d_gamma);
    gradients.beta.data_ptr<float>()[c] = static_cast<float>(sums[c]);
    if (!batch_statistics_used) continue;
    slope[c] = static_cast<float>(-scale * inverse * d_gamma / n);
    offsets[c] = static_cast<float>(-scale * sums[c] / n +
                                    scale * inverse * d_gamma / n * static_cast<double>(statistics.mean[c]));
  }
  gradients.x = at::empty_like(x);
  const int64_t shares = share_count(matrix);
  // With dz at hand the activation is done with.
  const at::Tensor& source = write_dz ? dz : dy;
  const at::Tensor argument = write_dz ? at::Tensor() : residual;
  const FusedActivation g = write_dz ? FusedActivation::none : f;
  with_type(x, [&]<class T>(T) {
    for_each_share(shares, [&](int64_t i) {
      const Share share = share_of(matrix, shares, i);
      const int64_t offset = share.first * matrix.channels;
      kernels::norm_backward_apply(data_of<T>(x) + offset, advanced(data_of<T>(argument), offset),
                                   data_of<T>(source) + offset, share.rows, matrix.channels, affine.scale.data(),
                                   affine.shift.data(), slope.data(), offsets.data(), g,
                                   writable_data_of<T>(gradients.x) + offset);
    });
  });
  return gradients;
}

bool is_channels_last(const at::Tensor& x) {
  return x.dim() == 2 ? x.is_contiguous() : x.dim() == 4 && x.is_contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor channels_last(const at::Tensor& x) {
  return x.dim() == 4 ? x.contiguous(at::MemoryFormat::ChannelsLast) : x.contiguous();
}

class FusedNormFunction : public torch::autograd::Function<FusedNormFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& residual_or_nothing, const at::Tensor& gamma, const at::Tensor& beta,
                            const at::Tensor& mean, const at::Tensor& variance, const NormSettings& settings) {
    const at::Tensor residual = residual_or_nothing.numel() == 0 ? at::Tensor() : residual_or_nothing;
    const Matrix matrix = matrix_of(x);
    const Statistics statistics = settings.training ? batch_statistics(x, matrix, mean, variance, settings)
                                                    : running_statistics(mean, variance, settings);
    at::Tensor y =
        apply_forward(x, residual, matrix, affine_of(statistics, gamma.data_ptr<float>(), beta.data_ptr<float>()),
                      settings.activation);
    context->save_for_backward(
        {x, residual, gamma, beta, as_vector(statistics.mean), as_vector(statistics.inverse_deviation)});
    context->saved_data["activation"] = static_cast<int64_t>(settings.activation);
    context->saved_data["training"] = settings.training;
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const Statistics statistics{from_vector(saved[4]), from_vector(saved[5])};
    const at::Tensor dy = channels_last(outputs[0].to(x.scalar_type()));
    Gradients gradients = nacre::backward(x, saved[1], saved[2], saved[3], dy, statistics,
                                          static_cast<FusedActivation>(context->saved_data["activation"].toInt()),
                                          context->saved_data["training"].toBool());
    return {gradients.x, gradients.residual, gradients.gamma, gradients.beta, {}, {}, {}};
  }
};

at::Tensor activate(const at::Tensor& x, FusedActivation f) {
  switch (f) {
    case FusedActivation::none: return x;
    case FusedActivation::relu: return at::relu(x);
    case FusedActivation::relu6: return at::hardtanh(x, 0, 6);
    case FusedActivation::hard_swish: return at::hardswish(x);
    case FusedActivation::swish: return at::silu(x);
    case FusedActivation::hard_sigmoid: return at::hardsigmoid(x);
    case FusedActivation::sigmoid: return at::sigmoid(x);
  }
  return x;
}

}  // namespace

bool fused_norm_is_fast(const at::Tensor& x, const at::Tensor& residual) {
  if (!x.is_cpu() || (x.scalar_type() != at::kFloat && x.scalar_type() != at::kBFloat16) || !is_channels_last(x) ||
      x.numel() == 0)
    return false;
  return !residual.defined() ||
         (residual.sizes() == x.sizes() && residual.scalar_type() == x.scalar_type() && is_channels_last(residual));
}

at::Tensor fused_norm(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& scale, const at::Tensor& shift,
                      const at::Tensor& mean, const at::Tensor& variance, const NormSettings& settings) {
  if (fused_norm_is_fast(x, residual) && scale.scalar_type() == at::kFloat) {
    // libtorch's functions take no undefined tensors: an empty one stands for none.
    static const at::Tensor kNothing = at::zeros({0});
    return FusedNormFunction::apply(x, residual.defined() ? residual : kNothing, scale.contiguous(), shift.contiguous(),
                                    mean, variance, settings);
  }
  const bool pass = !settings.training || settings.update_statistics;
  at::Tensor y =
      at::batch_norm(x, scale, shift, pass ? mean : at::Tensor(), pass ? variance : at::Tensor(), settings.training,
                     settings.momentum, settings.epsilon, at::globalContext().userEnabledCuDNN());
  if (residual.defined()) y = y + residual;
  return activate(y, settings.activation);
}

}  // namespace nacre
