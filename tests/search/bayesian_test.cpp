// Gaussian processes over decisions, what they expect of a candidate, and the strategy made of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "nacre/search/acquisition.hpp"
#include "nacre/search/surrogate.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

using synthetic::make_strategy;
using synthetic::run;
using synthetic::Step;

TEST(Acquisition, ExpectedImprovementEqualsItsMean) {
  Random random(1);
  for (const auto& [mean, deviation, bound] : {std::tuple{0.0, 1.0, 0.3}, {2.0, 0.5, 1.0}, {-1.0, 2.0, 4.0}}) {
    double sum = 0;
    constexpr int kDraws = 200'000;
    for (int i = 0; i < kDraws; ++i) sum += std::max(0.0, bound - (mean + deviation * random.normal()));
    const double expected = expected_improvement({mean, deviation}, bound);
    EXPECT_NEAR(sum / kDraws, expected, 5 * deviation / std::sqrt(kDraws));
    EXPECT_NEAR(std::log(expected), log_expected_improvement({mean, deviation}, bound), 1e-9);
  }
}

TEST(Acquisition, ImprovementOfAGapEqualsItsMean) {
  Random random(6);
  constexpr int kDraws = 200'000;
  for (const double bound : {-0.5, 2.0, 3.5, 9.0}) {
    double sum = 0, squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double value = 2 + 1.5 * (std::exp(0.4 + 0.7 * random.normal()) - 1);
      const double gain = std::max(0.0, bound - value);
      sum += gain;
      squares += gain * gain;
    }
    const double error = std::sqrt(squares) / kDraws;
    EXPECT_NEAR(expected_improvement_of_gap({0.4, 0.7}, 2, 1.5, bound), sum / kDraws, 5 * error + 1e-12) << bound;
  }
}

TEST(Acquisition, LogarithmOfHopelessImprovementsIsSmoothAndFalls) {
  double last = 0;
  for (double mean = 4; mean < 100; mean += 0.01) {
    const double now = log_expected_improvement({mean, 1}, 0);
    ASSERT_TRUE(std::isfinite(now));
    ASSERT_LT(now, last);
    if (mean > 4.005) {
      ASSERT_NEAR(last - now, 0.01 * mean, 0.01) << mean;  // the slope of log density is z
    }
    last = now;
  }
}

TEST(Acquisition, ExpectedHypervolumeImprovementEqualsItsMean) {
  Random random(2);
  for (int trial = 0; trial < 5; ++trial) {
    std::vector<Point> points;
    for (int i = 0; i < 3 * trial; ++i) points.push_back({random.uniform(0, 1.2), random.uniform(0, 1.2)});
    const Point reference = {1, 1};
    const NormalBelief first{random.uniform(0, 0.8), random.uniform(0.05, 0.4)};
    const NormalBelief second{random.uniform(0, 0.8), random.uniform(0.05, 0.4)};
    const double before = hypervolume(points, reference);
    constexpr int kDraws = 40'000;
    double sum = 0, squares = 0;
    points.emplace_back();
    for (int i = 0; i < kDraws; ++i) {
      points.back() = {first.mean + first.deviation * random.normal(),
                       second.mean + second.deviation * random.normal()};
      const double gain = hypervolume(points, reference) - before;
      sum += gain;
      squares += gain * gain;
    }
    points.pop_back();
    const double mean = sum / kDraws;
    const double error = std::sqrt((squares / kDraws - mean * mean) / kDraws);
    EXPECT_NEAR(ExpectedHypervolumeImprovement(points, reference)(first, second), mean, 4 * error + 1e-9);
  }
}

class DecisionProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    Random random(3);
    for (int i = 0; i < 60; ++i) {
      decisions_.push_back(trace_.at(random.below(4096)));
      rows_.push_back(encoding_.row(decisions_.back()));
      values_.push_back(synthetic::additive(decisions_.back()));
    }
    for (const DecisionRow& row : rows_) pointers_.push_back(&row);
  }

  const Trace trace_ = synthetic::flat_trace(6, 4);
  const DecisionEncoding encoding_{trace_};
  std::vector<Decisions> decisions_;
  std::vector<DecisionRow> rows_;
  std::vector<const DecisionRow*> pointers_;
  std::vector<double> values_;
};

TEST_F(DecisionProcessTest, GrowingRowByRowEqualsAllAtOnce) {
  DecisionProcess whole(encoding_), grown(encoding_);
  whole.set_rows(pointers_);
  whole.set_values(values_);
  for (size_t n = 2; n <= pointers_.size(); ++n) {
    grown.set_rows(std::span(pointers_).first(n));
    grown.set_values(std::span(values_).first(n));
  }
  for (int i = 0; i < 20; ++i) {
    const DecisionRow row = encoding_.row(trace_.at(200 * i + 7));
    EXPECT_NEAR(whole.at(row).mean, grown.at(row).mean, 1e-9);
    EXPECT_NEAR(whole.at(row).deviation, grown.at(row).deviation, 1e-9);
    EXPECT_NEAR(whole.mean(row), whole.at(row).mean, 1e-9);
  }
  EXPECT_NEAR(whole.log_posterior(), grown.log_posterior(), 1e-8);
}

TEST_F(DecisionProcessTest, IsSureWhereItLookedAndUnsureElsewhere) {
  DecisionProcess process(encoding_);
  process.set_rows(std::span(pointers_).first(5));
  process.set_values(std::span(values_).first(5));
  double far = 0;
  for (int i = 0; i < 64; ++i) far = std::max(far, process.at(encoding_.row(trace_.at(i * 64))).deviation);
  for (size_t i = 0; i < 5; ++i) EXPECT_LT(process.at(rows_[i]).deviation, 0.5 * far);
}

TEST_F(DecisionProcessTest, LearningExplainsBetterAndPredicts) {
  DecisionProcess process(encoding_);
  process.set_rows(pointers_);
  process.set_values(values_);
  const double before = process.log_posterior();
  Random random(4);
  process.learn(60, random);
  EXPECT_GT(process.log_posterior(), before);
  double error = 0, spread = 0, mean = 0;
  for (int i = 0; i < 256; ++i) mean += synthetic::additive(trace_.at(16 * i + 5)) / 256;
  for (int i = 0; i < 256; ++i) {
    const Decisions decisions = trace_.at(16 * i + 5);
    const double truth = synthetic::additive(decisions);
    error += std::pow(process.mean(encoding_.row(decisions)) - truth, 2);
    spread += std::pow(truth - mean, 2);
  }
  EXPECT_LT(error, 0.25 * spread) << "explains more than three quarters of the variance from 60 of 4,096";
}

TEST(DecisionEncoding, CountsWordsOfSharedVocabularies) {
  const Trace trace = synthetic::deep_trace(3, 3, 4);  // depth 1..3, three operators of one vocabulary, width
  const DecisionEncoding encoding(trace);
  Random random(5);
  for (int i = 0; i < 50; ++i) {
    const Decisions decisions = trace.sample(random);
    const DecisionRow row = encoding.row(decisions);
    EXPECT_EQ(row.taken.size(), trace.decisions().size());
    int64_t uses = 0, active = 0;
    for (const int16_t count : row.uses) uses += count;
    for (size_t d = 0; d < row.taken.size(); ++d) active += row.taken[d] >= 0 && trace.decisions()[d].key != "width";
    EXPECT_EQ(uses, active) << "depth and operators have the texts 1, 2, 3";
  }
}

TEST(Surrogate, WarpSeesTheGoodApart) {
  const Trace trace = synthetic::flat_trace(4, 3);
  const DecisionEncoding encoding(trace);
  std::vector<DecisionRow> rows;
  for (int i = 0; i < 9; ++i) rows.push_back(encoding.row(trace.at(i * 9)));
  Surrogate surrogate(encoding, Warp::log_gap, 100);
  for (int i = 0; i < 9; ++i) surrogate.add(rows[static_cast<size_t>(i)], i == 8 ? 1e6 : i);
  Random random(1);
  surrogate.prepare({}, random);
  EXPECT_EQ(surrogate.warped(0), 0);
  EXPECT_NEAR(surrogate.warped(4), std::log(2), 1e-12) << "the median";
  EXPECT_LT(surrogate.warped(1e6), 13);
}

// Additive with interactions: what a model of single decisions cannot see.
double paired(const Decisions& decisions) {
  double sum = synthetic::additive(decisions);
  const auto& items = decisions.items();
  for (size_t i = 0; i + 1 < items.size(); i += 2)
    sum += 0.1 * static_cast<double>(items[i].index == items[i + 1].index);
  return sum;
}

double mean_best(const std::string& name, int64_t trials, const std::function<double(const Decisions&)>& objective) {
  const Trace trace = synthetic::flat_trace(8, 4);
  double sum = 0;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const auto strategy = make_strategy(name, {trace, synthetic::maximize_accuracy(), trials});
    sum += synthetic::best_accuracy(run(
               *strategy,
               [&](const Decisions& decisions) {
                 return synthetic::trial_of({{"accuracy", objective(decisions)}});
               },
               trials, seed)) /
           5;
  }
  return sum;
}

TEST(Bayesian, NeedsFewerTrialsThanEvolutionNeedsManyMore) {
  EXPECT_GT(mean_best("bayesian", 60, paired), mean_best("regularized_evolution", 200, paired));
  EXPECT_GT(mean_best("bayesian", 60, paired), mean_best("random", 600, paired));
}

TEST(Bayesian, ChoosesFromWhatItIsTold) {
  const Trace trace = synthetic::flat_trace(6, 4);
  const auto evaluate = [](const Decisions& decisions) {
    return synthetic::trial_of({{"accuracy", synthetic::additive(decisions)}});
  };
  const auto best = [](const std::vector<Step>& history) {
    double most = 0;
    for (const Step& step : history) most = std::max(most, *step.trial.metrics.at("accuracy").value);
    return most;
  };
  const double samples =
      best(run(*make_strategy("random", {trace, synthetic::maximize_accuracy(), 40}), evaluate, 40, 1));
  for (const char* const candidates : {"mutation", "random", "diffusion"}) {
    const auto history = [&] {
      const auto strategy =
          make_strategy("bayesian", {trace, synthetic::maximize_accuracy(), 40}, {{"candidates", candidates}});
      return run(*strategy, evaluate, 40, 1);
    };
    const std::vector<Step> first = history(), again = history();
    EXPECT_GT(best(first), samples) << candidates;
    std::set<Hash128> distinct;
    for (size_t i = 0; i < first.size(); ++i) {
      EXPECT_TRUE(distinct.insert(first[i].candidate.decisions.hash()).second) << candidates << " " << i;
      EXPECT_EQ(first[i].candidate.decisions, again[i].candidate.decisions) << candidates << " " << i;
    }
    const std::string name = candidates;
    const std::string made_by = first.back().candidate.made_by;
    EXPECT_THAT(made_by, testing::ContainsRegex(name == "diffusion" ? "generated"
                                                : name == "random"  ? "random"
                                                                    : "neighbor|mutation"));
  }
}

TEST(Bayesian, KeepsALimitThatItLearns) {
  const Trace trace = synthetic::flat_trace(8, 4);
  const auto evaluate = [](const Decisions& decisions) {  // cost and quality grow together; most are too dear
    double cost = 0;
    for (const Decision& decision : decisions.items()) cost += static_cast<double>(decision.index);
    return synthetic::trial_of({{"accuracy", cost / 24}, {"cost", cost}});
  };
  for (const LimitHandling handling :
       {LimitHandling::rejection, LimitHandling::epsilon_constraint, LimitHandling::penalty}) {
    ObjectiveSet objectives = synthetic::maximize_accuracy();
    objectives.limits = {{"cost", 8}};
    objectives.handling = handling;
    objectives.penalty_weight = 4;
    const auto strategy = make_strategy("bayesian", {trace, objectives, 60});
    double best = 0;
    int kept = 0;
    for (const Step& step : run(*strategy, evaluate, 60, 1)) {
      if (!objectives.feasible(step.trial.metrics)) continue;
      ++kept;
      best = std::max(best, *step.trial.metrics.at("accuracy").value);
    }
    EXPECT_GE(best, (handling == LimitHandling::penalty ? 7.0 : 8.0) / 24 - 1e-9) << limit_handling_name(handling);
    EXPECT_GT(kept, 15) << "a uniform sample keeps the limit in " << limit_handling_name(handling);
  }
}

TEST(Bayesian, CoversAFrontOfTwoAndOfThree) {
  const Trace trace = synthetic::flat_trace(8, 4);
  const auto evaluate = [](const Decisions& decisions) {
    double first = 0, second = 0, third = 0;
    for (const Decision& decision : decisions.items()) {
      first += static_cast<double>(decision.index);
      second += static_cast<double>((3 - decision.index) * (3 - decision.index));
      third += static_cast<double>(decision.index % 2);
    }
    return synthetic::trial_of({{"first", first}, {"second", second}, {"third", third}});
  };
  ObjectiveSet objectives{{{"first", Direction::minimize}, {"second", Direction::minimize}}, {}};
  Point reference = {25, 73};
  for (const size_t count : {2u, 3u}) {
    if (count == 3) {
      objectives.objectives.push_back({"third", Direction::minimize});
      reference.push_back(9);
    }
    const auto volume = [&](const char* name) {
      const auto strategy = make_strategy(name, {trace, objectives, 100});
      std::vector<Point> points;
      for (const Step& step : run(*strategy, evaluate, 100, 1))
        points.push_back(*objectives.minimized(step.trial.metrics));
      return hypervolume(points, reference);
    };
    EXPECT_GT(volume("bayesian"), 1.02 * volume("nsga2")) << count;
    EXPECT_GT(volume("bayesian"), 1.05 * volume("random")) << count;
  }
}

}  // namespace
}  // namespace nacre
