// Supernets trained block by block without labels: paths are rated, what was not drawn stays, stopped trainings end alike.
#include "nacre/supernet/block_training.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "nacre/ir/statistics.hpp"
#include "nacre/supernet/method.hpp"
#include "small_supernet.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

std::string error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

SupernetSettings settings_of(const std::string& more, int64_t batch_size = 32) {
  Recipe recipe = test::quick_recipe();
  recipe.batch_size = batch_size;
  const auto& entry = supernet_method_registry().get("bossnas");
  const std::string yaml = (more.find("supernet_epochs") == std::string::npos ? "{supernet_epochs: 2, " : "{") +
                           std::string(
                               "neck_hidden: 32, projection: 16, view_jitter: 0.5, rating_samples: 64, "
                               "calibration_samples: 64, ") +
                           more + "}";
  return entry.make(resolve_options(parse_config(yaml, "study.yaml"), entry.parameters, "search"), recipe);
}

SupernetOptions options() {
  SupernetOptions options;
  options.seed = 3;
  return options;
}

// The same images with other labels.
class OtherLabels : public test::QuadrantTask {
 public:
  Batch load(Split split, std::span<const int64_t> indices, const Recipe* augment, Random& random) const override {
    Batch batch = QuadrantTask::load(split, indices, augment, random);
    for (int64_t& label : batch.tensors.at("label").mutable_values<int64_t>()) label = 0;
    return batch;
  }
};

std::vector<std::vector<double>> scores_of(const BlockTraining& training) {
  std::vector<std::vector<double>> scores;
  for (const auto& block : training.blocks()) {
    scores.emplace_back();
    for (const auto& path : block.paths) scores.back().push_back(path.score);
  }
  return scores;
}

std::shared_ptr<const Space> mini_hytra() {
  return make_space("hytra", test::quadrant_context(),
                    "{channels: [8, 16, 32], layers: 4, head_width: 4, start: one, stem: small}");
}

TEST(BlockTraining, RatesEveryPathAndProposesNetworksInTheOrderOfTheirScores) {
  const auto space = test::small_layers();
  BlockTraining training(space, std::make_shared<test::QuadrantTask>(0.3), settings_of("blocks: [2, 1]"), options());
  training.run();
  ASSERT_EQ(training.blocks().size(), 2U);
  EXPECT_EQ(training.blocks()[0].paths.size(), 16U);
  EXPECT_EQ(training.blocks()[1].paths.size(), 4U);
  ASSERT_EQ(training.epochs().size(), 4U);
  EXPECT_LT(training.epochs()[1].weight_loss, training.epochs()[0].weight_loss);
  EXPECT_LT(training.epochs()[3].weight_loss, training.epochs()[2].weight_loss);
  double best = 0;
  for (const auto& block : training.blocks()) {
    std::set<double> different;
    for (const auto& path : block.paths) {
      EXPECT_GE(path.score, -4);
      EXPECT_LE(path.score, 4);
      EXPECT_GE(path.score, block.paths[block.best].score);
      different.insert(path.score);
    }
    EXPECT_GT(different.size(), block.paths.size() / 2);
    best += block.paths[block.best].score;
  }
  const auto networks = training.proposed(1000, {});
  ASSERT_EQ(networks.size(), 64U);
  EXPECT_NEAR(networks[0].score, best, 1e-12);
  std::set<std::string> seen;
  for (size_t i = 0; i < networks.size(); ++i) {
    EXPECT_TRUE(space->trace().is_complete(networks[i].decisions));
    seen.insert(networks[i].decisions.hash().hex());
    if (i > 0) {
      EXPECT_GE(networks[i].score, networks[i - 1].score);
    }
  }
  EXPECT_EQ(seen.size(), networks.size());
}

// Branches cost what they cost wherever they stand: the networks within a limit are exactly those, in the same order.
TEST(BlockTraining, LimitsLeaveOutExactlyWhatBreaksThem) {
  const auto space = test::small_layers();
  BlockTraining training(space, std::make_shared<test::QuadrantTask>(0.3), settings_of("blocks: [2, 1]"), options());
  training.run();
  const auto macs_of = [&](const Decisions& decisions) {
    return static_cast<double>(statistics_of(space->build(decisions)).macs);
  };
  const auto all = training.proposed(1000, {});
  std::vector<double> costs;
  for (const auto& network : all) costs.push_back(macs_of(network.decisions));
  std::ranges::sort(costs);
  const double limit = costs[costs.size() / 3];
  std::vector<Decisions> expected, found;
  for (const auto& network : all)
    if (macs_of(network.decisions) <= limit) expected.push_back(network.decisions);
  for (const auto& network : training.proposed(1000, {.params = std::nullopt, .macs = limit}))
    found.push_back(network.decisions);
  EXPECT_EQ(found, expected);
  EXPECT_LT(found.size(), all.size());
}

TEST(BlockTraining, GoesOnToTheSameEndFromEveryEpoch) {
  const auto space = test::small_layers();
  const auto task = std::make_shared<test::QuadrantTask>(0.3);
  const SupernetSettings settings = settings_of("blocks: [2, 1]");
  BlockTraining whole(space, task, settings, options());
  whole.run();
  for (size_t stop = 1; stop <= 4; ++stop) {
    Weights state;
    SupernetOptions stopped = options();
    size_t epochs = 0;
    stopped.report = [&](const SupernetEpoch&, const std::function<Weights()>& current) {
      if (++epochs < stop) return;
      state = read_weights_bytes(write_weights_bytes(current()), "state");
      throw Interrupted();
    };
    BlockTraining first(space, task, settings, stopped);
    EXPECT_THROW(first.run(), Interrupted);
    SupernetOptions again = options();
    again.state = &state;
    BlockTraining second(space, task, settings, again);
    second.run();
    EXPECT_EQ(scores_of(second), scores_of(whole)) << "stopped after epoch " << stop;
    EXPECT_EQ(second.proposed(3, {})[0].decisions, whole.proposed(3, {})[0].decisions);
    ASSERT_EQ(second.epochs().size(), whole.epochs().size());
    for (size_t i = 0; i < whole.epochs().size(); ++i)
      EXPECT_EQ(second.epochs()[i].weight_loss, whole.epochs()[i].weight_loss);
  }
}

TEST(BlockTraining, ReadsNoLabels) {
  const auto space = test::small_layers();
  const SupernetSettings settings = settings_of("blocks: [2, 1], supernet_epochs: 1");
  BlockTraining given(space, std::make_shared<test::QuadrantTask>(), settings, options());
  given.run();
  BlockTraining other(space, std::make_shared<OtherLabels>(), settings, options());
  other.run();
  EXPECT_EQ(scores_of(given), scores_of(other));
}

// One step with one path: the weights of its branches move, those of all others are the same bit for bit.
TEST(BlockTraining, WhatIsNotDrawnDoesNotMove) {
  const auto space = test::small_layers("[k3_e1, k3_e2, k5_e1]");
  const SupernetSettings settings = settings_of(
      "blocks: [3], supernet_epochs: 1, paths_per_step: 1, supernet_recipe: {weight_decay: 0.1, warmup_epochs: 0}",
      256);
  SupernetOptions stopped = options();
  Weights after;
  stopped.report = [&](const SupernetEpoch&, const std::function<Weights()>& current) {
    after = current();
    throw Interrupted();
  };
  BlockTraining training(space, std::make_shared<test::QuadrantTask>(), settings, stopped);
  const Weights before = read_weights_bytes(write_weights_bytes(training.state()), "state");
  EXPECT_THROW(training.run(), Interrupted);
  std::map<std::string, std::set<std::string>> moved, stayed;  // branches by layer
  for (const auto& [name, tensor] : before.tensors) {
    if (!name.starts_with("block0/online/") || name.find("running") != std::string::npos) continue;
    const size_t open = name.find('<');
    if (open == std::string::npos) continue;
    const std::string layer = name.substr(0, open), branch = name.substr(open, name.find('>') - open + 1);
    const Tensor* now = after.find(name);
    ASSERT_NE(now, nullptr) << name;
    const bool same = std::ranges::equal(tensor.values<float>(), now->values<float>());
    if (name.ends_with("conv/weight"))
      (same ? stayed : moved)[layer].insert(branch);
    else if (!same)
      moved[layer].insert(branch);
  }
  ASSERT_EQ(moved.size(), 3U);
  for (const auto& [layer, branches] : moved) {
    EXPECT_EQ(branches.size(), 1U) << layer;
    EXPECT_EQ(stayed[layer].size(), 2U) << layer;
    EXPECT_FALSE(stayed[layer].contains(*branches.begin())) << layer;
  }
}

TEST(BlockTraining, OnePathPerStepIsByol) {
  const auto space = test::small_layers();
  const auto task = std::make_shared<test::QuadrantTask>();
  const std::string one = "blocks: [2, 1], supernet_epochs: 1, paths_per_step: 1, target: ";
  BlockTraining ensemble(space, task, settings_of(one + "ensemble"), options()),
      own(space, task, settings_of(one + "own"), options());
  ensemble.run();
  own.run();
  EXPECT_EQ(scores_of(ensemble), scores_of(own));
  const std::string fair = "blocks: [2, 1], supernet_epochs: 1, target: ";
  BlockTraining many(space, task, settings_of(fair + "ensemble"), options()),
      alone(space, task, settings_of(fair + "own"), options());
  many.run();
  alone.run();
  EXPECT_NE(scores_of(many), scores_of(alone));
}

TEST(BlockTraining, SizesShareSlicesWhateverTheirShortcuts) {
  const std::shared_ptr<const Space> space = make_space("nats_size", test::quadrant_context());
  BlockTraining training(space, std::make_shared<test::QuadrantTask>(),
                         settings_of("blocks: [2, 2, 1], supernet_epochs: 1, paths_per_step: 2, own_views: true", 64),
                         options());
  training.run();
  ASSERT_EQ(training.blocks().size(), 3U);
  EXPECT_EQ(training.blocks()[0].paths.size(), 64U);
  EXPECT_EQ(training.blocks()[2].paths.size(), 8U);
  EXPECT_TRUE(space->trace().is_complete(training.proposed(1, {}).at(0).decisions));
}

TEST(BlockTraining, HybridsOfConvolutionAndAttentionAreTrained) {
  const auto space = mini_hytra();
  BlockTraining training(space, std::make_shared<test::QuadrantTask>(),
                         settings_of("blocks: [2, 2], paths_per_step: 4, weight_layout: nested"), options());
  training.run();
  EXPECT_LT(training.epochs()[1].weight_loss, training.epochs()[0].weight_loss);
  const auto networks = training.proposed(20, {});
  ASSERT_GE(networks.size(), 3U);
  for (const auto& network : networks) EXPECT_TRUE(space->trace().is_complete(network.decisions));
  EXPECT_EQ(training.blocks()[0].paths.size(), 11U);
}

TEST(BlockTraining, WhatCannotBeIsRefusedByName) {
  const auto task = std::make_shared<test::QuadrantTask>();
  const auto train = [&](const std::shared_ptr<const Space>& space, SupernetSettings settings) {
    return error_of([&] { BlockTraining(space, task, std::move(settings), options()); });
  };
  EXPECT_THAT(train(mini_hytra(), settings_of("blocks: [2, 2]")), HasSubstr("paths_per_step: fair"));
  SupernetSettings same = settings_of("blocks: [2, 1]");
  same.blockwise->view_jitter = 0;
  EXPECT_THAT(train(test::small_layers(), same), HasSubstr("views of a sample would be the same"));
  EXPECT_THAT(train(test::small_layers(), settings_of("blocks: [2, 1], most_paths: 8")),
              HasSubstr("more than 8 paths"));
  EXPECT_THAT(error_of([] { settings_of("blocks: [[], a]"); }), HasSubstr("search.blocks"));
  EXPECT_THAT(error_of([] { settings_of("paths_per_step: some"); }), HasSubstr("expected fair or a number"));
}

}  // namespace
}  // namespace nacre
