#include "nacre/hw/scheduling/schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"
#include "nacre/hw/scheduling/scheduler.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

// Two chains of layers (and sometimes a skip), costs in whole numbers, some cores that cannot run a task.
SchedulingProblem random_problem(Random& random, int64_t most_tasks, int64_t cores) {
  SchedulingProblem problem;
  for (int64_t c = 0; c < cores; ++c) problem.cores.push_back("core" + std::to_string(c));
  const int64_t n = random.integer(3, most_tasks);
  const int64_t networks = random.integer(1, 2);
  std::vector<int> last(static_cast<size_t>(networks), -1);
  for (int64_t t = 0; t < n; ++t) {
    const int64_t network = random.integer(0, networks - 1);
    SchedulingProblem::Task task{
        .name = "t" + std::to_string(t), .network = static_cast<int>(network), .predecessors = {}};
    int& before = last[static_cast<size_t>(network)];
    if (before >= 0) task.predecessors.push_back(before);
    if (before >= 0 && random.bernoulli(0.2)) {
      const auto& older = problem.tasks[static_cast<size_t>(before)].predecessors;
      if (!older.empty()) task.predecessors = older;  // a branch beside the layer before
    }
    before = static_cast<int>(t);
    problem.tasks.push_back(std::move(task));
    auto& row = problem.costs.emplace_back();
    const int64_t sure = random.integer(0, cores - 1);
    for (int64_t c = 0; c < cores; ++c) {
      if (c != sure && random.bernoulli(0.1))
        row.emplace_back(std::nullopt);
      else
        row.emplace_back(TaskCost{.cycles = static_cast<double>(random.integer(1, 40)),
                                  .energy_j = static_cast<double>(random.integer(10, 60)),
                                  .bandwidth = static_cast<double>(random.integer(1, 5))});
    }
  }
  return problem;
}

// Every assignment in every order that precedence allows, each task as early as possible behind those of its core.
struct BruteForce {
  const SchedulingProblem& problem;
  double limit = std::numeric_limits<double>::infinity();
  double energy = std::numeric_limits<double>::infinity();    // the least within the limit
  double makespan = std::numeric_limits<double>::infinity();  // the least of all
  std::vector<double> finish = {}, free = {};
  std::vector<char> done = {};

  void run() {
    energy = std::numeric_limits<double>::infinity();
    finish.assign(problem.tasks.size(), 0);
    done.assign(problem.tasks.size(), 0);
    free.assign(problem.cores.size(), 0);
    place(0, 0, 0);
  }
  void place(size_t count, double spent, double reached) {
    if (count == problem.tasks.size()) {
      makespan = std::min(makespan, reached);
      if (reached <= limit) energy = std::min(energy, spent);
      return;
    }
    for (size_t t = 0; t < problem.tasks.size(); ++t) {
      if (done[t]) continue;
      double ready = 0;
      bool waits = false;
      for (const int p : problem.tasks[t].predecessors) {
        waits = waits || !done[static_cast<size_t>(p)];
        ready = std::max(ready, finish[static_cast<size_t>(p)]);
      }
      if (waits) continue;
      done[t] = 1;
      for (size_t c = 0; c < free.size(); ++c) {
        const auto& cost = problem.costs[t][c];
        if (!cost) continue;
        const double before = free[c];
        finish[t] = free[c] = std::max(ready, before) + cost->cycles;
        place(count + 1, spent + cost->energy_j, std::max(reached, free[c]));
        free[c] = before;
      }
      done[t] = 0;
    }
  }
};

TEST(Scheduling, EqualsBruteForceAndTheHeuristicStaysNear) {
  double excess = 0;
  int compared = 0, feasible = 0, missed = 0;
  for (uint64_t i = 0; i < 200; ++i) {
    Random random = Random::stream(1, "schedule", i);
    const int64_t cores = random.integer(2, 3);
    const SchedulingProblem problem = random_problem(random, cores == 2 ? 8 : 7, cores);
    problem.check();
    BruteForce all{problem};
    all.run();

    const ScheduleResult quickest = schedule_exactly(problem, {});
    ASSERT_EQ(schedule_fault(problem, quickest.schedule), "") << i;
    EXPECT_TRUE(quickest.proved);
    EXPECT_EQ(quickest.schedule.makespan, all.makespan) << i;
    const ScheduleResult quick = schedule_by_moves(problem, {});
    ASSERT_EQ(schedule_fault(problem, quick.schedule), "") << i;
    EXPECT_GE(quick.schedule.makespan, all.makespan);

    // Sometimes a limit that cannot be met, sometimes one that binds, sometimes one that does not.
    all.limit = std::floor(all.makespan * random.uniform(0.9, 1.8));
    all.run();
    const ScheduleGoal goal{.makespan_limit = all.limit};
    const ScheduleResult exact = schedule_exactly(problem, goal);
    EXPECT_TRUE(exact.proved);
    ASSERT_EQ(exact.feasible, std::isfinite(all.energy)) << i;
    ASSERT_EQ(schedule_fault(problem, exact.schedule), "") << i;
    const ScheduleResult moved = schedule_by_moves(problem, goal);
    ASSERT_EQ(schedule_fault(problem, moved.schedule), "") << i;
    EXPECT_EQ(moved.feasible, moved.schedule.makespan <= all.limit);
    if (!exact.feasible) {
      EXPECT_FALSE(moved.feasible) << i;
      EXPECT_GT(exact.schedule.makespan, all.limit);
      continue;
    }
    ++feasible;
    EXPECT_EQ(exact.schedule.energy_j, all.energy) << i;
    EXPECT_LE(exact.schedule.makespan, all.limit);
    if (!moved.feasible) {
      ++missed;
      continue;
    }
    ++compared;
    excess += moved.schedule.energy_j / all.energy - 1;
  }
  RecordProperty("feasible", feasible);
  RecordProperty("missed_by_heuristic", missed);
  RecordProperty("excess_per_mille", static_cast<int>(1000 * excess / compared));
  EXPECT_GT(feasible, 150);
  EXPECT_LT(feasible, 200);
  EXPECT_LE(missed, feasible / 20) << "of " << feasible;
  EXPECT_LE(excess / compared, 0.05);
}

TEST(Scheduling, ProvesADozenLayersOnTwoCores) {
  for (uint64_t i = 0; i < 20; ++i) {
    Random random = Random::stream(2, "schedule", i);
    SchedulingProblem problem = random_problem(random, 8, 2);
    while (problem.tasks.size() < 12) {
      const SchedulingProblem more = random_problem(random, 8, 2);
      const auto first = static_cast<int>(problem.tasks.size());
      for (size_t t = 0; t < more.tasks.size() && problem.tasks.size() < 12; ++t) {
        problem.tasks.push_back(more.tasks[t]);
        for (int& p : problem.tasks.back().predecessors) p += first;
        problem.costs.push_back(more.costs[t]);
      }
    }
    const ScheduleResult quickest = schedule_tasks(problem, {});
    ASSERT_TRUE(quickest.proved);
    const ScheduleResult cheapest = schedule_tasks(problem, {.makespan_limit = quickest.schedule.makespan * 1.2});
    EXPECT_TRUE(cheapest.proved);
    EXPECT_TRUE(cheapest.feasible);
    EXPECT_EQ(schedule_fault(problem, cheapest.schedule), "");
    EXPECT_LE(cheapest.schedule.energy_j,
              schedule_by_moves(problem, {quickest.schedule.makespan * 1.2}).schedule.energy_j);
    EXPECT_FALSE(schedule_tasks(problem, {.makespan_limit = quickest.schedule.makespan * 0.999}).feasible);
  }
}

TEST(Scheduling, KeepsASharedBandwidth) {
  for (uint64_t i = 0; i < 60; ++i) {
    Random random = Random::stream(3, "schedule", i);
    SchedulingProblem problem = random_problem(random, 6, 3);
    const double free = schedule_exactly(problem, {}).schedule.makespan;
    double last = std::numeric_limits<double>::infinity();
    for (const double budget : {5.0, 7.0, 10.0, 15.0}) {
      problem.bandwidth = budget;
      problem.check();
      const ScheduleResult exact = schedule_exactly(problem, {});
      ASSERT_TRUE(exact.proved);
      ASSERT_EQ(schedule_fault(problem, exact.schedule), "") << i;
      ASSERT_EQ(schedule_fault(problem, schedule_by_moves(problem, {}).schedule), "") << i;
      EXPECT_LE(exact.schedule.makespan, last) << "more bandwidth is never worse";
      EXPECT_GE(exact.schedule.makespan, free);
      last = exact.schedule.makespan;
    }
    EXPECT_EQ(last, free) << "three tasks need no more than 15";
  }
}

SchedulingProblem two_layers() {
  SchedulingProblem problem;
  problem.cores = {"a", "b"};
  problem.tasks = {{.name = "first", .predecessors = {}}, {.name = "second", .predecessors = {0}}};
  problem.costs = {{TaskCost{3, 1}, TaskCost{2, 5}}, {TaskCost{4, 1}, TaskCost{2, 5}}};
  return problem;
}

TEST(Scheduling, FindsFaults) {
  SchedulingProblem problem = two_layers();
  const Schedule good = list_schedule(problem, {0, 1});
  EXPECT_EQ(schedule_fault(problem, good), "");
  EXPECT_EQ(good.makespan, 5);
  EXPECT_EQ(good.energy_j, 6);
  EXPECT_EQ(core_utilization(problem, good), (std::vector<double>{0.6, 0.4}));
  Schedule bad = good;
  bad.tasks[1] = {1, 2, 4};
  EXPECT_THAT(schedule_fault(problem, bad), HasSubstr("starts before its predecessor 'first'"));
  bad = good;
  bad.tasks[0].finish = 1;
  EXPECT_THAT(schedule_fault(problem, bad), HasSubstr("takes 3 cycles, not 1"));
  bad = good;
  bad.makespan = 4;
  EXPECT_THAT(schedule_fault(problem, bad), HasSubstr("the makespan is 5, not 4"));
  bad = good;
  bad.energy_j = 2;
  EXPECT_THAT(schedule_fault(problem, bad), HasSubstr("the energy is 6 J, not 2 J"));
  problem.tasks[1].predecessors.clear();
  bad = list_schedule(problem, {0, 0});
  bad.tasks = {{0, 0, 3}, {0, 0, 4}};
  bad.makespan = 4;
  EXPECT_THAT(schedule_fault(problem, bad), HasSubstr("on core 0 at once"));
  problem.bandwidth = 3;
  for (auto& row : problem.costs)
    for (auto& cost : row) cost->bandwidth = 2;
  Schedule both = list_schedule(two_layers(), {0, 1});
  both.tasks[1] = {1, 0, 2};
  both.makespan = 3;
  EXPECT_THAT(schedule_fault(problem, both), HasSubstr("use 4 of a shared bandwidth of 3"));
  problem.costs[1][1] = std::nullopt;
  EXPECT_THAT(schedule_fault(problem, good), HasSubstr("core 1, which cannot run it"));
}

TEST(Scheduling, RefusesBadProblems) {
  const auto message_of = [](const SchedulingProblem& problem) -> std::string {
    try {
      schedule_tasks(problem, {});
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  SchedulingProblem problem = two_layers();
  problem.tasks[0].predecessors = {1};
  EXPECT_THAT(message_of(problem), HasSubstr("task 'first' is among its own predecessors"));
  problem = two_layers();
  problem.tasks[1].predecessors = {7};
  EXPECT_THAT(message_of(problem), HasSubstr("task 'second': predecessor 7 is none of the 2 other tasks"));
  problem = two_layers();
  problem.costs[1] = {std::nullopt, std::nullopt};
  EXPECT_THAT(message_of(problem), HasSubstr("task 'second': no core can run it"));
  problem = two_layers();
  problem.costs[0][0]->cycles = -1;
  EXPECT_THAT(message_of(problem), HasSubstr("task 'first': expected costs of at least 0, not -1"));
  problem = two_layers();
  problem.bandwidth = 1;
  for (auto& cost : problem.costs[0]) cost->bandwidth = 2;
  EXPECT_THAT(message_of(problem), HasSubstr("task 'first' alone needs more than the shared bandwidth of 1"));
  problem = two_layers();
  problem.cores.clear();
  EXPECT_THAT(message_of(problem), HasSubstr("at least one core"));
}

}  // namespace
}  // namespace nacre
