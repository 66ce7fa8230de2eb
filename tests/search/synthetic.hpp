// Spaces and objectives for tests and benchmarks of strategies: traces made by hand, no networks.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nacre/base/options.hpp"
#include "nacre/search/lagrangian.hpp"
#include "nacre/search/strategy.hpp"
#include "nacre/space/trace_builder.hpp"

namespace nacre::synthetic {

// `layers` decisions "stage<i>/op" of `operators` alternatives each.
inline Trace flat_trace(int64_t layers, int64_t operators) {
  TraceBuilder builder;
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < operators; ++i) numbers.push_back(i);
  std::vector<int32_t> parts;
  for (int64_t i = 0; i < layers; ++i) {
    const int32_t decision = builder.declare("stage" + std::to_string(i) + "/op",
                                             {.kind = DecisionKind::number, .count = operators, .integers = numbers});
    parts.push_back(builder.decide(decision, std::vector<int32_t>(static_cast<size_t>(operators), builder.nothing())));
  }
  return builder.finish(builder.all(parts));
}

// A depth of 1 .. depth layers, each with an operator of its own, beside a width: decisions that come and go.
inline Trace deep_trace(int64_t depth, int64_t operators, int64_t widths) {
  TraceBuilder builder;
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < std::max({depth, operators, widths}); ++i) numbers.push_back(i + 1);
  const auto first = [&](int64_t count) { return std::span<const int64_t>(numbers).first(static_cast<size_t>(count)); };
  const auto leaves = [&](int64_t count) {
    return std::vector<int32_t>(static_cast<size_t>(count), builder.nothing());
  };
  std::vector<int32_t> layers, bodies;
  for (int64_t i = 0; i < depth; ++i) {
    const int32_t op =
        builder.declare("layer" + std::to_string(i) + "/op",
                        {.kind = DecisionKind::number, .count = operators, .integers = first(operators)});
    layers.push_back(builder.decide(op, leaves(operators)));
    bodies.push_back(builder.all(layers));
  }
  const int32_t repeat =
      builder.declare("depth", {.kind = DecisionKind::repeat, .count = depth, .integers = first(depth)});
  const int32_t width =
      builder.declare("width", {.kind = DecisionKind::number, .count = widths, .integers = first(widths)});
  return builder.finish(builder.all({builder.decide(repeat, bodies), builder.decide(width, leaves(widths))}));
}

// "accuracy" and "cost" of decisions; an evaluation in one line.
using Evaluation = std::function<Trial(const Decisions&)>;

inline Trial trial_of(std::initializer_list<std::pair<const char*, double>> metrics,
                      TrialStatus status = TrialStatus::ok) {
  Trial trial;
  trial.status = status;
  for (const auto& [name, value] : metrics) trial.metrics[name].value = value;
  return trial;
}

// Share of decisions that take their own best alternative, which differs from one decision to the next; with weights.
inline double additive(const Decisions& decisions) {
  double sum = 0, most = 0;
  for (const Decision& decision : decisions.items()) {
    const Hash128 key = hash_text(decision.key);
    const double weight = 1 + static_cast<double>(key.low % 4);
    const auto distance = static_cast<double>((decision.index + static_cast<int64_t>(key.high % 4)) % 4);
    sum += weight * (1 - distance / 3);
    most += weight;
  }
  return sum / most;
}

// Deceptive: in blocks of three binary decisions the slope leads to all 0, the best is all 1 (a trap function: Deb and
// Goldberg, 1993).
inline double deceptive(const Decisions& decisions) {
  double sum = 0;
  const auto& items = decisions.items();
  for (size_t i = 0; i + 2 < items.size(); i += 3) {
    const int64_t ones = items[i].index + items[i + 1].index + items[i + 2].index;
    sum += ones == 3 ? 1 : 0.2 * static_cast<double>(2 - ones);
  }
  return sum / static_cast<double>(items.size() / 3);
}

inline ObjectiveSet maximize_accuracy() { return {{{"accuracy", Direction::maximize}}, {}}; }

inline std::unique_ptr<Strategy> make_strategy(const std::string& name, const StrategyContext& context,
                                               const Json& options = Json::object()) {
  const auto& entry = strategy_registry().get(name);
  return nacre::make_strategy(name, options_from_json(options, entry.parameters, "strategy " + name), context);
}

struct Step {
  Candidate candidate;
  Trial trial;
};

// Ask n sees exactly tells 0 .. n - lookahead, as in a study. Ends early when nothing is left to ask.
inline std::vector<Step> run(Strategy& strategy, const Evaluation& evaluate, int64_t trials, uint64_t seed,
                             int64_t lookahead = 1) {
  std::vector<Step> history;
  size_t told = 0;
  const auto tell_next = [&] { strategy.tell(history[told++].trial); };
  for (int64_t number = 0; number < trials; ++number) {
    while (static_cast<int64_t>(told) <= number - lookahead) tell_next();
    Random random = Random::stream(seed, "ask", static_cast<uint64_t>(number));
    std::optional<Proposal> proposal = strategy.ask(number, random);
    if (!proposal) break;
    Candidate& candidate = proposal->candidate;
    Trial trial = evaluate(candidate.decisions);
    trial.number = number;
    trial.candidate = candidate;
    if (proposal->fidelity) trial.request.fidelity = *proposal->fidelity;
    history.push_back({std::move(candidate), std::move(trial)});
  }
  while (told < history.size()) tell_next();
  return history;
}

inline double best_accuracy(const std::vector<Step>& history) {
  double best = -1e300;
  for (const Step& step : history) {
    if (const auto value = metric_value(step.trial.metrics, "accuracy")) best = std::max(best, *value);
  }
  return best;
}

}  // namespace nacre::synthetic
