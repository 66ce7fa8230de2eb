// What a recipe adds for the time of training: dropped paths (proof 3 of NASNet's sheet) and the auxiliary head.
#include "nacre/nn/training_graph.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "executor_check.hpp"
#include "nacre/ir/training_tags.hpp"
#include "nacre/nn/trainer.hpp"
#include "synthetic_task.hpp"

namespace nacre {
namespace {

using test::numerics_under_test;
using test::QuadrantTask;
using test::quick_recipe;

at::Generator generator_of(uint64_t seed) {
  at::Generator generator = test::device_under_test() == Device::cpu
                                ? at::make_generator<at::CPUGeneratorImpl>(seed)
                                : at::globalContext().defaultGenerator(at::kCUDA).clone();
  generator.set_current_seed(seed);
  return generator;
}

// Two cells of two edges each, one of them an identity, and a classifier; tagged as cell spaces do.
Graph tagged_network() {
  GraphBuilder b("cells");
  ValueId x = b.input("image", ElementType::float32, {b.graph().symbol("batch"), 3, 8, 8});
  TrainingTags tags;
  for (int64_t i = 0; i < 2; ++i) {
    const std::string cell = "cell" + std::to_string(i);
    const auto scope = b.scope(cell);
    ValueId left = kNone;
    {
      const auto edge = b.scope("edge1");
      left = b.convolution_norm_activation("conv", x, 8, {.kernel = 3}, Activation::relu);
    }
    const auto skip = i == 0 ? b.convolution("widen", x, 8, {.kernel = 1}) : x;  // not an edge
    x = b.add(left, skip);
    tags.paths.push_back({cell + "/edge1", (static_cast<double>(i) + 1) / 2});
  }
  tags.auxiliary = "cell0";
  b.output(b.linear("classifier", b.flatten(x), 4), "logits");  // the task asks where, not what
  set_training_tags(b.graph(), tags);
  return b.take();
}

Recipe dropping(double keep, const std::string& by = "both") {
  Recipe recipe;
  recipe.drop_path_keep = keep;
  recipe.drop_path_by = by;
  return recipe;
}

std::vector<Node> drop_nodes(const Graph& graph) {
  std::vector<Node> nodes;
  for (const Node& node : graph.nodes())
    if (node.op == "DropPath") nodes.push_back(node);
  return nodes;
}

// One edge with a weight per channel, to be dropped: y = DropPath(w x).
Graph single_edge(const Recipe& recipe, int64_t batch, double depth = 1) {
  GraphBuilder b("edge");
  const ValueId x = b.input("x", ElementType::float32, {batch, 2, 3, 3});
  ValueId y = kNone;
  {
    const auto scope = b.scope("edge");
    y = b.node("Mul", {x, b.parameter("w", {1, 2, 1, 1}, {Distribution::Kind::constant, 1.0})});
  }
  b.output(b.node("Identity", {y}), "y");
  set_training_tags(b.graph(), {{{"edge", depth}}, ""});
  return training_graph(b.take(), recipe, 0);
}

// Runs the edge on ones in training at progress t; gradients of w where asked.
at::Tensor run_edge(const Graph& graph, int64_t batch, double progress, uint64_t seed, at::Tensor* gradient = nullptr) {
  const Numerics numerics = numerics_under_test();
  PlainStore store(graph, 0, numerics);
  const TorchExecutor executor(graph, numerics);
  at::Tensor weight;
  for (size_t i = 0; i < store.infos().size(); ++i) {
    at::Tensor tensor = store.tensors()[i];
    if (store.infos()[i].name == kTrainingProgress) {
      const at::NoGradGuard no_grad;
      tensor.fill_(progress);
    } else {
      weight = tensor;
    }
  }
  const std::vector<at::Tensor> inputs = {at::ones({batch, 2, 3, 3})};
  const at::Tensor y = executor.run(inputs, store, {.training = true, .generator = generator_of(seed)})[0];
  if (gradient != nullptr) *gradient = torch::autograd::grad({y.sum()}, {weight})[0].detach().to(at::kCPU);
  return y.detach().to(at::kCPU).contiguous();
}

// Kept with p and divided by it: 1 / p or 0 for a whole example, the mean stays 1 within 4 standard deviations.
TEST(DropPath, KeepsTheExpectationExampleByExample) {
  constexpr int64_t kExamples = 100'000;
  const double keep = 0.6;
  const at::Tensor y = run_edge(single_edge(dropping(keep, "depth"), kExamples), kExamples, 0, 1);
  const at::Tensor flat = y.reshape({kExamples, -1});
  EXPECT_TRUE(at::equal(flat.amax(1), flat.amin(1))) << "an example is dropped as a whole";
  const at::Tensor first = flat.select(1, 0);
  EXPECT_TRUE(at::logical_or(first.eq(0), at::isclose(first, at::full({}, 1 / keep))).all().item<bool>());
  const double deviation = std::sqrt((1 - keep) / keep / static_cast<double>(kExamples));
  EXPECT_NEAR(first.to(at::kDouble).mean().item<double>(), 1, 4 * deviation);
}

TEST(DropPath, ProbabilityGrowsWithTimeAndDepth) {
  constexpr int64_t kExamples = 20'000;
  const auto dropped = [&](const char* by, double depth, double progress) {
    const at::Tensor y = run_edge(single_edge(dropping(0.5, by), kExamples, depth), kExamples, progress, 3);
    return y.reshape({kExamples, -1}).select(1, 0).eq(0).to(at::kFloat).mean().item<double>();
  };
  EXPECT_EQ(dropped("both", 1, 0), 0) << "at the start nothing is dropped";
  EXPECT_NEAR(dropped("neither", 0.25, 0), 0.5, 0.02) << "a fixed rate from the start and everywhere";
  EXPECT_EQ(dropped("time", 0.5, 0), 0);
  constexpr double kSpread = 4 * 0.5 / 141.4;  // of a share among 20,000
  EXPECT_NEAR(dropped("both", 1, 1), 0.5, kSpread) << "at the end, in the last cell: as the recipe says";
  EXPECT_NEAR(dropped("both", 0.5, 0.5), 0.125, kSpread);
  EXPECT_NEAR(dropped("time", 0.5, 0.5), 0.25, kSpread);
  EXPECT_NEAR(dropped("depth", 0.5, 0), 0.25, kSpread) << "by depth alone from the first step on";
}

TEST(DropPath, ADroppedEdgeHasNoGradient) {
  const Graph graph = single_edge(dropping(0.5, "depth"), 1);
  int kept = 0, gone = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    at::Tensor gradient;
    const at::Tensor y = run_edge(graph, 1, 0, seed, &gradient);
    if (y.eq(0).all().item<bool>()) {
      ++gone;
      EXPECT_TRUE(at::equal(gradient, at::zeros_like(gradient)));
    } else {
      ++kept;
      EXPECT_TRUE(at::allclose(gradient, at::full_like(gradient, 9 / 0.5)));
    }
  }
  EXPECT_GT(kept, 5);
  EXPECT_GT(gone, 5);
}

TEST(DropPath, TaggedEdgesGetItAndNothingElse) {
  const Graph graph = training_graph(tagged_network(), dropping(0.6), 0);
  const std::vector<Node> nodes = drop_nodes(graph);
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_FLOAT_EQ(nodes[0].attributes.real("keep", 0), 0.8F) << "half of the depth";
  EXPECT_FLOAT_EQ(nodes[1].attributes.real("keep", 0), 0.6F) << "the last cell";
  EXPECT_EQ(graph.outputs.size(), 1U);
}

TEST(DropPath, OutsideTrainingTheNetworkIsWhatItWas) {
  const Graph plain = tagged_network();
  const Graph trained = training_graph(plain, dropping(0.3), 0);
  const Numerics numerics = numerics_under_test();
  PlainStore plain_store(plain, 5, numerics), trained_store(trained, 5, numerics);
  const std::vector<at::Tensor> inputs = {at::rand({6, 3, 8, 8})};
  const at::NoGradGuard no_grad;
  const at::Tensor a = TorchExecutor(plain, numerics).run(inputs, plain_store, {})[0];
  const at::Tensor b = TorchExecutor(trained, numerics).run(inputs, trained_store, {})[0];
  EXPECT_TRUE(at::allclose(a, b, 1e-6, 1e-6));
}

TEST(DropPath, WithoutPlacesItIsRefused) {
  try {
    training_graph(test::small_network(), dropping(0.5), 0);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("no paths to drop"));
  }
}

TEST(AuxiliaryHead, IsAnOutputOfTheTrainedGraphOnly) {
  Recipe recipe;
  recipe.auxiliary_weight = 0.4;
  const Graph plain = tagged_network();
  const Graph graph = training_graph(plain, recipe, 0);
  ASSERT_EQ(graph.outputs.size(), 2U);
  EXPECT_EQ(value_text(graph, graph.outputs[1]), kAuxiliaryOutput);
  EXPECT_EQ(graph.shape_text(*graph.value(graph.outputs[1]).shape), "[batch,4]");
  EXPECT_EQ(plain.outputs.size(), 1U);
  try {
    training_graph(test::small_network(), recipe, 0);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("no place for an auxiliary head"));
  }
}

TEST(AuxiliaryHead, TrainingWithBothLearnsAndGivesTheWeightsOfTheNetwork) {
  const QuadrantTask task;
  Recipe recipe = quick_recipe(4);
  recipe.drop_path_keep = 0.8;
  recipe.auxiliary_weight = 0.4;
  TrainingOptions options;
  options.numerics.device = test::device_under_test();
  options.seed = 1;
  Graph graph = tagged_network();
  const TrainingResult result = train_network(graph, task, recipe, options);
  ASSERT_EQ(result.status, TrialStatus::ok) << result.reason;
  EXPECT_GT(metric_value(result.metrics, "accuracy").value(), 0.9);
  apply_weights(graph, result.weights);  // every parameter of the network is there
  const TrainingResult again = train_network(tagged_network(), task, recipe, options);
  for (size_t i = 0; i < result.weights.tensors.size(); ++i)
    EXPECT_EQ(result.weights.tensors[i].second, again.weights.tensors[i].second) << "the seed decides";
}

TEST(TrainingTags, SurviveTheMetadata) {
  const TrainingTags tags = training_tags_of(tagged_network());
  EXPECT_EQ(tags.paths.size(), 2U);
  EXPECT_EQ(tags.auxiliary, "cell0");
  Graph graph = tagged_network();
  set_training_tags(graph, tags);
  EXPECT_EQ(training_tags_of(graph), tags);
  graph.metadata["nacre.training_tags"] = "{";
  EXPECT_THROW(training_tags_of(graph), UserError);
  EXPECT_EQ(value_leaving(graph, "cell7"), kNone);
}

}  // namespace
}  // namespace nacre
