// The course of the learning rate over the steps of a training: linear warm-up from zero, then a registered shape.
#pragma once

#include <cstdint>
#include <functional>

#include "nacre/base/registry.hpp"
#include "nacre/design/recipe.hpp"

namespace nacre {

// Where the rate stands between its end (0) and its peak (1) at `progress` in [0, 1], the share of the steps after warm-up that
// are done; `order` is the recipe's schedule_order. By epochs: one rate an epoch, the last of which has progress 1, scaled so that the
// first after warm-up has the peak.
struct ScheduleShape {
  std::function<double(double progress, double order)> value;
  bool by_epoch = false;
};
const Registry<ScheduleShape>& schedule_registry();

class Schedule {
 public:
  // `steps_per_epoch` and `total_steps` of the whole training. Warm-up never takes more than a quarter of it, so that a
  // training of low fidelity learns too.
  Schedule(const Recipe& recipe, int64_t steps_per_epoch, int64_t total_steps);
  // Learning rate of step 0 .. total_steps - 1.
  double rate(int64_t step) const;
  int64_t warmup_steps() const { return warmup_steps_; }

 private:
  double rate_of_epoch(int64_t step) const;

  ScheduleShape shape_;
  double peak_, end_, order_;
  int64_t steps_per_epoch_;
  int64_t warmup_steps_;
  int64_t total_steps_;
};

}  // namespace nacre
