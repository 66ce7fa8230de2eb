// Evenly spread directions in the space of objectives, and which of them a point serves: what keeps a population for three and
// more objectives spread (Deb and Jain, An evolutionary many-objective optimization algorithm using reference-point-based
// nondominated sorting approach, part I, IEEE TEC 18(4), 2014, sections IV-B to IV-D).
#pragma once

#include <span>
#include <vector>

#include "nacre/search/pareto.hpp"

namespace nacre {

// At most `most` points whose shares of the objectives sum to 1, but at least one for each objective. All multiples of 1/p (Das
// and Dennis, SIAM Journal on Optimization 8(3), 1998), p as large as fits; where p is less than the number of objectives, so
// that no point has a share of every objective, two such layers, the second moved halfway to the middle.
std::vector<Point> reference_directions(size_t objectives, size_t most);

struct Association {
  size_t direction = 0;
  double distance = 0;  // of the point from the line through the origin along the direction
};

// The direction nearest to a point; the first of equals.
Association nearest_direction(const Point& point, const std::vector<Point>& directions);

// Brings objectives of any units to a common scale: the best value of each that was ever seen becomes 0, and what the others
// cost there becomes 1.
//
//   f2 |*            the extreme points (*), each the nearest to one axis, span a plane (a line here);
//      | \ .         where it meets the axes are the intercepts, which become 1
//      |  \  .
//      |____\_*__ f1
class ObjectiveScale {
 public:
  // All known points, those of their first front, in one call per generation. At least one point ever.
  void include(std::span<const Point> points, std::span<const size_t> front);
  Point scaled(const Point& point) const;

 private:
  void find_extremes(std::span<const Point> candidates, const Point& units);

  Point ideal_;
  std::vector<Point> extremes_;  // by axis, in units of the objectives
  Point range_;                  // from the ideal to the intercept; positive
};

}  // namespace nacre
