// Exact assignment and schedule: tasks are appended to cores in every order that precedence allows, and branches are left when
//
//   energy so far + least energy of the rest        is no better than the best,
//   some task's earliest start + least way to the end, or all work spread over all cores, passes the limit,
//   or another branch with the same tasks done has every core free, every open result ready and the energy spent no later
//   (with a shared bandwidth this last rule is off: what is taken over time differs).
//
// Sorting the tasks of any schedule by their start and appending each as early as possible delays none of them, so the branches
// hold an optimum.
#include <algorithm>
#include <limits>
#include <unordered_map>

#include "nacre/base/error.hpp"
#include "nacre/hw/scheduling/bandwidth_profile.hpp"
#include "nacre/hw/scheduling/scheduler.hpp"

namespace nacre {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kRounding = 1e-12;

class BranchAndBound {
 public:
  BranchAndBound(const SchedulingProblem& problem, const ScheduleGoal& goal, const ScheduleOptions& options)
      : problem_(problem), goal_(goal), options_(options), order_(topological_order(problem)) {
    const size_t n = problem.tasks.size();
    NACRE_CHECK(n < 64, "branch and bound takes up to 63 tasks");
    least_energy_.assign(n, kInfinity);
    least_cycles_.assign(n, kInfinity);
    tail_.assign(n, 0);
    successors_.resize(n);
    needs_.assign(n, 0);
    for (size_t t = 0; t < n; ++t) {
      for (const auto& cost : problem.costs[t]) {
        if (!usable(cost)) continue;
        least_energy_[t] = std::min(least_energy_[t], cost->energy_j);
        least_cycles_[t] = std::min(least_cycles_[t], cost->cycles);
      }
      rest_energy_ += least_energy_[t];
      rest_cycles_ += least_cycles_[t];
      for (const int p : problem.tasks[t].predecessors) {
        needs_[t] |= bit(static_cast<size_t>(p));
        successors_[static_cast<size_t>(p)] |= bit(t);
      }
    }
    for (size_t i = n; i-- > 0;) {
      const auto t = static_cast<size_t>(order_[i]);
      for (size_t s = 0; s < n; ++s)
        if (successors_[t] & bit(s)) tail_[t] = std::max(tail_[t], tail_[s]);
      tail_[t] += least_cycles_[t];
    }
    free_.assign(problem.cores.size(), 0);
    placed_.resize(n);
    if (problem.bandwidth) profile_.emplace(*problem.bandwidth);
    limit_ = goal.makespan_limit ? *goal.makespan_limit * (1 + kRounding) : kInfinity;
  }

  // `start`: a schedule to do better than.
  ScheduleResult run(const ScheduleResult& start) {
    if (start.feasible) {
      best_ = start.schedule;
      if (goal_.makespan_limit)
        best_energy_ = best_->energy_j;
      else
        tighten(best_->makespan);
    }
    branch(0);
    ScheduleResult result;
    result.feasible = best_.has_value();
    result.schedule = best_ ? *best_ : start.schedule;
    result.proved = explored_ < options_.explored_limit;
    result.explored = explored_;
    return result;
  }

 private:
  struct Step {
    size_t task;
    int core;
    double start, finish;
  };

  static uint64_t bit(size_t task) { return uint64_t{1} << task; }
  bool usable(const std::optional<TaskCost>& cost) const {
    return cost && (!problem_.bandwidth || cost->bandwidth <= *problem_.bandwidth);
  }
  // Of the least makespan: only shorter ones are of interest from now on.
  void tighten(double makespan) { limit_ = makespan - std::max(makespan * kRounding, kRounding); }

  void branch(uint64_t done) {
    if (explored_ >= options_.explored_limit) return;
    ++explored_;
    const size_t n = problem_.tasks.size();
    if (done == (n == 0 ? 0 : (~uint64_t{0} >> (64 - n)))) return keep();
    if (hopeless(done) || dominated(done)) return;
    std::vector<Step> steps;
    for (size_t t = 0; t < n; ++t) {
      if ((done & bit(t)) || (needs_[t] & ~done)) continue;
      double ready = 0;
      for (const int p : problem_.tasks[t].predecessors)
        ready = std::max(ready, placed_[static_cast<size_t>(p)].finish);
      for (size_t core = 0; core < free_.size(); ++core) {
        const auto& cost = problem_.costs[t][core];
        if (!usable(cost)) continue;
        double start = std::max(ready, free_[core]);
        if (profile_) start = profile_->earliest(start, cost->cycles, cost->bandwidth);
        steps.push_back({t, static_cast<int>(core), start, start + cost->cycles});
      }
    }
    const bool energy_first = goal_.makespan_limit.has_value();
    const auto extra = [&](const Step& step) {
      return problem_.costs[step.task][static_cast<size_t>(step.core)]->energy_j - least_energy_[step.task];
    };
    std::ranges::stable_sort(steps, [&](const Step& a, const Step& b) {
      if (energy_first && extra(a) != extra(b)) return extra(a) < extra(b);
      return a.finish < b.finish;
    });
    for (const Step& step : steps) take(step, done);
  }

  void take(const Step& step, uint64_t done) {
    const auto core = static_cast<size_t>(step.core);
    const TaskCost& cost = *problem_.costs[step.task][core];
    const double free = free_[core], energy = energy_, rest_energy = rest_energy_, rest_cycles = rest_cycles_;
    free_[core] = step.finish;
    placed_[step.task] = {step.core, step.start, step.finish};
    energy_ += cost.energy_j;
    rest_energy_ -= least_energy_[step.task];
    rest_cycles_ -= least_cycles_[step.task];
    if (profile_) profile_->take(step.start, step.finish, cost.bandwidth);
    branch(done | bit(step.task));
    if (profile_) profile_->give_back(step.start, step.finish, cost.bandwidth);
    free_[core] = free;
    energy_ = energy;
    rest_energy_ = rest_energy;
    rest_cycles_ = rest_cycles;
  }

  void keep() {
    Schedule schedule{placed_, 0, energy_};
    for (const Placement& placed : placed_) schedule.makespan = std::max(schedule.makespan, placed.finish);
    if (schedule.makespan > limit_ || (goal_.makespan_limit && best_ && !(energy_ < best_energy_))) return;
    best_energy_ = energy_;
    if (!goal_.makespan_limit) tighten(schedule.makespan);
    best_ = std::move(schedule);
  }

  bool hopeless(uint64_t done) {
    if (goal_.makespan_limit && energy_ + rest_energy_ >= best_energy_ * (1 - kRounding)) return true;
    double work = rest_cycles_, first = kInfinity;
    for (const double free : free_) {
      work += free;
      first = std::min(first, free);
    }
    if (work > limit_ * static_cast<double>(free_.size()) * (1 + kRounding)) return true;
    starts_.assign(problem_.tasks.size(), 0);
    for (const int index : order_) {
      const auto t = static_cast<size_t>(index);
      if (done & bit(t)) continue;
      double start = first;
      for (const int p : problem_.tasks[t].predecessors) {
        const auto before = static_cast<size_t>(p);
        start =
            std::max(start, (done & bit(before)) ? placed_[before].finish : starts_[before] + least_cycles_[before]);
      }
      starts_[t] = start;
      if (start + tail_[t] > limit_ * (1 + kRounding)) return true;
    }
    return false;
  }

  // When cores are free, when results that are still read are ready, what was spent.
  bool dominated(uint64_t done) {
    if (profile_) return false;
    std::vector<double> label = free_;
    for (size_t t = 0; t < placed_.size(); ++t)
      if ((done & bit(t)) && (successors_[t] & ~done)) label.push_back(placed_[t].finish);
    // A makespan that is reached already binds as much as what is to come.
    double reached = 0;
    for (const double free : free_) reached = std::max(reached, free);
    label.push_back(reached);
    if (goal_.makespan_limit) label.push_back(energy_);
    std::vector<std::vector<double>>& known = labels_[done];
    const auto covers = [](const std::vector<double>& a, const std::vector<double>& b) {
      for (size_t i = 0; i < a.size(); ++i)
        if (a[i] > b[i]) return false;
      return true;
    };
    if (std::ranges::any_of(known, [&](const auto& other) { return covers(other, label); })) return true;
    std::erase_if(known, [&](const auto& other) { return covers(label, other); });
    known.push_back(std::move(label));
    return false;
  }

  const SchedulingProblem& problem_;
  const ScheduleGoal goal_;
  const ScheduleOptions options_;
  const std::vector<int> order_;
  std::vector<double> least_energy_, least_cycles_, tail_, starts_;
  std::vector<uint64_t> successors_, needs_;
  double rest_energy_ = 0, rest_cycles_ = 0, limit_ = kInfinity, best_energy_ = kInfinity, energy_ = 0;
  int64_t explored_ = 0;
  std::vector<double> free_;  // by core
  std::vector<Placement> placed_;
  std::optional<BandwidthProfile> profile_;
  std::optional<Schedule> best_;
  std::unordered_map<uint64_t, std::vector<std::vector<double>>> labels_;
};

}  // namespace

ScheduleResult schedule_exactly(const SchedulingProblem& problem, const ScheduleGoal& goal,
                                const ScheduleOptions& options) {
  return BranchAndBound(problem, goal, options).run(schedule_by_moves(problem, goal));
}

ScheduleResult schedule_tasks(const SchedulingProblem& problem, const ScheduleGoal& goal,
                              const ScheduleOptions& options) {
  problem.check();
  if (options.by_groups) return schedule_by_groups(problem, goal);
  if (std::ssize(problem.tasks) <= options.exact_tasks) return schedule_exactly(problem, goal, options);
  return schedule_by_moves(problem, goal);
}

}  // namespace nacre
