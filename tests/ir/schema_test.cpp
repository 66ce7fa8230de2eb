// The table of operators, shape inference through chains of shape arithmetic and bodies, and what is said of bad shapes.
#include "nacre/ir/schema.hpp"

#include <gtest/gtest.h>

#include <set>

#include "nacre/ir/graph_builder.hpp"

namespace nacre {
namespace {

TEST(Schema, EveryRecordIsComplete) {
  std::set<std::string> names;
  for (const OperatorSchema* schema : all_operators()) {
    SCOPED_TRACE(schema->name);
    EXPECT_TRUE(names.insert(schema->domain + "." + schema->name).second);
    EXPECT_EQ(find_operator(schema->name, schema->domain), schema);
    EXPECT_FALSE(schema->summary.empty());
    EXPECT_NE(schema->infer, nullptr);
    EXPECT_LE(schema->minimum_inputs, schema->maximum_inputs);
    EXPECT_LE(schema->minimum_outputs, schema->maximum_outputs);
    for (const AttributeSchema& attribute : schema->attributes) {
      EXPECT_FALSE(attribute.description.empty()) << attribute.name;
      static const std::set<std::string> kTypes = {"int", "float", "string", "ints", "floats", "strings", "tensor"};
      EXPECT_TRUE(kTypes.contains(attribute.type)) << attribute.name;
    }
    // Only control flow is run by the executor itself.
    static const std::set<std::string> kControl = {"If", "Loop", "Scan"};
    EXPECT_EQ(schema->reference == nullptr, kControl.contains(schema->name));
  }
  EXPECT_GE(names.size(), 100U);
}

TEST(Schema, UnknownOperatorsAreOpaque) {
  EXPECT_EQ(find_operator("Relu6"), nullptr);
  EXPECT_EQ(find_operator("Relu", "com.example"), nullptr);
  EXPECT_EQ(find_operator("Relu", "ai.onnx"), find_operator("Relu"));
  Graph graph;
  const ValueId x = graph.add_input("x", ElementType::float32, {2});
  const NodeId node = graph.add_node("FancyNorm", {x}, 1, {}, "com.example");
  EXPECT_TRUE(graph.node(node).is_opaque());
  infer_shapes(graph);
  EXPECT_FALSE(graph.value(graph.node(node).outputs[0]).shape.has_value());
}

// --- chains of shape arithmetic -----------------------------------------------------------------------------------

struct Chain {
  Graph graph;

  ValueId add(std::string_view op, std::vector<ValueId> inputs, Attributes attributes = {}) {
    const NodeId node = graph.add_node(op, std::move(inputs), 1, std::move(attributes));
    infer_node(graph, node);
    return graph.node(node).outputs[0];
  }
  ValueId integers(std::vector<int64_t> values) {
    const std::vector<int64_t> extents = {static_cast<int64_t>(values.size())};
    return graph.add_initializer("c" + std::to_string(graph.values().size()),
                                 Tensor::of<int64_t>(extents, std::span<const int64_t>(values)));
  }
  ValueId index(int64_t value) {
    return graph.add_initializer("i" + std::to_string(graph.values().size()), Tensor::scalar<int64_t>(value));
  }
  std::string shape(ValueId id) const {
    const std::optional<Shape>& shape = graph.value(id).shape;
    return shape.has_value() ? graph.shape_text(*shape) : "none";
  }
};

// What exporters write for x.view(x.size(0), x.size(1) * x.size(2), -1).
TEST(ShapeInference, FollowsShapeGatherConcatReshape) {
  for (const bool symbolic : {false, true}) {
    Chain chain;
    const Dim batch = symbolic ? chain.graph.symbol("batch") : Dim(8);
    const ValueId x = chain.graph.add_input("x", ElementType::float32, {batch, 4, 5, 6});
    const ValueId shape = chain.add("Shape", {x});
    const ValueId zero = chain.add("Unsqueeze", {chain.add("Gather", {shape, chain.index(0)}), chain.integers({0})});
    const ValueId product =
        chain.add("Mul", {chain.add("Gather", {shape, chain.index(1)}), chain.add("Gather", {shape, chain.index(2)})});
    const ValueId target =
        chain.add("Concat", {zero, chain.add("Unsqueeze", {product, chain.integers({0})}), chain.integers({-1})},
                  {{"axis", int64_t{0}}});
    EXPECT_EQ(chain.shape(chain.add("Reshape", {x, target})), symbolic ? "[batch,20,6]" : "[8,20,6]");
  }
}

TEST(ShapeInference, WritesExpressionsOverSymbols) {
  Chain chain;
  const Dim batch = chain.graph.symbol("batch");
  const Dim past = chain.graph.symbol("past");
  const ValueId cache = chain.graph.add_input("cache", ElementType::float32, {batch, past, 64});
  const ValueId token = chain.graph.add_input("token", ElementType::float32, {batch, 1, 64});
  const ValueId both = chain.add("Concat", {cache, token}, {{"axis", int64_t{1}}});
  EXPECT_EQ(chain.shape(both), "[batch,past+1,64]");
  EXPECT_EQ(chain.shape(chain.add("Reshape", {both, chain.integers({0, -1, 16})})), "[batch,4*past+4,16]");
  EXPECT_EQ(chain.shape(chain.add("Reshape", {both, chain.integers({-1, 64})})), "[batch+batch*past,64]");
  EXPECT_EQ(
      chain.shape(chain.add("Slice", {both, chain.integers({1}), chain.integers({INT64_MAX}), chain.integers({1})})),
      "[batch,past,64]");
  EXPECT_EQ(chain.shape(chain.add("Slice", {both, chain.integers({0}), chain.integers({-1}), chain.integers({1})})),
            "[batch,past,64]");
  const ValueId length = chain.add("Slice", {chain.add("Shape", {both}), chain.integers({1}), chain.integers({2})});
  const ValueId shorter = chain.add("Sub", {length, chain.integers({1})});
  EXPECT_EQ(chain.shape(chain.add("ConstantOfShape", {shorter})), "[past]");
  EXPECT_EQ(
      chain.shape(chain.add("Expand", {chain.graph.add_input("one", ElementType::float32, {1, 64}),
                                       chain.add("Concat", {shorter, chain.integers({64})}, {{"axis", int64_t{0}}})})),
      "[past,64]");
  EXPECT_EQ(chain.shape(chain.add("Tile", {both, chain.integers({2, 1, 1})})), "[2*batch,past+1,64]");
}

TEST(ShapeInference, WindowsOverSymbolsAreExact) {
  Chain chain;
  const Dim height = chain.graph.symbol("h");
  const ValueId x = chain.graph.add_input("x", ElementType::float32, {1, 3, height, height});
  const ValueId w = chain.graph.add_parameter("w", ElementType::float32, {8, 3, 3, 3}, {});
  EXPECT_EQ(chain.shape(chain.add("Conv", {x, w}, {{"pads", std::vector<int64_t>(4, 1)}})), "[1,8,h,h]");
  EXPECT_EQ(chain.shape(chain.add("Conv", {x, w})), "[1,8,h-2,h-2]");
  EXPECT_EQ(chain.shape(chain.add("Conv", {x, w},
                                  {{"pads", std::vector<int64_t>(4, 1)}, {"strides", std::vector<int64_t>{2, 2}}})),
            "[1,8,(h+1)/2,(h+1)/2]");
  EXPECT_EQ(chain.shape(chain.add("Resize",
                                  {x, kNone, chain.graph.add_initializer("s", Tensor::of<float>({4}, {1, 1, 2, 2}))})),
            "[1,3,2*h,2*h]");
}

// Upsampling as exporters write it: sizes by way of floating-point numbers.
TEST(ShapeInference, ComputesThroughFloatingPoint) {
  Chain chain;
  const ValueId x = chain.graph.add_input("x", ElementType::float32, {1, 3, 10, 12});
  const ValueId size = chain.add("Slice", {chain.add("Shape", {x}), chain.integers({2}), chain.integers({4})});
  const ValueId scaled = chain.add("Mul", {chain.add("Cast", {size}, {{"to", int64_t{1}}}),
                                           chain.graph.add_initializer("scale", Tensor::scalar(1.5F))});
  const ValueId whole = chain.add("Cast", {chain.add("Floor", {scaled})}, {{"to", int64_t{7}}});
  const ValueId sizes = chain.add(
      "Concat", {chain.add("Slice", {chain.add("Shape", {x}), chain.integers({0}), chain.integers({2})}), whole},
      {{"axis", int64_t{0}}});
  EXPECT_EQ(chain.shape(chain.add("Resize", {x, kNone, kNone, sizes})), "[1,3,15,18]");
}

TEST(ShapeInference, KeepsDeclaredDimensionsWhereItKnowsNothing) {
  Graph graph;
  const ValueId x = graph.add_input("x", ElementType::float32, {6});
  const ValueId target = graph.add_input("target", ElementType::int64, {2});
  const NodeId node = graph.add_node("Reshape", {x, target});
  const ValueId y = graph.node(node).outputs[0];
  graph.value(y).shape = Shape{2, 3};
  infer_shapes(graph);
  EXPECT_EQ(graph.shape_text(*graph.value(y).shape), "[2,3]");
}

// --- bodies -------------------------------------------------------------------------------------------------------

Graph relu_branch(int64_t factor) {
  Graph body;
  const ValueId x = body.add_input("captured", ElementType::float32, {});
  std::vector<ValueId> parts(static_cast<size_t>(factor), x);
  const NodeId node = body.add_node("Concat", parts, 1, {{"axis", int64_t{0}}});
  body.add_output(body.node(node).outputs[0], "out");
  return body;
}

TEST(ShapeInference, InfersBodiesWithTheirCaptures) {
  Graph graph;
  const ValueId x = graph.add_input("x", ElementType::float32, {graph.symbol("rows"), 5});
  const ValueId condition = graph.add_input("condition", ElementType::boolean, {});
  const NodeId node = graph.add_node("If", {condition});
  for (const auto& [name, factor] : {std::pair{"then_branch", 1}, std::pair{"else_branch", 2}}) {
    graph.node(node).bodies.push_back(
        {.name = name, .graph = std::make_shared<Graph>(relu_branch(factor)), .captures = {x}});
  }
  infer_shapes(graph);
  EXPECT_EQ(graph.shape_text(*graph.value(graph.node(node).outputs[0]).shape), "[?,5]");
  const Graph& inner = *graph.node(node).bodies[1].graph;
  EXPECT_EQ(inner.shape_text(*inner.value(inner.outputs[0]).shape), "[2*rows,5]");
}

// A loop that grows its carried value: its extent is unknown, its rank and the other extent are not.
TEST(ShapeInference, CarriedValuesForgetWhatChanges) {
  Graph body;
  body.add_input("iteration", ElementType::int64, {});
  const ValueId going = body.add_input("going", ElementType::boolean, {});
  const ValueId state = body.add_input("state", ElementType::float32, {});
  const NodeId grow = body.add_node("Concat", {state, state}, 1, {{"axis", int64_t{0}}});
  body.add_output(going, "");
  body.add_output(body.node(grow).outputs[0], "grown");
  body.add_output(state, "");
  Graph graph;
  const ValueId trips = graph.add_input("trips", ElementType::int64, {});
  const ValueId x = graph.add_input("x", ElementType::float32, {1, 4});
  const NodeId loop = graph.add_node("Loop", {trips, kNone, x}, 2);
  graph.node(loop).bodies.push_back({.name = "body", .graph = std::make_shared<Graph>(body), .captures = {}});
  infer_shapes(graph);
  EXPECT_EQ(graph.shape_text(*graph.value(graph.node(loop).outputs[0]).shape), "[?,4]");
  EXPECT_EQ(graph.shape_text(*graph.value(graph.node(loop).outputs[1]).shape), "[?,?,4]");
}

TEST(ShapeInference, ScansOverSlices) {
  Graph body;
  const ValueId sum = body.add_input("sum", ElementType::float32, {});
  const ValueId slice = body.add_input("slice", ElementType::float32, {});
  const NodeId add = body.add_node("Add", {sum, slice});
  body.add_output(body.node(add).outputs[0], "next");
  body.add_output(body.node(add).outputs[0], "");
  Graph graph;
  const ValueId initial = graph.add_input("initial", ElementType::float32, {3});
  const ValueId x = graph.add_input("x", ElementType::float32, {graph.symbol("steps"), 3});
  const NodeId scan = graph.add_node("Scan", {initial, x}, 2, {{"num_scan_inputs", int64_t{1}}});
  graph.node(scan).bodies.push_back({.name = "body", .graph = std::make_shared<Graph>(body), .captures = {}});
  infer_shapes(graph);
  EXPECT_EQ(graph.shape_text(*graph.value(graph.node(scan).outputs[0]).shape), "[3]");
  EXPECT_EQ(graph.shape_text(*graph.value(graph.node(scan).outputs[1]).shape), "[steps,3]");
}

// --- messages -----------------------------------------------------------------------------------------------------

struct BadCase {
  std::string op;
  std::vector<Shape> shapes;
  Attributes attributes;
  std::string message;
  ElementType second_type = ElementType::float32;
};

TEST(ShapeInference, NamesTheNodeAndWhatIsWrong) {
  const std::vector<BadCase> cases = {
      {"Conv", {{1, 3, 8, 8}, {16, 4, 3, 3}}, {}, "input has 3 channels, expected 4 for weight [16,4,3,3] and group 1"},
      {"Conv", {{1, 3, 2, 2}, {16, 3, 3, 3}}, {}, "a kernel spanning 3 does not fit the padded input extent 2"},
      {"Conv", {{1, 3, 8, 8}, {16, 3, 3}}, {}, "differ in rank"},
      {"Conv",
       {{1, 3, 8, 8}, {16, 3, 3, 3}},
       {{"strides", std::vector<int64_t>{1}}},
       "attribute 'strides' has 1 entries, expected 2"},
      {"Conv",
       {{1, 3, 8, 8}, {16, 3, 3, 3}},
       {{"strides", std::vector<int64_t>{0, 1}}},
       "attribute 'strides' holds 0, expected at least 1"},
      {"Conv",
       {{1, 3, 8, 8}, {16, 3, 3, 3}},
       {{"kernel_shape", std::vector<int64_t>{5, 5}}},
       "attribute 'kernel_shape' differs from the weight"},
      {"Conv",
       {{1, 3, 8, 8}, {16, 3, 3, 3}},
       {{"auto_pad", std::string("SAME")}},
       "attribute 'auto_pad' is 'SAME', expected NOTSET, VALID"},
      {"Conv",
       {{1, 3, 8, 8}, {16, 3, 3, 3}},
       {{"group", 2.0F}},
       "attribute 'group' has another type, expected an integer"},
      {"Conv", {{1, 3, 8, 8}}, {}, "takes 2 to 3 inputs, found 1"},
      {"Add", {{2, 3}, {2, 4}}, {}, "shapes [2,3] and [2,4] do not broadcast"},
      {"Add", {{2, 3}, {2, 3}}, {}, "input 1 is int64, expected float32 as input 0", ElementType::int64},
      {"MatMul", {{2, 3}, {4, 5}}, {}, "inner dimensions differ: 3 and 4"},
      {"Gemm", {{2, 3}, {4, 5}}, {{"transB", int64_t{1}}}, "inner dimensions differ: 3 and 5"},
      {"Gemm", {{2, 3, 1}, {4, 5}}, {}, "input 0 has 3 dimensions [2,3,1], expected 2"},
      {"Softmax", {{2, 3}}, {{"axis", int64_t{2}}}, "axis 2 of a tensor of 2 dimensions"},
      {"Concat", {{2, 3}, {3, 3}}, {{"axis", int64_t{1}}}, "extents of the inputs along axis 0 differ: 2 and 3"},
      {"Concat", {{2, 3}}, {}, "attribute 'axis' is missing"},
      {"Transpose", {{2, 3}}, {{"perm", std::vector<int64_t>{0, 0}}}, "axis 0 is named twice"},
      {"DepthToSpace", {{1, 6, 2, 2}}, {{"blocksize", int64_t{2}}}, "channel count 6 does not divide by 4"},
      {"GroupNormalization",
       {{1, 6, 2}, {6}, {6}},
       {{"num_groups", int64_t{4}}},
       "6 channels do not divide into 4 groups"},
      {"BatchNormalization",
       {{1, 6, 2}, {6}, {6}, {5}, {6}},
       {},
       "entries of a statistic and channels differ: 5 and 6"},
      {"MaxPool", {{1, 6, 8}}, {}, "attribute 'kernel_shape' is missing"},
      {"Cast", {{1}}, {{"to", int64_t{99}}}, "attribute 'to' names no element type: 99"},
  };
  for (const BadCase& bad : cases) {
    SCOPED_TRACE(bad.op + ": " + bad.message);
    Graph graph;
    graph.current_scope = graph.add_scope("stage1/0");
    std::vector<ValueId> inputs;
    for (const Shape& shape : bad.shapes)
      inputs.push_back(graph.add_input("x", inputs.size() == 1 ? bad.second_type : ElementType::float32, shape));
    graph.add_node(bad.op, inputs, 1, bad.attributes);
    try {
      infer_shapes(graph);
      ADD_FAILURE() << "expected a UserError";
    } catch (const UserError& error) {
      const std::string text = error.what();
      EXPECT_EQ(text.find("node 'stage1/0/" + bad.op + "_0' (" + bad.op + "): "), 0U) << text;
      EXPECT_NE(text.find(bad.message), std::string::npos) << text;
    }
  }
}

TEST(ShapeInference, ReshapeThatDoesNotDivideIsNamed) {
  Chain chain;
  const ValueId x = chain.graph.add_input("x", ElementType::float32, {2, 5});
  EXPECT_THROW(chain.add("Reshape", {x, chain.integers({3, -1})}), UserError);
  EXPECT_THROW(chain.add("Reshape", {x, chain.integers({3, 3})}), UserError);
  EXPECT_THROW(chain.add("Reshape", {x, chain.integers({-1, -1})}), UserError);
  EXPECT_THROW(
      chain.add("Slice", {x, chain.integers({0}), chain.integers({1}), chain.integers({0}), chain.integers({0})}),
      UserError);
  EXPECT_THROW(chain.add("Pad", {x, chain.integers({-3, 0, 0, 0})}), UserError);
}

// Sums of shapes that no memory holds are counted, not overflowed.
TEST(ShapeInference, HugeShapesSaturate) {
  Chain chain;
  const int64_t huge = int64_t{1} << 40;
  const ValueId a = chain.graph.add_input("a", ElementType::float32, {huge, 16});
  const ValueId b = chain.graph.add_input("b", ElementType::float32, {16, huge});
  const ValueId product = chain.add("MatMul", {a, b});
  const OperatorSchema* schema = find_operator("MatMul");
  EXPECT_EQ(schema->cost(chain.graph, chain.graph.node(chain.graph.value(product).producer)).macs, INT64_MAX);
}

}  // namespace
}  // namespace nacre
