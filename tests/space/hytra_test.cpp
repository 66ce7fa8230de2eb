// The HyTra space: published counts and counting by hand, the released network, codes; and what its attention must hold.
#include "nacre/space/spaces/hytra.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "nacre/base/random.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/space/blocks.hpp"
#include "nacre/space/network_text.hpp"
#include "space_context.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

std::unique_ptr<Space> hytra(const std::string& options) {
  return make_space("hytra", space_context({3, 32, 32}, 10), options + "\nstem: small");
}

std::string error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

// Paths of a fabric by enumeration: operators per scale, layers, whether any step down is taken in one layer.
int64_t paths(const std::vector<int64_t>& operators, int64_t layers, bool any_step, size_t from, bool any_here) {
  if (layers == 0) return 1;
  int64_t sum = 0;
  for (size_t to = from; to < operators.size() && (any_here || to <= from + 1); ++to)
    sum += operators[to] * paths(operators, layers - 1, any_step, to, any_step);
  return sum;
}

TEST(HytraSpaceTest, BlocksOfFourLayersHaveThePublishedNumbersOfPaths) {
  const auto count = [](const std::string& channels, const std::string& more) {
    return hytra("channels: " + channels + "\nlayers: 4\nhead_width: 8\n" + more)->trace().count();
  };
  EXPECT_EQ(count("[32, 64, 96, 128]", ""), 131);
  EXPECT_EQ(count("[64, 96, 128]", ""), 115);
  EXPECT_EQ(count("[96, 128]", ""), 80);
  EXPECT_EQ(count("[128]", "attention_scales: 1"), 16);
  EXPECT_EQ(count("[32, 64, 96, 128]", "start: one"), 51);
  EXPECT_EQ(count("[32, 64, 96, 128]", "steps: any"), 201);
  EXPECT_EQ(count("[64, 96, 128]", "steps: any"), 129);
  EXPECT_EQ(count("[96, 128]", "steps: any"), 80);
}

TEST(HytraSpaceTest, CountsEqualEnumeration) {
  const std::vector<int64_t> operators = {1, 1, 2, 2};
  for (const int64_t layers : {4, 5, 6}) {
    for (const bool any : {false, true}) {
      const auto space = hytra(fmt::format("channels: [32, 64, 96, 128]\nlayers: {}\nhead_width: 8\nsteps: {}", layers,
                                           any ? "any" : "one"));
      EXPECT_EQ(space->trace().count(), paths(operators, layers, any, 0, true)) << layers << " layers, any " << any;
    }
  }
}

TEST(HytraSpaceTest, SixteenLayersHaveThePublishedNumberOfNetworks) {
  EXPECT_EQ(hytra("channels: [32, 64, 96, 128]\nhead_width: 8")->trace().count(), 2818103);
}

TEST(HytraSpaceTest, DrawnNetworksFitTheTask) {
  const SpaceContext context = space_context({3, 32, 32}, 10);
  const auto space = make_space("hytra", context, "channels: [16, 32, 64]\nlayers: 5\nhead_width: 4\nsteps: any");
  for (uint64_t i = 0; i < 20; ++i) {
    Random random = Random::stream(1, "hytra", i);
    const Decisions decisions = space->trace().sample(random);
    Decisions resolved;
    expect_fits(space->build(decisions, nullptr, &resolved), context);
    EXPECT_EQ(resolved, decisions);
    EXPECT_EQ(decisions_from_text(*space, space->trace().text(decisions)), decisions);
  }
}

TEST(HytraSpaceTest, CodesAndGenotypesNameTheSameNetwork) {
  const auto space = hytra("channels: [16, 32, 64, 128]\nlayers: 6\nhead_width: 4");
  const Decisions decisions = decisions_from_text(*space, "543201");
  EXPECT_EQ(decisions, decisions_from_text(*space, "1|1|10|01"));
  const std::string written = space->trace().text(decisions);
  for (const char* part : {"layer1/channels=16", "layer2/channels_after_16=32", "layer3/channels_after_32=64",
                           "layer3/op=conv", "layer4/channels_after_64=64", "layer4/op=att",
                           "layer5/channels_after_64=128", "layer5/op=att", "layer6/op=conv"})
    EXPECT_THAT(written, HasSubstr(part));
  EXPECT_THAT(error_of([&] { decisions_from_text(*space, "543205"); }), HasSubstr("there is no way to 16"));
  EXPECT_THAT(error_of([&] { decisions_from_text(*space, "54320"); }), HasSubstr("has 6 layers, found 5"));
  EXPECT_THAT(error_of([&] { decisions_from_text(*space, "543209"); }), HasSubstr("digit 0 .. 5"));
  EXPECT_THAT(error_of([&] { decisions_from_text(*space, "1|0|10|01"); }), HasSubstr("no attention at 32"));
  EXPECT_THAT(error_of([&] { decisions_from_text(*space, "1|1|10|01|1"); }), HasSubstr("more scales"));
}

TEST(HytraSpaceTest, WhatCannotBeBuiltIsRefused) {
  EXPECT_THAT(error_of([] { hytra("channels: [16, 32, 64]\nhead_width: 5"); }),
              HasSubstr("does not divide into heads"));
  EXPECT_THAT(error_of([] { hytra("channels: [32, 16]"); }), HasSubstr("ascending"));
  EXPECT_THAT(error_of([] {
                make_space("hytra", space_context({3, 30, 30}, 10), "stem: small");
              }),
              HasSubstr("multiples of 8, found 30 x 30"));
}

// --- attention

Tensor drawn(std::initializer_list<int64_t> extents, uint64_t seed) {
  return draw_tensor({Distribution::Kind::normal, 1}, std::vector<int64_t>(extents), seed);
}

struct Attention {
  Graph graph;
  NamedTensors run(const Tensor& x) const { return run_reference(graph, {{"x", x}}, GraphParameters(5)); }
};

Attention attention(int64_t channels, int64_t side, int64_t heads) {
  GraphBuilder b;
  const ValueId x = b.input("x", ElementType::float32, {Dim(2), Dim(channels), Dim(side), Dim(side)});
  b.output(grid_attention("attention", b, x, heads), "y");
  for (const Node& node : std::vector<Node>(b.graph().nodes()))
    if (node.op == "Softmax") b.output(node.outputs[0], "weights");
  return {b.take()};
}

TEST(GridAttention, WeightsOfEveryPlaceSumToOne) {
  const Attention block = attention(8, 3, 2);
  const NamedTensors outputs = block.run(drawn({2, 8, 3, 3}, 1));
  const std::span<const float> weights = outputs.at("weights").values<float>();
  ASSERT_EQ(weights.size(), 2U * 2 * 9 * 9);
  for (size_t row = 0; row < weights.size(); row += 9) {
    double sum = 0;
    for (size_t i = 0; i < 9; ++i) {
      EXPECT_GT(weights[row + i], 0);
      sum += static_cast<double>(weights[row + i]);
    }
    EXPECT_NEAR(sum, 1, 1e-6);
  }
}

TEST(GridAttention, OnePlaceGivesItsValue) {
  const Attention block = attention(4, 1, 1);
  const Tensor x = drawn({2, 4, 1, 1}, 2);
  const NamedTensors outputs = block.run(x);
  ValueId weight = kNone;
  for (const Initializer& one : block.graph.initializers())
    if (block.graph.value(one.value).name.find("value") != std::string::npos) weight = one.value;
  ASSERT_NE(weight, kNone);
  const Tensor matrix = GraphParameters(5).view(block.graph, weight);
  for (size_t n = 0; n < 2; ++n) {
    for (size_t out = 0; out < 4; ++out) {
      double sum = 0;
      for (size_t in = 0; in < 4; ++in)
        sum += static_cast<double>(matrix.values<float>()[out * 4 + in]) *
               static_cast<double>(x.values<float>()[n * 4 + in]);
      EXPECT_NEAR(outputs.at("y").values<float>()[n * 4 + out], sum, 1e-5);
    }
  }
}

TEST(GridAttention, MovesWithItsPlaces) {
  const Attention block = attention(6, 2, 3);
  const Tensor x = drawn({2, 6, 2, 2}, 3);
  const std::vector<size_t> order = {2, 0, 3, 1};
  std::vector<float> moved;
  for (size_t plane = 0; plane < 12; ++plane)
    for (const size_t place : order) moved.push_back(x.values<float>()[plane * 4 + place]);
  const std::vector<int64_t> extents = {2, 6, 2, 2};
  const NamedTensors straight = block.run(x);
  const NamedTensors turned =
      block.run(Tensor::of<float>(std::span<const int64_t>(extents), std::span<const float>(moved)));
  for (size_t plane = 0; plane < 12; ++plane)
    for (size_t i = 0; i < 4; ++i)
      EXPECT_NEAR(turned.at("y").values<float>()[plane * 4 + i], straight.at("y").values<float>()[plane * 4 + order[i]],
                  1e-5);
}

// The last norm's scale is 0: a layer that changes no shape gives its activated input, whatever its operator.
TEST(HytraSpaceTest, AFreshLayerIsItsActivatedShortcut) {
  const auto outputs_of = [](const std::string& codes) {
    const auto space =
        make_space("hytra", space_context({3, 8, 8}, 10),
                   fmt::format("channels: [16, 32]\nlayers: {}\nhead_width: 4\nstem: small", codes.size()));
    Graph graph = space->build(decisions_from_text(*space, codes)).graph();
    graph.bind_symbols({{"batch", 2}});
    return run_reference(graph, {{"x", drawn({2, 3, 8, 8}, 4)}}, GraphParameters(7)).at("logits");
  };
  const Tensor one = outputs_of("1");
  for (const char* codes : {"10", "11", "1001"}) {
    const Tensor more = outputs_of(codes);
    for (size_t i = 0; i < one.values<float>().size(); ++i)
      EXPECT_NEAR(more.values<float>()[i], one.values<float>()[i], 1e-5) << codes;
  }
}

}  // namespace
}  // namespace nacre
