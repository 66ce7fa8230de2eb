// `nsga3`: a genetic algorithm for three and more objectives (Deb and Jain, An evolutionary many-objective optimization
// algorithm using reference-point-based nondominated sorting approach, part I, IEEE TEC 18(4), 2014).
//
// Survivors are taken front after front; of the front that does not fit whole, those are taken that serve the reference
// directions with the fewest survivors (reference_directions.hpp). Decisions give equal objectives far more often than real
// numbers do: of equal points one serves its direction, its copies are taken when nothing else is left, or a population would
// soon be a few networks many times. Where the paper draws at random, the nearer to its direction and then the older is
// taken, so that the state follows from what was told.
#include <algorithm>
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
    for (GeneticMember& member : members) member.crowding = 0;  // of one front, tournaments prefer none
    std::ranges::sort(members, [](const GeneticMember& a, const GeneticMember& b) {
      return std::pair(a.front, a.number) < std::pair(b.front, b.number);
    });
    scale(members);
    if (members.size() <= count) return;
    const size_t last = members[count - 1].front;  // the front that may not fit
    const auto of_last = [&](const GeneticMember& member) { return member.front == last; };
    const auto begin = static_cast<size_t>(std::ranges::find_if(members, of_last) - members.begin());
    const auto end = static_cast<size_t>(
        std::ranges::find_if_not(members.begin() + static_cast<ptrdiff_t>(begin), members.end(), of_last) -
        members.begin());
    if (end > count && members[begin].tier != Fitness::Tier::infeasible) fill(members, begin, end, count);
    members.resize(count);
  }

  void scale(const std::vector<GeneticMember>& members) {
    std::vector<Point> points;
    std::vector<size_t> front;
    for (const GeneticMember& member : members) {
      if (member.tier == Fitness::Tier::infeasible) continue;
      if (member.front == 0) front.push_back(points.size());
      points.push_back(member.point);
    }
    if (!front.empty()) scale_.include(points, front);
  }

  // Moves those of members[begin, end) that serve the least served directions to the places begin .. count.
  void fill(std::vector<GeneticMember>& members, size_t begin, size_t end, size_t count) const {
    std::vector<size_t> served(directions_.size(), 0);
    std::map<size_t, std::vector<std::pair<double, size_t>>> waiting;  // by direction; the nearest last
    std::vector<size_t> copies;
    std::map<Point, size_t> distinct;
    for (size_t i = 0; i < end; ++i) {
      const bool first = distinct.emplace(members[i].point, i).second;
      const Association found = nearest_direction(scale_.scaled(members[i].point), directions_);
      if (i < begin) {
        served[found.direction] += first ? 1 : 0;
      } else if (first) {
        waiting[found.direction].emplace_back(found.distance, i);
      } else {
        copies.push_back(i);
      }
    }
    for (auto& [direction, candidates] : waiting) std::ranges::sort(candidates, std::greater<>{});
    std::vector<size_t> taken;
    while (begin + taken.size() < count && !waiting.empty()) {
      auto least = waiting.begin();
      for (auto entry = waiting.begin(); entry != waiting.end(); ++entry) {
        if (served[entry->first] < served[least->first]) least = entry;
      }
      taken.push_back(least->second.back().second);
      least->second.pop_back();
      ++served[least->first];
      if (least->second.empty()) waiting.erase(least);
    }
    for (size_t i = 0; begin + taken.size() < count; ++i) taken.push_back(copies[i]);
    std::ranges::sort(taken);
    for (size_t i = 0; i < taken.size(); ++i) {  // taken[i] >= begin + i: nothing is overwritten that is still needed
      if (taken[i] != begin + i) members[begin + i] = std::move(members[taken[i]]);
    }
  }

  const std::vector<Point> directions_;
  ObjectiveScale scale_;
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
