// Superkernels: gated networks are those that are cut out, indicators have the derivative they should, costs are the table's, and
// what does not nest is refused.
#include "nacre/supernet/superkernels.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "nacre/hw/target_registry.hpp"
#include "nacre/supernet/expected_cost.hpp"
#include "small_supernet.hpp"

namespace nacre {
namespace {

std::shared_ptr<const Space> sliced(const std::string& options = "{}") {
  return make_space("single_path", test::quadrant_context(), options);
}

struct Gated {
  std::shared_ptr<const Space> space;
  Supernet whole;
  Superkernels kernels;
  SharedStore store;
  explicit Gated(std::shared_ptr<const Space> of)
      : space(std::move(of)),
        whole(build_supernet(*space, {})),
        kernels(*space, {}, whole),
        store(whole.graph, {WeightLayout::nested, false, kernels.thresholds()}, 5, test::exact_numerics()) {}
};

at::Tensor outputs(const Graph& graph, SharedStore& store, bool training) {
  RunMode mode{.training = training};
  mode.update_statistics = false;
  const TorchExecutor executor(graph, test::exact_numerics());
  return executor.run(std::vector<at::Tensor>{test::random_images(6, at::kDouble)}, store, mode)[0];
}

// Sheet 28, proof 1; with more kernels and expansions, and with counts, than the paper has.
TEST(Superkernels, GatedNetworksAreThoseCutOut) {
  const at::NoGradGuard no_grad;
  for (const std::shared_ptr<const Space>& space : std::vector<std::shared_ptr<const Space>>{
           sliced(), sliced("{kernels: [3, 5, 7], expansions: [2, 3, 4]}"),
           std::shared_ptr<const Space>(
               make_space("ofa", test::quadrant_context(), "{kernels: [3, 5], depths: [1, 2, 3]}"))}) {
    Gated gated(space);
    Random random(4);
    for (int i = 0; i < 12; ++i) {
      const Decisions decisions = space->trace().sample(random);
      const Graph cut = build_supernet(*space, {}, &decisions).graph;
      for (const bool training : {false, true}) {
        gated.kernels.force(gated.store, decisions);
        const at::Tensor whole = outputs(gated.whole.graph, gated.store, training);
        gated.store.set_masks({});
        EXPECT_LT(test::largest_difference(whole, outputs(cut, gated.store, training)), 1e-9)
            << space->trace().text(decisions);
      }
    }
  }
}

// Proof 2: the step is 0 or 1, its derivative that of the sigmoid, through norm and threshold.
TEST(Superkernels, IndicatorsPassTheGradientOfASigmoid) {
  const auto options = at::TensorOptions(at::kDouble);
  for (const double t : {0.3, 2.5, 5.0}) {
    const at::Tensor w = at::tensor({1.0, -2.0, 0.5}, options).requires_grad_(true),
                     threshold = at::tensor({t}, options).requires_grad_(true);
    const at::Tensor x = at::norm(w) - threshold, d = hard_indicator(x);
    EXPECT_EQ(d.item<double>(), std::sqrt(5.25) >= t ? 1.0 : 0.0);
    const auto g = torch::autograd::grad({at::sum(3 * d)}, {w, threshold});
    const double s = 1 / (1 + std::exp(-(std::sqrt(5.25) - t))), slope = 3 * s * (1 - s);
    EXPECT_NEAR(g[1].item<double>(), -slope, 1e-12);
    EXPECT_LT(test::largest_difference(g[0], slope * w.detach() / std::sqrt(5.25)), 1e-12);
  }
}

// Where all thresholds are low everything is used; where one is high, what it guards is not, and only one alternative has weight.
TEST(Superkernels, ThresholdsChoose) {
  Gated gated(sliced());
  Random random(1);
  const auto all = gated.kernels.weights(gated.store, true);
  for (size_t i = 0; i < all.size(); ++i) {
    const OpenDecision& decision = gated.kernels.decisions()[i];
    const size_t largest = decision.kind == OpenDecision::Kind::number ? all[i].size() - 1 : 0;  // "block"
    EXPECT_EQ(all[i][largest], 1) << decision.key;
  }
  const MixWeights before = gated.kernels.gate(gated.store, 1, random);
  const std::string key = "stage1/1/kernel";
  {
    const at::NoGradGuard no_grad;
    gated.store.tensor("threshold/" + key).detach().fill_(100);
  }
  const MixWeights after = gated.kernels.gate(gated.store, 1, random);
  gated.store.set_masks({});
  EXPECT_EQ(before.at(key)[1].item<double>(), 1);
  EXPECT_EQ(after.at(key)[0].item<double>(), 1);
  EXPECT_EQ(after.at(key)[1].item<double>(), 0);
  for (const auto& [other, weights] : after) {
    if (other != key) EXPECT_TRUE(at::equal(weights.detach(), before.at(other).detach())) << other;
    EXPECT_NEAR(at::sum(weights).item<double>(), 1, 1e-12);
  }
}

// What is left out still has a say: its threshold gets a gradient, so that it can come back.
TEST(Superkernels, WhatIsLeftOutKeepsAGradient) {
  Gated gated(sliced());
  Random random(1);
  const std::string key = "stage2/1/expansion";
  {
    const at::NoGradGuard no_grad;
    gated.store.tensor("threshold/" + key).detach().fill_(3);
  }
  gated.kernels.gate(gated.store, 1, random);
  const at::Tensor loss = at::sum(at::square(outputs(gated.whole.graph, gated.store, true)));
  gated.store.set_masks({});
  const auto g = torch::autograd::grad({loss}, {gated.store.tensor("threshold/" + key)});
  EXPECT_NE(g[0].item<double>(), 0);
}

// Dropped indicators are scaled so that their mean is what it was.
TEST(Superkernels, DroppedIndicatorsKeepTheirMean) {
  const at::NoGradGuard no_grad;
  Gated gated(sliced("{skip: false}"));
  double sum = 0;
  constexpr int kDraws = 2000;
  Random random(2);
  for (int i = 0; i < kDraws; ++i) {
    const double used = gated.kernels.gate(gated.store, 0.6, random).at("stage1/0/kernel")[1].item<double>();
    EXPECT_TRUE(used == 0 || std::abs(used - 1 / 0.6) < 1e-12);
    sum += used;
  }
  gated.store.set_masks({});
  EXPECT_NEAR(sum / kDraws, 1, 0.05);
}

// Proof 4: no branch costs a parameter.
TEST(Superkernels, HaveTheParametersOfTheLargestNetworkAndThresholds) {
  Gated gated(sliced());
  Decisions largest;
  for (const TraceDecision& decision : gated.space->trace().decisions())
    largest.set(decision.key, decision.ordered ? static_cast<int64_t>(decision.alternatives.size()) - 1 : 0);
  const Graph alone = gated.space->build(largest).graph();
  int64_t parameters = 0;
  for (const Initializer& initializer : alone.initializers()) {
    const Value& value = alone.value(initializer.value);
    if (!initializer.trainable || !is_floating(value.type)) continue;
    int64_t elements = 1;
    for (int axis = 0; axis < value.shape->rank(); ++axis) elements *= (*value.shape)[axis].extent();
    parameters += elements;
  }
  // 8 layers, of which the first of each stage (of the first one, too: 8 to 12 channels) stays.
  const int64_t thresholds = 8 * 2 + 5;
  EXPECT_EQ(gated.store.parameter_count(), parameters + thresholds);
}

TEST(Superkernels, WhatDoesNotNestIsRefused) {
  const auto refusal = [](const std::shared_ptr<const Space>& space) -> std::string {
    try {
      const Supernet whole = build_supernet(*space, {});
      const Superkernels kernels(*space, {}, whole);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(refusal(test::small_layers()), testing::HasSubstr("stage1/0/op"));
  EXPECT_THAT(refusal(test::small_cells()), testing::HasSubstr("nest"));
  EXPECT_THAT(refusal(sliced("{expansions: [1, 2]}")), testing::HasSubstr("another structure"));
  EXPECT_EQ(refusal(sliced()), "");
}

// --- the published table

// Milliseconds of the 20 layers on a Pixel 1: k3 e3, k3 e6, k5 e3, k5 e6 (the paper's code, pixel1_runtime_model.json).
constexpr std::array<std::array<double, 4>, 20> kPixel1 = {
    {{4.49, 9.20, 5.92, 11.59}, {3.41, 6.40, 4.89, 9.15}, {3.42, 6.35, 4.97, 9.18}, {3.42, 6.42, 4.99, 9.16},
     {1.96, 4.10, 2.45, 5.12},  {2.05, 3.98, 2.62, 5.06}, {2.05, 3.98, 2.62, 5.06}, {2.08, 4.03, 2.59, 5.11},
     {1.23, 2.46, 1.40, 2.79},  {1.58, 3.14, 1.82, 3.63}, {1.58, 3.13, 1.81, 3.66}, {1.59, 3.14, 1.80, 3.66},
     {1.73, 3.38, 1.96, 3.92},  {2.18, 4.39, 2.44, 5.07}, {2.18, 4.43, 2.45, 5.19}, {2.19, 4.48, 2.45, 5.09},
     {1.62, 3.34, 1.70, 3.55},  {2.43, 4.89, 2.57, 5.14}, {2.46, 4.88, 2.65, 5.32}, {2.44, 4.92, 2.66, 5.41}}};
constexpr double kFixed = 19.5999;

// A layer costs what the table says of its depthwise convolution, all else together a constant.
class Pixel1 final : public Target {
 public:
  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  std::string identity() const override { return name_; }
  bool measures() const override { return false; }
  Cost cost(const Design& design, const Deployment&, const ActivityProfile&) override {
    const Graph& graph = design.graphs.begin()->second;
    Cost cost;
    double total = 0;
    const auto add = [&](NodeId node, double ms) {
      CostItem item;
      item.node = node;
      item.metrics = {{"latency_ms", {.value = ms, .unit = "ms"}}};
      cost.items.push_back(std::move(item));
      total += ms;
    };
    add(0, kFixed);
    for (size_t id = 0; id < graph.nodes().size(); ++id) {
      const Node& node = graph.nodes()[id];
      const std::string scope = plain_parameter_name(graph.scope(node.scope));
      if (node.op != "Conv" || !scope.starts_with("stage") || scope.find("depthwise") == std::string::npos) continue;
      const Shape& weight = *graph.value(node.inputs[1]).shape;
      const auto layer = static_cast<size_t>((scope[5] - '1') * 4 + (scope[7] - '0'));
      const std::array<int64_t, 6> inputs = {16, 24, 40, 80, 96, 192};  // channels before and in each stage
      const int64_t before = layer % 4 == 0 ? inputs[layer / 4] : inputs[layer / 4 + 1];
      const size_t wide = weight[0].extent() == before * 6 ? 1 : 0;
      add(static_cast<NodeId>(id), kPixel1[layer][(weight[2].extent() == 5 ? 2 : 0) + wide]);
    }
    cost.totals = {{"latency_ms", {.value = total, .unit = "ms"}}};
    return cost;
  }

 private:
  std::string name_ = "pixel1";
  std::vector<MetricSpec> metrics_ = {{.name = "latency_ms", .unit = "ms"}};
};

// Proof 3: bounds of the published table (rounded to 0.01 ms a layer); the product is exact but for small kernels in narrow layers.
TEST(Superkernels, CostsAreThoseOfThePublishedTable) {
  SpaceContext context = space_context({3, 224, 224}, 1000);
  const auto space = make_space("single_path", context, "{preset: imagenet}");
  EXPECT_EQ(space->trace().count(), Count("31250000000000"));  // 4^5 5^15
  const Supernet whole = build_supernet(*space, {});
  Pixel1 target;
  const ExpectedCost exact(*space, {}, whole, target, {}, "latency_ms", false),
      product(*space, {}, whole, target, {}, "latency_ms", true);
  const auto weights_of = [&](int64_t kernel, int64_t expansion, bool skips) {
    MixWeights weights;
    const auto one = [](int64_t index) {
      return at::tensor({index == 0 ? 1.0 : 0.0, index == 1 ? 1.0 : 0.0}, at::TensorOptions(at::kDouble));
    };
    for (const OpenDecision& decision : whole.open) weights[decision.key] = one(skips ? 1 : 0);
    for (const OpenDecision& decision : whole.numbers)
      weights[decision.key] = one(decision.key.ends_with("kernel") ? kernel : expansion);
    return weights;
  };
  EXPECT_NEAR(exact.value(weights_of(1, 1, false)).item<double>(), 131.458, 5e-3);
  EXPECT_NEAR(exact.value(weights_of(0, 0, false)).item<double>(), 65.691, 5e-3);
  EXPECT_NEAR(exact.value(weights_of(0, 0, true)).item<double>(), 30.632, 5e-3);
  for (const auto& [kernel, expansion] : {std::pair(1, 1), std::pair(0, 1), std::pair(1, 0)}) {
    const MixWeights weights = weights_of(kernel, expansion, false);
    EXPECT_NEAR(product.value(weights).item<double>(), exact.value(weights).item<double>(), 1e-9);
  }
  double small = kFixed, error = 0, worst = 0;
  for (const auto& layer : kPixel1) {
    const double model = layer[2] * layer[1] / layer[3], off = std::abs(model / layer[0] - 1);
    small += model;
    error += off / 20;
    worst = std::max(worst, off);
  }
  EXPECT_NEAR(product.value(weights_of(0, 0, false)).item<double>(), small, 1e-9);
  EXPECT_NEAR(error, 0.015, 2e-3);
  EXPECT_NEAR(worst, 0.048, 2e-3);
}

// Whatever is chosen, the interpolation is the target's own answer.
TEST(Superkernels, ExactCostIsTheNetworks) {
  const auto& entry = target_registry().get("macs");
  const auto target = entry.make(default_options(entry.parameters, "target macs"), {});
  for (const std::shared_ptr<const Space>& space : std::vector<std::shared_ptr<const Space>>{
           sliced(), std::shared_ptr<const Space>(make_space("ofa", test::quadrant_context(), "{kernels: [3, 5]}"))}) {
    Gated gated(space);
    const ExpectedCost cost(*space, {}, gated.whole, *target, {}, "macs", false);
    Random random(2);
    for (int i = 0; i < 10; ++i) {
      const Decisions decisions = space->trace().sample(random);
      MixWeights weights;
      for (const OpenDecision& decision : gated.kernels.decisions()) {
        at::Tensor one = at::zeros({static_cast<int64_t>(decision.labels.size())}, at::TensorOptions(at::kDouble));
        const int64_t* index = decisions.find(decision.key);
        one[index == nullptr ? 0 : *index] = 1;
        weights[decision.key] = one;
      }
      const double expected = *metric_value(target->cost(space->build(decisions), {}, {}).totals, "macs");
      EXPECT_NEAR(cost.value(weights).item<double>(), expected, 1e-9 * expected);
    }
  }
}

}  // namespace
}  // namespace nacre
