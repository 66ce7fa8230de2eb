#include "nacre/search/early_exit.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/error.hpp"

namespace nacre {

EarlyExit::EarlyExit(const Options& options, const StrategyContext& context)
    : bound_(options.has("exit_bound") ? std::optional(options.real("exit_bound")) : std::nullopt),
      metric_(options.text("exit_metric")),
      always_(options.text("exit_filter") == "always"),
      redraws_(options.integer("exit_redraws")),
      position_(options.position("exit_bound")),
      build_(context.build),
      costs_(context.costs) {
  if (!bound_) {
    if (asks_for_size(options))
      throw UserError(options.position("exit_space"), "exit_space: expected an exit_bound beside it");
    return;
  }
  if (!build_ || !costs_) {
    throw UserError(position_,
                    "exit_bound: the networks of this search are not at hand, so no cost is known before a trial");
  }
}

bool EarlyExit::asks_for_size(const Options& options) {
  const ConfigNode& sizes = options.node("exit_space");
  return !sizes.is_null() && !(sizes.is_map() && sizes.entries.empty());
}

std::vector<Parameter> EarlyExit::parameters() {
  return {{.name = "exit_bound",
           .type = ParameterType::real,
           .description = "candidates whose cost is larger are drawn again before anything is spent; left out: none"},
          {.name = "exit_metric",
           .type = ParameterType::text,
           .description = "cost that is known without training",
           .default_value = "params"},
          {.name = "exit_filter",
           .type = ParameterType::text,
           .description = "init: the first population only; always: children too",
           .default_value = "init",
           .choices = {"init", "always"}},
          {.name = "exit_space",
           .type = ParameterType::any,
           .description = "options of the space at which the cost counts, e.g. {cells: 20, channels: 36}",
           .default_value = Json::object()},
          {.name = "exit_redraws",
           .type = ParameterType::integer,
           .description = "candidates in a row that may be thrown away",
           .default_value = 10000,
           .minimum = 1,
           .maximum = 1e9}};
}

double EarlyExit::cost(const Decisions& decisions) const {
  const std::optional<double> value = metric_value(costs_(build_(decisions)), metric_);
  if (!value) {
    throw UserError(position_,
                    fmt::format("exit_metric: '{}' is not known of a network before it is evaluated", metric_));
  }
  return *value;
}

std::optional<Decisions> EarlyExit::attempt(const std::function<Decisions(Random&)>& draw, int64_t draws,
                                            Random& random) {
  for (int64_t i = 0; i < draws; ++i) {
    Decisions decisions = draw(random);
    const double value = cost(decisions);
    if (value <= *bound_) return decisions;
    ++exits_;
    avoided_ += value;
    least_ = std::min(least_.value_or(value), value);
  }
  return std::nullopt;
}

Decisions EarlyExit::accepted(const std::function<Decisions(Random&)>& draw, Random& random) {
  if (std::optional<Decisions> decisions = attempt(draw, redraws_, random)) return *std::move(decisions);
  throw UserError(position_, fmt::format("exit_bound: none of {} samples has {} <= {}; the smallest has {}; expected a "
                                         "bound that some networks of the space keep",
                                         redraws_, metric_, *bound_, *least_));
}

void EarlyExit::add_statistics(Json& statistics) const {
  if (!bound_) return;
  statistics["early_exits"] = exits_;
  statistics["exit_cost_avoided"] = avoided_;
}

}  // namespace nacre
