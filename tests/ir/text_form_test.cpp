// The text form: what it looks like, that nothing is lost, and that no text makes the parser fail in any way but one.
#include "nacre/ir/text_form.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "nacre/ir/hash.hpp"
#include "tests/ir/random_graph.hpp"

namespace nacre {
namespace {

TEST(TextForm, LooksAsDocumented) {
  const std::string text =
      "graph net(x: float32[batch,3,8,8]) { w: float32[16,3,3,3] = param kaiming_normal_fan_out(1.0); "
      "h: float32[batch,16,8,8] ~int8 = Conv(x, w) {pads=[1, 1, 1, 1]} @stage0/conv #c1; lo: float32[] = frozen [0.0]; "
      "y: float32[batch,16,8,8] = Clip(h, lo, _); meta \"k\" = \"v\"; return y }";
  const Graph graph = parse_graph(text);
  EXPECT_EQ(print_graph(graph), text);
  EXPECT_EQ(graph.name, "net");
  ASSERT_EQ(graph.nodes().size(), 2U);
  EXPECT_EQ(graph.scope(graph.nodes()[0].scope), "stage0/conv");
  EXPECT_EQ(graph.nodes()[0].name, "c1");
  EXPECT_EQ(graph.nodes()[0].attributes.integers("pads").size(), 4U);
  EXPECT_EQ(graph.nodes()[1].inputs[2], kNone);
  EXPECT_EQ(graph.value(graph.nodes()[0].outputs[0]).format, "int8");
  EXPECT_EQ(graph.metadata.at("k"), "v");
}

TEST(TextForm, LosesNothing) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Graph graph = testing::random_graph(seed, 10);
    for (const bool multiline : {false, true}) {
      const std::string text = print_graph(graph, {.inline_weights = true, .multiline = multiline});
      const Graph again = parse_graph(text);
      ASSERT_EQ(content_hash(again), content_hash(graph)) << "seed " << seed << "\n" << text;
      ASSERT_EQ(structure_hash(again), structure_hash(graph)) << "seed " << seed << "\n" << text;
      ASSERT_EQ(print_graph(again, {.inline_weights = true, .multiline = multiline}), text);
    }
    const Graph bare = parse_graph(print_graph(graph));
    ASSERT_EQ(structure_hash(bare), structure_hash(graph)) << "seed " << seed;
  }
}

TEST(TextForm, KeepsEveryElementTypeBitForBit) {
  for (int code = 1; code <= 23; ++code) {
    const auto type = static_cast<ElementType>(code);
    if (element_bits(type) == 0) continue;
    Graph graph;
    const ValueId x = graph.add_input("x", ElementType::float32, {1});
    Tensor data(type, {3, 2});
    for (int64_t i = 0; i < data.bytes(); ++i)
      data.mutable_data()[i] = type == ElementType::boolean ? std::byte(i % 2) : std::byte(i * 37 + 130);
    const ValueId w = graph.add_initializer("w", data);
    graph.add_node("Odd", {x, w}, 1, {}, "com.example");
    graph.add_output(graph.nodes()[0].outputs[0], "y");
    const Graph again = parse_graph(print_graph(graph));
    ASSERT_NE(again.constant(again.nodes()[0].inputs[1]), nullptr) << code;
    EXPECT_EQ(*again.constant(again.nodes()[0].inputs[1]), data) << element_type_name(type);
  }
}

TEST(TextForm, KeepsSpecialFloats) {
  Graph graph;
  const ValueId x = graph.add_input("x", ElementType::float32, {1});
  const std::vector<float> values = {
      0.0F, -0.0F, INFINITY, -INFINITY, std::nanf(""), std::bit_cast<float>(0x7fc00123U), 1e-45F, 3.4028235e38F, 0.1F};
  const NodeId id =
      graph.add_node("Odd", {x}, 1, {{"list", values}, {"one", values[5]}, {"plain", values[4]}}, "com.example");
  graph.add_output(graph.node(id).outputs[0], "y");
  const Graph again = parse_graph(print_graph(graph));
  EXPECT_EQ(content_hash(again), content_hash(graph)) << print_graph(graph);
  const auto list = again.nodes()[0].attributes.reals("list");
  ASSERT_EQ(list.size(), values.size());
  EXPECT_EQ(std::memcmp(list.data(), values.data(), values.size() * sizeof(float)), 0);
}

TEST(TextForm, InfersWhatIsNotWritten) {
  const Graph graph = parse_graph(
      "graph(x: float32[n,3,8,8]) { w: float32[5,3,3,3] = param; h = Conv(x, w) {strides=[2, 2]}; y = Flatten(h); "
      "return y }");
  EXPECT_EQ(graph.shape_text(*graph.value(graph.outputs[0]).shape), "[n,45]");
}

TEST(TextForm, TwoValuesMayShareAName) {
  Graph graph;
  const ValueId x = graph.add_input("x", ElementType::float32, {1});
  const NodeId first = graph.add_node("Relu", {x});
  const NodeId second = graph.add_node("Relu", {graph.node(first).outputs[0]});
  graph.value(graph.node(first).outputs[0]).name = "h";
  graph.value(graph.node(second).outputs[0]).name = "h";
  graph.outputs.push_back(graph.node(second).outputs[0]);
  EXPECT_EQ(content_hash(parse_graph(print_graph(graph))), content_hash(graph)) << print_graph(graph);
}

struct BadText {
  const char* text;
  const char* message;
};

TEST(TextForm, ErrorsNameThePlaceAndWhatWasExpected) {
  const BadText cases[] = {
      {"", "graph text:1:1: expected 'graph', found the end of the text"},
      {"graf net() {}", "graph text:1:1: expected 'graph', found 'graf'"},
      {"graph(x) { return x }", "graph text:1:7: input 'x' needs a type, e.g. x: float32[batch,3,8,8]"},
      {"graph(x: float33[1]) { return x }",
       "graph text:1:10: unknown element type 'float33'; expected one such as float32, int64, bool"},
      {"graph(x: float32[1]) {\n  y = Relu(z); return y }", "graph text:2:12: value 'z' is read before it is written"},
      {"graph(value: float32[1]) {\n  y = Relu(valu); return y }",
       "graph text:2:12: value 'valu' is read before it is written; did you mean 'value'?"},
      {"graph(x: float32[1], x: float32[1]) { return x }", "graph text:1:22: value 'x' is written twice"},
      {"graph(x: float32[1]) { y = Relu(x) }", "graph text:1:36: expected 'return' and the outputs, found '}'"},
      {"graph(x: float32[1]) { w: float32[2] = param [1.0]; return x }",
       "graph text:1:46: expected 2 elements, found 1"},
      {"graph(x: float32[1]) { w: float32[2] = param raw \"AAAA\"; return x }",
       "graph text:1:46: expected 8 bytes in base64"},
      {"graph(x: float32[1]) { w: float32[2] = param gauss(1.0); return x }",
       "graph text:1:46: unknown distribution 'gauss'; expected constant, normal, uniform, kaiming_normal_fan_out, "
       "kaiming_normal_fan_in, xavier_uniform or truncated_normal"},
      {"graph(x: float32[1]) { w: int8[1] = frozen [300]; return x }", "graph text:1:49: '300' is no int8"},
      {"graph(x: float32[1]) { y = Relu(x) {alpha=[]}; return y }",
       "graph text:1:43: an empty list has no type; write ints[], floats[] or strings[]"},
      {"graph(x: float32[1]) { y = Relu(x) {a=1, a=2}; return y }", "graph text:1:43: attribute 'a' is given twice"},
      {"graph(x: float32[2,3], z: float32[4,3]) { y = Add(x, z); return y }", "graph text:1:47: node 'Add_0' (Add)"},
      {"graph(x: float32[1]) { return x } rest", "graph text:1:35: expected the end of the text, found 'rest'"},
      {"graph(x: float32[-1]) { return x }",
       "graph text:1:18: expected a dimension: a number, a symbol such as batch or past+1, or ?"},
      {"graph(x: float32[99999999999999999999]) { return x }", "graph text:1:18: an extent outside 0 .. 2^40"},
      {"graph(x: float32[1,1,1,1,1,1,1,1,1]) { return x }",
       "graph text:1:34: tensors of more than 8 dimensions are not supported"},
      {"graph(x: float32[1]) { meta \"k\" = \"v; return x }", "graph text:1:35: a string without a closing quote"},
      {"graph(x: float32[1]) { w: float32[1099511627776,1099511627776] = frozen [1.0]; return x }",
       "graph text:1:73: a tensor of more than 2^40 elements"},
  };
  for (const BadText& bad : cases) {
    try {
      parse_graph(bad.text);
      ADD_FAILURE() << "accepted: " << bad.text;
    } catch (const UserError& error) {
      EXPECT_EQ(std::string(error.what()).substr(0, std::string(bad.message).size()), bad.message) << bad.text << "\n"
                                                                                                   << error.what();
    }
  }
}

TEST(TextForm, DeepNestingIsRefused) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "graph(x: float32[1]) { y: float32[1] = Odd() with b[] ";
  EXPECT_THROW(parse_graph(text), UserError);
}

TEST(TextForm, MutatedTextsNeverDoAnythingButThrow) {
  const std::string alphabet = "(){}[]:;,=@#~%\"\\ \n_axw0123456789.-+?*/";
  int accepted = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Random random = Random::stream(seed, "mutate");
    std::string text = print_graph(testing::random_graph(seed % 20, 6), {.inline_weights = seed % 2 == 0});
    for (uint64_t step = 0, steps = 1 + random.below(4); step < steps; ++step) {
      const size_t at = random.below(text.size());
      switch (random.below(4)) {
        case 0: text[at] = alphabet[random.below(alphabet.size())]; break;
        case 1: text.erase(at, 1 + random.below(8)); break;
        case 2: text.insert(at, 1, alphabet[random.below(alphabet.size())]); break;
        default: text.insert(at, text.substr(random.below(text.size()), random.below(20))); break;
      }
    }
    try {
      const Graph graph = parse_graph(text);
      ASSERT_EQ(structure_hash(parse_graph(print_graph(graph))), structure_hash(graph)) << text;
      ++accepted;
    } catch (const UserError&) {
    }
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace nacre
