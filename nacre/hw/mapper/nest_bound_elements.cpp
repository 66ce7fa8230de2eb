// How many elements must arrive at and leave a level at least, whatever is still to be decided.
#include <algorithm>

#include "nacre/hw/mapper/nest_bound.hpp"
#include "nacre/hw/mapper/nest_bound_parts.hpp"

namespace nacre {

using nest_bound_parts::at;

uint32_t NestBound::slide_dimensions(const Interface& here, int interface) const {
  if (rules_.halos == HaloRule::discarded || here.child == int(accelerator_.levels.size())) return 0;
  const uint32_t relevant = relevant_[at(here.tensor)];
  for (int k = here.boundary; k < slot_count(); ++k) {
    if (slots_[at(k)].spatial) continue;
    const OrderChoice& choice = orders_[at(k)];
    if (k < ended_slots_) {  // known in full
      for (std::size_t place = choice.order.size(); place-- > 0;) {
        const int d = choice.order[place];
        if (factor_[at(k)][at(d)] == 1) continue;
        if (relevant >> d & 1u) return 1u << d;
        if (rules_.halos == HaloRule::timeloop_3_0) return 0;
        if (space_.order(slots_[at(k)].level).empty()) return relevant;  // the next one is not decided
      }
      continue;
    }
    if (choice.trivial == (1u << dimensions_) - 1) continue;
    if (choice.nontrivial == 0) return relevant;
    if ((choice.nontrivial & ~relevant) == 0) return choice.nontrivial;
    return rules_.halos == HaloRule::timeloop_3_0 ? 0 : relevant;
  }
  (void)interface;
  return 0;
}

double NestBound::window_sum(const Interface& here, int interface, const Axis& axis, bool merged, int slide,
                             double repeats) const {
  const std::size_t terms = axis.terms.size();
  std::array<int64_t, kMaximumLoopDimensions> tile, last;
  std::array<double, kMaximumLoopDimensions> positions;
  int split = 0;
  for (std::size_t i = 0; i < terms; ++i) {
    const auto d = at(axis.terms[i].dimension);
    const int64_t size = steps_[0][d];
    int64_t t = tile_[at(here.boundary)][d];
    int64_t n = steps_[at(here.boundary)][d];
    if (merged) {
      for (int k = here.boundary; k < upto_[d]; ++k)
        if (here.merging >> k & 1u) t *= factor_[at(k)][d];
      n = int64_t(counts_[at(interface)].leaving[d]);
    }
    t = std::min(t, size);
    tile[i] = t;
    last[i] = std::clamp<int64_t>(size - (n - 1) * t, 1, t);
    positions[i] = double(n);
    split += n > 1 ? 1 : 0;
  }
  int slide_term = -1;
  for (std::size_t i = 0; i < terms; ++i)
    if (axis.terms[i].dimension == slide) slide_term = int(i);
  double sum = 0;
  std::array<int64_t, kMaximumLoopDimensions> extents;
  if (slide_term >= 0 && split > 1) {
    // Both dimensions of a window move: the most that can be kept is everything seen before.
    for (std::size_t i = 0; i < terms; ++i) extents[i] = steps_[0][at(axis.terms[i].dimension)];
    return double(touched(axis, extents));
  }
  for (uint32_t which = 0; which < (1u << terms); ++which) {
    double times = 1;
    for (std::size_t i = 0; i < terms; ++i) {
      const bool is_last = which >> i & 1u;
      extents[i] = is_last ? last[i] : tile[i];
      times *= is_last ? 1 : positions[i] - 1;
    }
    if (times > 0) sum += times * double(elements(axis, extents));
  }
  if (slide_term >= 0) {
    const auto d = at(slide);
    int64_t shift = tile_[at(upto_[d])][d];
    for (int k = here.boundary; k < upto_[d]; ++k)
      if (!slots_[at(k)].spatial && factor_[at(k)][d] > 1) {
        shift = tile_[at(k)][d];
        break;
      }
    double moves = positions[at(slide_term)] - (merged ? 1.0 : counts_[at(interface)].arriving[d]);
    for (std::size_t i = 0; i < terms; ++i) {
      extents[i] = tile[i];
      if (int(i) != slide_term) moves *= positions[i];
    }
    if (rules_.halos == HaloRule::kept && repeats > 1) {
      // Loops that the tensor lacks take the window back to its start, at most as near as its next step would be.
      double starts = 0;
      int64_t extent = 1;
      for (std::size_t i = 0; i < terms; ++i) extent += axis.terms[i].coefficient * (tile[i] - 1);
      for (int k = here.boundary; k < std::min(ended_slots_, upto_[d]); ++k) {
        if (slots_[at(k)].spatial || factor_[at(k)][d] == 1) continue;
        if ((factor_[at(k)][d] - 1) * axis.terms[at(slide_term)].coefficient * tile_[at(k)][d] >= extent)
          starts = double(steps_[at(k + 1)][d] - 1) * (1 - 1 / repeats);
        break;
      }
      moves = positions[at(slide_term)] - (merged ? 0.0 : starts);
      for (std::size_t i = 0; i < terms; ++i)
        if (int(i) != slide_term) moves *= positions[i];
    }
    if (moves > 0) sum -= moves * double(overlap(axis, extents, axis.terms[at(slide_term)].coefficient * shift));
  }
  return std::max(sum, 1.0);
}

double NestBound::arriving_elements(int interface, bool leaving) const {
  const Interface& here = interfaces_[at(interface)];
  const auto tensor = at(here.tensor);
  const Counts& counts = counts_[at(interface)];
  double result = 1;
  for (int d = 0; d < dimensions_; ++d)
    if (!(relevant_[tensor] >> d & 1u)) result *= leaving ? counts.leaving[at(d)] : counts.arriving[at(d)];
  const uint32_t slides = slide_dimensions(here, interface);
  double plain = 1, least = 0;
  bool any = false, wandering = false;
  const double repeats = result;
  std::vector<std::pair<double, double>> sums;  // whole, with the best slide
  for (const Axis& axis : axes_[tensor]) {
    if (axis.terms.size() == 1 && axis.terms[0].coefficient == 1) {
      result *= double(steps_[0][at(axis.terms[0].dimension)]);
      continue;
    }
    bool merged = false;
    if (leaving) {
      int spread = 0;
      for (const Term& term : axis.terms) {
        bool here_spread = false;
        for (int k = here.boundary; k < upto_[at(term.dimension)]; ++k)
          here_spread |= (here.merging >> k & 1u) && factor_[at(k)][at(term.dimension)] > 1;
        spread += here_spread ? 1 : 0;
      }
      merged = rules_.exact_windows ? spread > 0 : spread > 1;
    }
    const double whole = window_sum(here, interface, axis, merged, -1, repeats);
    double best = whole;
    int moving = 0;
    std::array<int64_t, kMaximumLoopDimensions> all;
    for (std::size_t i = 0; i < axis.terms.size(); ++i) {
      const auto d = at(axis.terms[i].dimension);
      all[i] = steps_[0][d];
      moving += steps_[at(here.boundary)][d] > 1 ? 1 : 0;
    }
    // Shifts of two loops may cancel: the window returns to where it was.
    wandering |= moving > 1 && rules_.halos == HaloRule::kept && here.child < int(accelerator_.levels.size());
    if (moving > 1) best = std::min(best, double(touched(axis, all)));
    for (const Term& term : axis.terms)
      if (slides >> term.dimension & 1u)
        best = std::min(best, window_sum(here, interface, axis, merged, term.dimension, repeats));
    plain *= whole;
    sums.push_back({whole, best});
    any = true;
  }
  if (!any) return less_remainders(here, interface, result);
  least = plain;
  for (const auto& [whole, best] : sums) least = std::min(least, plain / whole * best);
  // Loops of one window with others between them may bring back what has just gone; nothing is known but that all came once.
  if (wandering) return std::min(result * least, tensor_elements_[tensor]);
  return less_remainders(here, interface, result * least);
}

// Is the dimension spread over children between an interface's tile and a slot?
bool NestBound::spread(const Interface& here, int slot, int dimension) const {
  for (int k = here.boundary; k < slot; ++k)
    if (slots_[at(k)].spatial && factor_[at(k)][at(dimension)] > 1) return true;
  return false;
}

// In the last, shorter pass of an uneven loop that ends a run, the loop may have one step only; the run goes on there.
double NestBound::less_remainders(const Interface& here, int interface, double elements) const {
  const int close = close_[at(interface)];
  if (space_.rule() == FactorRule::exact || close < 0 || close >= slot_count()) return elements;
  const uint32_t relevant = relevant_[at(here.tensor)];
  const OrderChoice& choice = orders_[at(close)];
  double share = 0;  // of the tensor that lies there
  if (close < ended_slots_) {
    for (std::size_t place = choice.order.size(); place-- > 0;) {
      const auto d = at(choice.order[place]);
      const int64_t f = factor_[at(close)][d];
      if (f == 1 || !(relevant >> d & 1u)) continue;
      const int64_t blocks = steps_[at(close + 1)][d];
      const int64_t in_last = steps_[at(close)][d] - (blocks - 1) * f;
      if (in_last == 1) share = double(steps_[0][d] - (blocks - 1) * tile_[at(close + 1)][d]) / double(steps_[0][d]);
      // Of two steps the second may leave some children without work.
      if (in_last == 2 && spread(here, close, choice.order[place]) &&
          steps_[0][d] < steps_[at(close)][d] * tile_[at(close)][d])
        share = double(tile_[at(close)][d]) / double(steps_[0][d]);
      break;
    }
  } else {
    for (int i = 0; i < dimensions_; ++i) {
      const auto d = at(i);
      if (!(choice.nontrivial >> i & 1u)) continue;
      const int upto = std::min(upto_[d], close);
      const int64_t n = steps_[at(upto)][d];
      bool next = true;
      for (int k = upto; k < close; ++k) next = next && orders_[at(k)].trivial >> i & 1u && !slots_[at(k)].spatial;
      double worst = n < 3 ? 0.0 : double(steps_[0][d] - (n - 1) * tile_[at(upto)][d]) / double(steps_[0][d]);
      if (spread(here, upto, i) && steps_[0][d] < n * tile_[at(upto)][d])
        worst = double(tile_[at(upto)][d]) / double(steps_[0][d]);
      if (!next) worst = 0.5;
      share = std::max(share, worst);
    }
  }
  if (share == 0) return elements;
  for (const Axis& axis : axes_[at(here.tensor)])
    if (axis.terms.size() > 1) share = std::min(1.0, 2 * share);
  return elements - share * std::max(0.0, elements - tensor_elements_[at(here.tensor)]);
}

int64_t NestBound::tile_elements(int tensor, const int64_t* tile) const {
  int64_t result = 1;
  for (const Axis& axis : axes_[at(tensor)]) {
    std::array<int64_t, kMaximumLoopDimensions> extents;
    for (std::size_t i = 0; i < axis.terms.size(); ++i) extents[i] = tile[axis.terms[i].dimension];
    result *= elements(axis, extents);
  }
  return result;
}

}  // namespace nacre
