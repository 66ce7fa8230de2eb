// The rules on the solvable model of DARTS' paper, L_val = a w - 2 a + 1 and L_train = w^2 - 2 a w + a^2, whose fixed points are
// known in closed form (sheet 44), and on a small network against the exact mixed derivative.
#include "nacre/supernet/update_rules.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "nacre/supernet/architecture.hpp"

namespace nacre {
namespace {

const at::TensorOptions kDouble = at::TensorOptions(at::kDouble);

at::Tensor number(double value) { return at::full({1}, value, kDouble).requires_grad_(true); }
double of(const at::Tensor& tensor) { return tensor.item<double>(); }

at::Tensor validation(const at::Tensor& w, const at::Tensor& a) { return at::sum(a * w - a * 2 + 1); }
at::Tensor training(const at::Tensor& w, const at::Tensor& a) { return at::sum(w * w - a * w * 2 + a * a); }

void descend(const std::vector<at::Tensor>& tensors, const Gradients& gradients, double rate) {
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].detach().sub_(gradients[i] * rate);
}

struct RelaxedLimit {
  double a, w, y;
};

RelaxedLimit relaxed_limit(double lambda, double beta, double rate, int iterations) {
  const at::Tensor a = number(2), w = number(-2), y = number(0);
  const RelaxedProblem problem{{w},
                               {y},
                               {a},
                               [&](bool) { return training(w, a); },
                               [&](bool) { return validation(y, a); },
                               [&](const Gradients& g) { descend({w}, g, rate); },
                               [&](const Gradients& g) { descend({y}, g, rate); },
                               [&](const Gradients& g) { descend({a}, g, rate); },
                               lambda,
                               beta,
                               true};
  for (int i = 0; i < iterations; ++i) relaxed_iteration(problem);
  return {of(a), of(w), of(y)};
}

TEST(RelaxedUpdate, ReachesItsClosedForm) {
  struct Case {
    double lambda, beta, rate;
    int iterations;
  };
  for (const Case& c : {Case{10, 10, 0.05, 3000}, Case{2, 5, 0.1, 4000}, Case{100, 100, 0.005, 12000}}) {
    const RelaxedLimit limit = relaxed_limit(c.lambda, c.beta, c.rate, c.iterations);
    const double a = 2 / (2 - 1 / c.beta - 1 / (2 * c.lambda));
    EXPECT_NEAR(limit.a, a, 1e-6);
    EXPECT_NEAR(limit.w, a * (1 - 1 / (2 * c.lambda)), 1e-6);
    EXPECT_NEAR(limit.y, 2 - a, 1e-6);
  }
  // Sheet 44's figures along the way.
  EXPECT_NEAR(relaxed_limit(10, 10, 0.01, 1000).a, 1.0806, 1e-4);
  EXPECT_NEAR(relaxed_limit(10, 10, 0.01, 5000).a, 1.0811, 1e-4);
}

// Sheet 44, proof 2. L_train = 1/2 (w - M a)' P (w - M a), whose minimum over w is 0 for every a, and L_val = 1/2 (y - t)' Q (y - t) +
// gamma/2 |a - s|^2 in five and five dimensions: the rule's limit solves a linear system, and nears the bilevel optimum as
// lambda = beta grow, by about 1/lambda. With `slope` the minimum of L_train depends on a, and the limit moves away from it.
struct Quadratic {
  static constexpr int64_t kSize = 5;
  at::Tensor p, q, m, t, s, slope;
  double gamma = 0.5;
  explicit Quadratic(bool sloped) {
    at::manual_seed(7);
    const auto positive = [] {
      const at::Tensor root = at::randn({kSize, kSize}, kDouble);
      return at::matmul(root, root.t()) / kSize + at::eye(kSize, kDouble);
    };
    p = positive();
    q = positive();
    m = at::eye(kSize, kDouble) + 0.3 * at::randn({kSize, kSize}, kDouble);
    t = at::randn({kSize}, kDouble);
    s = at::randn({kSize}, kDouble);
    slope = sloped ? at::eye(kSize, kDouble) : at::zeros({kSize, kSize}, kDouble);
  }
  at::Tensor train(const at::Tensor& w, const at::Tensor& a) const {
    const at::Tensor d = w - at::matmul(m, a);
    return 0.5 * at::dot(d, at::matmul(p, d)) + 0.5 * at::dot(a - 3, at::matmul(slope, a - 3));
  }
  at::Tensor validation(const at::Tensor& y, const at::Tensor& a) const {
    return 0.5 * at::dot(y - t, at::matmul(q, y - t)) + 0.5 * gamma * at::sum(at::square(a - s));
  }
  at::Tensor bilevel() const {
    const at::Tensor system = at::matmul(m.t(), at::matmul(q, m)) + gamma * at::eye(kSize, kDouble);
    return at::linalg_solve(system, at::matmul(m.t(), at::matmul(q, t)) + gamma * s);
  }
  // [w, y, a] where all three gradients of F are 0.
  at::Tensor stationary(double lambda, double beta) const {
    const at::Tensor one = at::eye(kSize, kDouble), zero = at::zeros({kSize, kSize}, kDouble);
    const at::Tensor mp = at::matmul(m.t(), p);
    const at::Tensor system =
        at::cat({at::cat({lambda * p + beta * one, -beta * one, -lambda * at::matmul(p, m)}, 1),
                 at::cat({-beta * one, q + beta * one, zero}, 1),
                 at::cat({-lambda * mp, zero, gamma * one + lambda * (at::matmul(mp, m) + slope)}, 1)},
                0);
    const at::Tensor right = at::cat({at::zeros({kSize}, kDouble), at::matmul(q, t),
                                      gamma * s + lambda * at::matmul(slope, at::full({kSize}, 3, kDouble))});
    return at::linalg_solve(system, right);
  }
};

at::Tensor iterated(const Quadratic& problem, double lambda, double beta, const at::Tensor& start, int iterations) {
  const auto leaf = [&start](int64_t block) {
    return start.narrow(0, block * Quadratic::kSize, Quadratic::kSize).clone().requires_grad_(true);
  };
  const at::Tensor w = leaf(0), y = leaf(1), a = leaf(2);
  const auto largest = [](const at::Tensor& matrix) { return at::linalg_matrix_norm(matrix, 2).item<double>(); };
  const double rate_w = 1 / (lambda * largest(problem.p) + beta), rate_y = 1 / (largest(problem.q) + beta),
               rate_a =
                   1 / (problem.gamma + lambda * largest(at::matmul(problem.m.t(), at::matmul(problem.p, problem.m))));
  const RelaxedProblem relaxed{{w},
                               {y},
                               {a},
                               [&](bool) { return problem.train(w, a); },
                               [&](bool) { return problem.validation(y, a); },
                               [&](const Gradients& g) { descend({w}, g, rate_w); },
                               [&](const Gradients& g) { descend({y}, g, rate_y); },
                               [&](const Gradients& g) { descend({a}, g, rate_a); },
                               lambda,
                               beta,
                               true};
  for (int i = 0; i < iterations; ++i) relaxed_iteration(relaxed);
  return at::cat({w, y, a}).detach();
}

TEST(RelaxedUpdate, LimitOfQuadraticsSolvesItsLinearSystem) {
  const Quadratic problem(false);
  const at::Tensor optimum = problem.bilevel();
  const auto distance_at = [&](double lambda) {
    return at::norm(problem.stationary(lambda, lambda).narrow(0, 2 * Quadratic::kSize, Quadratic::kSize) - optimum)
        .item<double>();
  };
  const at::Tensor limit = iterated(problem, 3, 3, at::zeros({3 * Quadratic::kSize}, kDouble), 6000);
  EXPECT_LT(at::max(at::abs(limit - problem.stationary(3, 3))).item<double>(), 1e-8);
  for (const double lambda : {10.0, 30.0, 100.0}) {
    const at::Tensor fixed = problem.stationary(lambda, lambda);
    EXPECT_LT(at::max(at::abs(iterated(problem, lambda, lambda, fixed, 50) - fixed)).item<double>(), 1e-10) << lambda;
  }
  EXPECT_LT(distance_at(10), distance_at(3));
  EXPECT_LT(distance_at(30), distance_at(10));
  EXPECT_LT(distance_at(100), distance_at(30));
  EXPECT_NEAR(distance_at(100) / distance_at(1000), 10, 1);  // about 1 / lambda

  // The control: L_train pulls a towards 3 by itself, the more the larger lambda.
  const Quadratic sloped(true);
  const auto away = [&](double lambda) {
    return at::norm(sloped.stationary(lambda, lambda).narrow(0, 2 * Quadratic::kSize, Quadratic::kSize) - optimum)
        .item<double>();
  };
  EXPECT_GT(away(100), away(3));
  const at::Tensor far = sloped.stationary(1e6, 1e6).narrow(0, 2 * Quadratic::kSize, Quadratic::kSize);
  EXPECT_LT(at::max(at::abs(far - 3)).item<double>(), 1e-3);
}

TEST(RelaxedUpdate, ItsObjectiveNeverRises) {
  const double lambda = 10, beta = 10, rate = 0.02;
  const at::Tensor a = number(2), w = number(-2), y = number(0);
  const auto objective = [&] {
    return of(validation(y, a)) + lambda * of(training(w, a)) + beta / 2 * std::pow(of(y) - of(w), 2);
  };
  double last = objective();
  const auto then = [&](const std::vector<at::Tensor>& tensors) {
    return [&, tensors](const Gradients& g) {
      descend(tensors, g, rate);
      EXPECT_LE(objective(), last + 1e-10);
      last = objective();
    };
  };
  const RelaxedProblem problem{{w},
                               {y},
                               {a},
                               [&](bool) { return training(w, a); },
                               [&](bool) { return validation(y, a); },
                               then({w}),
                               then({y}),
                               then({a}),
                               lambda,
                               beta,
                               true};
  for (int i = 0; i < 500; ++i) relaxed_iteration(problem);
}

TEST(RelaxedUpdate, TheArchitecturesGradientIsTheSumOfBoth) {
  const at::Tensor a = number(1.3), w = number(0.4), y = number(-0.7);
  Gradients seen;
  const RelaxedProblem problem{{w},
                               {y},
                               {a},
                               [&](bool) { return training(w, a); },
                               [&](bool) { return validation(y, a); },
                               [](const Gradients&) {},
                               [](const Gradients&) {},
                               [&](const Gradients& g) { seen = g; },
                               3,
                               5,
                               true};
  relaxed_iteration(problem);
  // dL_val/da = y - 2, dL_train/da = 2 a - 2 w.
  EXPECT_NEAR(of(seen[0]), (-0.7 - 2) + 3 * (2 * 1.3 - 2 * 0.4), 1e-12);
}

// First-order DARTS ends at a = w = 2, one step unrolled with rate xi at 2 / (1 + 2 xi).
TEST(BilevelUpdate, FixedPointsAreKnown) {
  for (const double xi : {0.0, 0.1, 0.25, 0.5}) {
    const at::Tensor a = number(1.7), w = number(-1);
    const BilevelProblem problem{{w}, {a}, [&] { return training(w, a); }, [&] { return validation(w, a); }};
    const auto weight_step = [&](double rate) { descend({w}, torch::autograd::grad({training(w, a)}, {w}), rate); };
    for (int i = 0; i < 4000; ++i) {
      const Gradients g =
          xi == 0 ? first_order_gradients(problem) : second_order_gradients(problem, xi, [&] { weight_step(xi); });
      descend({a}, g, 0.02);
      weight_step(0.1);
    }
    EXPECT_NEAR(of(a), 2 / (1 + 2 * xi), 1e-6) << xi;
    EXPECT_NEAR(of(w), 2 / (1 + 2 * xi), 1e-6) << xi;
  }
}

TEST(BilevelUpdate, FiniteDifferenceIsTheExactMixedDerivative) {
  at::manual_seed(2);
  const at::Tensor x = at::randn({16, 3}, kDouble), t = at::randn({16, 1}, kDouble), x2 = at::randn({16, 3}, kDouble),
                   t2 = at::randn({16, 1}, kDouble);
  const at::Tensor w = at::randn({3, 2}, kDouble).requires_grad_(true),
                   v = at::randn({2, 1}, kDouble).requires_grad_(true);
  const at::Tensor a = at::randn({2}, kDouble).requires_grad_(true);
  const auto loss = [&](const at::Tensor& w1, const at::Tensor& v1, const at::Tensor& input, const at::Tensor& target) {
    return at::mean(at::square(at::matmul(at::tanh(at::matmul(input, w1)) * at::softmax(a, 0), v1) - target));
  };
  const double rate = 0.3;
  // Exact: differentiate through the step.
  const auto g = torch::autograd::grad({loss(w, v, x, t)}, {w, v}, {}, true, /*create_graph=*/true);
  const at::Tensor exact = torch::autograd::grad({loss(w - g[0] * rate, v - g[1] * rate, x2, t2)}, {a})[0];
  const BilevelProblem problem{{w, v}, {a}, [&] { return loss(w, v, x, t); }, [&] { return loss(w, v, x2, t2); }};
  const at::Tensor w0 = w.detach().clone();
  const Gradients approximate = second_order_gradients(problem, rate, [&] {
    descend({w, v}, torch::autograd::grad({loss(w, v, x, t)}, {w, v}), rate);
  });
  EXPECT_TRUE(at::equal(w.detach(), w0));  // put back
  EXPECT_LT(at::norm(approximate[0] - exact).item<double>() / at::norm(exact).item<double>(), 1e-2);
  const at::Tensor first = first_order_gradients(problem)[0];
  EXPECT_GT(at::norm(first - exact).item<double>() / at::norm(exact).item<double>(),
            1e-2);  // the difference matters here
}

// Two decisions of three alternatives, a reward with an interaction: the mean of the estimates is the exact gradient.
TEST(Reinforce, IsUnbiased) {
  const std::vector<std::vector<double>> p = {{0.5, 0.3, 0.2}, {0.1, 0.6, 0.3}};
  const auto reward = [](int64_t i, int64_t j) {
    return 0.3 * static_cast<double>(i) + (i == 1 && j == 2 ? 2.0 : 0.0) - 0.1 * static_cast<double>(j);
  };
  const auto score = [&](size_t d, size_t k, int64_t drawn) {
    return (static_cast<int64_t>(k) == drawn ? 1.0 : 0.0) - p[d][k];
  };
  std::vector<std::vector<double>> exact = {{0, 0, 0}, {0, 0, 0}};
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 3; ++j) {
      const double mass = p[0][static_cast<size_t>(i)] * p[1][static_cast<size_t>(j)];
      for (size_t k = 0; k < 3; ++k) {
        exact[0][k] -= mass * reward(i, j) * score(0, k, i);
        exact[1][k] -= mass * reward(i, j) * score(1, k, j);
      }
    }
  }
  Random random(3);
  constexpr int kDraws = 200000;
  std::vector<std::vector<double>> sum = {{0, 0, 0}, {0, 0, 0}}, squares = sum;
  for (int n = 0; n < kDraws; ++n) {
    const std::vector<int64_t> drawn = {draw_index(p[0], random), draw_index(p[1], random)};
    const auto g = reinforce_gradients(p, {drawn}, {reward(drawn[0], drawn[1])}, 0.4);  // any baseline
    for (size_t d = 0; d < 2; ++d) {
      for (size_t k = 0; k < 3; ++k) {
        sum[d][k] += g[d][k];
        squares[d][k] += g[d][k] * g[d][k];
      }
    }
  }
  for (size_t d = 0; d < 2; ++d) {
    for (size_t k = 0; k < 3; ++k) {
      const double mean = sum[d][k] / kDraws;
      const double error = std::sqrt((squares[d][k] / kDraws - mean * mean) / kDraws);
      EXPECT_NEAR(mean, exact[d][k], 3 * error) << d << " " << k;
    }
  }
}

}  // namespace
}  // namespace nacre
