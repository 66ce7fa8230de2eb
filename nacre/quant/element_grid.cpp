#include "nacre/quant/element_grid.hpp"

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {

void finish_grid(ElementGrid& grid) {
  NACRE_CHECK(grid.values.size() == size_t{1} << grid.bits);
  if (grid.levels.empty()) {
    for (size_t code = 0; code < grid.values.size(); ++code) {
      const float value = grid.values[code];
      if (std::isfinite(value) && !(value == 0 && std::signbit(value)))
        grid.levels.push_back({value, static_cast<uint16_t>(code)});
    }
  }
  std::ranges::stable_sort(grid.levels, {}, &GridLevel::value);
  const auto equal = std::ranges::unique(grid.levels, {}, &GridLevel::value);
  grid.levels.erase(equal.begin(), equal.end());
  NACRE_CHECK(grid.levels.size() >= 2);
  if (grid.largest == 0) grid.largest = std::max(grid.levels.back().value, -grid.levels.front().value);
  const auto zero = std::ranges::find(grid.levels, 0.0f, &GridLevel::value);
  grid.zero_ = zero == grid.levels.end() ? 0 : static_cast<size_t>(zero - grid.levels.begin());
}

size_t ElementGrid::round(float value, Rounding rounding, double draw) const {
  const auto above = std::ranges::upper_bound(levels, value, {}, &GridLevel::value);
  if (above == levels.begin()) return 0;
  const size_t low = static_cast<size_t>(above - levels.begin()) - 1;
  if (above == levels.end() || levels[low].value == value) return low;
  const size_t high = low + 1;
  // Exact: levels have at most 16 significant bits within a double's range, `value` 24.
  const double below = static_cast<double>(value) - levels[low].value;
  const double beyond = static_cast<double>(levels[high].value) - value;
  switch (rounding) {
    case Rounding::floor: return low;
    case Rounding::stochastic: return draw * (below + beyond) < below ? high : low;
    case Rounding::nearest_even:
      if (below != beyond) return below < beyond ? low : high;
      return (low + zero_) % 2 == 0 ? low : high;
    case Rounding::half_away:
      if (below != beyond) return below < beyond ? low : high;
      return levels[high].value >= -levels[low].value ? high : low;
  }
  throw InternalError("a rounding without a rule");
}

uint16_t ElementGrid::encode(float value, Rounding rounding, double draw) const {
  if (std::isnan(value)) return not_a_number.value_or(levels[zero_].code);
  const GridLevel& level = levels[round(value, rounding, draw)];
  return level.value == 0 && std::signbit(value) ? negative_zero.value_or(level.code) : level.code;
}

}  // namespace nacre
