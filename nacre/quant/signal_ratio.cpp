#include "nacre/quant/signal_ratio.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "nacre/base/error.hpp"
#include "nacre/quant/scale_unit.hpp"

namespace nacre {

double sqnr_db(std::span<const float> signal, std::span<const float> changed) {
  NACRE_CHECK(signal.size() == changed.size());
  double power = 0, error = 0;
  for (size_t i = 0; i < signal.size(); ++i) {
    const double value = signal[i], difference = value - changed[i];
    power += value * value;
    error += difference * difference;
  }
  if (error == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(power / error);
}

std::vector<double> crest_factors(std::span<const float> values, std::span<const int64_t> shape, int axis,
                                  int64_t block) {
  const ScaleUnits units(shape, axis, {.granularity = Granularity::block, .block = block});
  NACRE_CHECK(units.elements() == static_cast<int64_t>(values.size()));
  std::vector<double> factors;
  for (int64_t i = 0; i < units.count(); ++i) {
    const ScaleUnit unit = units.unit(i);
    double peak = 0, power = 0;
    unit.for_each([&](int64_t index) {
      const double value = values[static_cast<size_t>(index)];
      peak = std::max(peak, std::fabs(value));
      power += value * value;
    });
    if (power > 0 && std::isfinite(power))
      factors.push_back(peak / std::sqrt(power / static_cast<double>(unit.elements())));
  }
  return factors;
}

double share_quantile(std::vector<double> values, double share) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double place = std::ceil(share * static_cast<double>(values.size())) - 1;
  const size_t at = static_cast<size_t>(std::clamp(place, 0.0, static_cast<double>(values.size() - 1)));
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(at));
  return values[at];
}

}  // namespace nacre
