// The heuristic on groups: tasks of one group (the layers of a network that have one shape, which cost the same everywhere) share a
// core, so that there are a few dozen moves and not hundreds. The schedule is still made of single tasks, after their predecessors.
//
//   start   every group where it costs least energy
//   hasten  while the limit is missed: the move with the least energy for each cycle saved (without a limit: the most cycles)
//   again   where no move helps, from every group where it is quickest
//   relax   while the limit is kept: the move that saves most energy
#include <algorithm>
#include <functional>
#include <limits>
#include <map>

#include "nacre/base/error.hpp"
#include "nacre/hw/scheduling/scheduler.hpp"

namespace nacre {
namespace {

constexpr double kRounding = 1e-12;
constexpr size_t kUsefulMoves = 4;  // at each turn: of those that shorten the schedule, the first by their estimates

class GroupMover {
 public:
  GroupMover(const SchedulingProblem& problem, const ScheduleGoal& goal)
      : problem_(problem), limit_(goal.makespan_limit), cores_(problem.cores.size()) {
    std::map<int, size_t> known;
    for (size_t t = 0; t < problem.tasks.size(); ++t) {
      const int group = problem.tasks[t].group;
      const auto [place, fresh] = group < 0 ? std::pair(known.end(), true) : known.try_emplace(group, groups_.size());
      if (fresh) groups_.emplace_back().sums.resize(cores_);
      Group& own = fresh ? groups_.back() : groups_[place->second];
      own.tasks.push_back(t);
      for (size_t core = 0; core < cores_; ++core) add(own.sums[core], problem.costs[t][core]);
    }
    for (const Group& group : groups_)
      NACRE_CHECK(std::ranges::any_of(group.sums, [](const auto& sum) { return sum.runs; }),
                  "a group that no core can run");
  }

  ScheduleResult run() {
    start([](const Sum& sum) { return std::pair(sum.energy_j, sum.cycles); });
    hasten();
    Schedule best = settled();
    if (!limit_ || !within(best)) {
      start([](const Sum& sum) { return std::pair(sum.cycles, sum.energy_j); });
      hasten();
      Schedule second = settled();
      const bool better = within(second) != within(best) ? within(second) : second.makespan < best.makespan;
      if (better) best = std::move(second);
    }
    const bool feasible = within(best);
    return {.schedule = std::move(best), .feasible = feasible, .proved = false, .explored = explored_};
  }

 private:
  struct Sum {
    double cycles = 0, energy_j = 0;
    bool runs = true;
  };
  struct Group {
    std::vector<size_t> tasks;
    std::vector<Sum> sums;  // by core
    size_t core = 0;
  };

  static void add(Sum& sum, const std::optional<TaskCost>& cost) {
    sum.runs = sum.runs && cost.has_value();
    if (!cost) return;
    sum.cycles += cost->cycles;
    sum.energy_j += cost->energy_j;
  }
  bool within(const Schedule& schedule) const { return !limit_ || schedule.makespan <= *limit_ * (1 + kRounding); }

  Schedule tried() {
    ++explored_;
    std::vector<int> cores(problem_.tasks.size(), 0);
    for (const Group& group : groups_)
      for (const size_t t : group.tasks) cores[t] = static_cast<int>(group.core);
    return list_schedule(problem_, cores);
  }

  void start(const std::function<std::pair<double, double>(const Sum&)>& price) {
    for (Group& group : groups_) {
      std::optional<std::pair<double, double>> least;
      for (size_t core = 0; core < cores_; ++core) {
        if (!group.sums[core].runs || (least && !(price(group.sums[core]) < *least))) continue;
        least = price(group.sums[core]);
        group.core = core;
      }
    }
    now_ = tried();
  }

  // The moves with the best estimates: energy for each cycle that the present core gets rid of (without a limit: the change of cycles).
  std::vector<std::pair<Group*, size_t>> moves() {
    std::vector<std::pair<double, std::pair<Group*, size_t>>> all;
    for (Group& group : groups_) {
      const Sum& present = group.sums[group.core];
      for (size_t core = 0; core < cores_; ++core) {
        const Sum& other = group.sums[core];
        if (core == group.core || !other.runs || present.cycles <= 0) continue;
        const double extra = other.energy_j - present.energy_j;
        all.push_back({!limit_ ? other.cycles - present.cycles : extra / present.cycles, {&group, core}});
      }
    }
    std::ranges::stable_sort(all, std::ranges::less{}, [](const auto& move) { return move.first; });
    std::vector<std::pair<Group*, size_t>> best;
    for (const auto& [estimate, move] : all) best.push_back(move);
    return best;
  }

  void hasten() {
    while (!limit_ || !within(now_)) {
      Group* best = nullptr;
      size_t best_core = 0, useful = 0;
      double least = std::numeric_limits<double>::infinity();
      Schedule after;
      for (const auto& [group, core] : moves()) {
        const size_t present = group->core;
        group->core = core;
        Schedule schedule = tried();
        group->core = present;
        const double saved = now_.makespan - schedule.makespan;
        if (saved <= now_.makespan * kRounding) continue;
        const double extra = schedule.energy_j - now_.energy_j;
        const double worth = !limit_ ? -saved : (extra > 0 ? extra / saved : extra * saved);
        if (worth < least) {
          least = worth;
          best = group;
          best_core = core;
          after = std::move(schedule);
        }
        if (++useful == kUsefulMoves) break;
      }
      if (best == nullptr) return;
      best->core = best_core;
      now_ = std::move(after);
    }
  }

  // Where the limit is kept, what is left of it is given back to energy.
  Schedule settled() {
    if (!limit_ || !within(now_)) return now_;
    for (bool moved = true; moved;) {
      moved = false;
      std::vector<std::pair<double, std::pair<Group*, size_t>>> moves;
      for (Group& group : groups_)
        for (size_t core = 0; core < cores_; ++core) {
          const double change = group.sums[core].energy_j - group.sums[group.core].energy_j;
          if (core != group.core && group.sums[core].runs && change < 0) moves.push_back({change, {&group, core}});
        }
      std::ranges::stable_sort(moves, std::ranges::less{}, [](const auto& move) { return move.first; });
      for (const auto& [change, move] : moves) {
        const auto& [group, core] = move;
        const size_t present = group->core;
        group->core = core;
        Schedule schedule = tried();
        if (within(schedule)) {
          now_ = std::move(schedule);
          moved = true;
          break;
        }
        group->core = present;
      }
    }
    return now_;
  }

  const SchedulingProblem& problem_;
  const std::optional<double> limit_;
  const size_t cores_;
  std::vector<Group> groups_;
  Schedule now_;
  int64_t explored_ = 0;
};

}  // namespace

ScheduleResult schedule_by_groups(const SchedulingProblem& problem, const ScheduleGoal& goal) {
  if (problem.tasks.empty()) return {.schedule = {}, .feasible = true};
  return GroupMover(problem, goal).run();
}

}  // namespace nacre
