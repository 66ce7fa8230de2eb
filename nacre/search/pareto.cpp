#include "nacre/search/pareto.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

// Indices of the known points in lexicographic order, equal ones by index: a point is dominated only by earlier ones.
std::vector<size_t> lexicographic_order(std::span<const Point> points) {
  std::vector<size_t> order;
  order.reserve(points.size());
  size_t objectives = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    if (!is_known(points[i])) continue;
    if (objectives == 0) objectives = points[i].size();
    NACRE_CHECK(points[i].size() == objectives, "points of different numbers of objectives");
    order.push_back(i);
  }
  std::ranges::sort(order, [&](size_t a, size_t b) {
    if (points[a] != points[b]) return points[a] < points[b];
    return a < b;
  });
  return order;
}

// For points in lexicographic order, the front of each: the first front none of whose members dominates it. Members of a
// front are tried from the last added, which is the most likely to dominate (Zhang et al. 2015).
class FrontBuilder {
 public:
  explicit FrontBuilder(std::span<const Point> points) : points_(points) {}

  void add(size_t index) {
    const Point& point = points_[index];
    if (!(has_last_ && points_[last_] == point)) last_front_ = first_free_front(point);
    has_last_ = true;
    last_ = index;
    if (last_front_ == fronts_.size()) fronts_.emplace_back();
    fronts_[last_front_].push_back(index);
  }

  std::vector<std::vector<size_t>> take() {
    for (std::vector<size_t>& front : fronts_) std::ranges::sort(front);
    return std::move(fronts_);
  }

 private:
  // Fronts that dominate the point come before those that do not: a point dominated by a member of front k > 0 is
  // dominated by one of front k - 1.
  size_t first_free_front(const Point& point) const {
    size_t low = 0, high = fronts_.size();
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (front_dominates(fronts_[middle], point)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  bool front_dominates(const std::vector<size_t>& front, const Point& point) const {
    if (point.size() <= 2) {
      // In order of the first objective the members' second one falls: the last has the least. It is not equal to `point`,
      // because equal points are neighbors in the order.
      return points_[front.back()].back() <= point.back();
    }
    return std::any_of(front.rbegin(), front.rend(), [&](size_t member) { return dominates(points_[member], point); });
  }

  std::span<const Point> points_;
  std::vector<std::vector<size_t>> fronts_;
  bool has_last_ = false;
  size_t last_ = 0;
  size_t last_front_ = 0;
};

}  // namespace

bool is_known(const Point& point) {
  return !point.empty() && std::ranges::none_of(point, [](double value) { return std::isnan(value); });
}

bool dominates(std::span<const double> a, std::span<const double> b) {
  NACRE_CHECK(a.size() == b.size() || a.empty() || b.empty(), "points of different numbers of objectives");
  if (a.empty() || b.empty()) return false;
  bool better = false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!(a[i] <= b[i])) return false;
    better = better || a[i] < b[i];
  }
  return better;
}

std::vector<size_t> pareto_front(std::span<const Point> points) {
  std::vector<size_t> front;
  for (const size_t index : lexicographic_order(points)) {
    const Point& point = points[index];
    const bool dominated = point.size() <= 2 ? !front.empty() && points[front.back()] != point &&
                                                   points[front.back()].back() <= point.back()
                                             : std::any_of(front.rbegin(), front.rend(), [&](size_t member) {
                                                 return dominates(points[member], point);
                                               });
    if (!dominated) front.push_back(index);
  }
  std::ranges::sort(front);
  return front;
}

std::vector<std::vector<size_t>> non_dominated_sort(std::span<const Point> points) {
  FrontBuilder builder(points);
  for (const size_t index : lexicographic_order(points)) builder.add(index);
  return builder.take();
}

std::vector<double> crowding_distances(std::span<const Point> points, std::span<const size_t> front) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<double> distances(front.size(), 0.0);
  if (front.empty()) return distances;

  // Positions within `front`, one per distinct point.
  std::vector<size_t> distinct(front.size());
  std::iota(distinct.begin(), distinct.end(), size_t{0});
  std::ranges::sort(distinct, [&](size_t a, size_t b) {
    if (points[front[a]] != points[front[b]]) return points[front[a]] < points[front[b]];
    return a < b;
  });
  const auto repeated =
      std::ranges::unique(distinct, [&](size_t a, size_t b) { return points[front[a]] == points[front[b]]; });
  distinct.erase(repeated.begin(), repeated.end());

  for (size_t objective = 0; objective < points[front[0]].size(); ++objective) {
    const auto value = [&](size_t position) { return points[front[position]][objective]; };
    std::ranges::stable_sort(distinct, {}, value);
    const double range = value(distinct.back()) - value(distinct.front());
    if (!(range > 0)) continue;
    distances[distinct.front()] = distances[distinct.back()] = kInfinity;
    for (size_t i = 1; i + 1 < distinct.size(); ++i) {
      distances[distinct[i]] += (value(distinct[i + 1]) - value(distinct[i - 1])) / range;
    }
  }
  if (distinct.size() == 1) distances[distinct.front()] = kInfinity;
  return distances;
}

std::vector<double> reference_point(std::span<const Point> points, double margin) {
  NACRE_CHECK(margin >= 0);
  const std::vector<size_t> front = pareto_front(points);
  if (front.empty()) return {};
  std::vector<double> best = points[front[0]], worst = points[front[0]];
  for (const size_t index : front) {
    for (size_t i = 0; i < worst.size(); ++i) {
      best[i] = std::min(best[i], points[index][i]);
      worst[i] = std::max(worst[i], points[index][i]);
    }
  }
  for (size_t i = 0; i < worst.size(); ++i) {
    const double range = worst[i] - best[i];
    worst[i] += margin * (range > 0 ? range : std::max(std::abs(worst[i]), 1e-12));
  }
  return worst;
}

std::optional<size_t> knee_point(std::span<const Point> points) {
  const std::vector<size_t> front = pareto_front(points);
  if (front.empty()) return std::nullopt;
  Point low = points[front[0]], high = points[front[0]];
  for (const size_t index : front) {
    for (size_t i = 0; i < low.size(); ++i) {
      low[i] = std::min(low[i], points[index][i]);
      high[i] = std::max(high[i], points[index][i]);
    }
  }
  size_t knee = front[0];
  double least = std::numeric_limits<double>::infinity();
  for (const size_t index : front) {
    double sum = 0;
    for (size_t i = 0; i < low.size(); ++i) {
      if (high[i] > low[i]) sum += (points[index][i] - low[i]) / (high[i] - low[i]);
    }
    if (sum < least) {
      least = sum;
      knee = index;
    }
  }
  return knee;
}

}  // namespace nacre
