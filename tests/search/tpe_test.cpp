// Parzen densities by hand, and what is made of them: tpe, bohb.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "nacre/search/parzen_sampler.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

using synthetic::make_strategy;
using synthetic::run;

std::vector<const DecisionRow*> pointers(const std::vector<DecisionRow>& rows) {
  std::vector<const DecisionRow*> result;
  for (const DecisionRow& row : rows) result.push_back(&row);
  return result;
}

// Words have no order, so that densities can be counted by hand.
Trace word_trace(int64_t decisions, const std::vector<std::string>& words) {
  TraceBuilder builder;
  std::vector<int32_t> parts;
  for (int64_t i = 0; i < decisions; ++i) {
    const int32_t decision =
        builder.declare("word" + std::to_string(i),
                        {.kind = DecisionKind::word, .count = static_cast<int64_t>(words.size()), .words = words});
    parts.push_back(builder.decide(decision, std::vector<int32_t>(words.size(), builder.nothing())));
  }
  return builder.finish(builder.all(parts));
}

TEST(ParzenDensity, UnivariateRatioByHand) {
  const Trace trace = word_trace(2, {"a", "b", "c"});
  const DecisionEncoding encoding(trace);
  // Good: aa, ab. Others: bc, cc, cb.
  const auto row = [&](int64_t first, int64_t second) {
    return encoding.row(Decisions({{"word0", first}, {"word1", second}}));
  };
  const std::vector<DecisionRow> good = {row(0, 0), row(0, 1)}, bad = {row(1, 2), row(2, 2), row(2, 1)};
  const ParzenDensity l(trace, pointers(good), {.prior = 1.5}), g(trace, pointers(bad), {.prior = 1.5});
  EXPECT_NEAR(l.probability(0, 0), (0.5 + 2) / 3.5, 1e-12);
  EXPECT_NEAR(l.probability(0, 1), 0.5 / 3.5, 1e-12);
  EXPECT_NEAR(l.probability(1, 1), 1.5 / 3.5, 1e-12);
  EXPECT_NEAR(g.probability(0, 2), 2.5 / 4.5, 1e-12);
  const double ratio = l.log_density(row(0, 1)) - g.log_density(row(0, 1));
  EXPECT_NEAR(std::exp(ratio), (2.5 / 3.5 * 1.5 / 3.5) / (0.5 / 4.5 * 1.5 / 4.5), 1e-9);
}

TEST(ParzenDensity, MultivariateMixtureByHand) {
  const Trace trace = word_trace(2, {"a", "b"});
  const DecisionEncoding encoding(trace);
  const std::vector<DecisionRow> rows = {encoding.row(Decisions({{"word0", 0}, {"word1", 0}})),
                                         encoding.row(Decisions({{"word0", 1}, {"word1", 1}}))};
  const ParzenDensity density(trace, pointers(rows), {.multivariate = true, .prior = 1, .bandwidth = 0.1});
  // (uniform 1/4 + 0.9 * 0.9 + 0.1 * 0.1) / 3 for equal words, (1/4 + 2 * 0.9 * 0.1) / 3 for others.
  EXPECT_NEAR(std::exp(density.log_density(rows[0])), (0.25 + 0.81 + 0.01) / 3, 1e-12);
  EXPECT_NEAR(std::exp(density.log_density(encoding.row(Decisions({{"word0", 0}, {"word1", 1}})))), (0.25 + 0.18) / 3,
              1e-12);
}

// Of conditional decisions, too: over all decision sets that the trace allows, densities sum to 1.
TEST(ParzenDensity, SumsToOneOverTheSpace) {
  const Trace trace = synthetic::deep_trace(3, 3, 4);
  const DecisionEncoding encoding(trace);
  Random random(1);
  std::vector<DecisionRow> rows;
  for (int i = 0; i < 9; ++i) rows.push_back(encoding.row(trace.sample(random)));
  const ParzenDensity density(trace, pointers(rows), {});
  double sum = 0;
  for (Count i = 0; i < trace.count(); ++i) sum += std::exp(density.log_density(encoding.row(trace.at(i))));
  EXPECT_NEAR(sum, 1, 1e-9);
}

TEST(ParzenDensity, DrawsFollowTheDensity) {
  const Trace trace = word_trace(2, {"a", "b", "c"});
  const DecisionEncoding encoding(trace);
  Random random(2);
  for (const bool multivariate : {false, true}) {
    std::vector<DecisionRow> rows;
    for (int i = 0; i < 4; ++i) rows.push_back(encoding.row(trace.sample(random)));
    const ParzenDensity density(trace, pointers(rows), {.multivariate = multivariate});
    std::map<Count, int> counts;
    constexpr int kDraws = 40'000;
    for (int i = 0; i < kDraws; ++i) ++counts[trace.index_of(density.draw(random))];
    for (Count i = 0; i < 9; ++i) {
      const double p = std::exp(density.log_density(encoding.row(trace.at(i))));
      EXPECT_NEAR(counts[i] / static_cast<double>(kDraws), p, 5 * std::sqrt(p / kDraws)) << multivariate;
    }
  }
}

TEST(Tpe, BothFormsBeatRandom) {
  const Trace trace = synthetic::flat_trace(12, 4);
  const auto best = [&](const char* name, const Json& options) {
    double sum = 0;
    for (uint64_t seed = 0; seed < 8; ++seed) {
      const auto strategy = make_strategy(name, {trace, synthetic::maximize_accuracy(), 0}, options);
      sum += synthetic::best_accuracy(run(
                 *strategy,
                 [](const Decisions& decisions) {
                   return synthetic::trial_of({{"accuracy", synthetic::additive(decisions)}});
                 },
                 200, seed)) /
             8;
    }
    return sum;
  };
  const double random = best("random", Json::object());
  EXPECT_GT(best("tpe", Json::object()), random + 0.1);
  EXPECT_GT(best("tpe", {{"multivariate", true}}), random + 0.06);
}

}  // namespace
}  // namespace nacre
