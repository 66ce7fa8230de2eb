#include "nacre/hw/scheduling/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "nacre/base/error.hpp"
#include "nacre/hw/scheduling/bandwidth_profile.hpp"

namespace nacre {
namespace {

// Sums of cycles are compared up to this share of them.
constexpr double kRounding = 1e-9;

bool before(double a, double b) { return a <= b + kRounding * std::max({1.0, std::abs(a), std::abs(b)}); }
bool same(double a, double b) { return before(a, b) && before(b, a); }

const TaskCost* cost_at(const SchedulingProblem& problem, size_t task, int core) {
  if (core < 0 || core >= std::ssize(problem.cores)) return nullptr;
  const auto& cost = problem.costs[task][static_cast<size_t>(core)];
  return cost ? &*cost : nullptr;
}

std::string bandwidth_fault(const SchedulingProblem& problem, const Schedule& schedule) {
  for (size_t i = 0; i < problem.tasks.size(); ++i) {  // the use is largest where some task starts
    double used = 0;
    const double now = schedule.tasks[i].start;
    for (size_t j = 0; j < problem.tasks.size(); ++j) {
      const Placement& other = schedule.tasks[j];
      if (before(other.start, now) && !before(other.finish, now)) used += cost_at(problem, j, other.core)->bandwidth;
    }
    if (!before(used, *problem.bandwidth))
      return fmt::format("at cycle {} the tasks use {} of a shared bandwidth of {}", now, used, *problem.bandwidth);
  }
  return "";
}

}  // namespace

void SchedulingProblem::check() const {
  const auto n = std::ssize(tasks);
  if (cores.empty()) throw UserError("a schedule needs at least one core");
  NACRE_CHECK(std::ssize(costs) == n, "one row of costs for each task");
  for (size_t t = 0; t < tasks.size(); ++t) {
    NACRE_CHECK(costs[t].size() == cores.size(), "one cost for each core");
    for (const int p : tasks[t].predecessors)
      if (p < 0 || p >= n || p == static_cast<int>(t))
        throw UserError(fmt::format("task '{}': predecessor {} is none of the {} other tasks", tasks[t].name, p, n));
    bool runs = false, fits = false;
    for (const auto& cost : costs[t]) {
      if (!cost) continue;
      runs = true;
      for (const double value : {cost->cycles, cost->energy_j, cost->bandwidth})
        if (!(value >= 0) || !std::isfinite(value))
          throw UserError(fmt::format("task '{}': expected costs of at least 0, not {}", tasks[t].name, value));
      fits = fits || !bandwidth || cost->bandwidth <= *bandwidth;
    }
    if (!runs) throw UserError(fmt::format("task '{}': no core can run it", tasks[t].name));
    if (!fits)
      throw UserError(
          fmt::format("task '{}' alone needs more than the shared bandwidth of {}", tasks[t].name, *bandwidth));
  }
  if (bandwidth && !(*bandwidth > 0)) throw UserError("expected a shared bandwidth above 0");
  std::vector<int> open(tasks.size(), 0);
  std::vector<std::vector<int>> successors(tasks.size());
  for (size_t t = 0; t < tasks.size(); ++t)
    for (const int p : tasks[t].predecessors) {
      successors[static_cast<size_t>(p)].push_back(static_cast<int>(t));
      ++open[t];
    }
  std::vector<int> ready;
  for (size_t t = 0; t < tasks.size(); ++t)
    if (open[t] == 0) ready.push_back(static_cast<int>(t));
  for (size_t i = 0; i < ready.size(); ++i)
    for (const int s : successors[static_cast<size_t>(ready[i])])
      if (--open[static_cast<size_t>(s)] == 0) ready.push_back(s);
  if (std::ssize(ready) == n) return;
  for (size_t t = 0; t < tasks.size(); ++t)
    if (open[t] > 0) throw UserError(fmt::format("task '{}' is among its own predecessors", tasks[t].name));
}

std::vector<int> topological_order(const SchedulingProblem& problem) {
  std::vector<int> order;
  std::vector<char> done(problem.tasks.size(), 0);
  bool moved = true;
  while (moved) {
    moved = false;
    for (size_t t = 0; t < done.size(); ++t) {
      if (done[t] ||
          !std::ranges::all_of(problem.tasks[t].predecessors, [&](int p) { return done[static_cast<size_t>(p)] != 0; }))
        continue;
      done[t] = 1;
      order.push_back(static_cast<int>(t));
      moved = true;
    }
  }
  NACRE_CHECK(order.size() == done.size(), "a cycle of precedence");
  return order;
}

std::string schedule_fault(const SchedulingProblem& problem, const Schedule& schedule) {
  if (schedule.tasks.size() != problem.tasks.size())
    return fmt::format("{} of {} tasks are placed", schedule.tasks.size(), problem.tasks.size());
  double makespan = 0, energy = 0;
  for (size_t t = 0; t < problem.tasks.size(); ++t) {
    const Placement& placed = schedule.tasks[t];
    const std::string& name = problem.tasks[t].name;
    const TaskCost* const cost = cost_at(problem, t, placed.core);
    if (cost == nullptr) return fmt::format("'{}' is on core {}, which cannot run it", name, placed.core);
    if (!(placed.start >= 0)) return fmt::format("'{}' starts at {}", name, placed.start);
    if (!same(placed.finish, placed.start + cost->cycles))
      return fmt::format("'{}' takes {} cycles, not {}", name, cost->cycles, placed.finish - placed.start);
    for (const int p : problem.tasks[t].predecessors)
      if (!before(schedule.tasks[static_cast<size_t>(p)].finish, placed.start))
        return fmt::format("'{}' starts before its predecessor '{}' has finished", name,
                           problem.tasks[static_cast<size_t>(p)].name);
    for (size_t other = 0; other < t; ++other) {
      const Placement& second = schedule.tasks[other];
      if (second.core != placed.core || before(second.finish, placed.start) || before(placed.finish, second.start))
        continue;
      return fmt::format("'{}' and '{}' are on core {} at once", name, problem.tasks[other].name, placed.core);
    }
    makespan = std::max(makespan, placed.finish);
    energy += cost->energy_j;
  }
  if (!same(makespan, schedule.makespan)) return fmt::format("the makespan is {}, not {}", makespan, schedule.makespan);
  if (std::abs(energy - schedule.energy_j) > kRounding * std::max(energy, schedule.energy_j))
    return fmt::format("the energy is {} J, not {} J", energy, schedule.energy_j);
  return problem.bandwidth ? bandwidth_fault(problem, schedule) : "";
}

Schedule list_schedule(const SchedulingProblem& problem, const std::vector<int>& cores) {
  const size_t n = problem.tasks.size();
  Schedule schedule;
  schedule.tasks.resize(n);
  // The successors of all tasks in one list, those of a task from first[t] to first[t + 1]: a search makes thousands of schedules.
  std::vector<int> open(n, 0), first(n + 1, 0);
  for (size_t t = 0; t < n; ++t) {
    open[t] = static_cast<int>(problem.tasks[t].predecessors.size());
    for (const int p : problem.tasks[t].predecessors) ++first[static_cast<size_t>(p) + 1];
  }
  for (size_t t = 0; t < n; ++t) first[t + 1] += first[t];
  std::vector<int> all(static_cast<size_t>(first[n])), filled(first.begin(), first.end());
  for (size_t t = 0; t < n; ++t)
    for (const int p : problem.tasks[t].predecessors)
      all[static_cast<size_t>(filled[static_cast<size_t>(p)]++)] = static_cast<int>(t);
  const auto successors_of = [&](size_t t) {
    return std::span(all).subspan(static_cast<size_t>(first[t]), static_cast<size_t>(first[t + 1] - first[t]));
  };
  const auto cost = [&](size_t t) -> const TaskCost& {
    const TaskCost* const found = cost_at(problem, t, cores[t]);
    NACRE_CHECK(found != nullptr, "a task on a core that cannot run it");
    return *found;
  };
  std::vector<double> tail(n, 0), earliest(n, 0), free(problem.cores.size(), 0);
  std::vector<int> ready, order;
  for (size_t t = 0; t < n; ++t)
    if (open[t] == 0) order.push_back(static_cast<int>(t));
  ready = order;
  std::vector<int> waiting = open;
  for (size_t i = 0; i < order.size(); ++i)
    for (const int s : successors_of(static_cast<size_t>(order[i])))
      if (--waiting[static_cast<size_t>(s)] == 0) order.push_back(s);
  NACRE_CHECK(order.size() == n, "a cycle of precedence");
  for (size_t i = n; i-- > 0;) {
    const auto t = static_cast<size_t>(order[i]);
    for (const int s : successors_of(t)) tail[t] = std::max(tail[t], tail[static_cast<size_t>(s)]);
    tail[t] += cost(t).cycles;
    schedule.energy_j += cost(t).energy_j;
  }
  std::optional<BandwidthProfile> profile;
  if (problem.bandwidth) profile.emplace(*problem.bandwidth);
  while (!ready.empty()) {
    size_t chosen = 0;
    double at = 0;
    for (size_t i = 0; i < ready.size(); ++i) {
      const auto t = static_cast<size_t>(ready[i]);
      double start = std::max(earliest[t], free[static_cast<size_t>(cores[t])]);
      if (profile) start = profile->earliest(start, cost(t).cycles, cost(t).bandwidth);
      if (i > 0 && (start > at || (start == at && tail[t] <= tail[static_cast<size_t>(ready[chosen])]))) continue;
      chosen = i;
      at = start;
    }
    const auto t = static_cast<size_t>(ready[chosen]);
    ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(chosen));
    const double finish = at + cost(t).cycles;
    schedule.tasks[t] = {cores[t], at, finish};
    if (profile) profile->take(at, finish, cost(t).bandwidth);
    free[static_cast<size_t>(cores[t])] = finish;
    schedule.makespan = std::max(schedule.makespan, finish);
    for (const int s : successors_of(t)) {
      const auto next = static_cast<size_t>(s);
      earliest[next] = std::max(earliest[next], finish);
      if (--open[next] == 0) ready.push_back(s);
    }
  }
  return schedule;
}

std::vector<double> core_utilization(const SchedulingProblem& problem, const Schedule& schedule) {
  std::vector<double> busy(problem.cores.size(), 0);
  for (const Placement& placed : schedule.tasks) busy[static_cast<size_t>(placed.core)] += placed.finish - placed.start;
  for (double& share : busy) share = schedule.makespan > 0 ? share / schedule.makespan : 0;
  return busy;
}

}  // namespace nacre
