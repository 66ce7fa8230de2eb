// Assignment and schedule at once: the least energy within a limit on the makespan, or the least makespan.
//
// Exactly for a dozen tasks, by branch and bound; beyond, the heuristic of NASAIC (DAC 2020): every task where it costs least
// energy, then, while the limit is missed, the move with the least energy for the cycles it saves. Ours adds a second start from
// the quickest assignment, and gives time that is left back to energy.
#pragma once

#include <cstdint>
#include <optional>

#include "nacre/hw/scheduling/schedule.hpp"

namespace nacre {

struct ScheduleGoal {
  // Given: the least energy with a makespan of at most this. Nothing: the least makespan.
  std::optional<double> makespan_limit = {};
};

struct ScheduleOptions {
  int exact_tasks = 12;                // up to so many tasks the answer is proved
  int64_t explored_limit = 2'000'000;  // partial schedules of branch and bound; beyond, the best so far is not proved
  bool by_groups = false;              // the tasks of a group on one core: quicker, and never proved
};

struct ScheduleResult {
  // The best that was found. Where the limit is missed, the quickest found, so that the user sees how far away it is.
  Schedule schedule;
  bool feasible = false;  // within the limit; true without one
  bool proved = false;    // nothing is better (or, where infeasible, nothing is within the limit)
  int64_t explored = 0;   // partial schedules of branch and bound, or assignments tried by the heuristic
};

// Chooses between the two below. UserError as SchedulingProblem::check.
ScheduleResult schedule_tasks(const SchedulingProblem& problem, const ScheduleGoal& goal,
                              const ScheduleOptions& options = {});

// At most 63 tasks; more than a dozen may reach the limit on exploring. The problem must be checked.
ScheduleResult schedule_exactly(const SchedulingProblem& problem, const ScheduleGoal& goal,
                                const ScheduleOptions& options = {});
// The tasks of each group on one core, moved together. The problem must be checked, every group must have a core that can run it.
// Never says feasible of what is not; may miss what is.
ScheduleResult schedule_by_groups(const SchedulingProblem& problem, const ScheduleGoal& goal);
// The problem must be checked. Never says feasible of what is not; may miss what is.
ScheduleResult schedule_by_moves(const SchedulingProblem& problem, const ScheduleGoal& goal);

}  // namespace nacre
