// What each strategy is for: it finds more than random search, keeps limits, covers a front.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "nacre/search/pareto.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

using synthetic::best_accuracy;
using synthetic::make_strategy;
using synthetic::run;
using synthetic::Step;

constexpr int kSeeds = 10;

template <class Objective>
synthetic::Evaluation accuracy_of(Objective objective) {
  return [objective](const Decisions& decisions) { return synthetic::trial_of({{"accuracy", objective(decisions)}}); };
}

double mean_best(const std::string& strategy, const Trace& trace, const synthetic::Evaluation& evaluate, int64_t trials,
                 const Json& options = Json::object(), int64_t lookahead = 1) {
  double sum = 0;
  for (int seed = 0; seed < kSeeds; ++seed) {
    const auto made = make_strategy(strategy, {trace, synthetic::maximize_accuracy(), trials}, options);
    sum += best_accuracy(run(*made, evaluate, trials, static_cast<uint64_t>(seed), lookahead));
  }
  return sum / kSeeds;
}

TEST(StrategyQuality, GuidedOnesBeatRandomOnAnAdditiveObjective) {
  const Trace trace = synthetic::flat_trace(20, 4);
  const auto evaluate = accuracy_of(synthetic::additive);
  const double random = mean_best("random", trace, evaluate, 400);
  EXPECT_LT(random, 0.82);
  for (const int64_t lookahead : {1, 8}) {
    EXPECT_GT(mean_best("regularized_evolution", trace, evaluate, 400, Json::object(), lookahead), random + 0.12);
    EXPECT_GT(mean_best("nsga2", trace, evaluate, 400, Json::object(), lookahead), random + 0.12);
    EXPECT_GT(mean_best("local_search", trace, evaluate, 400, Json::object(), lookahead), 0.999)
        << "60 neighbors, 20 moves";
  }
}

TEST(StrategyQuality, GuidedOnesBeatRandomOnADeceptiveObjective) {
  const Trace trace = synthetic::flat_trace(30, 2);
  const auto evaluate = accuracy_of(synthetic::deceptive);
  const double random = mean_best("random", trace, evaluate, 2000);
  EXPECT_GT(mean_best("regularized_evolution", trace, evaluate, 2000), random + 0.08);
  EXPECT_GT(mean_best("local_search", trace, evaluate, 2000), random + 0.08);
  EXPECT_GT(mean_best("nsga2", trace, evaluate, 2000), random + 0.08);
}

TEST(StrategyQuality, ConditionalDecisionsAreSearchedToo) {
  const Trace trace = synthetic::deep_trace(8, 4, 4);
  const auto evaluate = accuracy_of([](const Decisions& decisions) {  // deep, and good at each depth
    return static_cast<double>(*decisions.find("depth")) / 7 + synthetic::additive(decisions);
  });
  const double random = mean_best("random", trace, evaluate, 300);
  EXPECT_GT(mean_best("regularized_evolution", trace, evaluate, 300), random + 0.05);
  EXPECT_GT(mean_best("local_search", trace, evaluate, 300), random + 0.1);
}

TEST(LocalSearch, EndsAtOptimaOfTheNeighborhood) {
  const Trace trace = synthetic::flat_trace(6, 3);
  const auto rugged =
      accuracy_of([](const Decisions& decisions) { return static_cast<double>(decisions.hash().low % 1000); });
  for (const std::string move : {"first_improvement", "best_neighbor"}) {
    for (const int64_t lookahead : {1, 8}) {
      const auto strategy = make_strategy("local_search", {trace, synthetic::maximize_accuracy(), 0}, {{"move", move}});
      const std::vector<Step> history = run(*strategy, rugged, 400, 1, lookahead);
      EXPECT_GT(strategy->statistics().at("local_optima").get<int64_t>(), 3);
      // A center that was left behind as an optimum has no better neighbor: the best trial of all is one.
      const auto best = std::ranges::max_element(
          history, {}, [](const Step& step) { return *step.trial.metrics.at("accuracy").value; });
      Random random(1);
      for (const Decisions& neighbor : trace.neighbors(best->candidate.decisions, random)) {
        EXPECT_LE(static_cast<double>(neighbor.hash().low % 1000), *best->trial.metrics.at("accuracy").value);
      }
    }
  }
}

TEST(LocalSearch, BestNeighborAsksTheWholeNeighborhoodBeforeItMoves) {
  const Trace trace = synthetic::flat_trace(5, 3);
  const auto strategy = make_strategy("local_search", {trace, synthetic::maximize_accuracy(), 0},
                                      {{"move", "best_neighbor"}, {"initial_samples", 1}});
  const std::vector<Step> history = run(*strategy, accuracy_of(synthetic::additive), 11, 1);
  for (size_t i = 1; i < history.size(); ++i) EXPECT_EQ(history[i].candidate.made_by, "neighbor of 0");
  // The next center is the best of the ten.
  const std::vector<Step> longer = run(*make_strategy("local_search", {trace, synthetic::maximize_accuracy(), 0},
                                                      {{"move", "best_neighbor"}, {"initial_samples", 1}}),
                                       accuracy_of(synthetic::additive), 12, 1);
  const auto best =
      std::ranges::max_element(history, {}, [](const Step& step) { return *step.trial.metrics.at("accuracy").value; });
  EXPECT_EQ(longer[11].candidate.made_by, "neighbor of " + std::to_string(best - history.begin()));
}

TEST(RegularizedEvolution, OldMembersLeaveHoweverGoodTheyAre) {
  const Trace trace = synthetic::flat_trace(12, 4);
  const auto strategy = make_strategy("regularized_evolution", {trace, synthetic::maximize_accuracy(), 0},
                                      {{"population_size", 10}, {"sample_size", 10}});
  int64_t number = 0;  // trial 0 is better than all others
  const auto history = run(
      *strategy,
      [&](const Decisions&) {
        return synthetic::trial_of({{"accuracy", number++ == 0 ? 1.0 : 0.5}});
      },
      60, 1);
  for (size_t i = 0; i < history.size(); ++i) {
    for (const int64_t parent : history[i].candidate.parents) {
      EXPECT_LE(static_cast<int64_t>(i) - parent, 10) << "a parent is one of the last ten told";
    }
  }
}

TEST(RegularizedEvolution, TournamentPicksTheBestOfTheSample) {
  // With a sample far larger than the population the parent is the best of the last `population_size`.
  const Trace trace = synthetic::flat_trace(12, 4);
  const auto strategy = make_strategy("regularized_evolution", {trace, synthetic::maximize_accuracy(), 0},
                                      {{"population_size", 6}, {"sample_size", 6}});
  const auto history = run(*strategy, accuracy_of(synthetic::additive), 300, 3);
  int best = 0, total = 0;
  for (size_t i = 6; i < history.size(); ++i) {
    const auto window = std::span(history).subspan(i - 6, 6);
    const auto top =
        std::ranges::max_element(window, {}, [](const Step& step) { return *step.trial.metrics.at("accuracy").value; });
    if (history[i].candidate.parents.empty()) continue;
    ++total;
    best += history[i].candidate.parents[0] == static_cast<int64_t>(i) - 6 + (top - window.begin());
  }
  // Six draws with replacement from six miss the best with (5/6)^6 = 0.335.
  EXPECT_NEAR(best / static_cast<double>(total), 1 - std::pow(5.0 / 6, 6), 0.08);
}

TEST(RegularizedEvolution, SampleLargerThanPopulationIsRefused) {
  const Trace trace = synthetic::flat_trace(3, 3);
  try {
    make_strategy("regularized_evolution", {trace, synthetic::maximize_accuracy(), 0},
                  {{"population_size", 4}, {"sample_size", 9}});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("sample_size: expected at most population_size, which is 4, found 9"));
  }
}

TEST(Grid, FollowsTheEnumeration) {
  const Trace trace = synthetic::deep_trace(3, 2, 3);
  const auto strategy = make_strategy("grid", {trace, synthetic::maximize_accuracy(), 0});
  const auto history = run(*strategy, accuracy_of(synthetic::additive), 1000, 1);
  ASSERT_EQ(trace.count(), history.size());
  for (size_t i = 0; i < history.size(); ++i) EXPECT_EQ(trace.index_of(history[i].candidate.decisions), i);
}

TEST(Grid, SpreadCoversTheSpaceEvenlyFromTheStart) {
  const Trace trace = synthetic::flat_trace(6, 4);
  const auto strategy = make_strategy("grid", {trace, synthetic::maximize_accuracy(), 0}, {{"enumeration", "spread"}});
  std::vector<double> places;
  std::set<Count> distinct;
  for (const Step& step : run(*strategy, accuracy_of(synthetic::additive), 4096, 1)) {
    const Count index = trace.index_of(step.candidate.decisions);
    distinct.insert(index);
    if (places.size() < 64) places.push_back(index.get_d() / 4096);
  }
  EXPECT_EQ(distinct.size(), 4096u);
  std::ranges::sort(places);
  for (size_t i = 1; i < places.size(); ++i) EXPECT_LT(places[i] - places[i - 1], 3.0 / 64);
}

TEST(Grid, WalksASpaceTooLargeForAnyWord) {
  const Trace trace = synthetic::flat_trace(60, 9);
  for (const char* enumeration : {"sequential", "spread"}) {
    const auto strategy =
        make_strategy("grid", {trace, synthetic::maximize_accuracy(), 0}, {{"enumeration", enumeration}});
    EXPECT_EQ(run(*strategy, accuracy_of(synthetic::additive), 50, 1).size(), 50u);
  }
}

// --- limits -------------------------------------------------------------------------------------------------------

// Cost is the sum of indices, quality grows with it: the best feasible network lies at the limit.
Trial cost_against_accuracy(const Decisions& decisions) {
  double cost = 0;
  for (const Decision& decision : decisions.items()) cost += static_cast<double>(decision.index);
  return synthetic::trial_of({{"accuracy", cost / 60}, {"cost", cost}});
}

class LimitHandlingTest : public testing::TestWithParam<std::tuple<std::string, LimitHandling>> {};
class GradedLimitHandlingTest : public LimitHandlingTest {};

std::string limit_handling_test_name(const testing::TestParamInfo<std::tuple<std::string, LimitHandling>>& info) {
  return std::get<0>(info.param) + "_" + std::string(limit_handling_name(std::get<1>(info.param)));
}

TEST_P(LimitHandlingTest, FindsTheBestFeasibleNetwork) {
  const auto& [name, handling] = GetParam();
  const Trace trace = synthetic::flat_trace(20, 4);  // costs 0 .. 60, 30 on average
  ObjectiveSet objectives = synthetic::maximize_accuracy();
  objectives.limits = {{"cost", 24}};
  objectives.handling = handling;
  objectives.penalty_weight = 4;
  double sum = 0;
  for (int seed = 0; seed < kSeeds; ++seed) {
    const auto strategy = make_strategy(name, {trace, objectives, 0});
    double best = 0;
    const auto history = run(
        *strategy,
        [&](const Decisions& decisions) {
          Trial trial = cost_against_accuracy(decisions);
          if (objectives.feasible(trial.metrics)) return trial;
          trial.status = TrialStatus::infeasible;
          if (handling == LimitHandling::rejection) trial.metrics.erase("accuracy");
          return trial;
        },
        400, static_cast<uint64_t>(seed));
    for (const Step& step : history) {
      if (step.trial.status == TrialStatus::ok) best = std::max(best, *step.trial.metrics.at("accuracy").value);
    }
    sum += best;
  }
  EXPECT_GE(sum / kSeeds, 0.39) << "the optimum is 0.4";
}

// Not under rejection, which knows no direction among infeasible networks.
TEST_P(GradedLimitHandlingTest, FindsAFeasibleNetworkWhereRandomDoesNot) {
  const auto& [name, handling] = GetParam();
  const Trace trace = synthetic::flat_trace(20, 4);
  ObjectiveSet objectives = {{{"accuracy", Direction::maximize}}, {{"cost", 6}}, handling, 50};
  for (int seed = 0; seed < 3; ++seed) {
    const auto strategy = make_strategy(name, {trace, objectives, 0});
    bool feasible = false;
    for (const Step& step : run(*strategy, cost_against_accuracy, 800, static_cast<uint64_t>(seed))) {
      feasible = feasible || objectives.feasible(step.trial.metrics);
    }
    EXPECT_TRUE(feasible) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(All, LimitHandlingTest,
                         testing::Combine(testing::Values("regularized_evolution", "local_search", "nsga2"),
                                          testing::Values(LimitHandling::rejection, LimitHandling::penalty,
                                                          LimitHandling::epsilon_constraint,
                                                          LimitHandling::lagrangian)),
                         limit_handling_test_name);
INSTANTIATE_TEST_SUITE_P(All, GradedLimitHandlingTest,
                         testing::Combine(testing::Values("regularized_evolution", "local_search", "nsga2"),
                                          testing::Values(LimitHandling::penalty, LimitHandling::epsilon_constraint)),
                         limit_handling_test_name);

// --- several objectives -------------------------------------------------------------------------------------------

// Two costs that pull each decision in opposite directions: f1 = sum of i, f2 = sum of (3 - i)^2. A decision set is
// optimal when no two indices differ by more than one, so the front has 61 points, one for each f1 in 0 .. 60.
Trial opposed(const Decisions& decisions) {
  double first = 0, second = 0;
  for (const Decision& decision : decisions.items()) {
    first += static_cast<double>(decision.index);
    second += static_cast<double>((3 - decision.index) * (3 - decision.index));
  }
  return synthetic::trial_of({{"first", first}, {"second", second}});
}

std::vector<Point> known_front() {
  std::vector<Point> front;
  for (int sum = 0; sum <= 60; ++sum) {
    const int low = sum / 20, high_count = sum % 20;
    front.push_back({static_cast<double>(sum), static_cast<double>((20 - high_count) * (3 - low) * (3 - low) +
                                                                   high_count * (2 - low) * (2 - low))});
  }
  return front;
}

const ObjectiveSet kOpposed = {{{"first", Direction::minimize}, {"second", Direction::minimize}}, {}};

double front_volume(const std::string& name, int64_t trials, uint64_t seed, const ObjectiveSet& objectives = kOpposed) {
  const Trace trace = synthetic::flat_trace(20, 4);
  const auto strategy = make_strategy(name, {trace, objectives, 0});
  std::vector<Point> points;
  for (const Step& step : run(*strategy, opposed, trials, seed)) {
    if (objectives.feasible(step.trial.metrics)) points.push_back(*objectives.minimized(step.trial.metrics));
  }
  return hypervolume(points, Point{61, 181});
}

TEST(Nsga2, ConvergesToTheKnownFront) {
  const double whole = hypervolume(known_front(), Point{61, 181});
  for (uint64_t seed = 0; seed < 3; ++seed) {
    const double nsga2 = front_volume("nsga2", 4000, seed) / whole;
    const double random = front_volume("random", 4000, seed) / whole;
    EXPECT_GT(nsga2, 0.985);
    EXPECT_LT(random, 0.90);
  }
}

TEST(Nsga2, FrontKeepsTheLimit) {
  ObjectiveSet objectives = kOpposed;
  objectives.limits = {{"first", 15}};
  std::vector<Point> feasible;
  for (const Point& point : known_front()) {
    if (point[0] <= 15) feasible.push_back(point);
  }
  const double whole = hypervolume(feasible, Point{61, 181});
  for (const LimitHandling handling : {LimitHandling::epsilon_constraint, LimitHandling::penalty}) {
    objectives.handling = handling;
    objectives.penalty_weight = 4;
    EXPECT_GT(front_volume("nsga2", 4000, 1, objectives) / whole, 0.97) << limit_handling_name(handling);
  }
}

TEST(Nsga2, ReportsGenerations) {
  const Trace trace = synthetic::flat_trace(20, 4);
  const auto strategy = make_strategy("nsga2", {trace, kOpposed, 0}, {{"population_size", 16}});
  run(*strategy, opposed, 160, 1);
  EXPECT_EQ(strategy->statistics().at("generations"), 10);
}

}  // namespace
}  // namespace nacre
