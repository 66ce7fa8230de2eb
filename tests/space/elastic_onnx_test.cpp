// A trained network as a space: the first alternatives are the network itself, and every other candidate computes what the
// network computes with the dropped channels, blocks and borders of kernels silenced.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "nacre/ir/hash.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/rewrite.hpp"
#include "nacre/ir/text_form.hpp"
#include "nacre/space/imported/elastic_network.hpp"
#include "nacre/space/trace.hpp"
#include "space_context.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

// Everything the analysis understands: a strided stem, residual blocks (one inside another), depthwise, squeeze and excite, a
// concatenation, flattened features, constants per channel.
Graph trained_network() {
  GraphBuilder b("net");
  ValueId x = b.input("image", ElementType::float32, {b.graph().symbol("N"), 1, 8, 8});
  x = b.convolution_norm_activation("stem", x, 8, {.kernel = 5}, Activation::relu);
  const auto block = [&](const std::string& name, ValueId in) {
    const auto scope = b.scope(name);
    ValueId y = b.convolution_norm_activation("a", in, 12, {.kernel = 3}, Activation::relu);
    y = b.depthwise("dw", y, {.kernel = 3});
    y = b.squeeze_excite("se", y, 4);
    return b.add(in, b.convolution("b", y, 8, {.kernel = 3, .bias = true}));
  };
  x = block("block1", x);
  const ValueId outer = x;
  x = b.activation(block("block2", b.convolution("into", x, 8, {.kernel = 1})), Activation::relu);
  x = b.add(outer, x);
  x = b.max_pool(x, 2, 2, 0);
  const ValueId left = b.convolution("left", x, 8, {.kernel = 3, .bias = true});
  const ValueId right = b.convolution("right", x, 4, {.kernel = 1});
  x = b.node("Concat", {left, right}, {{"axis", int64_t{1}}});
  x = b.node("Mul", {x, b.parameter("scale", {12, 1, 1}, {Distribution::Kind::normal, 1.0})});
  x = b.activation(x, Activation::hard_swish);
  x = b.flatten(x);
  x = b.activation(b.linear("hidden", x, 16), Activation::relu);
  b.output(b.linear("head", x, 10), "scores");
  Graph graph = b.take();
  materialize_parameters(graph, 3);
  return graph;
}

class ElasticOnnx : public testing::Test {
 protected:
  ElasticOnnx() {
    std::string pattern = (std::filesystem::temp_directory_path() / "nacre-elastic-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    write_onnx(trained_network(), folder_ / "net.onnx");
  }
  ~ElasticOnnx() override { std::filesystem::remove_all(folder_); }

  SpaceContext context(int64_t classes = 10) const {
    SpaceContext context = space_context({1, 8, 8}, classes);
    context.base_folder = folder_;
    return context;
  }
  std::unique_ptr<Space> space(const std::string& more = "") const {
    return make_space("elastic_onnx", context(), "{model: net.onnx, divisor: 2, minimum_kernel: 1" + more + "}");
  }

  std::filesystem::path folder_;
};

double difference(const Graph& a, const Graph& b) {
  Graph named = a;  // compared by position: inputs are called alike
  named.value(named.inputs[0]).name = b.value(b.inputs[0]).name;
  return compare_by_running(named, b, 5).value_or(INFINITY);
}

void zero(Tensor& tensor, int axis, const std::vector<bool>& dropped) {
  int64_t inner = 1;
  for (int i = axis + 1; i < tensor.rank(); ++i) inner *= tensor.extents()[static_cast<size_t>(i)];
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    if (dropped[static_cast<size_t>(i / inner % tensor.extents()[static_cast<size_t>(axis)])])
      tensor.set_number_at(i, 0);
  }
}

// The original with what the decisions drop silenced in its weights: nobody listens to a dropped channel, a skipped block's last
// convolution says nothing, a smaller kernel is zero at its border.
Graph silenced(const Graph& original, const Space& space, const Decisions& decisions) {
  Graph graph = original;
  const ChannelGroups groups(original);
  const Design design = space.build(decisions);
  const Graph& candidate = design.graph();
  std::map<std::string, Tensor> kept;
  for (const Initializer& item : candidate.initializers()) kept[candidate.value(item.value).name] = *item.data;
  for (size_t n = 0; n < graph.nodes().size(); ++n) {
    const Node& node = graph.nodes()[n];
    const bool conv = node.op == "Conv";
    if (!conv && node.op != "Gemm") continue;
    const ValueId id = node.inputs[1];
    Tensor weight = *graph.constant(id);
    const auto found = kept.find(graph.value(id).name);
    const auto layout = groups.parameters().find(id);
    if (found != kept.end() && conv && found->second.extents()[2] < weight.extents()[2]) {
      const int64_t border = (weight.extents()[2] - found->second.extents()[2]) / 2;
      std::vector<bool> outside(static_cast<size_t>(weight.extents()[2]), true);
      for (int64_t i = border; i < weight.extents()[2] - border; ++i) outside[static_cast<size_t>(i)] = false;
      zero(weight, 2, outside);
      zero(weight, 3, outside);
    }
    const int axis = conv ? 1 : (node.attributes.integer("transB", 0) != 0 ? 1 : 0);
    if (found != kept.end() && layout != groups.parameters().end() && layout->second.contains(axis)) {
      std::vector<bool> dropped;
      for (const ChannelSegment& segment : layout->second.at(axis)) {
        const ChannelGroup& group = groups.groups().at(segment.group);
        std::string name = group.name.substr(0, group.name.size() - std::string("/weight").size());
        std::ranges::replace(name, '/', '.');
        const int64_t* index = decisions.find("width/" + name);
        int64_t count = group.channels;
        if (index != nullptr) {
          for (const TraceDecision& decision : space.trace().decisions()) {
            if (decision.key == "width/" + name) count = std::stoll(decision.alternatives[static_cast<size_t>(*index)]);
          }
        }
        const std::vector<int64_t> channels = kept_channels(group, count);
        for (int64_t c = 0; c < segment.channels; ++c) {
          for (int64_t r = 0; r < segment.repeat; ++r) dropped.push_back(!std::ranges::binary_search(channels, c));
        }
      }
      zero(weight, axis, dropped);
    }
    graph.initializer(graph.value(id).initializer).data = std::make_shared<const Tensor>(std::move(weight));
  }
  // Skipped blocks: x + f(x) becomes x.
  for (const RemovableBlock& block : residual_blocks(original)) {
    std::string name = block.name;
    std::ranges::replace(name, '/', '.');
    const int64_t* index = decisions.find("depth/" + name);
    if (index != nullptr && *index == 1) graph.replace_uses(graph.node(block.sum).outputs[0], block.source);
  }
  return graph;
}

TEST_F(ElasticOnnx, TheFirstAlternativesAreTheNetworkItself) {
  const auto elastic = space();
  const Design design = elastic->build(Decisions());
  expect_fits(design, context());
  const Graph original = read_onnx(folder_ / "net.onnx");
  EXPECT_LE(difference(original, design.graph()), 1e-6);
  EXPECT_EQ(design.recipe.teacher, "net.onnx");
}

TEST_F(ElasticOnnx, FindsWidthsBlocksAndKernels) {
  const auto elastic = space();
  std::vector<std::string> keys;
  for (const TraceDecision& decision : elastic->trace().decisions()) keys.push_back(decision.key);
  for (const char* key :
       {"width/stem.conv", "width/block1.a.conv", "width/block1.se.reduce", "width/left", "width/right", "width/hidden",
        "depth/block1", "depth/block2", "kernel/stem.conv", "kernel/block2.dw"}) {
    EXPECT_THAT(keys, testing::Contains(key));
  }
  // Tied to the stem by additions; the classes are what the task asks for.
  for (const char* key : {"width/block1.b", "width/head", "kernel/into"})
    EXPECT_THAT(keys, testing::Not(testing::Contains(key)));
  // Decisions of a skipped block do not exist.
  const Decisions skipped = [&] {
    Decisions decisions;
    decisions.set("depth/block1", 1);
    Decisions resolved;
    elastic->build(decisions, nullptr, &resolved);
    return resolved;
  }();
  EXPECT_EQ(skipped.find("width/block1.a.conv"), nullptr);
  EXPECT_NE(skipped.find("width/block2.a.conv"), nullptr);
}

TEST_F(ElasticOnnx, CandidatesComputeTheSilencedNetwork) {
  const auto elastic = space();
  const Graph original = read_onnx(folder_ / "net.onnx");
  Random random(1);
  int smaller = 0;
  for (int i = 0; i < 40; ++i) {
    const Decisions decisions = elastic->trace().sample(random);
    const Design design = elastic->build(decisions);
    expect_fits(design, context());
    ASSERT_LE(difference(silenced(original, *elastic, decisions), design.graph()), 1e-5)
        << elastic->trace().text(decisions) << "\n"
        << print_graph(design.graph());
    smaller += statistics_of(design).parameters < statistics_of(elastic->build(Decisions())).parameters ? 1 : 0;
  }
  EXPECT_GT(smaller, 30);
}

TEST_F(ElasticOnnx, NetworksOfOneFormWithOtherWeightsAreOtherDesigns) {
  const auto elastic = make_space("elastic_onnx", context(), "{model: net.onnx, widths: [1.0], minimum_kernel: 0}");
  Decisions first, second;
  first.set("depth/block1", 1);
  second.set("depth/block2", 1);
  const Design a = elastic->build(first);
  EXPECT_NE(design_identity(a), design_identity(elastic->build(second)));
  EXPECT_EQ(design_identity(a), design_identity(elastic->build(first)));
}

TEST_F(ElasticOnnx, MayTrainFromScratchAndWithoutATeacher) {
  const auto fresh = space(", inherit_weights: false, distill: false");
  const Design design = fresh->build(Decisions());
  EXPECT_EQ(design.recipe.teacher, "");
  for (const Initializer& item : design.graph().initializers()) {
    if (item.trainable) {
      EXPECT_EQ(item.data, nullptr) << design.graph().value(item.value).name;
    }
  }
  EXPECT_EQ(structure_hash(design.graph()), structure_hash(space()->build(Decisions()).graph()));
}

TEST_F(ElasticOnnx, SaysWhatIsWrong) {
  const auto message = [&](const SpaceContext& where, const std::string& yaml) {
    try {
      make_space("elastic_onnx", where, yaml);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(message(context(), "{model: none.onnx}"), HasSubstr("study.yaml:1:9: space.model: "));
  EXPECT_THAT(message(context(3), "{model: net.onnx}"),
              HasSubstr("its output is [N,10], the task asks for [batch, 3]"));
  SpaceContext wide = space_context({3, 8, 8}, 10);
  wide.base_folder = folder_;
  EXPECT_THAT(message(wide, "{model: net.onnx}"), HasSubstr("its input is [N,1,8,8], the task gives [batch, 3, 8, 8]"));
  EXPECT_THAT(message(context(), "{}"), HasSubstr("model"));
  Graph ending = trained_network();
  const NodeId softmax = ending.add_node("Softmax", {ending.outputs[0]});
  ending.outputs.clear();
  ending.add_output(ending.node(softmax).outputs[0], "shares");
  infer_shapes(ending);
  write_onnx(ending, folder_ / "softmax.onnx");
  EXPECT_THAT(message(context(), "{model: softmax.onnx}"), HasSubstr("it ends in Softmax"));
}

// --- the analysis on its own ----------------------------------------------------------------------------------------

TEST(ChannelGroupsTest, WhatIsNotUnderstoodIsFixed) {
  Graph graph = parse_graph(
      "graph(x: float32[1,4,6,6]) { w: float32[8,4,1,1] = param normal(1.0); v: float32[8,8,1,1] = param normal(1.0); "
      "a = Conv(x, "
      "w); b = Transpose(a) {perm=[0, 1, 3, 2]}; y = Conv(b, v); return y }");
  materialize_parameters(graph, 1);
  const ChannelGroups groups(graph);
  for (const auto& [number, group] : groups.groups()) EXPECT_TRUE(group.fixed) << group.name;
}

TEST(ChannelGroupsTest, TheMostImportantChannelsStay) {
  ChannelGroup group{.name = "g", .channels = 4, .fixed = false, .importance = {0.5, 2, 1, 2}, .nodes = {}};
  EXPECT_EQ(kept_channels(group, 2), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(kept_channels(group, 3), (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(kept_channels(group, 9), (std::vector<int64_t>{0, 1, 2, 3}));
}

TEST(ResidualBlocksTest, FollowFromTheirSourceAlone) {
  const auto count = [](const std::string& statements) {
    Graph graph = parse_graph("graph(x: float32[1,4], z: float32[1,4]) { " + statements + " return y }");
    return residual_blocks(graph).size();
  };
  EXPECT_EQ(count("a = Relu(x); b = Tanh(a); y = Add(x, b);"), 1U);
  EXPECT_EQ(count("a = Relu(x); b = Tanh(a); c = Mul(b, z); y = Add(x, c);"), 0U);  // something else comes in
  EXPECT_EQ(count("a = Relu(x); b = Tanh(a); c = Add(x, b); y = Mul(c, a);"), 0U);  // something goes out
  EXPECT_EQ(count("a = Relu(x); b = Tanh(x); y = Add(a, b);"), 0U);                 // no shortcut
  EXPECT_EQ(count("a = Relu(x); b = Add(x, a); c = Tanh(b); y = Add(b, c);"), 2U);  // one after the other
  EXPECT_EQ(count("a = Relu(x); b = Tanh(a); c = Add(a, b); d = Exp(c); y = Add(x, d);"), 2U);  // one in the other
}

}  // namespace
}  // namespace nacre
