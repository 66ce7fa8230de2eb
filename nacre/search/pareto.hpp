// Pareto tools: dominance, fronts, sorting, crowding and the exact hypervolume. The only ones in nacre.
//
// A point is the vector of an alternative's objectives, all to be minimized (ObjectiveSet::minimized). An unknown point is
// an empty vector or one that holds a NaN: it belongs to no front, dominates nothing and adds no volume. Equal points do
// not dominate each other, so that all copies of a point of the front are on the front. Indices are always ascending
// within a front. All points of a set have the same number of objectives (InternalError otherwise).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace nacre {

using Point = std::vector<double>;

bool is_known(const Point& point);

// a is nowhere worse than b and somewhere better. False when either is unknown.
bool dominates(std::span<const double> a, std::span<const double> b);

// The points that none dominates. O(n log n) for one or two objectives, O(n x front) beyond.
std::vector<size_t> pareto_front(std::span<const Point> points);

// Fronts in order: the first is the Pareto front, the next is the front of what remains, and so on; unknown points are in
// none. Two objectives: O(n log n) by sweeping over the first and a binary search for the front over the second (Jensen,
// IEEE TEC 7(5), 2003). More: efficient non-dominated sort with binary search (Zhang et al., IEEE TEC 19(2), 2015).
std::vector<std::vector<size_t>> non_dominated_sort(std::span<const Point> points);

// For each member of `front` the sum over objectives of the gap between its two neighbors, relative to the front's range;
// infinity at the ends (Deb et al. 2002, section III-B). Where all members share a value that objective adds nothing. Of
// equal points the extra copies get 0, so that a selection by crowding keeps one of each first.
std::vector<double> crowding_distances(std::span<const Point> points, std::span<const size_t> front);

// Volume of the region that the points dominate within the box bounded by `reference` (minimized: the corner of the worst
// values), exactly. Points not better than the reference everywhere add nothing. One objective: a length; two: a sweep;
// three: a sweep over a staircase, O(n log n) (Beume et al., IEEE TEC 13(5), 2009); more: WFG (While, Bradstreet and
// Barone, IEEE TEC 16(1), 2012), exponential in the number of objectives at worst.
double hypervolume(std::span<const Point> points, std::span<const double> reference);

// What each point alone adds to the hypervolume; 0 for dominated, repeated and unknown points.
std::vector<double> hypervolume_contributions(std::span<const Point> points, std::span<const double> reference);

// A reference for a set that has none of its own: per objective the worst value on the Pareto front plus `margin` times
// the front's range there (times max(|worst|, 1e-12) where the range is 0), so that the ends of the front count. Empty when no point is
// known. Volumes are comparable only under one reference: take it once, over all sets that are compared.
std::vector<double> reference_point(std::span<const Point> points, double margin = 0.1);

// The point of the front farthest from the plane through the front's ends: least sum of objectives scaled to the front's
// range (Das, Structural Optimization 18, 1999, for convex fronts). The first of equals; nothing when no point is known.
std::optional<size_t> knee_point(std::span<const Point> points);

}  // namespace nacre
