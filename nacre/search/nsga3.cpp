// `nsga3`: a genetic algorithm for three and more objectives (Deb and Jain, An evolutionary many-objective optimization
// algorithm using reference-point-based nondominated sorting approach, part I, IEEE TEC 18(4), 2014).
//
// Survivors are taken front after front; of the front that does not fit whole, those are taken that serve the reference
// directions with the fewest survivors. Directions lie evenly on the plane where the scaled objectives sum to 1 (Das and
// Dennis 1998). Objectives are scaled by the ideal point and by the intercepts of the plane through the extreme points, where
// that plane does not exist by the front's worst values (section IV-C). Where the paper draws at random, the nearer to
// its direction and then the older is taken, so that the state follows from what was told.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "nacre/search/genetic_search.hpp"
#include "nacre/search/reference_directions.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

class Nsga3 final : public GeneticSearch {
 public:
  Nsga3(const Options& options, const StrategyContext& context)
      : GeneticSearch(options, context),
        directions_(reference_directions(context.objectives.objectives.size(),
                                         static_cast<size_t>(options.integer("population_size")))) {}

  Json statistics() const override {
    Json result = GeneticSearch::statistics();
    result["directions"] = directions_.size();
    return result;
  }

 private:
  void survive(std::vector<GeneticMember>& members, size_t count) override {
    rank_members(members);
    for (GeneticMember& member : members) member.crowding = 0;
    std::ranges::sort(members, [](const GeneticMember& a, const GeneticMember& b) {
      return std::pair(a.front, a.number) < std::pair(b.front, b.number);
    });
    if (members.size() <= count) return;
    size_t whole = 0;  // members of the fronts that fit
    while (whole < count) {
      const size_t front = members[whole].front;
      const auto end = std::ranges::find_if(members.begin() + static_cast<ptrdiff_t>(whole), members.end(),
                                            [&](const GeneticMember& member) { return member.front != front; });
      const auto next = static_cast<size_t>(end - members.begin());
      if (next > count) {
        if (members[whole].tier != Fitness::Tier::infeasible) fill(members, whole, next, count);
        break;
      }
      whole = next;
    }
    members.resize(count);
  }

  // Moves those of members[begin, end) that serve the least served directions to the places begin .. count.
  void fill(std::vector<GeneticMember>& members, size_t begin, size_t end, size_t count) const {
    std::vector<Point> points;
    for (size_t i = 0; i < end; ++i) points.push_back(members[i].point);
    const std::vector<Association> associations = associate(points, directions_);
    std::vector<size_t> served(directions_.size(), 0);
    for (size_t i = 0; i < begin; ++i) ++served[associations[i].direction];
    std::map<size_t, std::vector<size_t>> waiting;  // by direction, the nearest last
    for (size_t i = begin; i < end; ++i) waiting[associations[i].direction].push_back(i);
    for (auto& [direction, candidates] : waiting) {
      std::ranges::sort(candidates, [&](size_t a, size_t b) {
        return std::pair(associations[a].distance, a) > std::pair(associations[b].distance, b);
      });
    }
    std::vector<GeneticMember> taken;
    while (begin + taken.size() < count) {
      auto least = waiting.end();
      for (auto entry = waiting.begin(); entry != waiting.end(); ++entry) {
        if (least == waiting.end() || served[entry->first] < served[least->first]) least = entry;
      }
      taken.push_back(members[least->second.back()]);
      least->second.pop_back();
      ++served[least->first];
      if (least->second.empty()) waiting.erase(least);
    }
    std::ranges::move(taken, members.begin() + static_cast<ptrdiff_t>(begin));
  }

  const std::vector<Point> directions_;
};

}  // namespace

void add_nsga3(Registry<StrategyFactory>& registry) {
  registry.add(
      {.name = "nsga3",
       .summary = "genetic algorithm for three and more objectives: survivors serve evenly spread directions",
       .source = "Deb and Jain, An evolutionary many-objective optimization algorithm using reference-point-based "
                 "nondominated sorting approach, part I, IEEE TEC 18(4), 2014",
       .parameters = GeneticSearch::parameters(24, 0.6),
       .example = "strategy: nsga3\npopulation_size: 16"},
      [](const Options& options, const StrategyContext& context) { return std::make_unique<Nsga3>(options, context); });
}

}  // namespace nacre
