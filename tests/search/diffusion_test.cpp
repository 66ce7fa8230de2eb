// Diffusion over decisions: the equations, the exact score, validity, guidance; and the tables of NAS-Bench-201.
#include "nacre/search/diffusion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
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
