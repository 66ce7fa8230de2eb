// Optimizers, losses, mixing, averages and stores by hand-computed values and identities.
#include <gtest/gtest.h>

#include <cmath>

#include "executor_check.hpp"
#include "nacre/nn/losses.hpp"
#include "nacre/nn/mixing.hpp"
#include "nacre/nn/optimizer.hpp"
#include "nacre/nn/register.hpp"

namespace nacre {
namespace {

std::unique_ptr<Optimizer> make(const Recipe& recipe, const at::Tensor& weight, bool decays = true) {
  TrainableSet set;
  set.tensors = {weight};
  set.names = {"w"};
  set.decays = {decays};
  return optimizer_registry().get(recipe.optimizer).make(set, recipe);
}

// The same by the plain formulas, in double.
struct Expected {
  double w, m = 0, v = 0;
};

TEST(Optimizer, SgdFollowsItsFormula) {
  for (const bool nesterov : {false, true}) {
    for (const double momentum : {0.0, 0.9}) {
      for (const bool decays : {false, true}) {
        for (const at::ScalarType type : {at::kFloat, at::kDouble}) {  // the kernel, and libtorch's operators
          Recipe recipe;
          recipe.momentum = momentum;
          recipe.nesterov = nesterov;
          recipe.weight_decay = 0.1;
          const at::Tensor weight = at::linspace(-1, 1, 37, type);
          std::vector<Expected> expected;
          for (int64_t i = 0; i < 37; ++i) expected.push_back({weight[i].item<double>()});
          const std::unique_ptr<Optimizer> optimizer = make(recipe, weight, decays);
          for (int step = 1; step <= 3; ++step) {
            const at::Tensor gradient = at::cos(at::arange(37, type) * step);
            optimizer->step(std::vector<at::Tensor>{gradient}, 0.05, 0.5);
            for (int64_t i = 0; i < 37; ++i) {
              Expected& e = expected[static_cast<size_t>(i)];
              const double g = 0.5 * gradient[i].item<double>() + (decays ? 0.1 * e.w : 0);
              e.m = momentum * e.m + g;
              e.w -= 0.05 * (momentum == 0 ? g : nesterov ? g + momentum * e.m : e.m);
              ASSERT_NEAR(weight[i].item<double>(), e.w, 1e-6);
            }
          }
        }
      }
    }
  }
}

TEST(Optimizer, AdamwFollowsItsFormula) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    Recipe recipe;
    recipe.optimizer = "adamw";
    recipe.weight_decay = 0.1;
    const at::Tensor weight = at::linspace(-1, 1, 37, type);
    std::vector<Expected> expected;
    for (int64_t i = 0; i < 37; ++i) expected.push_back({weight[i].item<double>()});
    const std::unique_ptr<Optimizer> optimizer = make(recipe, weight);
    for (int step = 1; step <= 4; ++step) {
      const at::Tensor gradient = at::cos(at::arange(37, type) * step);
      optimizer->step(std::vector<at::Tensor>{gradient}, 0.01, 1);
      for (int64_t i = 0; i < 37; ++i) {
        Expected& e = expected[static_cast<size_t>(i)];
        const double g = gradient[i].item<double>();
        e.m = 0.9 * e.m + 0.1 * g;
        e.v = 0.999 * e.v + 0.001 * g * g;
        e.w *= 1 - 0.01 * 0.1;
        e.w -= 0.01 * (e.m / (1 - std::pow(0.9, step))) / (std::sqrt(e.v / (1 - std::pow(0.999, step))) + 1e-8);
        ASSERT_NEAR(weight[i].item<double>(), e.w, 2e-6);
      }
    }
  }
}

TEST(Optimizer, UnreachedWeightsKeepTheirValue) {
  const at::Tensor weight = at::ones({5});
  const std::unique_ptr<Optimizer> optimizer = make(Recipe{}, weight);
  optimizer->step(std::vector<at::Tensor>{at::Tensor()}, 0.1, 1);
  EXPECT_TRUE(at::equal(weight, at::ones({5})));
}

TEST(Optimizer, GradientNormIsGlobal) {
  const std::vector<at::Tensor> gradients = {at::full({5000}, 0.5), at::Tensor(), at::full({3, 2}, 2.0, at::kDouble)};
  EXPECT_NEAR(gradient_norm(gradients), std::sqrt(5000 * 0.25 + 6 * 4), 1e-6);
}

TEST(Loss, CrossEntropyAgreesWithItsDefinition) {
  Recipe recipe;
  recipe.label_smoothing = 0.1;
  const std::unique_ptr<Loss> loss = loss_registry().get("cross_entropy").make(recipe);
  const at::Tensor logits = at::sin(at::arange(12, at::kDouble)).reshape({3, 4});
  const at::Tensor labels = at::tensor(std::vector<int64_t>{2, 0, 3}, at::TensorOptions(at::kLong));
  const at::Tensor rows = loss->mixable(labels, 4).to(at::kDouble);
  const at::Tensor smoothed = rows * 0.9 + 0.1 / 4;
  const double expected = at::sum(-smoothed * at::log_softmax(logits, 1)).item<double>() / 3;
  EXPECT_NEAR(loss->value(logits, labels).item<double>(), expected, 1e-9);
  EXPECT_NEAR(loss->value(logits, rows).item<double>(), expected, 1e-9);
}

TEST(Loss, DistillationVanishesForEqualPredictions) {
  for (const char* kind : {"cross_entropy", "mse"}) {
    const std::unique_ptr<Loss> loss = loss_registry().get(kind).make(Recipe{});
    const at::Tensor a = at::sin(at::arange(12, at::kDouble)).reshape({3, 4});
    EXPECT_NEAR(loss->distillation(a, a, 3).item<double>(), 0, 1e-9);
    EXPECT_GT(loss->distillation(a, a.roll(1, 1), 3).item<double>(), 1e-3);
  }
}

TEST(Mixing, TargetsSumToOneAndFollowTheArea) {
  Recipe recipe;
  recipe.mixup_alpha = 0.4;
  recipe.cutmix_alpha = 1;
  Random random(3);
  int blends = 0, pastes = 0;
  for (int i = 0; i < 200; ++i) {
    const std::optional<Mix> mix = draw_mix(recipe, 4, 8, 6, random);
    ASSERT_TRUE(mix.has_value());
    (mix->kind == Mix::Kind::blend ? blends : pastes)++;
    const at::Tensor targets = mix_targets(at::eye(4), *mix);
    EXPECT_TRUE(at::allclose(at::sum(targets, 1), at::ones({4})));
    // Images that are one-hot in the sample: what is left of each is its share of the target.
    const at::Tensor images = at::eye(4).reshape({4, 4, 1, 1}).expand({4, 4, 8, 6}).contiguous();
    const at::Tensor left = at::mean(mix_inputs(images, *mix), {2, 3});
    EXPECT_TRUE(at::allclose(left, targets, 1e-5, 1e-5));
  }
  EXPECT_GT(blends, 60);
  EXPECT_GT(pastes, 60);
}

TEST(Mixing, BetaHasItsMoments) {
  for (const double alpha : {0.2, 1.0, 3.0}) {
    Random random(9);
    double sum = 0, squares = 0;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      const double x = draw_beta(alpha, random);
      ASSERT_GE(x, 0);
      ASSERT_LE(x, 1);
      sum += x;
      squares += x * x;
    }
    const double mean = sum / kDraws;
    EXPECT_NEAR(mean, 0.5, 0.01);
    EXPECT_NEAR(squares / kDraws - mean * mean, 1 / (4 * (2 * alpha + 1)), 0.005);
  }
}

Graph small_graph() {
  GraphBuilder builder("small");
  const ValueId x = builder.input("x", ElementType::float32, {2, 3, 4, 4});
  const ValueId y = builder.convolution_norm_activation("stem", x, 5, {.kernel = 3, .bias = true}, Activation::relu);
  builder.output(builder.linear("head", builder.flatten(builder.global_average_pool(y)), 1), "y");
  return builder.take();
}

TEST(ParameterStore, DrawsAsTheReferenceAndKnowsWhatDecays) {
  Graph graph = small_graph();
  const PlainStore store(graph, 4, test::numerics_under_test());
  materialize_parameters(graph, 4);
  std::map<std::string, bool> decays;
  for (size_t i = 0; i < store.infos().size(); ++i) {
    EXPECT_EQ(*store.weights().find(store.infos()[i].name), *weights_of(graph).find(store.infos()[i].name));
    EXPECT_EQ(store.tensors()[i].requires_grad(), store.infos()[i].trainable);
    decays[store.infos()[i].name] = store.infos()[i].decays;
  }
  for (const Node& node : graph.nodes()) {
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      const auto found = decays.find(value_text(graph, node.inputs[i]));
      if (found == decays.end()) continue;
      EXPECT_EQ(found->second, (node.op == "Conv" || node.op == "Gemm") && i == 1) << found->first;
    }
  }
}

TEST(ParameterStore, LoadsByNameAndNamesWhatIsMissing) {
  const Graph graph = small_graph();
  const Numerics numerics = test::numerics_under_test();
  PlainStore a(graph, 1, numerics), b(graph, 2, numerics);
  Weights weights = a.weights();
  EXPECT_TRUE(b.load(weights).empty());
  for (size_t i = 0; i < a.tensors().size(); ++i) EXPECT_TRUE(at::equal(a.tensors()[i], b.tensors()[i]));
  const std::string first = weights.tensors[0].first;
  weights.tensors.erase(weights.tensors.begin());
  EXPECT_EQ(b.load(weights), std::vector<std::string>{first});
  Graph exported = graph;
  a.export_to(exported);
  EXPECT_EQ(*exported.constant(exported.initializers()[0].value), *a.weights().find(first));
}

TEST(ParameterStore, ViewsAreChecked) {
  const Graph graph = small_graph();
  PlainStore store(graph, 1, test::numerics_under_test());
  const ViewContext context{graph, graph.initializers()[0].value, 0, false};
  try {
    store.view("nothing", {3}, context);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(std::string(error.what()).find("the store has no parameter 'nothing', which node"), 0u) << error.what();
  }
}

TEST(WeightAverage, IsWarmedUpAndSwaps) {
  const Graph graph = small_graph();
  PlainStore store(graph, 1, test::numerics_under_test());
  const at::Tensor weight = store.tensors()[0].detach();
  WeightAverage average(store, 0.95);
  double expected = weight.reshape(-1)[0].item<double>();
  for (int t = 1; t <= 40; ++t) {
    weight.fill_(t);
    average.update(store);
    const double decay = std::min(0.95, (1.0 + t) / (10.0 + t));
    expected = decay * expected + (1 - decay) * t;
  }
  average.swap(store);
  EXPECT_NEAR(store.tensors()[0].detach().reshape(-1)[0].item<double>(), expected, 1e-3);
  average.swap(store);
  EXPECT_EQ(store.tensors()[0].detach().reshape(-1)[0].item<double>(), 40);
}

}  // namespace
}  // namespace nacre
