// Tasks on cores: what is to be scheduled, a schedule, and a check of it that knows nothing of how it was made.
//
// A task (a layer, a stage) runs without interruption on one core, after its predecessors; a core runs one task at a time. How
// long it takes and what it costs depends on the core. Several networks are one problem: their tasks share the cores and nothing
// else. Minimizing energy under a limit on the makespan is the heterogeneous assignment problem (Shao et al., "Efficient
// assignment and scheduling for heterogeneous DSP systems", IEEE TPDS 16(6), 2005), as used in Yang et al., "Co-Exploration of
// Neural Architectures and Heterogeneous ASIC Accelerator Designs Targeting Multiple Tasks", DAC 2020, section 4.
//
// Cores may draw on one shared resource besides (bandwidth of a memory): each task says what share it needs while it runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nacre {

// Of one task on one core.
struct TaskCost {
  double cycles = 0;
  double energy_j = 0;
  double bandwidth = 0;  // of the shared budget while it runs; any unit, the budget's
};

struct SchedulingProblem {
  struct Task {
    std::string name;
    int network = 0;                // which of the networks it belongs to
    std::vector<int> predecessors;  // indices of tasks
    int group = -1;                 // tasks that stay on one core where whole groups are moved; -1: by itself
  };

  std::vector<std::string> cores;
  std::vector<Task> tasks;
  std::vector<std::vector<std::optional<TaskCost>>> costs;  // by task, then core; nothing: the core cannot run it
  std::optional<double> bandwidth = {};                     // shared by all cores; nothing: not limited

  // UserError for a cycle of precedence, an index out of range, a task that no core can run, a cost that is negative or not
  // finite, a task that alone needs more than the budget on every core.
  void check() const;
};

struct Placement {
  int core = 0;
  double start = 0;  // cycles
  double finish = 0;
};

struct Schedule {
  std::vector<Placement> tasks;  // by task
  double makespan = 0;           // cycles
  double energy_j = 0;
};

// What is wrong with a schedule, "" when nothing is: every task on a core that can run it, for its time, after its predecessors,
// alone on its core, within the shared budget; makespan and energy as they follow from the placements. Compares pairs of tasks.
std::string schedule_fault(const SchedulingProblem& problem, const Schedule& schedule);

// Every task by its core: started as early as possible, of several the one with the longest way to the end first.
Schedule list_schedule(const SchedulingProblem& problem, const std::vector<int>& cores);

// Tasks so that predecessors come first. InternalError for a cycle.
std::vector<int> topological_order(const SchedulingProblem& problem);

// Busy cycles of every core over the makespan.
std::vector<double> core_utilization(const SchedulingProblem& problem, const Schedule& schedule);

}  // namespace nacre
