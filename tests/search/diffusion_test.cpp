// Diffusion over decisions: the equations, the exact score, validity, guidance; and the tables of NAS-Bench-201.
#include "nacre/search/diffusion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "nacre/predict/noise_aware_perceptron.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

std::vector<double> draw_noise(size_t count, double sigma, Random& random) {
  std::vector<double> values(count);
  for (double& value : values) value = sigma * random.normal();
  return values;
}

// log p_sigma of a code by its definition, for a trace of independent even decisions: a product of mixtures.
double log_density(const Trace& trace, std::span<const double> x, double sigma) {
  double sum = 0;
  size_t begin = 0;
  for (const TraceDecision& decision : trace.decisions()) {
    const size_t count = decision.alternatives.size();
    double density = 0;
    for (size_t a = 0; a < count; ++a) {
      double squares = 0;
      for (size_t j = 0; j < count; ++j) squares += std::pow(x[begin + j] - (j == a ? 1 : -1), 2);
      density += std::exp(-squares / (2 * sigma * sigma)) / static_cast<double>(count);
    }
    sum += std::log(density);
    begin += count;
  }
  return sum;
}

TEST(DecisionDiffusion, ScoreIsTheGradientOfTheLogDensity) {
  const Trace trace = synthetic::flat_trace(3, 4);
  Random random(1);
  const DecisionDiffusion diffusion(trace, random, 400'000);  // so that shares are even to a thousandth
  for (const double sigma : {0.5, 1.0, 2.0}) {
    std::vector<double> x = draw_noise(diffusion.width(), 1.0, random);
    const std::vector<double> score = diffusion.score(x, sigma);
    for (size_t i = 0; i < x.size(); ++i) {
      constexpr double kStep = 1e-5;
      const double at = x[i];
      x[i] = at + kStep;
      const double above = log_density(trace, x, sigma);
      x[i] = at - kStep;
      const double below = log_density(trace, x, sigma);
      x[i] = at;
      EXPECT_NEAR(score[i], (above - below) / (2 * kStep), 0.02) << "sigma " << sigma;
    }
  }
}

TEST(DecisionDiffusion, CodesAreDecodedAndInvalidOnesAreNot) {
  const Trace trace = synthetic::deep_trace(3, 3, 4);
  Random random(2);
  const DecisionDiffusion diffusion(trace, random);
  for (int i = 0; i < 200; ++i) {
    const Decisions decisions = trace.sample(random);
    const std::vector<float> code = diffusion.encode(decisions);
    EXPECT_EQ(diffusion.decode(std::vector<double>(code.begin(), code.end())), decisions);
  }
  EXPECT_FALSE(diffusion.decode(std::vector<double>(diffusion.width(), 1.0)).has_value());
  EXPECT_FALSE(diffusion.decode(std::vector<double>(diffusion.width(), -1.0)).has_value());
}

// 15,625 networks of independent decisions, as the cells of NAS-Bench-201.
class Cells : public testing::Test {
 protected:
  std::vector<Decisions> generate(size_t count, const DecisionDiffusion::Guidance& guidance, Random& random,
                                  bool corrector = true) {
    const std::vector<double> codes = diffusion_.generate(count, {.corrector = corrector}, guidance, random);
    std::vector<Decisions> valid;
    for (size_t i = 0; i < count; ++i) {
      if (auto decisions = diffusion_.decode(std::span(codes).subspan(i * diffusion_.width(), diffusion_.width())))
        valid.push_back(*decisions);
    }
    return valid;
  }
  // 9 for each alternative 3, 1 for each alternative 2, as parameters of 3x3 and 1x1 convolutions: at most 54, 12 on average.
  static double property(const Decisions& decisions) {
    double sum = 0;
    for (const Decision& decision : decisions.items()) sum += decision.index == 3 ? 9 : decision.index == 2 ? 1 : 0;
    return sum;
  }
  static double mean_property(const std::vector<Decisions>& all) {
    double sum = 0;
    for (const Decisions& decisions : all) sum += property(decisions) / static_cast<double>(all.size());
    return sum;
  }

  const Trace trace_ = synthetic::flat_trace(6, 5);
  Random random_{3};
  const DecisionDiffusion diffusion_{trace_, random_};
};

TEST_F(Cells, UnguidedOnesAreValidDifferentAndEven) {
  for (const bool corrector : {true, false}) {
    const std::vector<Decisions> cells = generate(256, {}, random_, corrector);
    EXPECT_GE(cells.size(), 254u) << "validity of 0.99";
    std::set<std::string> distinct;
    std::vector<std::array<double, 5>> counts(6);
    for (const Decisions& cell : cells) {
      distinct.insert(cell.hash().hex());
      for (size_t d = 0; d < 6; ++d) ++counts[d][static_cast<size_t>(cell.items()[d].index)];
    }
    EXPECT_GE(static_cast<double>(distinct.size()), 0.97 * static_cast<double>(cells.size()));
    double chi_square = 0;
    for (const auto& row : counts) {
      const double expected = static_cast<double>(cells.size()) / 5;
      for (const double count : row) chi_square += (count - expected) * (count - expected) / expected;
    }
    EXPECT_LT(chi_square, 42.98) << "0.99 quantile of 24 degrees of freedom";
  }
}

TEST_F(Cells, GuidanceMovesThemAsFarAsItIsStrong) {
  FeatureMatrix inputs;
  std::vector<double> values;
  for (int i = 0; i < 2000; ++i) {
    const Decisions cell = trace_.sample(random_);
    inputs.add(diffusion_.encode(cell));
    values.push_back((property(cell) - 12) / 8.9);
  }
  NoiseAwarePerceptron guide(static_cast<int64_t>(diffusion_.width()), {.steps = 3000}, random_);
  guide.fit(inputs, values, random_);
  const auto generated = [&](double kappa) {
    return generate(
        64,
        [&](std::span<const double> codes, double sigma) {
          std::vector<double> gradient;
          guide.predict(codes, sigma, &gradient);
          for (double& value : gradient) value *= kappa;
          return gradient;
        },
        random_);
  };
  const double unguided = mean_property(generated(0));
  EXPECT_NEAR(unguided, 12, 3);
  const double weak = mean_property(generated(1)), strong = mean_property(generated(10));
  EXPECT_GT(weak, 15);
  EXPECT_GT(strong, 45);
  EXPECT_LT(mean_property(generated(-10)), 6);
}

// --- learned from examples

struct Generated {
  size_t valid = 0, distinct = 0, among_examples = 0, within = 0;
};

// Of 256 unguided ones; `within`: of the valid ones, those that the examples' rule admits.
Generated generated_from(const Trace& trace, const DecisionDiffusion& diffusion, const std::vector<Decisions>& examples,
                         const std::function<bool(const Decisions&)>& rule, Random& random) {
  std::set<Hash128> known, seen;
  for (const Decisions& decisions : examples) known.insert(decisions.hash());
  const std::vector<double> codes = diffusion.generate(256, {}, {}, random);
  Generated result;
  for (size_t i = 0; i < 256; ++i) {
    const auto decisions = diffusion.decode(std::span(codes).subspan(i * diffusion.width(), diffusion.width()));
    if (!decisions || !trace.is_complete(*decisions)) continue;
    ++result.valid;
    result.distinct += seen.insert(decisions->hash()).second;
    result.among_examples += known.contains(decisions->hash());
    result.within += rule(*decisions);
  }
  return result;
}

// The whole space is learned from a half of it: about half of what is generated was no example.
TEST_F(Cells, LearnedFromHalfOfThemAreValidAndHalfNew) {
  std::vector<Decisions> examples;
  for (int64_t index = 0; index < 15625; ++index) {
    if (random_.bernoulli(0.5)) examples.push_back(trace_.at(Count(static_cast<uint64_t>(index))));
  }
  const DecisionDiffusion learned(trace_, examples, {}, random_);
  const Generated generated = generated_from(
      trace_, learned, examples, [](const Decisions&) { return true; }, random_);
  EXPECT_GE(generated.valid, 254u) << "validity of 0.99";
  EXPECT_GE(static_cast<double>(generated.distinct), 0.97 * static_cast<double>(generated.valid));
  EXPECT_NEAR(static_cast<double>(generated.among_examples) / static_cast<double>(generated.valid), 0.5, 0.07);
}

// Only cells of a certain size are examples, a quarter of all: most of what is generated is of that size, which decisions taken
// as independent are much more seldom.
TEST_F(Cells, LearnedWithinALimitStayWithinIt) {
  const auto rule = [](const Decisions& cell) { return property(cell) >= 18 && property(cell) <= 20; };
  std::vector<Decisions> examples;
  while (examples.size() < 2000) {
    Decisions cell = trace_.sample(random_);
    if (rule(cell)) examples.push_back(std::move(cell));
  }
  const DecisionDiffusion learned(trace_, examples, {}, random_);
  const DecisionDiffusion independent(trace_, examples, {.steps = 1, .learning_rate = 1e-12}, random_);
  const Generated kept = generated_from(trace_, learned, examples, rule, random_);
  const Generated lost = generated_from(trace_, independent, examples, rule, random_);
  EXPECT_GE(kept.valid, 250u);
  EXPECT_GE(static_cast<double>(kept.within), 0.6 * static_cast<double>(kept.valid));
  EXPECT_GE(kept.within, 2 * lost.within) << "decisions taken one by one";
}

TEST(NoiseAwarePerceptron, GradientsEqualFiniteDifferences) {
  Random random(4);
  NoiseAwarePerceptron network(6, {.hidden = 8, .steps = 50}, random);
  FeatureMatrix inputs;
  std::vector<double> values;
  for (int i = 0; i < 20; ++i) {
    std::vector<float> row;
    for (int j = 0; j < 6; ++j) row.push_back(random.bernoulli(0.5) ? 1.0F : -1.0F);
    inputs.add(row);
    values.push_back(row[0] + 0.5 * row[1]);
  }
  network.fit(inputs, values, random);
  std::vector<double> x = draw_noise(3 * 6, 1.0, random), gradient;
  network.predict(x, 0.7, &gradient);
  for (size_t i = 0; i < x.size(); ++i) {
    constexpr double kStep = 1e-6;
    const double at = x[i];
    const auto sum = [&](double moved) {
      x[i] = moved;
      double total = 0;
      for (const double value : network.predict(x, 0.7)) total += value;
      x[i] = at;
      return total;
    };
    EXPECT_NEAR(gradient[i], (sum(at + kStep) - sum(at - kStep)) / (2 * kStep), 1e-6);
  }
}

}  // namespace
}  // namespace nacre
