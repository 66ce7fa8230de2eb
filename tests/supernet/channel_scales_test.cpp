// Widths by scales of channels: scales act where channels are read, small ones leave channels out, what has no width is refused.
#include "nacre/supernet/channel_scales.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/hw/target_registry.hpp"
#include "nacre/supernet/method.hpp"
#include "small_supernet.hpp"

namespace nacre {
namespace {

std::shared_ptr<const Space> widths() {
  return make_space("single_path", test::quadrant_context(), "{kernels: [3], expansions: [2, 3, 4], skip: false}");
}

// Scales of 1 for the first channels and 0 for the others are the network that is cut out.
TEST(ChannelScales, OfOneAndZeroAreTheSlice) {
  const at::NoGradGuard no_grad;
  const auto space = widths();
  const Supernet whole = build_supernet(*space, {});
  const ChannelScales scales(*space, {}, whole);
  SharedStore store(whole.graph, {WeightLayout::nested}, 3, test::exact_numerics());
  const std::vector<at::Tensor> images = {test::random_images(5, at::kDouble)};
  const TorchExecutor executor(whole.graph, test::exact_numerics());
  Random random(4);
  for (int i = 0; i < 8; ++i) {
    const Decisions decisions = space->trace().sample(random);
    std::map<std::string, at::Tensor, std::less<>> mixture;
    for (size_t k = 0; k < scales.decisions().size(); ++k) {
      const OpenDecision& decision = scales.decisions()[k];
      const auto count = static_cast<int64_t>(decision.labels.size());
      // So many channels as the chosen alternative has: found by asking which scales give it.
      int64_t used = count;
      while (used > 1 && scales.alternative(k, std::vector<double>(static_cast<size_t>(used), 1.0), 0.5) !=
                             *decisions.find(decision.key))
        --used;
      at::Tensor values = at::zeros({count}, at::TensorOptions(at::kDouble));
      values.narrow(0, 0, used).fill_(1);
      mixture[decision.key] = values;
    }
    store.set_scales(scales.rules());
    store.set_mixture(mixture);
    const at::Tensor scaled = executor.run(images, store, {})[0];
    store.set_scales({});
    const Graph cut = build_supernet(*space, {}, &decisions).graph;
    const at::Tensor alone = TorchExecutor(cut, test::exact_numerics()).run(images, store, {})[0];
    EXPECT_LT(test::largest_difference(scaled, alone), 1e-9) << space->trace().text(decisions);
  }
}

TEST(ChannelScales, TheSmallestWidthThatHoldsTheUsedChannels) {
  const auto space = widths();
  const Supernet whole = build_supernet(*space, {});
  const ChannelScales scales(*space, {}, whole);
  const size_t count = scales.decisions()[0].labels.size();  // 8 x 4
  ASSERT_EQ(count, 32U);
  const auto with_used = [&](size_t used) {
    std::vector<double> values(count, 0.01);
    std::fill(values.end() - static_cast<std::ptrdiff_t>(used), values.end(), 0.9);  // wherever they stand
    return scales.alternative(0, values, 0.1);
  };
  EXPECT_EQ(with_used(1), 0);
  EXPECT_EQ(with_used(16), 0);
  EXPECT_EQ(with_used(17), 1);
  EXPECT_EQ(with_used(25), 2);
}

TEST(ChannelScales, WhatHasNoWidthOfItsOwnIsRefused) {
  const auto refusal = [](const std::shared_ptr<const Space>& space) -> std::string {
    try {
      const Supernet whole = build_supernet(*space, {});
      const ChannelScales scales(*space, {}, whole);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(refusal(test::small_layers("[k3_e3]")), testing::HasSubstr("channel_scales"));
  EXPECT_THAT(refusal(make_space("mbconv", test::quadrant_context(), "{candidates: [k3_e3], width: [0.5, 1.0]}")),
              testing::HasSubstr("different widths"));
  EXPECT_EQ(refusal(widths()), "");
}

// A share of the multiply-adds is kept, by relaxed and by joint updates.
TEST(ChannelScales, KeepTheShareThatIsAsked) {
  const auto space = widths();
  Decisions largest;
  for (const TraceDecision& decision : space->trace().decisions()) largest.set(decision.key, 2);
  const auto& counted = target_registry().get("macs");
  const auto target = counted.make(default_options(counted.parameters, "target macs"), {});
  const auto macs = [&](const Decisions& decisions) {
    return *metric_value(target->cost(space->build(decisions), {}, {}).totals, "macs");
  };
  for (const char* update : {"relaxed", "single_level"}) {
    const auto& entry = supernet_method_registry().get("rarts");
    const std::string yaml = std::string(
                                 "{supernet_epochs: 3, channel_scales: true, zero_operator: false, macs_share: 0.7, "
                                 "architecture_rate: 0.05, scale_sparsity: 0.01, affine: true, update: ") +
                             update + "}";
    SupernetOptions options;
    options.seed = 3;
    SupernetTraining training(space, std::make_shared<test::QuadrantTask>(0.3),
                              entry.make(resolve_options(parse_config(yaml, "study.yaml"), entry.parameters, "search"),
                                         test::quick_recipe(4)),
                              options);
    training.run();
    const double share = macs(training.best_network()) / macs(largest);
    EXPECT_LE(share, 0.7) << update;
    EXPECT_GT(share, 0.5) << update;
    EXPECT_GE(proposed_networks(training, 4, 1).size(), 2U);
    EXPECT_THROW(training.evaluate(training.best_network()), UserError);
  }
}

}  // namespace
}  // namespace nacre
