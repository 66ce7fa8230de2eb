#include "nacre/quant/expected_error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "nacre/quant/kept_scale.hpp"
#include "nacre/quant/quantize.hpp"
#include "nacre/quant/signal_ratio.hpp"

namespace nacre {
namespace {

constexpr size_t kMostLevels = 4096;
constexpr int kBlockMaxima = 3000;  // places at which the expectation over the block's maximum is taken
constexpr int kScaleCandidates = 240;

double decibels(double power, double error) { return 10 * std::log10(power / error); }

// The scales of one tensor: a search over five octaves around the grid's reach, then finer.
ExpectedSqnr best_scale(const ElementGrid& grid, const ValueDistribution& distribution) {
  const double infinity = std::numeric_limits<double>::infinity(), sigma = std::sqrt(distribution.power());
  double low = std::log2(sigma / 4), high = std::log2(sigma * 512);
  double best = 0, least = infinity;
  for (int round = 0; round < 3; ++round) {
    const double step = (high - low) / kScaleCandidates;
    for (int i = 0; i <= kScaleCandidates; ++i) {
      const double clip = low + step * i;
      const double error = expected_square_error(grid, distribution, std::exp2(clip) / grid.largest, infinity);
      if (error >= least) continue;
      least = error;
      best = clip;
    }
    low = best - 2 * step;
    high = best + 2 * step;
  }
  return {decibels(distribution.power(), least), std::exp2(best)};
}

// The scale that a block with that largest magnitude gets.
double block_scale(const Format& format, float amax) {
  const float largest = format.grid->largest;
  if (format.scale.codec == ScaleCodec::e8m0)
    return keep_exponent(scale_exponent(amax, largest, format.scale.rule)).scale;
  return keep_scale(format.scale.codec, amax / largest, largest).scale;
}

ExpectedSqnr block_sqnr(const Format& format, const ValueDistribution& distribution) {
  const ElementGrid& grid = *format.grid;
  const auto size = static_cast<double>(format.scale.block);
  double error = 0;
  for (int i = 0; i < kBlockMaxima; ++i) {
    // Denser toward the tail, which has most of the power of heavy-tailed numbers.
    const double v = (i + 0.5) / kBlockMaxima, rest = 1 - v;
    const double share = -std::expm1(4 * std::log(rest)), weight = 4 * rest * rest * rest / kBlockMaxima;
    const double within = std::pow(share, 1 / size), amax = distribution.bound_of(within);
    if (!(amax > 0)) continue;
    const double scale = block_scale(format, static_cast<float>(amax));
    const double level = grid.levels[grid.round(static_cast<float>(amax / scale), format.rounding)].value;
    const double own = scale * level - amax;
    const double others = expected_square_error(grid, distribution, scale, amax) / distribution.mass_within(amax);
    error += weight * ((size - 1) * others + own * own);
  }
  return {decibels(size * distribution.power(), error), std::nullopt};
}

}  // namespace

double expected_square_error(const ElementGrid& grid, const ValueDistribution& distribution, double scale,
                             double limit) {
  double error = 0;
  PartialMoments before = distribution.below(-limit);
  for (size_t i = 0; i < grid.levels.size(); ++i) {
    const double level = scale * grid.levels[i].value;
    double edge = limit;
    if (i + 1 < grid.levels.size())
      edge =
          std::clamp(scale * (static_cast<double>(grid.levels[i].value) + grid.levels[i + 1].value) / 2, -limit, limit);
    if (edge <= -limit) continue;
    const PartialMoments after = distribution.below(edge);
    error += (after.second - before.second) - 2 * level * (after.first - before.first) +
             level * level * (after.mass - before.mass);
    before = after;
    if (edge >= limit) break;
  }
  return error;
}

std::optional<ExpectedSqnr> expected_sqnr(const Format& format, const ValueDistribution& distribution) {
  const ScaleScheme& scale = format.scale;
  const bool nearest = format.rounding == Rounding::nearest_even || format.rounding == Rounding::half_away;
  const bool kept_exactly = scale.codec == ScaleCodec::fp32 || scale.codec == ScaleCodec::e8m0;
  if (!format.grid->coded() || format.grid->levels.size() > kMostLevels || !nearest || scale.affine || !kept_exactly)
    return std::nullopt;
  switch (scale.granularity) {
    case Granularity::none: {
      const double infinity = std::numeric_limits<double>::infinity();
      return ExpectedSqnr{
          decibels(distribution.power(), expected_square_error(*format.grid, distribution, 1, infinity)),
          format.grid->largest};
    }
    case Granularity::tensor:
    case Granularity::channel:
    case Granularity::token:
      if (scale.codec == ScaleCodec::e8m0) return std::nullopt;
      return best_scale(*format.grid, distribution);
    case Granularity::block:
      if (format.range != "minmax") return std::nullopt;
      return block_sqnr(format, distribution);
  }
  return std::nullopt;
}

double drawn_sqnr_db(const Format& format, const ValueDistribution& distribution, int64_t samples, uint64_t seed) {
  Random random = Random::stream(seed, "distribution");
  std::vector<float> values(static_cast<size_t>(samples)), out(values.size());
  for (float& value : values) value = static_cast<float>(distribution.draw(random));
  const int axis = format.scale.granularity == Granularity::channel ? 0 : 1;  // the row is one channel
  fake_quantize(values, out, std::vector<int64_t>{1, samples}, axis, format, seed);
  return sqnr_db(values, out);
}

}  // namespace nacre
