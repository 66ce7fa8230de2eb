// The heuristic on groups: valid, never feasible where it is not, near the optimum of assignments by groups.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "nacre/base/random.hpp"
#include "nacre/hw/scheduling/scheduler.hpp"

namespace nacre {
namespace {

// Two chains of tasks, each with three groups; a group costs the same in all its tasks.
SchedulingProblem drawn(Random& random) {
  SchedulingProblem problem;
  problem.cores = {"first", "second"};
  for (int network = 0; network < 2; ++network) {
    std::vector<std::vector<std::optional<TaskCost>>> of_group;
    for (int group = 0; group < 3; ++group) {
      auto& row = of_group.emplace_back();
      for (int core = 0; core < 2; ++core)
        row.emplace_back(TaskCost{.cycles = std::floor(random.uniform(1, 100)), .energy_j = random.uniform(1, 10)});
    }
    const auto tasks = static_cast<int>(4 + random.below(5));
    for (int t = 0; t < tasks; ++t) {
      const auto group = static_cast<int>(random.below(3));
      SchedulingProblem::Task task{.name = "t", .network = network, .predecessors = {}, .group = 3 * network + group};
      if (t > 0) task.predecessors = {static_cast<int>(problem.tasks.size()) - 1};
      problem.tasks.push_back(task);
      problem.costs.push_back(of_group[static_cast<size_t>(group)]);
    }
  }
  return problem;
}

// The least energy within the limit of all assignments by groups, list scheduled; infinity: none is within.
double least_energy(const SchedulingProblem& problem, double limit, double* quickest) {
  double least = INFINITY;
  *quickest = INFINITY;
  for (int code = 0; code < 64; ++code) {
    std::vector<int> cores;
    for (const auto& task : problem.tasks) cores.push_back(code >> task.group & 1);
    const Schedule schedule = list_schedule(problem, cores);
    *quickest = std::min(*quickest, schedule.makespan);
    if (schedule.makespan <= limit) least = std::min(least, schedule.energy_j);
  }
  return least;
}

TEST(GroupMoves, AreValidAndNearTheBestOfAllAssignmentsByGroups) {
  Random random(1);
  int feasible = 0, missed = 0;
  double excess = 0;
  for (int i = 0; i < 200; ++i) {
    const SchedulingProblem problem = drawn(random);
    double quickest = 0;
    least_energy(problem, 0, &quickest);
    const double limit = quickest * random.uniform(0.9, 1.8);
    const double best = least_energy(problem, limit, &quickest);
    const ScheduleResult result = schedule_tasks(problem, {limit}, {.by_groups = true});
    EXPECT_EQ(schedule_fault(problem, result.schedule), "");
    EXPECT_EQ(result.feasible, result.schedule.makespan <= limit * (1 + 1e-12));
    EXPECT_FALSE(result.proved);
    for (size_t a = 0; a < problem.tasks.size(); ++a)
      for (size_t b = 0; b < a; ++b)
        if (problem.tasks[a].group == problem.tasks[b].group)
          EXPECT_EQ(result.schedule.tasks[a].core, result.schedule.tasks[b].core);
    if (!std::isfinite(best)) {
      EXPECT_FALSE(result.feasible);
      continue;
    }
    if (!result.feasible) {
      ++missed;
      continue;
    }
    ++feasible;
    EXPECT_GE(result.schedule.energy_j, best * (1 - 1e-12));
    excess += result.schedule.energy_j / best - 1;
  }
  EXPECT_GT(feasible, 100);
  EXPECT_LE(missed, feasible / 10);
  EXPECT_LT(excess / feasible, 0.05);
}

TEST(GroupMoves, TasksWithoutAGroupMoveByThemselves) {
  Random random(2);
  for (int i = 0; i < 30; ++i) {
    SchedulingProblem problem = drawn(random);
    for (auto& task : problem.tasks) task.group = -1;
    const ScheduleResult result = schedule_tasks(problem, {}, {.by_groups = true});
    EXPECT_EQ(schedule_fault(problem, result.schedule), "");
    EXPECT_TRUE(result.feasible);
    EXPECT_LE(result.schedule.makespan, schedule_by_moves(problem, {}).schedule.makespan * 1.5);
  }
}

}  // namespace
}  // namespace nacre
