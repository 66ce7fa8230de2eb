// Every registered space: builds from its defaults, its example runs, samples fit the task; and each space's own facts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "function_space.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/space/spaces/mbconv.hpp"
#include "space_context.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

// Where the examples of the records run: digits, and the folder of examples.
SpaceContext example_context() {
  SpaceContext context = space_context({1, 8, 8}, 10);
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  context.base_folder = std::filesystem::path(source == nullptr ? "." : source) / "examples";
  return context;
}

// A space whose networks answer for every pixel is asked for that.
SpaceContext fitting(const std::string& space, SpaceContext context) {
  if (space != "unet") return context;
  const std::vector<int64_t>& input = context.signature.inputs[0].extents;
  context.signature.outputs[0].extents = {2, input[1], input[2]};
  return context;
}

TEST(RegisteredSpacesTest, BuildFromDefaultsForImages) {
  for (const auto& entry : space_registry().entries()) {
    SCOPED_TRACE(entry.name);
    if (std::ranges::any_of(entry.parameters, &Parameter::required)) continue;  // its example gives it what it needs
    const SpaceContext context = fitting(entry.name, space_context({3, 32, 32}, 10));
    const auto space = entry.make(default_options(entry.parameters, "space"), context);
    EXPECT_EQ(space->name(), entry.name);
    EXPECT_FALSE(entry.summary.empty());
    EXPECT_GT(space->trace().count(), 1);
    Random random(1);
    for (int i = 0; i < 10; ++i) {
      const Decisions decisions = space->trace().sample(random);
      Decisions resolved;
      const Design design = space->build(decisions, nullptr, &resolved);
      EXPECT_EQ(resolved, decisions);
      expect_fits(design, context);
      EXPECT_GT(statistics_of(design).macs, 0);
    }
  }
}

TEST(RegisteredSpacesTest, ExamplesRunAndVary) {
  for (const auto& entry : space_registry().entries()) {
    SCOPED_TRACE(entry.name);
    ASSERT_FALSE(entry.example.empty());
    const ConfigNode root = parse_config(entry.example, "example");
    const ConfigNode& section = root.at("space");
    EXPECT_EQ(section.at("kind").as_text("kind"), entry.name);
    const SpaceContext context = fitting(entry.name, example_context());
    const auto space = entry.make(resolve_options(section, entry.parameters, "space", {"kind"}), context);
    const Trace& trace = space->trace();
    EXPECT_GT(trace.count(), 1);
    Random random(2);
    Decisions parent = trace.sample(random);
    for (int i = 0; i < 10; ++i) {
      parent = trace.cross_over(trace.mutate(parent, random), trace.sample(random), random);
      expect_fits(space->build(parent), context);
    }
    EXPECT_FALSE(trace.describe().empty());
  }
}

TEST(RegisteredSpacesTest, StoredOptionsMakeTheSameSpace) {
  for (const auto& entry : space_registry().entries()) {
    SCOPED_TRACE(entry.name);
    const ConfigNode root = parse_config(entry.example, "example");
    const Options written = resolve_options(root.at("space"), entry.parameters, "space", {"kind"});
    const Options stored = options_from_json(parse_json(written.json().dump(), "study"), entry.parameters, "space");
    const SpaceContext context = fitting(entry.name, example_context());
    const auto a = entry.make(written, context);
    const auto b = entry.make(stored, context);
    EXPECT_EQ(a->trace().describe(), b->trace().describe());
    Random random(4);
    const Decisions decisions = a->trace().sample(random);
    EXPECT_EQ(design_identity(a->build(decisions)), design_identity(b->build(decisions)));
  }
}

TEST(RegisteredSpacesTest, TheSameDecisionsGiveTheSameNetwork) {
  const auto space = make_space("mbconv", space_context({1, 28, 28}, 10));
  Random random(3);
  const Decisions a = space->trace().sample(random);
  const Decisions b = space->trace().mutate(a, random);
  EXPECT_EQ(structure_hash(space->build(a).graph()), structure_hash(space->build(a).graph()));
  EXPECT_NE(structure_hash(space->build(a).graph()), structure_hash(space->build(b).graph()));
}

TEST(RegisteredSpacesTest, RefuseTasksThatDoNotFit) {
  EXPECT_THAT(user_error([] { make_space("mbconv", space_context({30}, 2)); }),
              HasSubstr("space 'mbconv' needs images [channels, height, width]; the input 'x' of the task is [30] "
                        "(space mlp takes any input)"));
  EXPECT_THAT(user_error([] {
                make_space("nasbench201", space_context({1, 30, 30}, 2));
              }),
              HasSubstr("sides that are multiples of 4, found 30 x 30"));
  SpaceContext two = space_context({30}, 2);
  two.signature.inputs.push_back(two.signature.inputs[0]);
  EXPECT_THAT(user_error([&] { make_space("mlp", two); }), HasSubstr("the task 'task' has 2 inputs and output [2]"));
}

// --- recipe decisions

TEST(RecipeDecisionsTest, StandBesideNetworkDecisionsInOneDesign) {
  SpaceContext context = space_context({1, 8, 8}, 10);
  context.recipe.epochs = 7;
  const std::string plain = "candidates: [k3_e1, skip]";
  const auto space = make_space("mbconv", context,
                                plain +
                                    "\nrecipe: {learning_rate: [0.01, 0.1], optimizer: [sgd, adamw], dropout: [0, "
                                    "0.2], batch_size: [32, 64, 128]}");
  EXPECT_EQ(space->trace().count(), make_space("mbconv", context, plain)->trace().count() * (2 * 2 * 2 * 3));
  Random random(5);
  std::set<std::string> optimizers;
  for (int i = 0; i < 40; ++i) {
    const Decisions decisions = space->trace().sample(random);
    const Design design = space->build(decisions);
    EXPECT_DOUBLE_EQ(design.recipe.learning_rate, *decisions.find("recipe/learning_rate") == 0 ? 0.01 : 0.1);
    EXPECT_EQ(design.recipe.batch_size, 32 << *decisions.find("recipe/batch_size"));
    EXPECT_EQ(design.recipe.epochs, 7);  // what is not decided is the configuration's
    optimizers.insert(design.recipe.optimizer);
    // The network reads its recipe: dropout is a node where it is not zero.
    const bool has_dropout =
        std::ranges::any_of(design.graph().nodes(), [](const Node& node) { return node.op == "Dropout"; });
    EXPECT_EQ(has_dropout, *decisions.find("recipe/dropout") == 1);
  }
  EXPECT_EQ(optimizers.size(), 2U);
}

TEST(RecipeDecisionsTest, AreCheckedLikeTheRecipe) {
  const SpaceContext context = space_context({30}, 2);
  EXPECT_THAT(user_error([&] { make_space("mlp", context, "recipe: {learning_rat: [0.1]}"); }),
              HasSubstr("study.yaml:1:10: unknown key of space.recipe 'learning_rat'; did you mean 'learning_rate'?"));
  EXPECT_THAT(user_error([&] { make_space("mlp", context, "recipe: {momentum: [0.9, 2]}"); }),
              HasSubstr("study.yaml:1:26: space.recipe.momentum: expected a number"));
  EXPECT_THAT(user_error([&] { make_space("mlp", context, "recipe: {momentum: 0.9}"); }),
              HasSubstr("space.recipe.momentum: expected a list of alternatives"));
  EXPECT_THAT(user_error([&] { make_space("mlp", context, "recipe: {optimizer: [sgd, adam]}"); }),
              HasSubstr("did you mean 'adamw'?"));
}

// --- mbconv

struct GoldenNetwork {
  const char* name;
  int64_t head;
  const char* layers;
  int64_t macs, parameters, parameters_with_bias;
};

// Layers, MACs of convolutions and linear layers, parameters with batch-norm scale and bias: the released FBNet-A, B, C
// (facebookresearch/mobile-vision), counted from their definitions.
constexpr GoldenNetwork kGolden[] = {
    {"FBNet-A", 1504,
     "- | 3/3 3/1 - - | 5/6 3/3 5/1 3/3 | 5/6 5/3 5/1g2 5/6 | 3/6 5/1g2 5/3 3/1g2 | 5/6 5/6 5/3 5/6 | 5/6", 244452664,
     4304584, 4319712},
    {"FBNet-B", 1984,
     "3/1 | 3/6 5/1 3/1 3/1 | 5/6 5/3 3/6 5/6 | 5/6 5/6 - 5/3 | 5/6 3/1 5/1 5/3 | 5/6 5/1 5/6 5/6 | 3/6", 291004424,
     4801368, 4816216},
    {"FBNet-C", 1984,
     "3/1 | 3/6 - 3/1 3/1 | 5/6 5/3 5/6 3/6 | 5/6 5/3 5/6 5/6 | 5/6 5/6 5/6 5/3 | 5/6 5/6 5/6 5/6 | 3/6", 378136224,
     5570664, 5590784}};

TEST(MbconvSpaceTest, ReleasedFbnetsHaveTheirGoldenCounts) {
  const SpaceContext context = space_context({3, 224, 224}, 1000);
  for (const GoldenNetwork& golden : kGolden) {
    SCOPED_TRACE(golden.name);
    const std::string options = "preset: fbnet_imagenet\nhead: " + std::to_string(golden.head);
    const auto plain = make_space("mbconv", context, options);
    const Decisions decisions = mbconv_decisions(*plain, golden.layers);
    EXPECT_TRUE(plain->trace().is_complete(decisions));
    const GraphStatistics statistics = statistics_of(plain->build(decisions));
    EXPECT_EQ(statistics.macs, golden.macs);
    EXPECT_EQ(statistics.parameters, golden.parameters);
    const auto biased = make_space("mbconv", context, options + "\nbias: true");
    const GraphStatistics with_bias = statistics_of(biased->build(decisions));
    EXPECT_EQ(with_bias.macs, golden.macs);
    EXPECT_EQ(with_bias.parameters, golden.parameters_with_bias);
  }
}

// Sheet 12: the released networks of ProxylessNAS are networks of the same space on skeletons of their own.
TEST(MbconvSpaceTest, ReleasedProxylessNetworksHaveTheirGoldenCounts) {
  struct Released {
    const char* name;
    int64_t stem;
    std::vector<int64_t> widths;
    int64_t head;
    const char* layers;
    int64_t parameters, macs;
  };
  const std::vector<Released> all = {
      {"mobile",
       32,
       {16, 32, 40, 80, 96, 192, 320},
       1280,
       "3/1 | 5/3 3/3 - - | 7/3 3/3 5/3 5/3 | 7/6 5/3 5/3 5/3 | 5/6 5/3 5/3 5/3 | 7/6 7/6 7/3 7/3 | 7/6",
       4080512,
       320427584},
      {"cpu",
       40,
       {24, 32, 48, 88, 104, 216, 360},
       1432,
       "3/1 | 3/6 3/3 3/3 3/3 | 3/6 3/3 3/3 5/3 | 3/6 - - 3/3 | 5/6 3/3 3/3 3/3 | 5/6 5/3 5/3 3/3 | 5/6",
       4361648,
       439243864},
      {"gpu",
       40,
       {24, 32, 56, 112, 128, 256, 432},
       1728,
       "3/1 | 5/3 - - - | 7/3 - - 3/3 | 7/6 - - 5/3 | 5/6 - 3/3 5/3 | 7/6 7/6 7/6 5/6 | 7/6",
       7119848,
       465260160}};
  const int64_t layers[] = {1, 4, 4, 4, 4, 4, 1}, strides[] = {1, 2, 2, 2, 1, 2, 1};
  for (const Released& one : all) {
    SCOPED_TRACE(one.name);
    std::string stages;
    for (size_t i = 0; i < 7; ++i)
      stages += fmt::format("{}[{}, {}, {}]", i == 0 ? "" : ", ", one.widths[i], layers[i], strides[i]);
    const auto space = make_space(
        "mbconv", space_context({3, 224, 224}, 1000),
        fmt::format("{{preset: fbnet_imagenet, stem: {}, head: {}, stages: [{}], activation: relu6, candidates: "
                    "[k3_e1, k3_e3, k3_e6, k5_e3, k5_e6, k7_e3, k7_e6, skip]}}",
                    one.stem, one.head, stages));
    const GraphStatistics statistics = statistics_of(space->build(mbconv_decisions(*space, one.layers)));
    EXPECT_EQ(statistics.parameters, one.parameters);
    EXPECT_EQ(statistics.macs, one.macs);
  }
}

TEST(MbconvSpaceTest, ThePaperSpaceHasNineToThe22Networks) {
  const auto space = make_space("mbconv", space_context({3, 224, 224}, 1000));
  Count expected;
  mpz_ui_pow_ui(expected.get_mpz_t(), 9, 22);
  EXPECT_EQ(space->trace().count(), expected);
  EXPECT_EQ(space->trace().count().get_str(), "984770902183611232881");
}

TEST(MbconvSpaceTest, PresetsFollowTheImage) {
  const auto largest = [](int64_t side) {
    const auto space = make_space("mbconv", space_context({1, side, side}, 10));
    int64_t most = 0;
    const Design design = space->build(Decisions{});
    for (const Value& value : design.graph().values()) {
      if (value.shape && value.shape->rank() == 2)
        most = std::max(most, (*value.shape)[1].is_fixed() ? (*value.shape)[1].extent() : 0);
    }
    return most;
  };
  EXPECT_EQ(largest(8), 64);
  EXPECT_EQ(largest(28), 128);
  EXPECT_EQ(largest(32), 192);
  EXPECT_EQ(largest(224), 1984);
}

TEST(MbconvSpaceTest, OptionsShapeTheSpace) {
  const SpaceContext context = space_context({3, 32, 32}, 10);
  const auto space = make_space("mbconv", context,
                                "stages: [[16, 1, 1], [32, 2, 2]]\ncandidates: [k3_e3, k7_e2_g2, skip]\nwidth: [0.5, "
                                "1]\nsqueeze_excite: choose\nhead: 0\nstem: 8\nactivation: hard_swish");
  // Per layer: two candidates with and without squeeze-excite, and the skip.
  EXPECT_EQ(space->trace().count(), 2 * 5 * 5 * 5);
  const Decisions decisions(
      {{"width_percent", 1}, {"stage1/0/op", 1}, {"stage1/0/se", 1}, {"stage2/0/op", 2}, {"stage2/1/op", 2}});
  ASSERT_TRUE(space->trace().is_complete(decisions));
  const Design design = space->build(decisions);
  expect_fits(design, context);
  std::vector<std::string> ops;
  for (const Node& node : design.graph().nodes()) ops.push_back(node.op);
  EXPECT_EQ(std::ranges::count(ops, "Transpose"), 1);  // the shuffle after the grouped expansion
  EXPECT_EQ(std::ranges::count(ops, "HardSigmoid"), 1);
  EXPECT_GT(std::ranges::count(ops, "HardSwish"), 3);
  EXPECT_LT(statistics_of(space->build(Decisions({{"width_percent", 0}}))).parameters,
            statistics_of(space->build(Decisions({{"width_percent", 1}}))).parameters);
}

TEST(MbconvSpaceTest, ErrorsName) {
  const SpaceContext context = space_context({3, 32, 32}, 10);
  EXPECT_THAT(user_error([&] { make_space("mbconv", context, "candidates: [k3_e1, k3_e8x]"); }),
              HasSubstr("study.yaml:1:13: unknown candidate 'k3_e8x'"));
  EXPECT_THAT(user_error([&] { make_space("mbconv", context, "candidates: [k4_e1]"); }),
              HasSubstr("the form is k<odd kernel>_e<expansion>[_g<groups>] or skip"));
  EXPECT_THAT(user_error([&] { make_space("mbconv", context, "stages: [[16, 1]]"); }),
              HasSubstr("study.yaml:1:10: space.stages: expected a list of [channels, layers, stride]"));
  const auto space = make_space("mbconv", context, "stages: [[16, 2, 1]]");
  EXPECT_THAT(user_error([&] { mbconv_decisions(*space, "3/1"); }), HasSubstr("has fewer layers"));
  EXPECT_THAT(user_error([&] { mbconv_decisions(*space, "3/1 3/1 3/1"); }), HasSubstr("has more layers"));
  EXPECT_THAT(user_error([&] { mbconv_decisions(*space, "3/1 3/9"); }), HasSubstr("unknown candidate 'k3_e9'"));
}

// --- resnet, mlp

TEST(ResnetSpaceTest, CountsByHandAndBuildsResNet18) {
  const SpaceContext context = space_context({3, 32, 32}, 10);
  const auto space =
      make_space("resnet", context,
                 "channels: [16, 32]\nwidth: [1]\ndepths: [1, 2]\nkernels: [3, 5]\nblocks: [basic, bottleneck]");
  EXPECT_EQ(space->trace().count(), (4 + 16) * (4 + 16));
  EXPECT_EQ(enumerate_by_building(*space, 1000).size(), 400U);
  // The paper's 18-layer network: 11,689,512 parameters, and 1,814,073,344 multiplications of convolutions and the linear layer.
  const auto resnet18 = make_space("resnet", space_context({3, 224, 224}, 1000),
                                   "channels: [64, 128, 256, 512]\nwidth: [1]\ndepths: [2]\nkernels: [3]");
  const GraphStatistics statistics = statistics_of(resnet18->build(Decisions{}));
  EXPECT_EQ(resnet18->trace().count(), 1);
  // Its first stage has no projection on the shortcut; here every stage has one, 64 x 64 weights and a batch-norm.
  EXPECT_EQ(statistics.parameters, 11689512 + 64 * 64 + 2 * 64);
  EXPECT_EQ(statistics.macs, 1814073344 + 64 * 64 * 56 * 56);
}

TEST(MlpSpaceTest, CountsByHandAndSharesActivation) {
  const auto space =
      make_space("mlp", space_context({30}, 2),
                 "widths: [8, 16, 32]\ndepths: [1, 3]\nactivations: [relu, tanh]\nnormalizations: [none, batch_norm]");
  EXPECT_EQ(space->trace().count(), (3 + 27) * 2 * 2);
  const Design design = space->build(Decisions(
      {{"depth", 1}, {"0/width", 2}, {"1/width", 0}, {"2/width", 1}, {"activation", 1}, {"normalization", 0}}));
  EXPECT_EQ(statistics_of(design).parameters, (30 * 32 + 32) + (32 * 8 + 8) + (8 * 16 + 16) + (16 * 2 + 2));
  EXPECT_EQ(std::ranges::count(design.graph().nodes(), "Tanh", &Node::op), 3);
}

}  // namespace
}  // namespace nacre
