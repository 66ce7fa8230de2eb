// Rungs of ever more epochs: what is promoted, what is paid, and that nothing is evaluated twice at one fidelity.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "synthetic.hpp"

namespace nacre {
namespace {

using synthetic::make_strategy;

struct Record {
  Candidate candidate;
  double epochs = 0;
  int64_t continues = -1;
  double quality = 0;
};

// Quality grows with epochs; at few of them it is noisy.
double quality(const Decisions& decisions, double epochs) {
  const double noise =
      static_cast<double>(hash_combine(decisions.hash(), hash_text(std::to_string(epochs))).low % 1000);
  return synthetic::additive(decisions) + 0.2 * noise / 1000 / epochs;
}

std::vector<Record> run_rungs(Strategy& strategy, int64_t trials, double epochs, int64_t lookahead = 1) {
  std::vector<Record> history;
  int64_t told = 0;
  const auto tell = [&] {
    Record& record = history[static_cast<size_t>(told)];
    Trial trial = synthetic::trial_of({{"accuracy", record.quality}});
    trial.number = told++;
    trial.candidate = record.candidate;
    trial.request.fidelity.epochs = record.epochs;
    strategy.tell(trial);
  };
  for (int64_t number = 0; number < trials; ++number) {
    while (told <= number - lookahead) tell();
    Random random = Random::stream(3, "ask", static_cast<uint64_t>(number));
    const std::optional<Proposal> proposal = strategy.ask(number, random);
    if (!proposal) break;
    Record record{proposal->candidate, proposal->fidelity ? proposal->fidelity->epochs : epochs, proposal->continues};
    record.quality = quality(record.candidate.decisions, record.epochs);
    history.push_back(std::move(record));
  }
  return history;
}

class MultiFidelityTest : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Strategy> make(const Trace& trace, double epochs, const Json& options = Json::object()) {
    StrategyContext context{trace, synthetic::maximize_accuracy(), 0};
    context.epochs = epochs;
    return make_strategy(GetParam(), context, options);
  }
};

TEST_P(MultiFidelityTest, NothingTwiceAtOneFidelityAndEpochsAreCounted) {
  const Trace trace = synthetic::flat_trace(10, 4);
  for (const int64_t lookahead : {1, 6}) {
    const auto strategy = make(trace, 27, {{"continue_training", true}});
    std::set<std::pair<std::string, double>> distinct;
    std::map<double, int64_t> asked;
    double epochs = 0, added = 0;
    const std::vector<Record> history = run_rungs(*strategy, 400, 27, lookahead);
    for (const Record& record : history) {
      EXPECT_TRUE(distinct.insert({record.candidate.decisions.hash().hex(), record.epochs}).second);
      ++asked[record.epochs];
      epochs += record.epochs;
      added += record.epochs;
      if (record.continues < 0) continue;
      const Record& from = history.at(static_cast<size_t>(record.continues));
      EXPECT_EQ(from.candidate.decisions, record.candidate.decisions);
      EXPECT_DOUBLE_EQ(from.epochs * 3, record.epochs);
      added -= from.epochs;
    }
    EXPECT_THAT(asked, testing::ElementsAre(testing::Key(1), testing::Key(3), testing::Key(9), testing::Key(27)));
    EXPECT_GT(asked[1], asked[27]);
    const Json statistics = strategy->statistics();
    EXPECT_DOUBLE_EQ(statistics.at("epochs_asked").get<double>(), epochs);
    EXPECT_DOUBLE_EQ(statistics.at("epochs_if_continued").get<double>(), added);
  }
}

TEST_P(MultiFidelityTest, PromotedAreBetterThanTheirRung) {
  const Trace trace = synthetic::flat_trace(10, 4);
  const auto strategy = make(trace, 9);
  const std::vector<Record> history = run_rungs(*strategy, 300, 9);
  std::map<double, std::pair<double, int64_t>> all, promoted;
  for (const Record& record : history) {
    auto& [sum, count] = all[record.epochs];
    sum += record.quality;
    ++count;
    EXPECT_EQ(record.continues, -1) << "training starts afresh unless asked otherwise";
    if (record.candidate.made_by.starts_with("promotion")) {
      const Record& from = history.at(static_cast<size_t>(record.candidate.parents.at(0)));
      auto& [from_sum, from_count] = promoted[from.epochs];
      from_sum += from.quality;
      ++from_count;
    }
  }
  for (const double epochs : {1.0, 3.0}) {
    EXPECT_GT(promoted[epochs].first / static_cast<double>(promoted[epochs].second),
              all[epochs].first / static_cast<double>(all[epochs].second) + 0.02);
    // What is best so far may be passed by later ones: those that promote at once promote more.
    if (GetParam() == "successive_halving") {
      EXPECT_LE(promoted[epochs].second, all[epochs].second / 3 + 1);
    }
  }
}

TEST_P(MultiFidelityTest, MoreLeastEpochsThanTheStudyHasAreRefused) {
  const Trace trace = synthetic::flat_trace(3, 3);
  try {
    make(trace, 5, {{"minimum_epochs", 8}});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("minimum_epochs: expected at most the study's epochs, which are 5, found 8"));
  }
}

INSTANTIATE_TEST_SUITE_P(All, MultiFidelityTest, testing::Values("successive_halving", "asha", "bohb"));

TEST(SuccessiveHalving, WholeRungsShrinkByTheReduction) {
  const Trace trace = synthetic::flat_trace(10, 4);
  StrategyContext context{trace, synthetic::maximize_accuracy(), 0};
  context.epochs = 9;
  const auto strategy = make_strategy("successive_halving", context);
  // 9 at one epoch, 3 at three, 1 at nine, and again.
  std::vector<double> epochs;
  for (const Record& record : run_rungs(*strategy, 26, 9)) epochs.push_back(record.epochs);
  const std::vector<double> bracket = {1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 9};
  std::vector<double> expected = bracket;
  expected.insert(expected.end(), bracket.begin(), bracket.end());
  EXPECT_EQ(epochs, expected);
}

TEST(Asha, ThePromotedIsTheBestOfItsRungSoFar) {
  const Trace trace = synthetic::flat_trace(10, 4);
  StrategyContext context{trace, synthetic::maximize_accuracy(), 0};
  context.epochs = 4;
  const auto strategy = make_strategy("asha", context, {{"reduction", 2}});
  const std::vector<Record> history = run_rungs(*strategy, 60, 4);
  for (size_t i = 0; i < history.size(); ++i) {
    if (history[i].candidate.parents.empty()) continue;
    const auto from = static_cast<size_t>(history[i].candidate.parents[0]);
    int64_t better = 0, rung = 0;
    for (size_t j = 0; j < i; ++j) {
      if (history[j].epochs != history[from].epochs) continue;
      ++rung;
      better += history[j].quality > history[from].quality;
    }
    EXPECT_LT(better, rung / 2) << "among the best half";
  }
}

TEST(Bohb, DrawsFromDensitiesOnceARungHasEnough) {
  const Trace trace = synthetic::flat_trace(10, 4);
  StrategyContext context{trace, synthetic::maximize_accuracy(), 0};
  context.epochs = 9;
  const auto strategy = make_strategy("bohb", context);
  const std::vector<Record> history = run_rungs(*strategy, 300, 9);
  double early = 0, late = 0;
  int64_t guided = 0;
  for (size_t i = 0; i < history.size(); ++i) {
    guided += history[i].candidate.made_by == "density ratio";
    (i < 40 ? early : late) += synthetic::additive(history[i].candidate.decisions) / (i < 40 ? 40.0 : 260.0);
  }
  EXPECT_GT(guided, 100);
  EXPECT_GT(late, early + 0.1);
}

}  // namespace
}  // namespace nacre
