// Searches that prove nothing, over one code of a mapping: for every slot but the last a wanted factor of each dimension, for every
// level an order, and which tensors are kept. Decoding goes from the innermost slot outward and takes the largest factor offered
// that is not above the wanted one, so every code is a mapping of the space; what does not fit is dropped.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <limits>
#include <numeric>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"
#include "nacre/hw/loopnest/nest_evaluator.hpp"
#include "nacre/hw/mapper/mapper.hpp"

namespace nacre {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kPopulation = 48;
// Of walks: temperatures as logarithms of the objective's ratio.
constexpr int64_t kWalk = 5000;
constexpr int kDraws = 200;
constexpr double kHot = 0.5, kCold = 0.003;

struct Code {
  std::size_t pattern = 0;
  std::vector<std::vector<int64_t>> wanted;  // by level * 2 + (space ? 1 : 0), by dimension
  std::vector<std::vector<int>> orders;      // by level, from outer to inner
};

class Coder {
 public:
  explicit Coder(const MapperContext& context)
      : space_(context.space),
        options_(context.options),
        patterns_(space_.keep_patterns()),
        evaluator_(space_.workload(), space_.accelerator(), context.options.rules),
        dimensions_(space_.workload().dimensions.size()),
        start_(std::chrono::steady_clock::now()) {
    for (const auto& keeps : patterns_) slots_.push_back(space_.slots(keeps));
    offered_.resize(space_.accelerator().levels.size() * 2 * dimensions_ * 2);
  }

  // Everything at the outermost level.
  Code smallest() const {
    Code code;
    code.wanted.assign(space_.accelerator().levels.size() * 2, std::vector<int64_t>(dimensions_, 1));
    for (std::size_t l = 0; l < space_.accelerator().levels.size(); ++l) {
      std::vector<int> order = space_.order(l);
      if (order.empty()) {
        order.resize(dimensions_);
        std::iota(order.begin(), order.end(), 0);
      }
      code.orders.push_back(order);
    }
    return code;
  }

  Code random(Random& random) const {
    Code code = smallest();
    code.pattern = random.below(patterns_.size());
    for (std::size_t l = 0; l < code.orders.size(); ++l) {
      if (space_.order(l).empty()) random.shuffle(std::span<int>(code.orders[l]));
      for (std::size_t d = 0; d < dimensions_; ++d) code.wanted[l * 2][d] = draw(d, random);
      spread(code, l, random);
    }
    return code;
  }

  // Fills a fan-out with dimensions in random order.
  void spread(Code& code, std::size_t level, Random& random) const {
    auto& wanted = code.wanted[level * 2 + 1];
    std::fill(wanted.begin(), wanted.end(), 1);
    int64_t room[2] = {space_.children(level, LoopKind::spatial_x), space_.children(level, LoopKind::spatial_y)};
    std::vector<int64_t> sequence = random.permutation(int64_t(dimensions_));
    for (int64_t d : sequence) {
      const auto dimension = std::size_t(d);
      const int axis = int(random.below(2));
      for (int a : {axis, 1 - axis}) {
        if (!space_.may_spread(level, dimension, a == 0 ? LoopKind::spatial_x : LoopKind::spatial_y)) continue;
        const int64_t size = space_.workload().dimensions[dimension].size / wanted[dimension];
        const auto offered =
            space_.rule() == FactorRule::exact ? divisors(size) : smallest_factors(std::max<int64_t>(1, size));
        int64_t factor = 1;
        for (int64_t f : offered) factor = f <= room[a] ? f : factor;
        if (random.bernoulli(0.1)) factor = 1;
        room[a] /= factor;
        wanted[dimension] *= factor;
      }
    }
  }

  void mutate(Code& code, Random& random) const {
    do {
      const std::size_t l = random.below(code.orders.size());
      switch (random.below(10)) {
        case 0: flip(code, random); break;
        case 1:
          if (space_.order(l).empty() && dimensions_ > 1) {
            const std::size_t a = random.below(dimensions_);
            const int moved = code.orders[l][a];
            code.orders[l].erase(code.orders[l].begin() + std::ptrdiff_t(a));
            const std::size_t to = random.bernoulli(0.5) ? dimensions_ - 1 : random.below(dimensions_);
            code.orders[l].insert(code.orders[l].begin() + std::ptrdiff_t(to), moved);
          }
          break;
        case 2: spread(code, l, random); break;
        case 3: {
          const std::size_t d = random.below(dimensions_);
          code.wanted[l * 2 + 1][d] = random.bernoulli(0.5) ? 1 : draw(d, random);
          break;
        }
        case 4: {
          const std::size_t d = random.below(dimensions_);
          auto& wanted = code.wanted[l * 2][d];
          const auto pick = random.below(4);
          wanted = pick == 0 ? wanted * 2 : pick == 1 ? std::max<int64_t>(1, wanted / 2) : draw(d, random);
          wanted = std::min(wanted, space_.workload().dimensions[d].size);
          break;
        }
        default: exchange(code, random);
      }
    } while (random.bernoulli(0.3));
  }

  // One tensor more or less at one level, where the constraints allow.
  void flip(Code& code, Random& random) const {
    const auto& pattern = patterns_[code.pattern];
    std::vector<std::size_t> near;
    for (std::size_t p = 0; p < patterns_.size(); ++p) {
      int differ = 0;
      for (std::size_t l = 0; l < pattern.size(); ++l)
        for (std::size_t t = 0; t < pattern[l].size(); ++t) differ += pattern[l][t] != patterns_[p][l][t] ? 1 : 0;
      if (differ == 1) near.push_back(p);
    }
    if (!near.empty()) code.pattern = near[random.below(near.size())];
  }

  // A part of one dimension's factor goes from one slot to another: their product stays, and so do all other slots.
  void exchange(Code& code, Random& random) const {
    const auto& slots = slots_[code.pattern];
    if (slots.size() < 2) return;
    const std::size_t d = random.below(dimensions_), a = random.below(slots.size());
    const std::size_t b = (a + 1 + random.below(slots.size() - 1)) % slots.size();
    int64_t &from = code.wanted[row(slots[a])][d], &to = code.wanted[row(slots[b])][d];
    const int64_t both = from * to;
    if (both == 1) return;
    int64_t next = 1;
    switch (random.below(4)) {
      case 0: next = std::max<int64_t>(1, (from + 1) / 2); break;
      case 1: next = std::max<int64_t>(1, from - 1); break;
      case 2: break;
      default:
        next = std::max<int64_t>(1, int64_t(std::lround(std::exp(random.uniform() * std::log(double(both) + 0.5)))));
    }
    from = next;
    to = (both + next - 1) / next;
  }

  Code cross(const Code& a, const Code& b, Random& random) const {
    Code child = a;
    if (random.bernoulli(0.5)) child.pattern = b.pattern;
    for (std::size_t l = 0; l < child.orders.size(); ++l)
      if (random.bernoulli(0.5)) child.orders[l] = b.orders[l];
    for (std::size_t d = 0; d < dimensions_; ++d)
      if (random.bernoulli(0.5))
        for (std::size_t s = 0; s < child.wanted.size(); ++s) child.wanted[s][d] = b.wanted[s][d];
    return child;
  }

  // The objective; infinite for what does not fit. Remembers the best. The code's factors become those that were meant.
  double evaluate(Code& code) {
    if (!decode(code, mapping_)) return kInfinity;
    evaluator_.flatten(mapping_, nest_);
    if (!evaluator_.may_fit(nest_)) return kInfinity;
    ++evaluations_;
    evaluator_.cost(nest_, cost_);
    if (!evaluator_.fits(nest_, cost_)) return kInfinity;
    const double value = mapping_objective_value(options_.objective, cost_.cycles, cost_.energy_j);
    if (value < best_) {
      best_ = value;
      best_mapping_ = mapping_;
    }
    return value;
  }

  bool stopped() {
    if (evaluations_ >= options_.evaluations || ++asked_ > 20 * options_.evaluations) return true;
    if (options_.stop != nullptr && options_.stop->load()) interrupted_ = true;
    if ((asked_ & 63) == 0 && options_.time_s > 0) {
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
      interrupted_ = interrupted_ || elapsed.count() > options_.time_s;
    }
    return interrupted_;
  }

  MappingResult result() const {
    if (best_ == kInfinity)
      throw UserError("no mapping that fits was met; allow more evaluations, or use the mapper 'exact'");
    MappingResult made;
    made.mapping = best_mapping_;
    made.objective = best_;
    made.evaluations = evaluations_;
    made.nodes = asked_;
    made.interrupted = interrupted_;
    return made;
  }
  double best() const { return best_; }

 private:
  int64_t draw(std::size_t d, Random& random) const {
    // Uniform in the logarithm: small factors are as likely as large ones.
    const double size = double(space_.workload().dimensions[d].size);
    return std::max<int64_t>(1, int64_t(std::lround(std::exp(random.uniform() * std::log(size + 0.5)))));
  }

  static std::size_t row(const FactorSlot& slot) { return slot.level * 2 + (slot.spatial ? 1 : 0); }

  // What the mapspace offers, kept: a search asks the same again and again.
  const std::vector<int64_t>& offered(std::size_t pattern, std::size_t slot, std::size_t dimension, int64_t steps) {
    const FactorSlot& here = slots_[pattern][slot];
    const bool last = slot + 1 == slots_[pattern].size();
    auto& known = offered_[(row(here) * dimensions_ + dimension) * 2 + (last ? 1 : 0)];
    for (const auto& [asked, factors] : known)
      if (asked == steps) return factors;
    return known.emplace_back(steps, space_.factors(here, dimension, steps, last)).second;
  }

  bool decode(Code& code, Mapping& mapping) {
    const auto& slots = slots_[code.pattern];
    mapping.levels.resize(patterns_[code.pattern].size());
    for (LevelMapping& level : mapping.levels) level.loops.clear();
    auto& factors = factors_;
    factors.assign(slots.size(), std::vector<int64_t>(dimensions_, 1));
    for (std::size_t d = 0; d < dimensions_; ++d) {
      int64_t steps = space_.workload().dimensions[d].size;
      for (std::size_t k = 0; k < slots.size(); ++k) {
        const std::vector<int64_t>& from = offered(code.pattern, k, d, steps);
        if (from.empty()) return false;
        const auto above = std::upper_bound(from.begin(), from.end(), code.wanted[row(slots[k])][d]);
        const int64_t factor = above == from.begin() ? from.front() : *(above - 1);
        factors[k][d] = factor;
        steps = (steps + factor - 1) / factor;
      }
      if (steps != 1) return false;
    }
    for (auto& wanted : code.wanted) std::fill(wanted.begin(), wanted.end(), 1);
    for (std::size_t k = 0; k < slots.size(); ++k) code.wanted[row(slots[k])] = factors[k];
    for (std::size_t l = 0; l < mapping.levels.size(); ++l) mapping.levels[l].keeps = patterns_[code.pattern][l];
    for (std::size_t k = slots.size(); k-- > 0;) {
      auto& loops = mapping.levels[slots[k].level].loops;
      if (!slots[k].spatial) {
        for (int d : code.orders[slots[k].level])
          if (factors[k][std::size_t(d)] > 1) loops.push_back({.dimension = d, .factor = factors[k][std::size_t(d)]});
        continue;
      }
      std::vector<int64_t> x;
      if (!space_.packs(slots[k].level, factors[k], &x)) return false;
      for (std::size_t d = 0; d < dimensions_; ++d) {
        if (factors[k][d] / x[d] > 1)
          loops.push_back({.dimension = int(d), .factor = factors[k][d] / x[d], .kind = LoopKind::spatial_y});
        if (x[d] > 1) loops.push_back({.dimension = int(d), .factor = x[d], .kind = LoopKind::spatial_x});
      }
    }
    return true;
  }

  const Mapspace& space_;
  const MapperOptions& options_;
  std::vector<Mapspace::KeepPattern> patterns_;
  std::vector<std::vector<FactorSlot>> slots_;
  NestEvaluator evaluator_;
  std::size_t dimensions_;
  std::chrono::steady_clock::time_point start_;
  // By slot and dimension: steps with the factors for them.
  std::vector<std::deque<std::pair<int64_t, std::vector<int64_t>>>> offered_;
  std::vector<std::vector<int64_t>> factors_;
  Mapping mapping_;
  Nest nest_;
  NestCost cost_;
  double best_ = kInfinity;
  Mapping best_mapping_;
  int64_t evaluations_ = 0, asked_ = 0;
  bool interrupted_ = false;
};

}  // namespace

MappingResult random_pruned_search(const MapperContext& context) {
  Coder coder(context);
  Random random = Random::stream(context.options.seed, "random mapper");
  Code smallest = coder.smallest();
  coder.evaluate(smallest);
  while (!coder.stopped()) {
    Code code = coder.random(random);
    coder.evaluate(code);
  }
  return coder.result();
}

MappingResult genetic_search(const MapperContext& context) {
  Coder coder(context);
  Random random = Random::stream(context.options.seed, "genetic mapper");
  std::vector<std::pair<double, Code>> population;
  Code smallest = coder.smallest();
  const double first = coder.evaluate(smallest);
  population.push_back({first, std::move(smallest)});
  while (int(population.size()) < kPopulation && !coder.stopped()) {
    Code code = coder.random(random);
    const double value = coder.evaluate(code);
    if (value < kInfinity) population.push_back({value, std::move(code)});
  }
  auto parent = [&]() -> const Code& {
    const auto a = random.below(population.size()), b = random.below(population.size());
    return population[population[a].first < population[b].first ? a : b].second;
  };
  while (!coder.stopped()) {
    Code child = random.bernoulli(0.6) ? coder.cross(parent(), parent(), random) : parent();
    coder.mutate(child, random);
    const double value = coder.evaluate(child);
    auto worst = std::max_element(population.begin(), population.end(),
                                  [](const auto& a, const auto& b) { return a.first < b.first; });
    if (value < worst->first) *worst = {value, std::move(child)};
  }
  return coder.result();
}

// Annealed walks, each colder until it accepts hardly anything worse, and longer from round to round. Every other one begins anew at
// the best of some random draws, the rest at the best of all.
MappingResult lattice_search(const MapperContext& context) {
  Coder coder(context);
  Random random = Random::stream(context.options.seed, "lattice mapper");
  Code best = coder.smallest(), here, next;
  double best_value = coder.evaluate(best);
  for (int walk = 0; !coder.stopped(); ++walk) {
    const bool anew = walk % 2 == 0;
    here = best;
    double value = best_value;
    for (int i = 0; anew && i < kDraws && !coder.stopped(); ++i) {
      next = coder.random(random);
      const double found = coder.evaluate(next);
      if (found >= value && (i > 0 || found == kInfinity)) continue;
      here = next;
      value = found;
    }
    const int64_t length = kWalk << std::min(walk / 4, 20);
    const double hot = anew ? kHot : 0.2 * kHot;
    for (int64_t step = 0; step < length && !coder.stopped(); ++step) {
      const double heat = hot * std::pow(kCold / hot, double(step) / double(length));
      next = here;
      coder.mutate(next, random);
      const double found = coder.evaluate(next);
      if (found == kInfinity || std::log(found / value) > -heat * std::log(1 - random.uniform())) continue;
      std::swap(here, next);
      value = found;
      if (value < best_value) {
        best_value = value;
        best = here;
      }
    }
  }
  return coder.result();
}

}  // namespace nacre
