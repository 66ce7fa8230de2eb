#include "nacre/search/reference_directions.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kOffAxisWeight = 1e-6;  // in the search for the points nearest to an axis
constexpr double kInnerShrink = 0.5;

void compose(size_t objectives, size_t left, size_t divisions, Point& prefix, std::vector<Point>& result) {
  if (prefix.size() + 1 == objectives) {
    prefix.push_back(static_cast<double>(left) / static_cast<double>(divisions));
    result.push_back(prefix);
    prefix.pop_back();
    return;
  }
  for (size_t i = 0; i <= left; ++i) {
    prefix.push_back(static_cast<double>(i) / static_cast<double>(divisions));
    compose(objectives, left - i, divisions, prefix, result);
    prefix.pop_back();
  }
}

std::vector<Point> lattice(size_t objectives, size_t divisions) {
  std::vector<Point> result;
  Point prefix;
  compose(objectives, divisions, divisions, prefix, result);
  return result;
}

// Points of a lattice: C(objectives + divisions - 1, divisions).
double lattice_size(size_t objectives, size_t divisions) {
  double size = 1;
  for (size_t i = 1; i <= divisions; ++i) size *= static_cast<double>(objectives - 1 + i) / static_cast<double>(i);
  return std::round(size);
}

// Divisions of an outer and an inner layer with the most points that fit; nothing when no two layers fit.
std::optional<std::pair<size_t, size_t>> two_layers(size_t objectives, size_t most) {
  std::optional<std::pair<size_t, size_t>> best;
  double points = 0;
  for (size_t outer = 1; outer < objectives; ++outer) {
    for (size_t inner = 1; inner <= outer; ++inner) {
      const double both = lattice_size(objectives, outer) + lattice_size(objectives, inner);
      if (both > static_cast<double>(most) || both <= points) continue;
      best = {outer, inner};
      points = both;
    }
  }
  return best;
}

// x of A x = 1 by elimination with pivoting; empty where A is singular.
std::vector<double> solve_for_ones(std::vector<Point> a) {
  const size_t n = a.size();
  std::vector<double> x(n, 1);
  for (size_t column = 0; column < n; ++column) {
    size_t pivot = column;
    for (size_t row = column + 1; row < n; ++row) {
      if (std::abs(a[row][column]) > std::abs(a[pivot][column])) pivot = row;
    }
    if (std::abs(a[pivot][column]) < 1e-12) return {};
    std::swap(a[pivot], a[column]);
    std::swap(x[pivot], x[column]);
    for (size_t row = 0; row < n; ++row) {
      if (row == column) continue;
      const double factor = a[row][column] / a[column][column];
      for (size_t i = column; i < n; ++i) a[row][i] -= factor * a[column][i];
      x[row] -= factor * x[column];
    }
  }
  for (size_t i = 0; i < n; ++i) x[i] /= a[i][i];
  return x;
}

}  // namespace

std::vector<Point> reference_directions(size_t objectives, size_t most) {
  NACRE_CHECK(objectives >= 1);
  if (objectives == 1) return {{1.0}};
  size_t divisions = 1;
  while (lattice_size(objectives, divisions + 1) <= static_cast<double>(most)) ++divisions;
  if (divisions >= objectives) return lattice(objectives, divisions);
  const std::optional<std::pair<size_t, size_t>> layers = two_layers(objectives, most);
  if (!layers) return lattice(objectives, divisions);
  std::vector<Point> result = lattice(objectives, layers->first);
  for (Point& point : lattice(objectives, layers->second)) {
    for (double& share : point) share = kInnerShrink * share + (1 - kInnerShrink) / static_cast<double>(objectives);
    result.push_back(std::move(point));
  }
  return result;
}

Association nearest_direction(const Point& point, const std::vector<Point>& directions) {
  double length = 0;
  for (const double value : point) length += value * value;
  Association best{0, kInfinity};
  for (size_t d = 0; d < directions.size(); ++d) {
    double along = 0, squared = 0;
    for (size_t i = 0; i < point.size(); ++i) {
      along += point[i] * directions[d][i];
      squared += directions[d][i] * directions[d][i];
    }
    const double distance = std::sqrt(std::max(0.0, length - along * along / squared));
    if (distance < best.distance) best = {d, distance};
  }
  return best;
}

// Of each axis the point that is least in all other objectives (the achievement scalarizing function of section IV-C), each in
// its own unit: the paper compares them as they are.
void ObjectiveScale::find_extremes(std::span<const Point> candidates, const Point& units) {
  std::vector<Point> found;
  for (size_t axis = 0; axis < ideal_.size(); ++axis) {
    const Point* extreme = nullptr;
    double least = kInfinity;
    for (const Point& point : candidates) {
      double most = -kInfinity;
      for (size_t i = 0; i < point.size(); ++i)
        most = std::max(most, (point[i] - ideal_[i]) / (i == axis ? units[i] : units[i] * kOffAxisWeight));
      if (extreme != nullptr && most >= least) continue;
      extreme = &point;
      least = most;
    }
    found.push_back(*extreme);
  }
  extremes_ = std::move(found);
}

void ObjectiveScale::include(std::span<const Point> points, std::span<const size_t> front) {
  NACRE_CHECK(!points.empty() && !front.empty());
  if (ideal_.empty()) ideal_.assign(points[0].size(), kInfinity);
  for (const Point& point : points) {
    for (size_t i = 0; i < point.size(); ++i) ideal_[i] = std::min(ideal_[i], point[i]);
  }
  std::vector<Point> candidates = extremes_;
  Point worst_of_front(ideal_.size(), 0), worst(ideal_.size(), 0);  // beyond the ideal
  for (const size_t i : front) candidates.push_back(points[i]);
  for (size_t i = 0; i < ideal_.size(); ++i) {
    for (const size_t member : front) worst_of_front[i] = std::max(worst_of_front[i], points[member][i] - ideal_[i]);
    for (const Point& point : points) worst[i] = std::max(worst[i], point[i] - ideal_[i]);
  }
  Point units = worst;
  for (double& unit : units) unit = unit > 0 ? unit : 1;
  find_extremes(candidates, units);
  std::vector<Point> shifted = extremes_;
  for (Point& point : shifted) {
    for (size_t i = 0; i < point.size(); ++i) {
      point[i] = (point[i] - ideal_[i]) / units[i];  // so that the smallest pivot means the same in any unit
    }
  }
  const std::vector<double> inverse = solve_for_ones(std::move(shifted));
  range_ = worst_of_front;
  bool plane = !inverse.empty();
  for (const double value : inverse) plane = plane && std::isfinite(value) && value >= 1 - 1e-9;
  for (size_t i = 0; i < range_.size(); ++i) {
    if (plane && worst[i] > 0) range_[i] = worst[i] / inverse[i];
    if (!(range_[i] > 0)) range_[i] = worst[i] > 0 ? worst[i] : 1;
  }
}

Point ObjectiveScale::scaled(const Point& point) const {
  Point result = point;
  for (size_t i = 0; i < result.size(); ++i) result[i] = std::max(0.0, (point[i] - ideal_[i]) / range_[i]);
  return result;
}

}  // namespace nacre
