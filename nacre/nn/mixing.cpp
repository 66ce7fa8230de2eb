#include "nacre/nn/mixing.hpp"

#include <algorithm>
#include <cmath>

namespace nacre {
namespace {

double draw_gamma(double shape, Random& random) {
  if (shape < 1) return draw_gamma(shape + 1, random) * std::pow(1 - random.uniform(), 1 / shape);
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = random.normal();
    const double v = std::pow(1 + c * x, 3);
    if (v <= 0) continue;
    const double u = 1 - random.uniform();
    if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

at::Tensor partner_index(const Mix& mix, const at::Tensor& like) {
  return at::tensor(mix.partners, at::TensorOptions(at::kLong)).to(like.device());
}

}  // namespace

double draw_beta(double alpha, Random& random) {
  const double a = draw_gamma(alpha, random), b = draw_gamma(alpha, random);
  return a + b > 0 ? a / (a + b) : 0.5;
}

std::optional<Mix> draw_mix(const Recipe& recipe, int64_t batch, int64_t height, int64_t width, Random& random) {
  const bool blends = recipe.mixup_alpha > 0;
  const bool pastes = recipe.cutmix_alpha > 0 && height > 0 && width > 0;
  if ((!blends && !pastes) || batch < 2) return std::nullopt;
  Mix mix;
  mix.kind = !blends || (pastes && random.bernoulli(0.5)) ? Mix::Kind::paste : Mix::Kind::blend;
  mix.partners = random.permutation(batch);
  mix.share = draw_beta(mix.kind == Mix::Kind::blend ? recipe.mixup_alpha : recipe.cutmix_alpha, random);
  if (mix.kind == Mix::Kind::blend) return mix;
  // A rectangle of area 1 - share around a uniform center, cut at the border; the share follows what is left of it.
  const double edge = std::sqrt(1 - mix.share);
  const auto span = [&](int64_t extent, int64_t& start, int64_t& length) {
    const auto half = static_cast<int64_t>(std::floor(edge * static_cast<double>(extent) / 2));
    const auto center = static_cast<int64_t>(random.below(static_cast<uint64_t>(extent)));
    start = std::max<int64_t>(0, center - half);
    length = std::min(extent, center + half) - start;
  };
  span(height, mix.top, mix.height);
  span(width, mix.left, mix.width);
  mix.share = 1 - static_cast<double>(mix.height * mix.width) / static_cast<double>(height * width);
  return mix;
}

at::Tensor mix_inputs(const at::Tensor& inputs, const Mix& mix) {
  const at::Tensor others = at::index_select(inputs, 0, partner_index(mix, inputs));
  if (mix.kind == Mix::Kind::blend) return at::lerp(others, inputs, mix.share);
  at::Tensor mixed = inputs.clone();
  if (mix.height > 0 && mix.width > 0) {
    mixed.narrow(2, mix.top, mix.height)
        .narrow(3, mix.left, mix.width)
        .copy_(others.narrow(2, mix.top, mix.height).narrow(3, mix.left, mix.width));
  }
  return mixed;
}

at::Tensor mix_targets(const at::Tensor& targets, const Mix& mix) {
  return at::lerp(at::index_select(targets, 0, partner_index(mix, targets)), targets, mix.share);
}

}  // namespace nacre
