// The heuristic: moves of single tasks between cores, each followed by a list schedule.
//
//   start   every task where it costs least energy (Yang et al., DAC 2020, after Shao et al. 2005)
//   hasten  while the limit is missed: the move with the least energy for each cycle saved
//   again   where no move helps, from the assignment in which each task in turn finishes first
//   relax   while the limit is kept: the move that saves most energy
//
// Of many possible moves those with the best estimate are tried: a move is worth the energy it adds over the cycles that its core
// gets rid of. One call tries a few thousand assignments at most.
#include <algorithm>
#include <cmath>
#include <limits>

#include "nacre/hw/scheduling/scheduler.hpp"

namespace nacre {
namespace {

constexpr size_t kTriedMoves = 24;    // at each turn, the best by the estimate
constexpr size_t kSmallProblem = 16;  // tasks; here all moves are tried, and exchanges of two
constexpr double kRounding = 1e-12;

struct Move {
  size_t task = 0;
  int core = 0;
  double estimate = 0;
};

class Mover {
 public:
  Mover(const SchedulingProblem& problem, const ScheduleGoal& goal)
      : problem_(problem), limit_(goal.makespan_limit), n_(problem.tasks.size()) {}

  ScheduleResult run() {
    ScheduleResult result;
    set(cheapest());
    if (!limit_) {
      hasten();
      keep_quickest();
      set(quickest());
      hasten();
      keep_quickest();
      result.schedule = best_;
      result.feasible = true;
      result.explored = explored_;
      return result;
    }
    hasten();
    if (within(now_)) {
      relax();
      keep_cheapest();
    } else {
      keep_quickest();
      set(quickest());
      if (!within(now_)) hasten();
      if (within(now_)) {
        relax();
        kept_ = false;
        keep_cheapest();
      } else {
        keep_quickest();
      }
    }
    if (within(best_) && n_ <= kSmallProblem) {  // another way to the limit costs little here
      set(quickest());
      if (!within(now_)) hasten();
      if (within(now_)) {
        relax();
        keep_cheapest();
      }
    }
    result.schedule = best_;
    result.feasible = within(best_);
    result.explored = explored_;
    return result;
  }

 private:
  const std::optional<TaskCost>& cost(size_t task, int core) const {
    return problem_.costs[task][static_cast<size_t>(core)];
  }
  bool usable(size_t task, int core) const {
    const auto& one = cost(task, core);
    return one && (!problem_.bandwidth || one->bandwidth <= *problem_.bandwidth);
  }
  bool within(const Schedule& schedule) const { return !limit_ || schedule.makespan <= *limit_ * (1 + kRounding); }

  void set(std::vector<int> cores) {
    cores_ = std::move(cores);
    now_ = tried(cores_);
  }
  Schedule tried(const std::vector<int>& cores) {
    ++explored_;
    return list_schedule(problem_, cores);
  }
  void keep_quickest() {
    if (!kept_ || now_.makespan < best_.makespan) keep();
  }
  void keep_cheapest() {
    if (!kept_ || now_.energy_j < best_.energy_j) keep();
  }
  void keep() {
    best_ = now_;
    kept_ = true;
  }

  std::vector<int> cheapest() const {
    std::vector<int> cores(n_, -1);
    for (size_t t = 0; t < n_; ++t) {
      for (int core = 0; core < std::ssize(problem_.cores); ++core) {
        if (!usable(t, core)) continue;
        if (cores[t] < 0 || cost(t, core)->energy_j < cost(t, cores[t])->energy_j ||
            (cost(t, core)->energy_j == cost(t, cores[t])->energy_j &&
             cost(t, core)->cycles < cost(t, cores[t])->cycles))
          cores[t] = core;
      }
    }
    return cores;
  }

  // In the order of the longest way to the end, each where it finishes first.
  std::vector<int> quickest() const {
    std::vector<double> mean(n_, 0), tail(n_, 0), finish(n_, 0), free(problem_.cores.size(), 0);
    for (size_t t = 0; t < n_; ++t) {
      double runs = 0;
      for (int core = 0; core < std::ssize(problem_.cores); ++core) {
        if (!usable(t, core)) continue;
        mean[t] += cost(t, core)->cycles;
        ++runs;
      }
      mean[t] /= runs;
    }
    const std::vector<int> order = topological_order(problem_);
    for (size_t i = n_; i-- > 0;) {
      const auto t = static_cast<size_t>(order[i]);
      tail[t] += mean[t];
      for (const int p : problem_.tasks[t].predecessors)
        tail[static_cast<size_t>(p)] = std::max(tail[static_cast<size_t>(p)], tail[t]);
    }
    std::vector<size_t> rank(n_, 0);
    for (size_t i = 0; i < n_; ++i) rank[static_cast<size_t>(order[i])] = i;
    std::vector<size_t> turns(n_);
    for (size_t i = 0; i < n_; ++i) turns[i] = i;
    std::ranges::sort(turns,
                      [&](size_t a, size_t b) { return tail[a] != tail[b] ? tail[a] > tail[b] : rank[a] < rank[b]; });
    std::vector<int> cores(n_, -1);
    for (const size_t t : turns) {
      double ready = 0, first = std::numeric_limits<double>::infinity();
      for (const int p : problem_.tasks[t].predecessors) ready = std::max(ready, finish[static_cast<size_t>(p)]);
      for (int core = 0; core < std::ssize(problem_.cores); ++core) {
        if (!usable(t, core)) continue;
        const double end = std::max(ready, free[static_cast<size_t>(core)]) + cost(t, core)->cycles;
        if (end >= first) continue;
        first = end;
        cores[t] = core;
      }
      finish[t] = free[static_cast<size_t>(cores[t])] = first;
    }
    return cores;
  }

  // The best moves by their estimates: of `hasten`, energy added for each cycle that the core gets rid of; of `relax`, energy.
  std::vector<Move> moves(bool saves_energy) const {
    std::vector<Move> all;
    for (size_t t = 0; t < n_; ++t) {
      const TaskCost& present = *cost(t, cores_[t]);
      for (int core = 0; core < std::ssize(problem_.cores); ++core) {
        if (core == cores_[t] || !usable(t, core)) continue;
        const double extra = cost(t, core)->energy_j - present.energy_j;
        if (saves_energy && !(extra < 0)) continue;
        if (!saves_energy && present.cycles <= 0) continue;
        all.push_back({t, core, saves_energy || extra <= 0 ? extra : extra / present.cycles});
      }
    }
    std::ranges::stable_sort(all, std::ranges::less{}, &Move::estimate);
    if (n_ > kSmallProblem && all.size() > kTriedMoves) all.resize(kTriedMoves);
    return all;
  }

  void hasten() {
    while (!limit_ || !within(now_)) {
      const Move* best = nullptr;
      double ratio = 0;
      Schedule after;
      const std::vector<Move> tries = moves_that_relieve();
      for (const Move& move : tries) {
        std::vector<int> cores = cores_;
        cores[move.task] = move.core;
        Schedule schedule = tried(cores);
        const double saved = now_.makespan - schedule.makespan;
        if (saved <= now_.makespan * kRounding) continue;
        const double extra = schedule.energy_j - now_.energy_j;
        const double own = limit_ ? (extra > 0 ? extra / saved : extra * saved) : -saved;
        if (best != nullptr && own >= ratio) continue;
        best = &move;
        ratio = own;
        after = std::move(schedule);
      }
      if (best == nullptr) return;
      cores_[best->task] = best->core;
      now_ = std::move(after);
    }
  }

  // Only a task on a critical chain of the schedule can shorten it: one that ends last, or that ends where a task of the chain,
  // which waited for it or for its core, begins.
  std::vector<Move> moves_that_relieve() const {
    std::vector<char> critical(n_, 0);
    std::vector<size_t> open;
    const double tolerance = now_.makespan * kRounding;
    for (size_t t = 0; t < n_; ++t)
      if (now_.tasks[t].finish >= now_.makespan - tolerance) {
        critical[t] = 1;
        open.push_back(t);
      }
    while (!open.empty()) {
      const size_t t = open.back();
      open.pop_back();
      for (size_t p = 0; p < n_; ++p) {
        if (critical[p] || std::abs(now_.tasks[p].finish - now_.tasks[t].start) > tolerance) continue;
        const bool precedes = std::ranges::find(problem_.tasks[t].predecessors, static_cast<int>(p)) !=
                              problem_.tasks[t].predecessors.end();
        if (!precedes && now_.tasks[p].core != now_.tasks[t].core && !problem_.bandwidth) continue;
        critical[p] = 1;
        open.push_back(p);
      }
    }
    std::vector<Move> all;
    for (size_t t = 0; t < n_; ++t) {
      if (!critical[t] || cost(t, cores_[t])->cycles <= 0) continue;
      for (int core = 0; core < std::ssize(problem_.cores); ++core) {
        if (core == cores_[t] || !usable(t, core)) continue;
        const double extra = cost(t, core)->energy_j - cost(t, cores_[t])->energy_j;
        const double relief = cost(t, cores_[t])->cycles;
        all.push_back({t, core, limit_ ? extra / relief : cost(t, core)->cycles - relief});
      }
    }
    std::ranges::stable_sort(all, std::ranges::less{}, &Move::estimate);
    if (n_ > kSmallProblem && all.size() > kTriedMoves) all.resize(kTriedMoves);
    return all;
  }

  void relax() {
    for (bool moved = true; moved;) {
      moved = false;
      for (const Move& move : moves(true)) {
        std::vector<int> cores = cores_;
        cores[move.task] = move.core;
        Schedule schedule = tried(cores);
        if (!within(schedule)) continue;
        cores_ = std::move(cores);
        now_ = std::move(schedule);
        moved = true;
        break;
      }
      if (!moved && n_ <= kSmallProblem) moved = exchange();
    }
  }

  // Two tasks at once: one to where it costs less, another out of its way.
  bool exchange() {
    for (const Move& move : moves(true)) {
      std::vector<int> cores = cores_;
      cores[move.task] = move.core;
      for (size_t t = 0; t < n_; ++t) {
        if (t == move.task) continue;
        for (int core = 0; core < std::ssize(problem_.cores); ++core) {
          if (core == cores_[t] || !usable(t, core)) continue;
          if (move.estimate + cost(t, core)->energy_j - cost(t, cores_[t])->energy_j >= -now_.energy_j * kRounding)
            continue;
          cores[t] = core;
          Schedule schedule = tried(cores);
          if (within(schedule)) {
            cores_ = std::move(cores);
            now_ = std::move(schedule);
            return true;
          }
          cores[t] = cores_[t];
        }
      }
    }
    return false;
  }

  const SchedulingProblem& problem_;
  const std::optional<double> limit_;
  const size_t n_;
  std::vector<int> cores_;
  Schedule now_;
  Schedule best_;
  bool kept_ = false;
  int64_t explored_ = 0;
};

}  // namespace

ScheduleResult schedule_by_moves(const SchedulingProblem& problem, const ScheduleGoal& goal) {
  if (problem.tasks.empty()) return {.schedule = {}, .feasible = true};
  return Mover(problem, goal).run();
}

}  // namespace nacre
