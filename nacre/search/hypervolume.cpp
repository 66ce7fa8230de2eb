// The exact hypervolume of pareto.hpp: sweeps for up to three objectives, WFG for more.
#include <algorithm>
#include <map>

#include "nacre/base/error.hpp"
#include "nacre/search/pareto.hpp"

namespace nacre {
namespace {

using Points = std::vector<Point>;

// Lexicographic order puts the least first objective first.
double volume_2d(Points& points, std::span<const double> reference) {
  std::ranges::sort(points);
  double volume = 0;
  double floor = reference[1];
  for (const Point& point : points) {
    if (point[1] >= floor) continue;
    volume += (reference[0] - point[0]) * (floor - point[1]);
    floor = point[1];
  }
  return volume;
}

// The dominated area of a growing set of points in the plane, as a staircase: first objective up, second down.
class Staircase {
 public:
  Staircase(double reference_x, double reference_y) : reference_x_(reference_x), reference_y_(reference_y) {}

  void add(double x, double y) {
    auto next = steps_.upper_bound(x);
    double ceiling = reference_y_;  // the second objective left of x
    if (next != steps_.begin()) {
      const auto before = std::prev(next);
      if (before->second <= y) return;  // dominated
      ceiling = before->second;
      if (before->first == x) {
        next = before;  // replaced by the better one
        ceiling = next == steps_.begin() ? reference_y_ : std::prev(next)->second;
      }
    }
    // The new step covers, from x to the first step that is lower still, what lies between y and the old staircase.
    double left = x;
    double height = ceiling;
    while (next != steps_.end() && next->second >= y) {
      area_ += (next->first - left) * (height - y);
      left = next->first;
      height = next->second;
      next = steps_.erase(next);
    }
    const double right = next == steps_.end() ? reference_x_ : next->first;
    area_ += (right - left) * (height - y);
    steps_.emplace_hint(next, x, y);
  }

  double area() const { return area_; }

 private:
  double reference_x_, reference_y_;
  std::map<double, double> steps_;
  double area_ = 0;
};

// Sweeps over the third objective; between two of its values the volume is the staircase's area times the distance.
double volume_3d(Points& points, std::span<const double> reference) {
  std::ranges::sort(points, {}, [](const Point& point) { return point[2]; });
  Staircase staircase(reference[0], reference[1]);
  double volume = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    staircase.add(points[i][0], points[i][1]);
    const double next = i + 1 < points.size() ? points[i + 1][2] : reference[2];
    volume += staircase.area() * (next - points[i][2]);
  }
  return volume;
}

double volume(Points points, std::span<const double> reference);

// Volume of the box between the point and the reference.
double inclusive_volume(const Point& point, std::span<const double> reference) {
  double product = 1;
  for (size_t i = 0; i < point.size(); ++i) product *= reference[i] - point[i];
  return product;
}

// The part of `others` within the point's box: each moved to its nearest place there, dominated ones dropped.
Points limited_to(const Point& point, std::span<const Point> others) {
  Points limited;
  limited.reserve(others.size());
  for (const Point& other : others) {
    Point moved(point.size());
    for (size_t i = 0; i < point.size(); ++i) moved[i] = std::max(point[i], other[i]);
    limited.push_back(std::move(moved));
  }
  Points front;
  for (const size_t index : pareto_front(limited)) front.push_back(std::move(limited[index]));
  std::ranges::sort(front);
  front.erase(std::ranges::unique(front).begin(), front.end());
  return front;
}

double exclusive_volume(const Point& point, std::span<const Point> others, std::span<const double> reference) {
  return inclusive_volume(point, reference) - volume(limited_to(point, others), reference);
}

// WFG: the volume is the sum of what each point adds to those after it. With the points sorted by the last objective,
// worst first, all others of a point are better there, so that the limited sets share its value and the last objective
// is a factor: one objective less at each level.
double volume_wfg(Points& points, std::span<const double> reference) {
  const size_t last = reference.size() - 1;
  std::ranges::sort(points,
                    [&](const Point& a, const Point& b) { return a[last] != b[last] ? a[last] > b[last] : a < b; });
  const std::span<const double> shorter = reference.first(last);
  Points flat = points;
  for (Point& point : flat) point.pop_back();
  double sum = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    const std::span<const Point> others(flat.data() + i + 1, flat.size() - i - 1);
    sum += (reference[last] - points[i][last]) * exclusive_volume(flat[i], others, shorter);
  }
  return sum;
}

// Points must be better than the reference everywhere.
double volume(Points points, std::span<const double> reference) {
  if (points.empty()) return 0;
  switch (reference.size()) {
    case 1: return reference[0] - std::ranges::min(points)[0];
    case 2: return volume_2d(points, reference);
    case 3: return volume_3d(points, reference);
    default: return volume_wfg(points, reference);
  }
}

bool inside(const Point& point, std::span<const double> reference) {
  if (!is_known(point)) return false;
  NACRE_CHECK(point.size() == reference.size(), "point and reference differ in the number of objectives");
  for (size_t i = 0; i < point.size(); ++i) {
    if (!(point[i] < reference[i])) return false;
  }
  return true;
}

}  // namespace

double hypervolume(std::span<const Point> points, std::span<const double> reference) {
  Points front;
  for (const size_t index : pareto_front(points)) {
    if (inside(points[index], reference)) front.push_back(points[index]);
  }
  return volume(std::move(front), reference);
}

std::vector<double> hypervolume_contributions(std::span<const Point> points, std::span<const double> reference) {
  std::vector<double> contributions(points.size(), 0.0);
  std::vector<size_t> counted;
  for (size_t i = 0; i < points.size(); ++i) {
    if (inside(points[i], reference)) counted.push_back(i);
  }
  for (const size_t index : pareto_front(points)) {
    if (!inside(points[index], reference)) continue;
    Points others;  // dominated ones too: they would show where this one is taken away
    for (const size_t other : counted) {
      if (other != index) others.push_back(points[other]);
    }
    contributions[index] = std::max(0.0, exclusive_volume(points[index], others, reference));
  }
  return contributions;
}

}  // namespace nacre
