// Shared weights: a network by views of them is the network that stands alone, and a step moves what it used and nothing else.
#include "nacre/supernet/shared_store.hpp"

#include <gtest/gtest.h>

#include <set>

#include "../space/function_space.hpp"
#include "nacre/nn/register.hpp"
#include "small_supernet.hpp"

namespace nacre {
namespace {

using test::exact_numerics;
using test::largest_difference;
using test::random_images;
using test::small_layers;

at::Tensor output_of(const Graph& graph, ParameterStore& store, const at::Tensor& x, bool training = false) {
  const std::vector<at::Tensor> inputs = {x};
  return TorchExecutor(graph, exact_numerics())
      .run(inputs, store, {.training = training, .update_statistics = false})[0];
}

Graph with_weights(Graph graph, const std::vector<std::pair<std::string, Tensor>>& values) {
  size_t next = 0;
  Weights weights;
  for (const Initializer& initializer : graph.initializers()) {
    if (!is_floating(graph.value(initializer.value).type)) continue;
    weights.tensors.emplace_back(graph.value(initializer.value).name, values.at(next++).second);
  }
  apply_weights(graph, weights);
  return graph;
}

// Elastic in width, expansion, kernel and depth, with squeeze-and-excite: what Once-for-All slices.
FunctionSpace elastic_space() {
  return FunctionSpace([](Chooser& choose, GraphBuilder& b, ValueId x) {
    ElasticBuilder layers(choose, b);
    x = b.node("Reshape", {x, b.constant(Tensor::of<int64_t>({4}, {0, 2, 2, 2}), "shape")});
    x = layers.convolution_norm_activation("stem", x, 4, {.kernel = 3}, Activation::relu);
    x = choose.repeat("depth", b, x, {1, 2}, [&](GraphBuilder& b2, ValueId y, int64_t i) {
      const auto scope = choose.scope("layer" + std::to_string(i), b2);
      ElasticBuilder inner(choose, b2);
      const Choice middle = choose.pick("expansion", {2, 3, 6}) * 4;
      const Choice kernel = choose.pick("kernel", {3, 5, 7});
      ValueId z = inner.convolution_norm_activation("expand", y, middle, {.kernel = 1}, Activation::relu);
      z = inner.depthwise_norm_activation("depthwise", z, {.kernel = kernel}, Activation::relu);
      z = inner.squeeze_excite("se", z, make_divisible(middle / 4, 2));
      z = inner.batch_norm("bn", inner.convolution("project", z, 4, {.kernel = 1}));
      return b2.add(y, z);
    });
    return b.linear("head", b.flatten(b.global_average_pool(x)), 3);
  });
}

TEST(SharedStore, AOneHotMixtureIsTheNetworkAlone) {
  const auto space = small_layers();
  const Supernet whole = build_supernet(*space, {});
  SharedStore store(whole.graph, {}, 1, exact_numerics());
  const at::Tensor x = random_images(4, at::kDouble);
  Random random(2);
  for (int i = 0; i < 12; ++i) {
    const Decisions decisions = space->trace().sample(random);
    std::map<std::string, at::Tensor, std::less<>> mixture;
    for (const OpenDecision& decision : whole.open) {
      at::Tensor gates = at::zeros({static_cast<int64_t>(decision.labels.size())}, at::TensorOptions(at::kDouble));
      gates[*decisions.find(decision.key)] = 1;
      mixture[decision.key] = gates;
    }
    store.set_mixture(mixture);
    const Supernet network = build_supernet(*space, {}, &decisions);
    const Graph alone = with_weights(space->build(decisions).graph(), store.network_weights(network.graph));
    PlainStore own(alone, 0, exact_numerics());
    for (const bool training : {false, true}) {
      const at::Tensor expected = output_of(alone, own, x, training);
      EXPECT_LT(largest_difference(output_of(network.graph, store, x, training), expected), 1e-6);
      EXPECT_LT(largest_difference(output_of(whole.graph, store, x, training), expected), 1e-6);
    }
  }
}

TEST(SharedStore, SlicedNetworksEqualExtractedOnes) {
  const FunctionSpace space = elastic_space();
  const Supernet whole = build_supernet(space, {});
  for (const bool transforms : {false, true}) {
    SharedStore store(whole.graph, {WeightLayout::nested, transforms}, 1, exact_numerics());
    if (transforms) {  // away from the identity
      const at::NoGradGuard no_grad;
      at::manual_seed(3);
      for (size_t i = 0; i < store.kept().infos().size(); ++i) {
        if (store.kept().infos()[i].name.find("transform") == std::string::npos) continue;
        at::Tensor matrix = store.kept().tensors()[i].detach();
        matrix.add_(at::randn_like(matrix) * 0.1);
      }
    }
    const at::Tensor x = at::randn({5, 8}, at::TensorOptions(at::kDouble));
    Random random(5);
    std::set<std::string> seen;
    for (int i = 0; i < 50; ++i) {
      const Decisions decisions = space.trace().sample(random);
      const Supernet network = build_supernet(space, {}, &decisions);
      const Graph alone = with_weights(space.build(decisions).graph(), store.network_weights(network.graph));
      PlainStore own(alone, 0, exact_numerics());
      EXPECT_LT(largest_difference(output_of(network.graph, store, x), output_of(alone, own, x)), 1e-6);
      seen.insert(space.trace().text(decisions));
    }
    EXPECT_GT(seen.size(), 20U);
  }
}

TEST(SharedStore, TransformsBeginAsTheCenterOfTheKernel) {
  const FunctionSpace space = elastic_space();
  const Supernet whole = build_supernet(space, {});
  SharedStore plain(whole.graph, {WeightLayout::nested, false}, 1, exact_numerics());
  SharedStore transformed(whole.graph, {WeightLayout::nested, true}, 1, exact_numerics());
  const Weights own = plain.weights();
  Weights all = transformed.weights();
  for (auto& [name, tensor] : all.tensors)
    if (const Tensor* same = own.find(name)) tensor = *same;
  transformed.load(all);
  EXPECT_EQ(transformed.parameter_count() - plain.parameter_count(), 2 * (25 * 25 + 9 * 9));  // 706 a layer
  Decisions smallest;
  for (const TraceDecision& decision : space.trace().decisions()) smallest.set(decision.key, 0);
  smallest.set("depth", 1);
  const Supernet network = build_supernet(space, {}, &smallest);
  const auto a = plain.network_weights(network.graph), b = transformed.network_weights(network.graph);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    const auto x = a[i].second.values<float>(), y = b[i].second.values<float>();
    EXPECT_TRUE(std::equal(x.begin(), x.end(), y.begin(), y.end())) << a[i].first;
  }
}

// Momentum and decay are on, velocities are not zero: still what was not used stays, bit for bit.
template <class SpaceType>
void expect_unused_weights_stay(const SpaceType& space, const at::Tensor& x, const SharedWeightsForm& form,
                                const std::string& optimizer_name) {
  const Supernet whole = build_supernet(space, {});
  SharedStore store(whole.graph, form, 1, {});
  Recipe recipe;
  recipe.weight_decay = 0.1;
  recipe.optimizer = optimizer_name;
  const auto optimizer = optimizer_registry().get(optimizer_name).make(store.trainable(), recipe);
  Random random(6);
  const auto step = [&](const Decisions& decisions) {
    const Supernet network = build_supernet(space, {}, &decisions);
    store.begin_step();
    const std::vector<at::Tensor> inputs = {x};
    const at::Tensor y = TorchExecutor(network.graph, {}).run(inputs, store, {.training = true})[0];
    const auto gradients = store.gradients(at::sum(at::square(y)));
    const std::vector<at::Tensor> regions = store.regions();
    optimizer->step(gradients, 0.01, 1, regions);
    return std::pair(gradients, regions);
  };
  for (int i = 0; i < 6; ++i) step(space.trace().sample(random));  // everything has velocity
  for (int i = 0; i < 6; ++i) {
    const Weights state = optimizer->state();
    std::vector<at::Tensor> before;
    for (const at::Tensor& tensor : store.trainable().tensors) before.push_back(tensor.detach().clone());
    const auto [gradients, regions] = step(space.trace().sample(random));
    int64_t moved = 0, kept = 0;
    for (size_t t = 0; t < before.size(); ++t) {
      const at::Tensor now = store.trainable().tensors[t].detach();
      const at::Tensor same = at::eq(now, before[t]);
      if (!gradients[t].defined()) {
        EXPECT_TRUE(at::all(same).template item<bool>()) << store.trainable().names[t];
        ++kept;
        continue;
      }
      ++moved;
      if (regions[t].defined()) {
        EXPECT_TRUE(at::all(at::logical_or(same, regions[t])).template item<bool>()) << store.trainable().names[t];
        ++kept;
      }
    }
    EXPECT_GT(moved, 0);
    EXPECT_GT(kept, 0);
    // The state of what was not used stays, too.
    const Weights after = optimizer->state();
    for (size_t t = 0; t < before.size(); ++t) {
      if (gradients[t].defined()) continue;
      const std::string name =
          (optimizer_name == "sgd" ? "optimizer/velocity/" : "optimizer/first/") + store.trainable().names[t];
      const auto a = state.find(name)->template values<float>(), b = after.find(name)->template values<float>();
      EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << name;
    }
  }
}

TEST(SharedStore, UnusedBranchesDoNotMove) {
  for (const char* optimizer : {"sgd", "adamw"})
    expect_unused_weights_stay(*small_layers("[k3_e2, k5_e2, k3_e3]"), random_images(4), {}, optimizer);
}

TEST(SharedStore, UnusedSlicesDoNotMove) {
  at::manual_seed(1);
  const at::Tensor x = at::randn({6, 8});
  for (const char* optimizer : {"sgd", "adamw"}) {
    for (const bool transforms : {false, true})
      expect_unused_weights_stay(elastic_space(), x, {WeightLayout::nested, transforms}, optimizer);
  }
}

TEST(SharedStore, UnknownAndLargerParametersAreRefused) {
  const auto space = small_layers();
  const Supernet whole = build_supernet(*space, {});
  SharedStore store(whole.graph, {}, 1, {});
  Graph other;
  const ValueId value = other.add_parameter("nothing/of/it", ElementType::float32, {Dim(2)}, {});
  EXPECT_THROW(store.view("nothing/of/it", {Dim(2)}, {other, value, other.add_node("Identity", {value}), false}),
               UserError);
}

}  // namespace
}  // namespace nacre
