// The proof of the exact mapper, judged by enumeration: on small random machines and layers every mapping is evaluated.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "nacre/base/random.hpp"
#include "nacre/hw/loopnest/nest_evaluator.hpp"
#include "nacre/hw/mapper/mapper.hpp"
#include "nacre/hw/mapper/nest_bound.hpp"

namespace nacre {
namespace {

struct Problem {
  Workload workload;
  AcceleratorDescription machine;
};

Workload random_workload(Random& random) {
  Workload w;
  w.name = "random";
  auto axis = [](int d) { return TensorAxis{{{d, 1}}}; };
  const int kind = int(random.below(3));
  if (kind == 0) {  // convolution along one axis, with stride and dilation
    w.dimensions = {{"K", random.integer(1, 4)},
                    {"C", random.integer(1, 3)},
                    {"P", random.integer(2, 5)},
                    {"R", random.integer(1, 3)}};
    w.tensors = {{.name = "Weights", .role = TensorRole::weights, .axes = {axis(0), axis(1), axis(3)}},
                 {.name = "Inputs",
                  .role = TensorRole::inputs,
                  .axes = {axis(1), {{{2, random.integer(1, 2)}, {3, random.integer(1, 2)}}}}},
                 {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(0), axis(2)}}};
  } else if (kind == 1) {  // depthwise, two axes
    w.dimensions = {{"C", random.integer(1, 3)},
                    {"P", random.integer(2, 4)},
                    {"R", random.integer(1, 3)},
                    {"S", random.integer(1, 2)}};
    w.tensors = {{.name = "Weights", .role = TensorRole::weights, .axes = {axis(0), axis(2), axis(3)}},
                 {.name = "Inputs", .role = TensorRole::inputs, .axes = {axis(0), {{{1, 1}, {2, 1}}}, axis(3)}},
                 {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(0), axis(1)}}};
  } else {  // batched matrix product
    w.dimensions = {{"G", random.integer(1, 2)},
                    {"P", random.integer(2, 6)},
                    {"K", random.integer(2, 4)},
                    {"C", random.integer(2, 4)}};
    w.tensors = {{.name = "Weights", .role = TensorRole::weights, .axes = {axis(0), axis(2), axis(3)}},
                 {.name = "Inputs", .role = TensorRole::inputs, .axes = {axis(0), axis(1), axis(3)}},
                 {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(0), axis(1), axis(2)}}};
  }
  w.partial_sum_bits = random.bernoulli(0.5) ? 16 : 32;
  return w;
}

// Both windows of a convolution, with a batch.
Workload random_convolution(Random& random) {
  auto axis = [](int d) { return TensorAxis{{{d, 1}}}; };
  Workload w;
  w.name = "random";
  w.dimensions = {{"N", random.integer(1, 2)},  {"K", random.integer(1, 9)},  {"C", random.integer(1, 8)},
                  {"P", random.integer(1, 12)}, {"Q", random.integer(1, 12)}, {"R", random.integer(1, 4)},
                  {"S", random.integer(1, 4)}};
  const int64_t stride = random.integer(1, 3), dilation = random.integer(1, 2);
  w.tensors = {{.name = "Weights", .role = TensorRole::weights, .axes = {axis(1), axis(2), axis(5), axis(6)}},
               {.name = "Inputs",
                .role = TensorRole::inputs,
                .axes = {axis(0), axis(2), {{{3, stride}, {5, dilation}}}, {{{4, stride}, {6, dilation}}}}},
               {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(0), axis(1), axis(3), axis(4)}}};
  w.partial_sum_bits = random.bernoulli(0.5) ? 16 : 32;
  return w;
}

AcceleratorDescription random_machine(Random& random) {
  const auto W = TensorRole::weights, I = TensorRole::inputs, O = TensorRole::outputs;
  AcceleratorDescription machine;
  machine.name = "random";
  machine.compute.energy_j["int16"] = 1;
  const std::vector<std::vector<TensorRole>> inner = {{W}, {O}, {I}, {W, I, O}, {I, O}};
  for (int l = 0; l < 3; ++l) {
    MemoryLevel level;
    level.name = "L" + std::to_string(l);
    level.access_bits = 16;
    level.read_energy_j = l == 0 ? 100.0 : l == 1 ? 6.0 : 1.0;
    level.write_energy_j = *level.read_energy_j * (random.bernoulli(0.5) ? 1.0 : 1.25);
    if (l > 0) level.capacity_bits = (l == 1 ? random.integer(12, 40) : random.integer(1, 6)) * 16 * 2;
    level.double_buffered = random.bernoulli(0.5);
    if (random.bernoulli(0.5)) {
      level.read_bits_per_cycle = 16.0 * double(random.integer(1, 4));
      level.write_bits_per_cycle = 16.0 * double(random.integer(1, 4));
    } else {
      level.shared_bits_per_cycle = 16.0 * double(random.integer(1, 4));
    }
    if (l == 2) level.holds = inner[random.below(inner.size())];
    if (l == 1)
      level.fanout = {.x = random.integer(1, 3),
                      .y = random.integer(1, 2),
                      .multicast = random.bernoulli(0.8),
                      .reduction = random.bernoulli(0.8)};
    if (l == 2 && random.bernoulli(0.3)) level.fanout.x = 2;
    if (random.bernoulli(0.3)) level.fanout.energy_per_bit_j = 0.01;
    machine.levels.push_back(level);
  }
  return machine;
}

// The least objective over all points; every order of the loops that do something.
class Enumeration {
 public:
  Enumeration(const Mapspace& space, const MapperOptions& options)
      : space_(space), options_(options), evaluator_(space.workload(), space.accelerator(), options.rules) {}

  double best() {
    for (const auto& keeps : space_.keep_patterns()) {
      keeps_ = keeps;
      slots_ = space_.slots(keeps);
      factors_.assign(slots_.size(), std::vector<int64_t>(space_.workload().dimensions.size(), 1));
      std::vector<int64_t> steps;
      for (const auto& dimension : space_.workload().dimensions) steps.push_back(dimension.size);
      choose(0, 0, steps);
    }
    return best_;
  }
  int64_t points() const { return points_; }
  std::string text() const { return mapping_text(best_mapping_, space_.workload(), space_.accelerator()); }

 private:
  void choose(std::size_t slot, std::size_t d, std::vector<int64_t> steps) {
    if (slot == slots_.size()) return order();
    if (d == steps.size()) {
      if (slots_[slot].spatial && !space_.packs(slots_[slot].level, factors_[slot])) return;
      return choose(slot + 1, 0, steps);
    }
    for (int64_t factor : space_.factors(slots_[slot], d, steps[d], slot + 1 == slots_.size())) {
      factors_[slot][d] = factor;
      auto left = steps;
      left[d] = (steps[d] + factor - 1) / factor;
      choose(slot, d + 1, left);
    }
  }

  void order() {
    Mapping mapping;
    mapping.levels.resize(keeps_.size());
    for (std::size_t l = 0; l < keeps_.size(); ++l) mapping.levels[l].keeps = keeps_[l];
    permute(mapping, int(slots_.size()) - 1);
  }

  void permute(const Mapping& mapping, int slot) {
    if (slot < 0) return evaluate(mapping);
    const FactorSlot& here = slots_[std::size_t(slot)];
    const auto& factors = factors_[std::size_t(slot)];
    Mapping next = mapping;
    auto& loops = next.levels[here.level].loops;
    if (here.spatial) {
      std::vector<int64_t> x;
      space_.packs(here.level, factors, &x);
      for (std::size_t d = 0; d < factors.size(); ++d) {
        if (factors[d] / x[d] > 1) loops.push_back({int(d), factors[d] / x[d], LoopKind::spatial_y});
        if (x[d] > 1) loops.push_back({int(d), x[d], LoopKind::spatial_x});
      }
      return permute(next, slot - 1);
    }
    std::vector<int> dimensions;
    for (std::size_t d = 0; d < factors.size(); ++d)
      if (factors[d] > 1) dimensions.push_back(int(d));
    do {
      loops.clear();
      for (int d : dimensions) loops.push_back({d, factors[std::size_t(d)], LoopKind::temporal});
      permute(next, slot - 1);
    } while (here.level + 1 < keeps_.size() && std::next_permutation(dimensions.begin(), dimensions.end()));
  }

  void evaluate(const Mapping& mapping) {
    ++points_;
    evaluator_.flatten(mapping, nest_);
    evaluator_.cost(nest_, cost_);
    if (!evaluator_.fits(nest_, cost_)) return;
    const double value = mapping_objective_value(options_.objective, cost_.cycles, cost_.energy_j);
    if (value >= best_) return;
    best_ = value;
    best_mapping_ = mapping;
  }

  const Mapspace& space_;
  const MapperOptions& options_;
  NestEvaluator evaluator_;
  Mapspace::KeepPattern keeps_;
  std::vector<FactorSlot> slots_;
  std::vector<std::vector<int64_t>> factors_;
  Nest nest_;
  NestCost cost_;
  double best_ = 1e300;
  Mapping best_mapping_;
  int64_t points_ = 0;
};

void compare(uint64_t first, uint64_t count, const CountingRules& rules, FactorRule factors) {
  int64_t points = 0;
  int unproved = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    Random random = Random::stream(seed, "exact mapper");
    const Workload workload = random_workload(random);
    const AcceleratorDescription machine = random_machine(random);
    MapperOptions options;
    options.rules = rules;
    options.objective = MappingObjective(random.below(3));
    options.constraints.factors = factors;
    options.constraints.free_bypass = random.bernoulli(0.3);
    const Mapspace space(workload, machine, options.constraints);
    Enumeration enumeration(space, options);
    const double best = enumeration.best();
    points += enumeration.points();
    if (best == 1e300) {
      EXPECT_THROW(find_mapping(workload, machine, options), UserError) << seed;
      continue;
    }
    const MappingResult result = find_mapping(workload, machine, options);
    unproved += result.proved ? 0 : 1;
    EXPECT_NEAR(result.objective, best, best * 1e-9)
        << "seed " << seed << " " << mapping_objective_name(options.objective) << "\n  found "
        << mapping_text(result.mapping, workload, machine) << "\n  best  " << enumeration.text() << "\n  "
        << enumeration.points() << " points";
    // What is claimed is what an evaluation by itself gives.
    const MappingCost again = evaluate_mapping(workload, machine, result.mapping, rules);
    EXPECT_DOUBLE_EQ(mapping_objective_value(options.objective, again.cycles, again.energy_j.value_or(0)),
                     result.objective);
  }
  EXPECT_EQ(unproved, 0);
  std::printf("%lld points enumerated\n", (long long)points);
}

// A random walk from nothing to a mapping: no bound on the way exceeds what the mapping costs.
void walk(uint64_t first, uint64_t count, const CountingRules& rules, FactorRule factors, bool large = false) {
  int walks = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    Random random = Random::stream(seed, "bounds");
    const Workload workload = large ? random_convolution(random) : random_workload(random);
    AcceleratorDescription machine = random_machine(random);
    if (large) {
      machine.levels[1].capacity_bits = 16 * 20000;
      machine.levels[1].fanout.x = 4;
      machine.levels[2].capacity_bits = 16 * random.integer(64, 512);
    }
    const Mapspace space(workload, machine, {.factors = factors});
    const auto patterns = space.keep_patterns();
    const NestEvaluator evaluator(workload, machine, rules);
    for (int attempt = 0; attempt < 20; ++attempt) {
      NestBound bound(space, rules, patterns[random.below(patterns.size())]);
      std::vector<OrderChoice> orders;
      for (int k = 0; k < bound.slot_count(); ++k) {
        const auto choices = bound.order_choices(k);
        orders.push_back(choices[random.below(choices.size())]);
      }
      std::vector<std::pair<BoundValue, std::string>> way;
      bound.begin(orders);
      way.push_back({bound.bound(), "start"});
      bool fits = true;
      for (int k = 0; k < bound.slot_count() && fits; ++k) {
        bound.begin_slot(k);
        bool nontrivial = orders[std::size_t(k)].nontrivial == 0;
        std::vector<int64_t> chosen;
        for (int d = 0; d < int(workload.dimensions.size()); ++d) {
          auto offered = space.factors(bound.slot(k), std::size_t(d), bound.steps(k, d), k + 1 == bound.slot_count());
          const int64_t factor = offered[random.below(offered.size())];
          fits = fits && (factor == 1 || !(orders[std::size_t(k)].trivial >> d & 1u));
          nontrivial = nontrivial || (factor > 1 && (orders[std::size_t(k)].nontrivial >> d & 1u));
          chosen.push_back(factor);
          bound.assign(k, d, factor);
          way.push_back(
              {bound.bound(), fmt::format("slot {} {}{}", k, workload.dimensions[std::size_t(d)].name, factor)});
        }
        fits = fits && nontrivial && (!bound.slot(k).spatial || space.packs(bound.slot(k).level, chosen));
        fits = bound.end_slot(k) && fits;
        way.push_back({bound.bound(), fmt::format("slot {} ends", k)});
      }
      if (!fits) continue;
      const Mapping mapping = bound.mapping(orders);
      Nest nest;
      NestCost counted;
      evaluator.flatten(mapping, nest);
      evaluator.cost(nest, counted);
      if (!evaluator.fits(nest, counted)) continue;
      const MappingCost cost = evaluate_mapping(workload, machine, mapping, rules);
      ++walks;
      for (const auto& [value, place] : way) {
        ASSERT_LE(value.energy_j, cost.energy_j.value_or(0) * (1 + 1e-9))
            << "seed " << seed << " " << mapping_text(mapping, workload, machine) << " at " << place;
        ASSERT_LE(value.cycles, cost.cycles * (1 + 1e-9))
            << "seed " << seed << " " << mapping_text(mapping, workload, machine) << " at " << place;
      }
    }
  }
  EXPECT_GT(walks, int(count) / 4);
  std::printf("%d walks\n", walks);
}

TEST(NestBound, NeverExceedsTheCostWithHalosKept) { walk(0, 1000, {}, FactorRule::uneven); }
TEST(NestBound, NeverExceedsTheCostWithHalosDiscarded) {
  walk(5000, 1000, {.halos = HaloRule::discarded}, FactorRule::uneven);
}
TEST(NestBound, NeverExceedsTheCostOfLargerConvolutions) {
  walk(20000, 300, {}, FactorRule::uneven, true);
  walk(30000, 300, CountingRules::timeloop(), FactorRule::exact, true);
  walk(40000, 300, {.halos = HaloRule::discarded}, FactorRule::uneven, true);
}
TEST(NestBound, NeverExceedsTheCostByTimeloopsRules) {
  walk(10000, 1000, CountingRules::timeloop(), FactorRule::exact);
}

TEST(ExactSearch, EqualsEnumerationWithHalosKept) { compare(0, 40, {}, FactorRule::exact); }
TEST(ExactSearch, EqualsEnumerationWithUnevenFactors) { compare(1000, 8, {}, FactorRule::uneven); }
TEST(ExactSearch, EqualsEnumerationByTimeloopsRules) {
  compare(2000, 40, CountingRules::timeloop(), FactorRule::exact);
}
TEST(ExactSearch, EqualsEnumerationWithHalosDiscarded) {
  compare(3000, 14, {.halos = HaloRule::discarded}, FactorRule::uneven);
}

}  // namespace
}  // namespace nacre
