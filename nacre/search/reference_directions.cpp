#include "nacre/search/reference_directions.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr double kAxisWeight = 1e-6;  // of the other objectives in the search for extreme points

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

// Number of lattice points, C(objectives + divisions - 1, divisions).
double lattice_size(size_t objectives, size_t divisions) {
  double size = 1;
  for (size_t i = 1; i <= divisions; ++i) size *= static_cast<double>(objectives - 1 + i) / static_cast<double>(i);
  return size;
}

// Solves A x = 1 by elimination; empty where A is singular.
std::vector<double> solve_ones(std::vector<Point> a) {
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

// Where the plane through the extreme points meets the axes; the worst values where it does not.
Point intercepts(const std::vector<Point>& shifted, const Point& worst) {
  const size_t count = worst.size();
  std::vector<Point> extremes;
  for (size_t axis = 0; axis < count; ++axis) {
    const Point* extreme = nullptr;
    double least = std::numeric_limits<double>::infinity();
    for (const Point& point : shifted) {
      double most = 0;
      for (size_t i = 0; i < count; ++i) most = std::max(most, point[i] / (i == axis ? 1 : kAxisWeight));
      if (most < least || extreme == nullptr) {
        extreme = &point;
        least = most;
      }
    }
    extremes.push_back(*extreme);
  }
  const std::vector<double> inverse = solve_ones(extremes);
  Point result = worst;
  for (size_t i = 0; i < inverse.size(); ++i) {
    if (!(inverse[i] > 1e-12) || !std::isfinite(inverse[i]) || 1 / inverse[i] > worst[i] * (1 + 1e-9)) return worst;
    result[i] = 1 / inverse[i];
  }
  return result;
}

}  // namespace

std::vector<Point> reference_directions(size_t objectives, size_t most) {
  NACRE_CHECK(objectives >= 1);
  if (objectives == 1) return {{1.0}};
  size_t divisions = 1;
  while (lattice_size(objectives, divisions + 1) <= static_cast<double>(most)) ++divisions;
  return lattice(objectives, divisions);
}

std::vector<Association> associate(const std::vector<Point>& points, const std::vector<Point>& directions) {
  if (points.empty()) return {};
  const size_t count = directions.front().size();
  Point ideal(count, std::numeric_limits<double>::infinity());
  for (const Point& point : points) {
    for (size_t i = 0; i < count; ++i) ideal[i] = std::min(ideal[i], point[i]);
  }
  std::vector<Point> shifted = points;
  Point worst(count, 0);
  for (Point& point : shifted) {
    for (size_t i = 0; i < count; ++i) worst[i] = std::max(worst[i], point[i] -= ideal[i]);
  }
  const Point scale = intercepts(shifted, worst);
  std::vector<Association> result;
  for (Point& point : shifted) {
    double length = 0;
    for (size_t i = 0; i < count; ++i) {
      if (scale[i] > 0) point[i] /= scale[i];
      length += point[i] * point[i];
    }
    Association best;
    best.distance = std::numeric_limits<double>::infinity();
    for (size_t d = 0; d < directions.size(); ++d) {
      double along = 0, squared = 0;
      for (size_t i = 0; i < count; ++i) {
        along += point[i] * directions[d][i];
        squared += directions[d][i] * directions[d][i];
      }
      const double distance = std::sqrt(std::max(0.0, length - along * along / squared));
      if (distance < best.distance) best = {d, distance};
    }
    result.push_back(best);
  }
  return result;
}

}  // namespace nacre
