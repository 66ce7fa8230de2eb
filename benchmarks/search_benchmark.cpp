// Strategies in memory and Pareto tools: what a search costs besides evaluating networks.
#include <benchmark/benchmark.h>

#include <cmath>

#include "nacre/search/pareto.hpp"
#include "tests/search/synthetic.hpp"

namespace nacre {
namespace {

// Ask and tell in turn on a flat trace of `layers` decisions of 6 alternatives; a fresh strategy every 20,000 trials.
void ask_and_tell(benchmark::State& state, const std::string& name, const ObjectiveSet& objectives) {
  const Trace trace = synthetic::flat_trace(state.range(0), 6);
  const Json options =
      name == "regularized_evolution" ? Json{{"population_size", 100}, {"sample_size", 25}} : Json::object();
  std::unique_ptr<Strategy> strategy;
  int64_t number = 0;
  for (auto _ : state) {
    if (number % 20'000 == 0) {
      state.PauseTiming();
      strategy = synthetic::make_strategy(name, {trace, objectives, 0}, options);
      number = 0;
      state.ResumeTiming();
    }
    Random random = Random::stream(1, "ask", static_cast<uint64_t>(number));
    std::optional<Proposal> proposal = strategy->ask(number, random);
    Candidate* const candidate = &proposal->candidate;
    Trial trial;
    trial.number = number++;
    trial.status = TrialStatus::ok;
    double cost = 0, quality = 0;
    for (const Decision& decision : candidate->decisions.items()) {
      cost += static_cast<double>(decision.index);
      quality += std::sqrt(static_cast<double>(decision.index));
    }
    trial.metrics["accuracy"].value = quality;
    trial.metrics["latency_s"].value = cost;
    trial.candidate = std::move(*candidate);
    strategy->tell(trial);
  }
  state.SetItemsProcessed(state.iterations());
}

const ObjectiveSet kSingle = {{{"accuracy", Direction::maximize}}, {{"latency_s", 60}}};
const ObjectiveSet kDouble = {{{"accuracy", Direction::maximize}, {"latency_s", Direction::minimize}}, {}};

BENCHMARK_CAPTURE(ask_and_tell, random, "random", kSingle)->Arg(25);
BENCHMARK_CAPTURE(ask_and_tell, grid, "grid", kSingle)->Arg(25);
BENCHMARK_CAPTURE(ask_and_tell, local_search, "local_search", kSingle)->Arg(25);
BENCHMARK_CAPTURE(ask_and_tell, regularized_evolution, "regularized_evolution", kSingle)->Arg(25);
BENCHMARK_CAPTURE(ask_and_tell, nsga2, "nsga2", kDouble)->Arg(25);

std::vector<Point> sphere_points(size_t count, size_t objectives) {
  Random random(1);
  std::vector<Point> points(count, Point(objectives));
  for (Point& point : points) {
    double norm = 0;
    for (double& value : point) {
      value = random.normal();
      norm += value * value;
    }
    for (double& value : point) value = 1 - std::abs(value) / std::sqrt(norm);
  }
  return points;
}

// Exact volume of `count` mutually non-dominated points.
void exact_hypervolume(benchmark::State& state) {
  const auto objectives = static_cast<size_t>(state.range(0));
  const std::vector<Point> points = sphere_points(static_cast<size_t>(state.range(1)), objectives);
  const Point reference(objectives, 1.1);
  for (auto _ : state) benchmark::DoNotOptimize(hypervolume(points, reference));
}
BENCHMARK(exact_hypervolume)->Args({2, 1000})->Args({3, 1000})->Args({4, 100})->Args({5, 100})->Args({6, 50});

void sort_points(benchmark::State& state) {
  Random random(2);
  std::vector<Point> points(static_cast<size_t>(state.range(1)), Point(static_cast<size_t>(state.range(0))));
  for (Point& point : points) {
    for (double& value : point) value = random.uniform();
  }
  for (auto _ : state) benchmark::DoNotOptimize(non_dominated_sort(points));
}
BENCHMARK(sort_points)->Args({2, 1000})->Args({2, 100'000})->Args({3, 1000})->Args({3, 10'000});

}  // namespace
}  // namespace nacre
