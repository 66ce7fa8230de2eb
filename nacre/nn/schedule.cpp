#include "nacre/nn/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace nacre {
namespace {

double cosine(double progress) { return 0.5 * (1 + std::cos(std::numbers::pi * progress)); }

}  // namespace

const Registry<ScheduleShape>& schedule_registry() {
  static const Registry<ScheduleShape> kRegistry = [] {
    Registry<ScheduleShape> registry("schedule", "schedules");
    registry.add({.name = "cosine",
                  .summary = "half a cosine from the peak to the end",
                  .source = "Loshchilov and Hutter, arXiv 1608.03983",
                  .example = "train: {schedule: cosine}"},
                 {[](double progress, double) { return cosine(progress); }});
    registry.add(
        {.name = "cosine_power",
         .summary =
             "between the cosine (order 1) and an exponential: falls faster at first, then lingers; one rate an epoch",
         .source = "sharpDARTS, Hundt et al., arXiv 1903.09900",
         .example = "train: {schedule: cosine_power, schedule_order: 10}"},
        {[](double progress, double order) {
           const double c = cosine(progress);
           return order == 1 ? c : (std::pow(order, c + 1) - order) / (order * order - order);
         },
         true});
    registry.add({.name = "linear",
                  .summary = "a line from the peak to the end",
                  .source = "",
                  .example = "train: {schedule: linear}"},
                 {[](double progress, double) { return 1 - progress; }});
    registry.add(
        {.name = "constant", .summary = "the peak throughout", .source = "", .example = "train: {schedule: constant}"},
        {[](double, double) { return 1.0; }});
    return registry;
  }();
  return kRegistry;
}

Schedule::Schedule(const Recipe& recipe, int64_t steps_per_epoch, int64_t total_steps)
    : shape_(schedule_registry().get(recipe.schedule).make),
      peak_(recipe.learning_rate),
      end_(recipe.final_learning_rate),
      order_(recipe.schedule_order),
      steps_per_epoch_(std::max<int64_t>(1, steps_per_epoch)),
      warmup_steps_(
          std::min(static_cast<int64_t>(std::llround(recipe.warmup_epochs * static_cast<double>(steps_per_epoch))),
                   total_steps / 4)),
      total_steps_(std::max<int64_t>(1, total_steps)) {}

// Epochs e = 1 .. T; the first W + 1 rise as e / (W + 1), then q(e - W) / q(1) over T - W (sharpDARTS, arXiv 1903.09900, section 3.2).
double Schedule::rate_of_epoch(int64_t step) const {
  const int64_t epochs = (total_steps_ + steps_per_epoch_ - 1) / steps_per_epoch_;
  const int64_t warm = std::min((warmup_steps_ + steps_per_epoch_ / 2) / steps_per_epoch_, epochs - 1);
  const int64_t epoch = std::min(step / steps_per_epoch_ + 1, epochs);
  if (epoch <= warm) return peak_ * static_cast<double>(epoch) / static_cast<double>(warm + 1);
  const auto rest = static_cast<double>(epochs - warm);
  if (epochs - warm == 1) return peak_;
  return end_ + (peak_ - end_) * shape_.value(static_cast<double>(epoch - warm) / rest, order_) /
                    shape_.value(1 / rest, order_);
}

double Schedule::rate(int64_t step) const {
  if (shape_.by_epoch) return rate_of_epoch(step);
  if (step < warmup_steps_) return peak_ * static_cast<double>(step + 1) / static_cast<double>(warmup_steps_ + 1);
  const int64_t rest = total_steps_ - warmup_steps_;
  const double progress = static_cast<double>(std::min(step - warmup_steps_, rest)) / static_cast<double>(rest);
  return end_ + (peak_ - end_) * shape_.value(progress, order_);
}

}  // namespace nacre
