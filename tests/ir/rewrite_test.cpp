// Each rewrite as a text before and after, with the values compared; and the driver's promises.
#include "nacre/ir/rewrite.hpp"

#include <gtest/gtest.h>

#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/text_form.hpp"
#include "tests/ir/random_graph.hpp"

namespace nacre {
namespace {

// Runs one rewrite until nothing changes; the result has the structure of `after`.
void expect_rewrite(const std::string& name, const std::string& before, const std::string& after,
                    bool verified = true) {
  Graph graph = parse_graph(before);
  const std::vector<std::string> names = {name, "dead_code"};
  const auto records = run_rewrites(graph, names, {.verify_values = true});
  const Graph expected = parse_graph(after);
  EXPECT_EQ(structure_hash(graph), structure_hash(expected))
      << "before:   " << before << "\nfound:    " << print_graph(graph) << "\nexpected: " << print_graph(expected);
  EXPECT_EQ(records[0].name, name);
  const bool changes = structure_hash(parse_graph(before)) != structure_hash(expected);
  EXPECT_EQ(records[0].count > 0, changes);
  EXPECT_EQ(records[0].verified, changes && verified);
  for (size_t i = 0; i < graph.outputs.size(); ++i)
    EXPECT_EQ(graph.value(graph.outputs[i]).name, expected.value(expected.outputs[i]).name);
}

TEST(DeadCode, RemovesWhatNoOutputDependsOn) {
  Graph graph = parse_graph(
      "graph(x: float32[1,4]) { w: float32[4,4] = param normal(1.0); v: float32[4,4] = param normal(1.0); a = "
      "MatMul(x, w); b = MatMul(x, v); "
      "c = Relu(b); y = Relu(a); return y }");
  const RewriteRecord record = run_rewrite(graph, get_rewrite("dead_code"), {.verify_values = true});
  EXPECT_EQ(record.count, 3);  // two nodes and a parameter
  EXPECT_TRUE(record.verified);
  EXPECT_EQ(print_graph(graph),
            "graph (x: float32[1,4]) { w: float32[4,4] = param normal(1.0); a: float32[1,4] = MatMul(x, w); y: "
            "float32[1,4] = Relu(a); return y }");
}

TEST(Identity, RemovesOperatorsThatHandTheirInputThrough) {
  const std::string after = "graph(x: float32[2,4]) { a = Relu(x); y = Tanh(a); return y }";
  const auto through = [&](const std::string& statement) {
    expect_rewrite("identity", "graph(x: float32[2,4]) { a = Relu(x); " + statement + " y = Tanh(b); return y }",
                   after);
  };
  through("b = Identity(a);");
  through("b = Dropout(a);");
  through("b = Cast(a) {to=1};");
  through("b = Transpose(a) {perm=[0, 1]};");
  through("s: int64[2] = frozen [2, -1]; b = Reshape(a, s);");
  through("b = Concat(a) {axis=1};");
  through("p: int64[4] = frozen [0, 0, 0, 0]; b = Pad(a, p);");
  through("f: int64[1] = frozen [0]; t: int64[1] = frozen [4]; d: int64[1] = frozen [1]; b = Slice(a, f, t, d);");
  through("b = Clip(a);");
  through("o: float32[] = frozen [1.0]; b = Mul(o, a);");
  through("o: float32[4] = frozen [0.0, 0.0, 0.0, 0.0]; b = Sub(a, o);");
}

TEST(Identity, KeepsWhatOnlyLooksLikeOne) {
  const auto kept = [&](const std::string& statements) {
    const std::string text = "graph(x: float32[2,2]) { a = Relu(x); " + statements + " y = Tanh(b); return y }";
    expect_rewrite("identity", text, text);
  };
  kept("b = Transpose(a) {perm=[1, 0]};");
  kept("b = Cast(a) {to=11}; c = Relu(b);");
  kept("o: float32[] = frozen [1.0]; b = Sub(o, a);");         // 1 - x
  kept("o: float32[] = frozen [0.0]; b = Sub(o, a);");         // -x
  kept("o: float32[] = param constant(1.0); b = Mul(a, o);");  // training may change it
  kept("o: float32[3,2,2] = frozen [1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0]; b = Mul(a, o);");  // broadcasts
  kept(
      "f: int64[1] = frozen [1]; t: int64[1] = frozen [-3]; d: int64[1] = frozen [0]; e: int64[1] = frozen [-1]; b = "
      "Slice(a, f, t, d, e);");
  kept("b: float32[2,2] ~int8 = Identity(a);");  // a change of format is a conversion
}

TEST(Identity, AnOutputKeepsItsName) {
  expect_rewrite("identity", "graph(x: float32[2,4]) { a = Relu(x); y = Identity(a); return y }",
                 "graph(x: float32[2,4]) { y = Relu(x); return y }");
  // An input cannot be called otherwise, so the operator stays.
  const std::string direct = "graph(x: float32[2,4]) { y = Identity(x); return y }";
  expect_rewrite("identity", direct, direct);
}

TEST(Identity, MergesPairs) {
  expect_rewrite("identity",
                 "graph(x: float32[2,3,4]) { a = Transpose(x) {perm=[1, 2, 0]}; b = Transpose(a) {perm=[2, 0, 1]}; y = "
                 "Relu(b); return y }",
                 "graph(x: float32[2,3,4]) { y = Relu(x); return y }");
  expect_rewrite("identity",
                 "graph(x: float32[2,3,4]) { a = Transpose(x) {perm=[1, 2, 0]}; b = Transpose(a) {perm=[1, 2, 0]}; y = "
                 "Relu(b); return y }",
                 "graph(x: float32[2,3,4]) { b = Transpose(x) {perm=[2, 0, 1]}; y = Relu(b); return y }");
  expect_rewrite("identity",
                 "graph(x: float32[2,3,4]) { s: int64[2] = frozen [6, 4]; t: int64[2] = frozen [-1, 8]; a = Reshape(x, "
                 "s); b = Reshape(a, t); y = Relu(b); return y }",
                 "graph(x: float32[2,3,4]) { t: int64[2] = frozen [-1, 8]; b = Reshape(x, t); y = Relu(b); return y }");
}

TEST(Constants, ComputesWhatIsKnown) {
  expect_rewrite("constants",
                 "graph(x: float32[2]) { a: float32[2] = frozen [1.0, 2.0]; b: float32[] = frozen [3.0]; c = Mul(a, "
                 "b); y = Add(x, c); return y }",
                 "graph(x: float32[2]) { c: float32[2] = frozen [3.0, 6.0]; y = Add(x, c); return y }");
  // Shape -> Gather -> Concat -> Reshape, as exporters write a flatten.
  expect_rewrite("constants",
                 "graph(x: float32[2,3,4]) { i: int64[] = frozen [0]; a: int64[1] = frozen [0]; m: int64[1] = frozen "
                 "[-1]; s = Shape(x); g = Gather(s, i); "
                 "u = Unsqueeze(g, a); t = Concat(u, m) {axis=0}; y = Reshape(x, t); return y }",
                 "graph(x: float32[2,3,4]) { t: int64[2] = frozen [2, -1]; y = Reshape(x, t); return y }");
}

TEST(Constants, LeavesWeightsAndLargeResultsAlone) {
  const std::string weights =
      "graph(x: float32[2]) { a: float32[2] = param constant(1.0); c = Relu(a); y = Add(x, c); return y }";
  expect_rewrite("constants", weights, weights);
  const std::string large =
      "graph(x: float32[2]) { s: int64[2] = frozen [2000, 2000]; c = ConstantOfShape(s) {value=float32[1] [1.0]}; m = "
      "ReduceMax(c) {keepdims=0}; y = Add(x, m); return y }";
  expect_rewrite("constants", large, large);
}

Graph norm_network(bool transposed_convolution) {
  GraphBuilder builder("net");
  ValueId x = builder.input("x", ElementType::float32, {2, 6, 7, 7});
  x = builder.convolution_norm_activation("a", x, 8, {.kernel = 3, .groups = 2}, Activation::relu);
  x = builder.convolution("b", x, 4, {.kernel = 1, .bias = true});
  x = builder.batch_norm("b/bn", x, 0.001F);
  if (transposed_convolution) {
    const ValueId w = builder.parameter("t/weight", {4, 3, 2, 2}, {Distribution::Kind::normal, 0.5});
    x = builder.node("ConvTranspose", {x, w}, {{"group", int64_t{2}}, {"strides", std::vector<int64_t>{2, 2}}});
    x = builder.batch_norm("t/bn", x);
  }
  x = builder.flatten(x);
  x = builder.linear("fc", x, 5);
  builder.output(builder.batch_norm("fc/bn", x), "y");
  Graph graph = builder.take();
  materialize_parameters(graph, 3);
  // Statistics other than 0 and 1, so that every term counts.
  for (size_t i = 0; i < graph.initializers().size(); ++i) {
    Initializer& initializer = graph.initializer(static_cast<int32_t>(i));
    if (graph.value(initializer.value).name.find("bn/") == std::string::npos) continue;
    Tensor data = *initializer.data;
    Random random = Random::stream(7, "statistics", i);
    for (float& value : data.mutable_values<float>()) value = static_cast<float>(0.5 + random.uniform());
    initializer.data = std::make_shared<const Tensor>(std::move(data));
  }
  return graph;
}

TEST(FoldBatchNorm, IntoConvolutionsAndMatrixProducts) {
  for (const bool transposed : {false, true}) {
    const Graph before = norm_network(transposed);
    Graph graph = before;
    const RewriteRecord record = run_rewrite(graph, get_rewrite("fold_batch_norm"), {.verify_values = true});
    EXPECT_EQ(record.count, transposed ? 4 : 3);
    EXPECT_TRUE(record.verified);
    for (const Node& node : graph.nodes()) EXPECT_NE(node.op, "BatchNormalization");
    // Weights keep their names; a bias is named beside its weight.
    std::vector<std::string> names;
    for (const Initializer& initializer : graph.initializers()) names.push_back(graph.value(initializer.value).name);
    EXPECT_NE(std::ranges::find(names, "a/conv/weight"), names.end());
    EXPECT_NE(std::ranges::find(names, "a/conv/bias"), names.end());
    EXPECT_NE(std::ranges::find(names, "b/bias"), names.end());
    const std::optional<double> difference = compare_by_running(before, graph, 11);
    ASSERT_TRUE(difference.has_value());
    EXPECT_LT(*difference, 1e-5);
  }
}

TEST(FoldBatchNorm, SharedWeightsBecomeTwo) {
  Graph graph = parse_graph(
      "graph(x: float32[1,2,4,4]) { w: float32[2,2,1,1] = param raw \"AACAPwAAAEAAAEBAAACAQA==\"; s: float32[2] = "
      "param raw \"AACAPwAAAEA=\"; b: float32[2] = param raw \"AAAAPwAAgD4=\"; "
      "m: float32[2] = frozen constant(0.0) raw \"AAAAPwAAgD4=\"; v: float32[2] = frozen constant(1.0) raw "
      "\"AACAPwAAAEA=\"; "
      "c = Conv(x, w); n = BatchNormalization(c, s, b, m, v); d = Conv(x, w); y = Sub(n, d); return y }");
  const RewriteRecord record = run_rewrite(graph, get_rewrite("fold_batch_norm"), {.verify_values = true});
  EXPECT_EQ(record.count, 1);
  EXPECT_TRUE(record.verified);
  EXPECT_NE(graph.nodes()[0].inputs[1], graph.nodes()[1].inputs[1]);
}

TEST(FoldBatchNorm, LeavesAloneWhatCannotBeFolded) {
  const std::string bn =
      "s: float32[2] = param constant(1.0); b: float32[2] = param constant(0.0); m: float32[2] = frozen constant(0.0); "
      "v: float32[2] = frozen constant(1.0); ";
  const auto kept = [&](const std::string& text) {
    Graph graph = parse_graph(text);
    materialize_parameters(graph, 1);
    EXPECT_EQ(run_rewrite(graph, get_rewrite("fold_batch_norm")).count, 0) << text;
  };
  kept("graph(x: float32[1,2,4,4]) { " + bn +
       "w: float32[2,2,1,1] = param normal(1.0); c = Conv(x, w); n = BatchNormalization(c, s, b, m, v); y = Add(n, c); "
       "return y }");
  kept("graph(x: float32[1,2,4,4]) { " + bn +
       "w: float32[2,2,1,1] = param normal(1.0); c = Conv(x, w); y = BatchNormalization(c, s, b, m, v); return y, c }");
  kept("graph(x: float32[1,2,4,4]) { " + bn + "c = Relu(x); y = BatchNormalization(c, s, b, m, v); return y }");
  kept("graph(x: float32[1,2,4,4], w: float32[2,2,1,1]) { " + bn +
       "c = Conv(x, w); y = BatchNormalization(c, s, b, m, v); return y }");
  // Without weights there is nothing to compute with.
  Graph absent = parse_graph(
      "graph(x: float32[1,2,4,4]) { " + bn +
      "w: float32[2,2,1,1] = param normal(1.0); c = Conv(x, w); y = BatchNormalization(c, s, b, m, v); return y }");
  EXPECT_EQ(run_rewrite(absent, get_rewrite("fold_batch_norm")).count, 0);
}

TEST(Rewrites, KeepTheValuesOfRandomGraphs) {
  int changed = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    Graph graph = testing::random_graph(seed, 10);
    for (size_t i = 0; i < graph.initializers().size(); ++i) {
      Initializer& initializer = graph.initializer(static_cast<int32_t>(i));
      if (initializer.data == nullptr && initializer.distribution.kind == Distribution::Kind::none)
        initializer.distribution = {Distribution::Kind::normal, 0.5};
    }
    const size_t before = graph.nodes().size();
    ASSERT_NO_THROW(simplify_for_deployment(graph, {.verify_values = true})) << "seed " << seed;
    changed += graph.nodes().size() < before ? 1 : 0;
    for (const RewriteRecord& record : simplify_for_deployment(graph))
      EXPECT_EQ(record.count, 0) << record.name << " applies again, seed " << seed;
  }
  EXPECT_GT(changed, 20);
}

TEST(Rewrites, RunInsideNestedGraphs) {
  Graph graph = parse_graph(
      "graph(c: bool[], x: float32[4]) { y = If(c) with then_branch[x] graph(a: float32[4]) { h = Identity(a); d = "
      "Tanh(a); b = Relu(h); return b } "
      "with else_branch[x] graph(a: float32[4]) { b = Neg(a); return b }; return y }");
  simplify_for_deployment(graph, {.verify_values = true});
  EXPECT_EQ(graph.nodes()[0].bodies[0].graph->nodes().size(), 1U);
}

TEST(Rewrites, CompareOverSymbols) {
  Graph graph = parse_graph("graph(x: float32[batch,4]) { a = Identity(x); y = Relu(a); return y }");
  EXPECT_TRUE(run_rewrite(graph, get_rewrite("identity"), {.verify_values = true}).verified);
}

// --- the driver ---------------------------------------------------------------------------------------------------

int double_the_bias(Graph& graph) {
  for (size_t i = 0; i < graph.initializers().size(); ++i) {
    Initializer& initializer = graph.initializer(static_cast<int32_t>(i));
    Tensor data = *initializer.data;
    data.set_number_at(0, 2 * data.number_at(0) + 1);
    initializer.data = std::make_shared<const Tensor>(std::move(data));
  }
  return 1;
}

int drop_an_output(Graph& graph) {
  graph.outputs.pop_back();
  return 1;
}

Graph biased() {
  return parse_graph(
      "graph(x: float32[2]) { b: float32[2] = frozen [1.0, 2.0]; y = Add(x, b); z = Relu(y); return z, y }");
}

TEST(Driver, FindsARewriteThatChangesValuesAndRestoresTheGraph) {
  Graph graph = biased();
  const Hash128 before = content_hash(graph);
  const Rewrite wrong{.name = "double_the_bias", .summary = "", .source = "", .apply = double_the_bias};
  try {
    run_rewrite(graph, wrong, {.verify_values = true});
    FAIL();
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find("rewrite double_the_bias changed the outputs by"), std::string::npos)
        << error.what();
  }
  EXPECT_EQ(content_hash(graph), before);
  // Unchecked it passes: the check is what finds it.
  run_rewrite(graph, wrong);
  EXPECT_NE(content_hash(graph), before);
}

TEST(Driver, FindsARewriteThatChangesTheSignature) {
  Graph graph = biased();
  const Hash128 before = content_hash(graph);
  const Rewrite wrong{.name = "drop_an_output", .summary = "", .source = "", .apply = drop_an_output};
  EXPECT_THROW(run_rewrite(graph, wrong), InternalError);
  EXPECT_EQ(content_hash(graph), before);
}

TEST(Driver, SwitchesOffByNameAndIsInterruptible) {
  const std::string text = "graph(x: float32[2,4]) { a = Identity(x); d = Tanh(x); y = Relu(a); return y }";
  Graph graph = parse_graph(text);
  const auto records = simplify_for_deployment(graph, {.disabled = {"identity"}});
  EXPECT_EQ(records.size(), all_rewrites().size() - 1);
  EXPECT_EQ(graph.nodes().size(), 2U);
  int asked = 0;
  Graph interrupted = parse_graph(text);
  EXPECT_THROW(simplify_for_deployment(interrupted, {.interrupted = [&] { return ++asked == 2; }}), Interrupted);
  EXPECT_EQ(interrupted.nodes().size(), 2U);  // dead_code had run, identity had not
}

TEST(Driver, UnknownNamesAreErrors) {
  Graph graph = biased();
  const std::vector<std::string> names = {"identify"};
  try {
    run_rewrites(graph, names);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "unknown rewrite 'identify'; did you mean 'identity'? (nacre list rewrites)");
  }
  EXPECT_THROW(simplify_for_deployment(graph, {.disabled = {"foldbatchnorm"}}), UserError);
}

}  // namespace
}  // namespace nacre
