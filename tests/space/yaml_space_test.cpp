// Spaces in YAML: the examples, every step, and the place and words of errors.
#include "nacre/space/yaml/yaml_space.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "function_space.hpp"
#include "nacre/base/file.hpp"
#include "nacre/space/yaml/step.hpp"
#include "space_context.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

std::filesystem::path source_folder() {
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  return source == nullptr ? "." : source;
}

// A space whose network is the given lines, from line 3 of "study.yaml" on.
std::unique_ptr<Space> define(const std::string& body, const SpaceContext& context = space_context({3, 16, 16}, 10)) {
  std::string indented;
  std::istringstream lines(body);
  for (std::string line; std::getline(lines, line);) indented += "  " + line + "\n";
  return make_space("yaml", context, "define:\n" + indented);
}

std::string refusal(const std::string& body, const SpaceContext& context = space_context({3, 16, 16}, 10)) {
  return user_error([&] { define(body, context); });
}

Count count_of_example(const std::string& file) {
  const std::string path = (source_folder() / "examples" / "spaces" / file).string();
  const SpaceContext context = space_context({3, 16, 16}, 10);
  const auto space = make_space("yaml", context, "file: " + path);
  Random random(1);
  for (int i = 0; i < 20; ++i) expect_fits(space->build(space->trace().sample(random)), context);
  return space->trace().count();
}

TEST(YamlSpaceTest, ExamplesBuildAndCountAsByHand) {
  // A stage: first is plain (2 kernels) or inverted (2); each further block: skip, basic (2) or inverted (2 x 2), up to two.
  const int64_t stage = (2 + 2) * (1 + 7 + 49);
  EXPECT_EQ(count_of_example("small_cnn.yaml"), 3 * stage * stage * stage);
  // c(0) = convolution (3 kernels) or pool; c(d) = 4 + 2 c(d-1)^2.
  const int64_t c1 = 4 + 2 * 4 * 4;
  EXPECT_EQ(count_of_example("branching_grammar.yaml"), 4 + 2 * c1 * c1);
  EXPECT_EQ(count_of_example("attention.yaml"), 9 + 81 + 729);
  // convolution+depthwise, convolution+pool, depthwise+pool; one cell for the whole network.
  EXPECT_EQ(count_of_example("repeated_cell.yaml"), 2 * 3 + 2 + 3);
}

TEST(YamlSpaceTest, CountsWhatBuildingEnumerates) {
  for (const char* file : {"repeated_cell.yaml", "attention.yaml"}) {
    const auto space = make_space("yaml", space_context({3, 16, 16}, 10),
                                  "file: " + (source_folder() / "examples" / "spaces" / file).string());
    EXPECT_EQ(space->trace().count(), enumerate_by_building(*space, 2000).size());
  }
}

TEST(YamlSpaceTest, EveryStepRuns) {
  const char* const body = R"(network:
  - let: {width: {choose: [8, 16]}, double: width * 2}
  - convolution: {out: width, kernel: 3, bias: true}
  - convolution_norm_activation: {out: 'make_divisible(width * 3 / 2 + 1, 8)', groups: 1, activation: hard_swish}
  - depthwise: {kernel: {choose: [3, 5], name: k}}
  - inverted_residual: {out: double, expansion: 2, stride: 2, squeeze_excite: true}
  - skip_connection: {out: channels, stride: 1}
  - basic_block: double
  - bottleneck_block: double
  - squeeze_excite
  - batch_norm
  - activation: relu6
  - channel_shuffle: 2
  - max_pool: 2
  - average_pool: {kernel: 3, stride: 1, padding: 1}
  - residual: {shortcut: projection, steps: [{convolution: {out: 8, stride: 2}}]}
  - parallel: {merge: concat, branches: {a: [{convolution: 8}], b: []}}
  - parallel: {merge: multiply, branches: {a: [{activation: sigmoid}], b: []}}
  - layer: {name: op, branches: {tanh: [{activation: tanh}], nothing: []}}
  - repeat: {name: deep, times: 2, shared: true, steps: [{convolution: {out: channels, kernel: {choose: [1, 3]}}}]}
  - use: {block: part, with: {out: height * 8}}
  - tokens
  - self_attention: {heads: 4}
  - layer_norm
  - linear: {out: 12}
  - mean_tokens
  - dropout: 0.1
  - linear: {out: classes * 2, bias: false}
  - activation: {kind: gelu}
  - classifier
blocks:
  part:
    parameters: [out]
    steps: [{convolution: out}]
)";
  const SpaceContext context = space_context({3, 16, 16}, 10);
  const auto space = define(body, context);
  EXPECT_EQ(space->trace().count(), 2 * 2 * 2 * 2);
  for (const Decisions& decisions : enumerate_by_building(*space, 100)) expect_fits(space->build(decisions), context);
  // Each kind of step is in that definition or in an example.
  std::string everything = body;
  for (const char* file : {"small_cnn.yaml", "branching_grammar.yaml", "attention.yaml", "repeated_cell.yaml"}) {
    everything += read_file(source_folder() / "examples" / "spaces" / file);
  }
  for (const auto kinds : {yaml_space::layer_step_kinds(), yaml_space::control_step_kinds()}) {
    for (const yaml_space::StepKind& kind : kinds) EXPECT_THAT(everything, HasSubstr(kind.name));
  }
}

TEST(YamlSpaceTest, DocumentationNamesEveryStepAndKey) {
  EXPECT_THAT(read_file(source_folder() / "docs" / "add_a_space.md"), HasSubstr(yaml_space::steps_markdown()));
}

TEST(YamlSpaceTest, WidthsAreElasticAndStridesStructural) {
  const auto space = define(
      "network:\n  - convolution: {out: {choose: [8, 16]}}\n  - max_pool: {kernel: {choose: [1, 2]}, stride: 2}\n  - "
      "global_average_pool\n  - flatten\n  - classifier");
  const Trace& trace = space->trace();
  EXPECT_FALSE(trace.decisions()[static_cast<size_t>(*trace.find_decision("convolution_0/out"))].structural);
  EXPECT_TRUE(trace.decisions()[static_cast<size_t>(*trace.find_decision("max_pool_1/kernel"))].structural);
}

TEST(YamlSpaceTest, DropoutFollowsTheRecipe) {
  SpaceContext context = space_context({8}, 2);
  context.recipe.dropout = 0.3;
  const auto space = define("network:\n  - dropout: recipe\n  - classifier", context);
  EXPECT_EQ(std::ranges::count(space->build(Decisions{}).graph().nodes(), "Dropout", &Node::op), 2);
}

// --- errors

TEST(YamlSpaceTest, ErrorsOfWordsHavePlaceAndNearestName) {
  EXPECT_EQ(refusal("network:\n  - convolutoin: 16").substr(0, 78),
            "study.yaml:3:7: unknown step 'convolutoin'; did you mean 'convolution'?");
  EXPECT_THAT(refusal("network:\n  - convolution: {out: 16, kernal: 3}"),
              HasSubstr("study.yaml:3:30: unknown key of convolution 'kernal'; did you mean 'kernel'?"));
  EXPECT_THAT(refusal("network:\n  - convolution: {kernel: 3}"),
              HasSubstr("study.yaml:3:7: missing key convolution.out (output channels)"));
  EXPECT_THAT(refusal("network:\n  - activation: rellu"),
              HasSubstr("study.yaml:3:19: unknown value of activation.kind 'rellu'; did you mean 'relu'?"));
  EXPECT_THAT(refusal("network:\n  - use: stem\nblocks:\n  stern: [flatten]"),
              HasSubstr("study.yaml:3:12: unknown block 'stem'; accepted: stern"));
  EXPECT_THAT(refusal("network:\n  - recurse: block"), HasSubstr("unknown grammar 'block'"));
  EXPECT_THAT(refusal("netwrk: []"),
              HasSubstr("study.yaml:2:3: unknown key of a space 'netwrk'; did you mean 'network'?"));
  EXPECT_THAT(refusal("blocks: {}"), HasSubstr("missing key network"));
}

TEST(YamlSpaceTest, ErrorsOfSizesHavePlace) {
  EXPECT_THAT(refusal("network:\n  - let: {width: 8}\n  - convolution: {out: widht * 2}"),
              HasSubstr("study.yaml:4:26: in size 'widht * 2': unknown name 'widht'; did you mean 'width'?"));
  EXPECT_THAT(refusal("network:\n  - convolution: {out: 8 * (2}"),
              HasSubstr("study.yaml:3:32: in size '8 * (2': expected ')'"));
  EXPECT_THAT(refusal("network:\n  - convolution: {out: [8, 16]}"),
              HasSubstr("convolution.out: expected a number, an expression or {choose: [numbers]}"));
  EXPECT_THAT(refusal("network:\n  - convolution: {out: {choose: [8, 8]}}"),
              HasSubstr("decision 'convolution_0/out' has the alternative '8' twice"));
  EXPECT_THAT(refusal("network:\n  - convolution: {out: {choose: [8], nam: x}}"), HasSubstr("did you mean 'name'?"));
  EXPECT_THAT(refusal("network:\n  - convolution: {out: 8 - 8}"),
              HasSubstr("study.yaml:3:7: convolution: out must be 1 .. 16777216, found 0"));
  EXPECT_THAT(refusal("network:\n  - convolution: {out: 8 / 0}"), HasSubstr("study.yaml:3:26: a size is divided by 0"));
  EXPECT_THAT(refusal("network:\n  - convolution: {out: " + std::string(300, '(') + "}"),
              HasSubstr("nested too deeply"));
}

TEST(YamlSpaceTest, ErrorsOfNetworksNameTheStep) {
  EXPECT_THAT(refusal("network:\n  - flatten\n  - convolution: 16"),
              HasSubstr("study.yaml:4:7: convolution: expected an image [batch, channels, height, width], found the "
                        "shape [batch,768]"));
  EXPECT_THAT(refusal("network:\n  - convolution: {out: 16, kernel: 4}"),
              HasSubstr("study.yaml:3:7: convolution: kernel must be odd, found 4"));
  EXPECT_THAT(refusal("network:\n  - convolution: {out: 16, groups: 2}"),
              HasSubstr("3 channels do not divide into 2 groups"));
  EXPECT_THAT(refusal("network:\n  - max_pool: 40"),
              HasSubstr("max_pool: a kernel of 40 does not fit an extent of 16"));
  EXPECT_THAT(
      refusal("network:\n  - residual: [convolution: 16]"),
      HasSubstr("study.yaml:3:7: residual: add needs equal shapes, found [batch,3,16,16] and [batch,16,16,16]"));
  EXPECT_THAT(refusal("network:\n  - layer: {name: op, branches: {a: [convolution: 16], b: []}}"),
              HasSubstr("study.yaml:3:7: layer 'op': alternative 'a' gives the shape [batch,16,16,16] and 'b' gives "
                        "[batch,3,16,16]"));
  EXPECT_THAT(
      refusal("network:\n  - global_average_pool\n  - flatten"),
      HasSubstr(
          "study.yaml:2:3: the network ends in the shape [batch,3]; it must end in [batch,10] (step classifier)"));
  EXPECT_THAT(refusal("network:\n  - classifier"), HasSubstr("study.yaml:3:7: classifier: expected features [batch, "
                                                             "features]; put global_average_pool and flatten before"));
  EXPECT_THAT(refusal("network:\n  - subset: {choose: 3, branches: {a: [], b: []}}"),
              HasSubstr("subset.choose: expected a number 1 .. 2, found 3"));
}

TEST(YamlSpaceTest, AnErrorOfSomeNetworksNamesTheirDecisions) {
  EXPECT_THAT(refusal("network:\n  - convolution: {out: {choose: [8, 16]}}\n  - tokens\n  - self_attention: {heads: "
                      "16}\n  - mean_tokens\n  - classifier"),
              HasSubstr("8 features do not divide into 16 heads"));
  EXPECT_THAT(refusal("network:\n  - convolution: {out: {choose: [16, 8]}}\n  - tokens\n  - self_attention: {heads: "
                      "16}\n  - mean_tokens\n  - classifier"),
              HasSubstr("; with the decisions convolution_0/out=8"));
}

TEST(YamlSpaceTest, ErrorsOfBlocksAndGrammars) {
  EXPECT_THAT(refusal("network: [use: a]\nblocks:\n  a: [use: b]\n  b: [use: a]"),
              HasSubstr("block 'a' uses itself; write a grammar, whose depth is limited"));
  EXPECT_THAT(refusal("network: [use: a]\nblocks:\n  a: {parameters: [out], steps: [convolution: out]}"),
              HasSubstr("block 'a' needs the parameter 'out' (use.with)"));
  EXPECT_THAT(
      refusal(
          "network: [use: {block: a, with: {ot: 3}}]\nblocks:\n  a: {parameters: [out], steps: [convolution: out]}"),
      HasSubstr("unknown parameter of block a 'ot'; did you mean 'out'?"));
  EXPECT_THAT(refusal("network: [recurse: g]\ngrammars:\n  g: {depth: 2, productions: {more: [recurse: g]}}"),
              HasSubstr("study.yaml:4:8: grammar 'g': every production recurses, so that no network is finite"));
  EXPECT_THAT(refusal("network: [recurse: g]\ngrammars:\n  g: {productions: {a: []}}"),
              HasSubstr("missing key depth of grammar g"));
  EXPECT_THAT(refusal("network:\n  - flatten: {name: a}\n  - activation: {kind: relu, name: a}"),
              HasSubstr("study.yaml:4:7: two steps of one list are named 'a'"));
}

TEST(YamlSpaceTest, AFileIsFoundBesideTheConfiguration) {
  const SpaceContext context = space_context({3, 16, 16}, 10);
  const std::string configuration = (source_folder() / "examples" / "any.yaml").string();
  EXPECT_EQ(make_space("yaml", context, "file: spaces/attention.yaml", configuration)->trace().count(), 9 + 81 + 729);
  SpaceContext stored = context;  // a worker gets the options without the place of their file
  stored.base_folder = source_folder() / "examples";
  EXPECT_EQ(make_space("yaml", stored, "file: spaces/attention.yaml", "stored space")->trace().count(), 9 + 81 + 729);
  EXPECT_THAT(user_error([&] { make_space("yaml", context, "file: spaces/nowhere.yaml", configuration); }),
              HasSubstr("nowhere.yaml"));
  EXPECT_THAT(user_error([&] {
                make_space("yaml", context, "file: spaces/attention.yaml\ndefine: {network: []}", configuration);
              }),
              HasSubstr("give either file or define, not both"));
}

}  // namespace
}  // namespace nacre
