#include "nacre/nn/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace nacre {

const Registry<ScheduleShape>& schedule_registry() {
  static const Registry<ScheduleShape> kRegistry = [] {
    Registry<ScheduleShape> registry("schedule", "schedules");
    registry.add({.name = "cosine",
                  .summary = "half a cosine from the peak to zero",
                  .source = "Loshchilov and Hutter, arXiv 1608.03983",
                  .example = "train: {schedule: cosine}"},
                 [](double progress) { return 0.5 * (1 + std::cos(std::numbers::pi * progress)); });
    registry.add({.name = "linear",
                  .summary = "a line from the peak to zero",
                  .source = "",
                  .example = "train: {schedule: linear}"},
                 [](double progress) { return 1 - progress; });
    registry.add(
        {.name = "constant", .summary = "the peak throughout", .source = "", .example = "train: {schedule: constant}"},
        [](double) { return 1.0; });
    return registry;
  }();
  return kRegistry;
}

Schedule::Schedule(const Recipe& recipe, int64_t steps_per_epoch, int64_t total_steps)
    : shape_(schedule_registry().get(recipe.schedule).make),
      peak_(recipe.learning_rate),
      warmup_steps_(
          std::min(static_cast<int64_t>(std::llround(recipe.warmup_epochs * static_cast<double>(steps_per_epoch))),
                   total_steps / 4)),
      total_steps_(std::max<int64_t>(1, total_steps)) {}

double Schedule::rate(int64_t step) const {
  if (step < warmup_steps_) return peak_ * static_cast<double>(step + 1) / static_cast<double>(warmup_steps_ + 1);
  const int64_t rest = total_steps_ - warmup_steps_;
  return peak_ * shape_(static_cast<double>(std::min(step - warmup_steps_, rest)) / static_cast<double>(rest));
}

}  // namespace nacre
