// Supernets in training: they learn, they are resumed to the same end, their costs are those of networks, what is drawn is valid.
#include "nacre/supernet/supernet_training.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/hw/target_registry.hpp"
#include "nacre/nn/trainer.hpp"
#include "nacre/supernet/architecture.hpp"
#include "nacre/supernet/expected_cost.hpp"
#include "nacre/supernet/method.hpp"
#include "small_supernet.hpp"

namespace nacre {
namespace {

std::unique_ptr<Target> macs_target() {
  const auto& entry = target_registry().get("macs");
  return entry.make(default_options(entry.parameters, "target macs"), {});
}

SupernetSettings settings_of(const std::string& method, const std::string& yaml) {
  const auto& entry = supernet_method_registry().get(method);
  return entry.make(resolve_options(parse_config(yaml, "study.yaml"), entry.parameters, "search"),
                    test::quick_recipe(4));
}

SupernetOptions options_with(Target* target) {
  SupernetOptions options;
  options.seed = 3;
  options.target = target;
  return options;
}

enum class Of { layers, cells, sharp_cells, grid, slices };

struct Case {
  std::string method;
  Of space;
  std::string yaml;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.method << " " << one.yaml; }

const std::vector<Case> kCases = {
    {"fbnet", Of::layers, "{supernet_epochs: 4, architecture_from: 1, architecture_rate: 0.1}"},
    {"proxyless", Of::layers,
     "{supernet_epochs: 4, architecture_rate: 0.1, architecture_every: 1, architecture_share: 0.3}"},
    {"proxyless", Of::layers,
     "{supernet_epochs: 4, architecture_rate: 0.1, architecture_every: 2, update: reinforce, reinforce_samples: 4}"},
    {"darts", Of::cells, "{supernet_epochs: 3, architecture_rate: 0.05}"},
    {"darts", Of::cells, "{supernet_epochs: 2, architecture_rate: 0.05, update: second_order}"},
    {"darts", Of::layers, "{supernet_epochs: 3, architecture_rate: 0.05, update: single_level, zero_operator: false}"},
    {"pc_darts", Of::cells, "{supernet_epochs: 3, architecture_from: 1, architecture_rate: 0.05, partial_channels: 2}"},
    {"sharpdarts", Of::sharp_cells, "{supernet_epochs: 3, architecture_rate: 0.05}"},
    {"sharpdarts", Of::grid, "{supernet_epochs: 3, architecture_rate: 0.05, zero_operator: false}"},
    {"rarts", Of::cells, "{supernet_epochs: 2, architecture_rate: 0.05}"},
    {"single_path", Of::slices, "{supernet_epochs: 4, architecture_from: 1, cost_lambda: 5}"},
};

std::shared_ptr<const Space> space_of(const Case& one) {
  if (one.space == Of::slices) return make_space("single_path", test::quadrant_context(), "{}");
  if (one.space == Of::grid)
    return make_space("hypercuboid", test::quadrant_context(), "{channels: [4, 8], pairs: 2, features: 16}");
  if (one.space == Of::sharp_cells)
    return make_space("sharpdarts", test::quadrant_context(),
                      "{channels: 4, cells: 3, nodes: 2, operators: [max, skip, sharp3, flood3, dilchoke3]}");
  return one.space == Of::cells ? test::small_cells() : test::small_layers();
}

class EveryMethod : public testing::TestWithParam<Case> {};

TEST_P(EveryMethod, LearnsAndProposesNetworksOfItsSpace) {
  const auto space = space_of(GetParam());
  const auto target = macs_target();
  SupernetTraining training(space, std::make_shared<test::QuadrantTask>(0.3),
                            settings_of(GetParam().method, GetParam().yaml), options_with(target.get()));
  const auto before = training.probabilities();
  training.run();
  ASSERT_GE(training.epochs().size(), 2U);
  EXPECT_LT(training.epochs().back().weight_loss, training.epochs().front().weight_loss);
  EXPECT_NE(training.probabilities(), before);
  for (const auto& p : training.probabilities()) {
    double sum = 0;
    for (const double x : p) sum += x;
    EXPECT_NEAR(sum, 1, 1e-6);
  }
  const std::vector<Decisions> networks = proposed_networks(training, 5, 1);
  EXPECT_GE(networks.size(), 3U);
  EXPECT_EQ(networks[0], training.best_network());
  for (const Decisions& network : networks) EXPECT_TRUE(space->trace().is_complete(network));
}

TEST_P(EveryMethod, GoesOnToTheSameEnd) {
  const auto space = space_of(GetParam());
  const auto task = std::make_shared<test::QuadrantTask>(0.3);
  const auto target = macs_target();
  const SupernetSettings settings = settings_of(GetParam().method, GetParam().yaml);
  SupernetTraining whole(space, task, settings, options_with(target.get()));
  whole.run();

  Weights state;
  SupernetOptions stopped = options_with(target.get());
  stopped.report = [&](const SupernetEpoch&, const std::function<Weights()>& current) {
    state = read_weights_bytes(write_weights_bytes(current()), "state");
    throw Interrupted();
  };
  SupernetTraining first(space, task, settings, stopped);
  EXPECT_THROW(first.run(), Interrupted);
  SupernetOptions again = options_with(target.get());
  again.state = &state;
  SupernetTraining second(space, task, settings, again);
  second.run();
  EXPECT_EQ(second.probabilities(), whole.probabilities());
  ASSERT_EQ(second.epochs().size(), whole.epochs().size());
  for (size_t i = 0; i < whole.epochs().size(); ++i)
    EXPECT_EQ(second.epochs()[i].weight_loss, whole.epochs()[i].weight_loss);
  EXPECT_EQ(second.best_network(), whole.best_network());
}

INSTANTIATE_TEST_SUITE_P(All, EveryMethod, testing::ValuesIn(kCases), [](const testing::TestParamInfo<Case>& info) {
  return info.param.method + "_" + std::to_string(info.index);
});

TEST(ExpectedCost, OfOneHotProbabilitiesIsTheNetworks) {
  const auto target = macs_target();
  for (const auto& space : {test::small_layers(), test::small_cells()}) {
    const Supernet supernet = build_supernet(*space, {});
    const ExpectedCost cost(supernet, *target, {}, "macs");
    Random random(2);
    for (int i = 0; i < 20; ++i) {
      const Decisions decisions = space->trace().sample(random);
      MixWeights gates;
      for (const OpenDecision& decision : supernet.open) {
        at::Tensor gate = at::zeros({static_cast<int64_t>(decision.labels.size())}, at::TensorOptions(at::kDouble));
        const int64_t* index = decisions.find(decision.key);
        if (decision.kind == OpenDecision::Kind::edges) {
          for (const int64_t part : subset_at(gate.numel(), decision.kept, *index))
            gate[part] = 1.0 / static_cast<double>(decision.kept);
        } else if (index != nullptr) {
          gate[*index] = 1;
        } else {
          gate[0] = 1;  // of an edge that is not chosen
        }
        gates[decision.key] = gate;
      }
      const double expected = *metric_value(target->cost(space->build(decisions), {}, {}).totals, "macs");
      EXPECT_NEAR(cost.value(gates).item<double>(), expected, 1e-6 * expected);
    }
  }
}

TEST(ExpectedCost, IsTheMeanOverDrawnNetworks) {
  const auto target = macs_target();
  const auto space = test::small_layers();
  SupernetTraining training(
      space, std::make_shared<test::QuadrantTask>(),
      settings_of("fbnet",
                  "{supernet_epochs: 1, cost_form: multiplicative_log, architecture_from: 0, architecture_rate: 0.3}"),
      options_with(target.get()));
  training.run();
  double sum = 0;
  constexpr int kDraws = 4000;
  for (uint64_t i = 0; i < kDraws; ++i) {
    Random random = Random::stream(1, i);
    sum += *training.cost_of(training.sampled_network(random));
  }
  EXPECT_NEAR(sum / kDraws, *training.epochs().back().expected_cost, 0.02 * sum / kDraws);
}

// A dear operator is dropped once the cost weighs enough, whatever the accuracy says.
TEST(SupernetTraining, TheCostTermMovesTheChoice) {
  const auto target = macs_target();
  const auto space = test::small_layers("[k3_e1, k5_e6]");
  const auto cost_with = [&](double lambda) {
    SupernetTraining training(
        space, std::make_shared<test::QuadrantTask>(0.3),
        settings_of(
            "fbnet",
            "{supernet_epochs: 4, architecture_from: 0, architecture_rate: 0.2, cost_form: additive, cost_lambda: " +
                std::to_string(lambda) + "}"),
        options_with(target.get()));
    training.run();
    return *training.cost_of(training.best_network());
  };
  Decisions cheapest;
  for (const TraceDecision& decision : space->trace().decisions()) cheapest.set(decision.key, 0);
  EXPECT_EQ(cost_with(20), *metric_value(target->cost(space->build(cheapest), {}, {}).totals, "macs"));
  EXPECT_GE(cost_with(0), cost_with(20));
}

TEST(SupernetTraining, NetworksTakeTheirWeightsAlong) {
  const auto space = test::small_layers();
  const auto task = std::make_shared<test::QuadrantTask>(0.3);
  SupernetTraining training(
      space, task,
      settings_of("fbnet", "{supernet_epochs: 6, cost_form: none, architecture_rate: 0.1, architecture_from: 1}"),
      options_with(nullptr));
  training.run();
  const Decisions network = training.best_network();
  const double shared = *metric_value(training.evaluate(network), "accuracy");
  Graph alone = space->build(network).graph();
  apply_weights(alone, training.network_weights(network));
  EXPECT_EQ(*metric_value(evaluate_network(alone, *task, Split::validation, {}), "accuracy"), shared);
  EXPECT_GT(shared, 0.6);  // four classes
}

SupernetMemory memory_of(const std::shared_ptr<const Space>& space, const std::string& method,
                         const std::string& yaml) {
  const auto target = macs_target();
  SupernetTraining training(space, std::make_shared<test::QuadrantTask>(), settings_of(method, yaml),
                            options_with(target.get()));
  training.run();
  return training.memory();
}

// What methods claim of memory, counted: one K-th of the channels (PC-DARTS), one path (ProxylessNAS), two copies (RARTS).
TEST(SupernetMemory, IsWhatThePathsNeed) {
  const std::shared_ptr<const Space> cells = make_space("darts", test::quadrant_context(), "{channels: 8, cells: 3}");
  const SupernetMemory darts = memory_of(cells, "darts", "{supernet_epochs: 0.1}"),
                       rarts = memory_of(cells, "rarts", "{supernet_epochs: 0.1}"),
                       partial = memory_of(cells, "pc_darts", "{supernet_epochs: 0.1, architecture_from: 0}");
  EXPECT_LE(static_cast<double>(partial.activation_bytes), 0.45 * static_cast<double>(darts.activation_bytes));
  EXPECT_EQ(rarts.weights_bytes, 2 * darts.weights_bytes);
  EXPECT_EQ(rarts.activation_bytes, darts.activation_bytes);

  const auto layers = test::small_layers("[k3_e3, k3_e6, k5_e3, k5_e6, k7_e3, k7_e6, skip]");
  const SupernetMemory
      all = memory_of(layers, "fbnet", "{supernet_epochs: 0.1, cost_form: none, architecture_from: 9}"),
      one = memory_of(layers, "proxyless", "{supernet_epochs: 0.1, architecture_from: 9}"),
      two = memory_of(layers, "proxyless",
                      "{supernet_epochs: 0.1, architecture_from: 0, architecture_share: 0.5, architecture_every: 1}");
  EXPECT_LT(one.activation_bytes, two.activation_bytes);
  EXPECT_LT(static_cast<double>(two.activation_bytes), 0.6 * static_cast<double>(all.activation_bytes));
  // The largest of the networks that were drawn alone.
  EXPECT_LT(static_cast<double>(one.activation_bytes), 0.35 * static_cast<double>(all.activation_bytes));
}

// Sheet 12, proof 5: a drawn path needs the same whatever it is drawn from; all paths need more with each alternative.
TEST(SupernetMemory, OfADrawnPathDoesNotGrowWithTheAlternatives) {
  const std::vector<std::string> candidates = {"[k3_e3, k5_e3]", "[k3_e3, k5_e3, k7_e3]",
                                               "[k3_e3, k5_e3, k7_e3, k9_e3]"};
  std::vector<int64_t> one, all;
  for (const std::string& names : candidates) {
    const auto space = test::small_layers(names);
    one.push_back(memory_of(space, "proxyless", "{supernet_epochs: 0.1, architecture_from: 9}").activation_bytes);
    all.push_back(
        memory_of(space, "fbnet", "{supernet_epochs: 0.1, cost_form: none, architecture_from: 9}").activation_bytes);
  }
  EXPECT_EQ(one[1], one[0]);
  EXPECT_EQ(one[2], one[0]);
  EXPECT_GT(all[1], all[0]);
  EXPECT_EQ(all[2] - all[1], all[1] - all[0]);
}

SupernetSettings shrinking(const Space& space, double epochs) {
  SupernetSettings settings;
  settings.recipe = test::quick_recipe(epochs);
  settings.weight_paths = ActivePaths::one;
  settings.update = ArchitectureUpdate::none;
  settings.nested_weights = settings.kernel_transforms = true;
  settings.distillation = 1;
  settings.phases = progressive_phases(space.trace(), epochs);
  return settings;
}

std::shared_ptr<const Space> small_elastic() {
  return make_space("ofa", test::quadrant_context(), "{kernels: [3, 5], depths: [1, 2, 3], expansions: [2, 3, 4]}");
}

TEST(ProgressiveShrinking, PhasesOpenKernelsThenDepthsThenWidths) {
  const auto space = small_elastic();
  const std::vector<SupernetPhase> phases = progressive_phases(space->trace(), 59);
  ASSERT_EQ(phases.size(), 6U);
  const auto allowed = [&](size_t i) {
    return std::vector<int64_t>{phases[i].largest.at("kernel"), phases[i].largest.at("depth"),
                                phases[i].largest.at("expansion")};
  };
  EXPECT_EQ(allowed(0), (std::vector<int64_t>{1, 1, 1}));
  EXPECT_EQ(allowed(1), (std::vector<int64_t>{2, 1, 1}));
  EXPECT_EQ(allowed(2), (std::vector<int64_t>{2, 2, 1}));
  EXPECT_EQ(allowed(3), (std::vector<int64_t>{2, 3, 1}));
  EXPECT_EQ(allowed(4), (std::vector<int64_t>{2, 3, 2}));
  EXPECT_EQ(allowed(5), (std::vector<int64_t>{2, 3, 3}));
  const std::vector<double> epochs = {18, 12, 2.5, 12, 2.5, 12};
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(phases[i].epochs, epochs[i], 1e-9);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(phases[i].sort_channels, i == 4);
}

TEST(ProgressiveShrinking, AllNetworksLearnAndItGoesOnToTheSameEnd) {
  const auto space = small_elastic();
  const auto task = std::make_shared<test::QuadrantTask>(0.3);
  SupernetTraining whole(space, task, shrinking(*space, 12), options_with(nullptr));
  Weights state;
  whole.run();
  Random random(1);
  double sum = 0;
  for (int i = 0; i < 10; ++i) sum += *metric_value(whole.evaluate(space->trace().sample(random)), "accuracy");
  EXPECT_GT(sum / 10, 0.6);

  // Stopped in a late phase: the teacher must be there again.
  SupernetOptions stopped = options_with(nullptr);
  stopped.report = [&](const SupernetEpoch& epoch, const std::function<Weights()>& current) {
    state = current();
    if (epoch.epoch == 8) throw Interrupted();
  };
  SupernetTraining first(space, task, shrinking(*space, 12), stopped);
  EXPECT_THROW(first.run(), Interrupted);
  SupernetOptions again = options_with(nullptr);
  again.state = &state;
  SupernetTraining second(space, task, shrinking(*space, 12), again);
  second.run();
  ASSERT_EQ(second.epochs().size(), whole.epochs().size());
  for (size_t i = 0; i < whole.epochs().size(); ++i)
    EXPECT_EQ(second.epochs()[i].weight_loss, whole.epochs()[i].weight_loss) << i;
}

// Sheet 27, proof 5: without statistics of their own networks are hardly better than chance, and those taken are the samples' own.
TEST(ProgressiveShrinking, NetworksNeedStatisticsOfTheirOwn) {
  const auto space = small_elastic();
  const auto task = std::make_shared<test::QuadrantTask>(0.3);
  SupernetTraining training(space, task, shrinking(*space, 12), options_with(nullptr));
  training.run();
  Random random(2);
  double with = 0, without = 0;
  for (int i = 0; i < 10; ++i) {
    const Decisions decisions = space->trace().sample(random);
    with += *metric_value(training.evaluate(decisions, 256), "accuracy");
    without += *metric_value(training.evaluate(decisions, 0), "accuracy");
  }
  EXPECT_GT(with, without);
}

TEST(SupernetTraining, ContradictionsAreRefused) {
  const auto layers = test::small_layers();
  const auto task = std::make_shared<test::QuadrantTask>();
  EXPECT_THROW(SupernetTraining(layers, task, settings_of("fbnet", ""), options_with(nullptr)),
               UserError);  // no target
  SupernetSettings nested = settings_of("fbnet", "{cost_form: none}");
  nested.nested_weights = true;
  EXPECT_THROW(SupernetTraining(layers, task, nested, options_with(nullptr)), UserError);
  EXPECT_THROW(settings_of("fbnet", "{supernet_recipe: {teacher: t.onnx}}"), UserError);
  EXPECT_THROW(settings_of("fbnet", "{supernet_recipe: {lerning_rate: 1}}"), UserError);
  for (const char* contradiction :
       {"{update: relaxed, weight_paths: one, architecture_paths: two}", "{update: relaxed, architecture_paths: two}",
        "{update: second_order, architecture_paths: two}", "{update: single_level, weight_paths: one}",
        "{architecture_paths: two}", "{architecture_paths: two, weighting: binary, edge_weights: true}"}) {
    const SupernetSettings settings = settings_of("darts", contradiction);
    EXPECT_THROW(SupernetTraining(test::small_cells(), task, settings, options_with(nullptr)), UserError)
        << contradiction;
  }
  const auto target = macs_target();
  EXPECT_THROW(
      SupernetTraining(layers, task, settings_of("fbnet", "{cost_form: relative_log, cost_reference: 2, cost_unit: 3}"),
                       options_with(target.get())),
      UserError);
  const auto one = test::small_layers("[k3_e1]");
  EXPECT_THROW(SupernetTraining(one, task, settings_of("fbnet", "{cost_form: none}"), options_with(nullptr)),
               UserError);
}

}  // namespace
}  // namespace nacre
