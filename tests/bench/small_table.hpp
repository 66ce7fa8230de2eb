// A table of 256 networks made by hand: four decisions of four alternatives, accuracies after 4 and 16 epochs, a latency.
#pragma once

#include <cmath>
#include <memory>

#include "nacre/bench/suite.hpp"
#include "nacre/bench/table_problem.hpp"
#include "nacre/tables/stored_benchmark.hpp"
#include "tests/space/function_space.hpp"

namespace nacre::test {

inline std::shared_ptr<const Space> small_space() {
  return std::make_shared<FunctionSpace>([](Chooser& choose, GraphBuilder& builder, ValueId x) {
    for (const char* name : {"a", "b", "c", "d"}) {
      const auto relu = [](GraphBuilder& inner, ValueId value) { return inner.node("Relu", {value}); };
      const auto sigmoid = [](GraphBuilder& inner, ValueId value) { return inner.node("Sigmoid", {value}); };
      const auto tanh = [](GraphBuilder& inner, ValueId value) { return inner.node("Tanh", {value}); };
      // "relu" and "again" are one structure.
      x = choose.layer(name, builder, x, {{"relu", relu}, {"sigmoid", sigmoid}, {"tanh", tanh}, {"again", relu}});
    }
    return x;
  });
}

// Rows in the order of the enumeration. Accuracy grows with the sum of indices, except that one network of the middle is best
// by test; latency grows likewise; the last row's latency is unknown. `held`: only so many rows.
inline std::shared_ptr<const TabularBenchmark> small_table(int64_t held = 256) {
  TableContent content;
  content.name = "small";
  content.dataset = "none";
  content.identity = "small/1";
  content.space = small_space();
  std::vector<Decisions> rows;
  std::vector<double> short_valid, valid, test, latency, time, short_time;
  for (int64_t row = 0; row < held; ++row) {
    const Decisions decisions = content.space->trace().at(Count(row));
    double sum = 0;
    for (const Decision& decision : decisions.items()) sum += static_cast<double>(decision.index);
    rows.push_back(decisions);
    content.keys.push_back("row" + std::to_string(row));
    const double noise = static_cast<double>(decisions.hash().low % 1000) / 1e5;
    valid.push_back(0.5 + 0.03 * sum + noise);
    short_valid.push_back(0.3 + 0.02 * sum + static_cast<double>(decisions.hash().high % 1000) / 1e4);
    test.push_back(row == 100 ? 0.95 : valid.back() - 0.02);
    latency.push_back(row == 255 ? kUnknownCell : 1e-3 * (1 + sum * sum));
    time.push_back(100 + sum);
    short_time.push_back(25 + sum / 4);
  }
  content.add({.metric = {"valid_accuracy", Direction::maximize}, .epochs = 4, .quality = true},
              std::move(short_valid));
  content.add({.metric = {"valid_accuracy", Direction::maximize}, .epochs = 16, .quality = true}, std::move(valid));
  content.add({.metric = {"test_accuracy", Direction::maximize}, .epochs = 16, .quality = true}, std::move(test));
  content.add({.metric = {"latency_s", Direction::minimize, "s"}}, std::move(latency));
  content.add({.metric = {"train_time_s", Direction::minimize, "s"}, .epochs = 4, .quality = true},
              std::move(short_time));
  content.add({.metric = {"train_time_s", Direction::minimize, "s"}, .epochs = 16, .quality = true}, std::move(time));
  return std::make_shared<CodedBenchmark>(std::move(content), rows);
}

// The settings of a benchmark entry, without its kind.
inline SuiteBenchmark small_benchmark(const std::string& yaml) {
  SuiteBenchmark benchmark;
  benchmark.name = "small";
  benchmark.kind = "small";
  benchmark.settings =
      resolve_options(parse_config(yaml, "suite.yaml"), suite_benchmark_parameters(), "benchmark small");
  return benchmark;
}

inline SuiteStrategy small_strategy(const std::string& name, const std::string& options = "{}",
                                    const std::string& formulation = "{}") {
  const auto& entry = strategy_registry().get(name);
  SuiteStrategy strategy;
  strategy.name = strategy.strategy = name;
  strategy.options = resolve_options(parse_config(options, "suite.yaml"), entry.parameters, "strategy");
  strategy.formulation = resolve_options(parse_config(formulation, "suite.yaml"), formulation_parameters(), "strategy");
  return strategy;
}

}  // namespace nacre::test
