// Writing ONNX: a graph keeps its structure over a file, and the official checker accepts what is written.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "nacre/base/file.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/text_form.hpp"
#include "tests/ir/random_graph.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

void fill(Graph& graph) {
  for (size_t i = 0; i < graph.initializers().size(); ++i) {
    Initializer& initializer = graph.initializer(static_cast<int32_t>(i));
    if (initializer.data != nullptr) continue;
    const Value& value = graph.value(initializer.value);
    const Distribution drawn = initializer.distribution.kind == Distribution::Kind::none
                                   ? Distribution{Distribution::Kind::normal, 0.1}
                                   : initializer.distribution;
    initializer.data = std::make_shared<const Tensor>(draw_tensor(drawn, value.shape->extents(), i));
  }
}

TEST(OnnxWrite, KeepsStructureContentAndRolesOfRandomGraphs) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Graph graph = testing::random_graph(seed, 10);
    fill(graph);
    const Graph once = read_onnx_bytes(write_onnx_bytes(graph), "once");
    ASSERT_EQ(structure_hash(once), structure_hash(graph)) << "seed " << seed << "\n"
                                                           << print_graph(graph) << "\n"
                                                           << print_graph(once);
    // Values and nodes without names get some; from then on nothing at all changes.
    const Graph twice = read_onnx_bytes(write_onnx_bytes(once), "twice");
    ASSERT_EQ(content_hash(twice), content_hash(once)) << "seed " << seed << "\n"
                                                       << print_graph(once) << "\n"
                                                       << print_graph(twice);
  }
}

TEST(OnnxWrite, KeepsNamesScopesFormatsAndStates) {
  Graph graph = parse_graph(
      "graph net(x: float32[batch,4] ~int8, past: float32[batch,past,4]) { w: float32[4,4] = param "
      "kaiming_normal_fan_out(1.5) raw \"" +
      std::string(86, 'A') +
      "==\"; h: float32[batch,4] ~mxfp4 = MatMul(x, w) @stage1/0/fc; y = Relu(h) @elsewhere #\"act 1\"; "
      "p = Concat(past, past) {axis=1}; state past -> p grows 1 = float32[1] [0.5]; meta \"description\" = \"a net\"; "
      "meta \"license\" = \"mine\"; return y, p }");
  const Graph again = read_onnx_bytes(write_onnx_bytes(graph), "again");
  EXPECT_EQ(structure_hash(again), structure_hash(graph));
  EXPECT_EQ(again.value(again.inputs[0]).format, "int8");
  EXPECT_EQ(again.value(again.nodes()[0].outputs[0]).format, "mxfp4");
  EXPECT_EQ(again.value(again.nodes()[0].outputs[0]).name, "h");
  EXPECT_EQ(again.scope(again.nodes()[0].scope), "stage1/0/fc");
  EXPECT_EQ(again.scope(again.nodes()[1].scope), "elsewhere");
  EXPECT_EQ(again.nodes()[1].name, "act 1");
  ASSERT_EQ(again.states.size(), 1U);
  EXPECT_EQ(again.states[0].growth_axis, 1);
  EXPECT_EQ(again.states[0].initial->numbers(), std::vector<double>{0.5});
  EXPECT_EQ(again.initializers()[0].distribution, (Distribution{Distribution::Kind::kaiming_normal_fan_out, 1.5}));
  EXPECT_EQ(again.metadata, graph.metadata);
}

int opset_of(const std::string& text, std::string* reason = nullptr) {
  Graph graph = parse_graph(text);
  fill(graph);
  OnnxWriteReport report;
  const std::string bytes = write_onnx_bytes(graph, &report);
  EXPECT_EQ(structure_hash(read_onnx_bytes(bytes, "again")), structure_hash(graph)) << text;
  if (reason != nullptr) *reason = report.reason;
  return report.opset;
}

TEST(OnnxWrite, RaisesTheOpsetOnlyWhereANodeNeedsIt) {
  const std::string begin = "graph(x: float32[1,4,6,6]) { ";
  EXPECT_EQ(opset_of(begin + "a: int64[2] = frozen [2, 3]; y = ReduceMean(x, a); return y }"), 17);
  EXPECT_EQ(opset_of(begin + "a: int64[2] = frozen [2, 3]; y = ReduceSum(x, a); return y }"), 17);
  EXPECT_EQ(opset_of(begin + "y, z = Split(x) {axis=1, num_outputs=2}; return y, z }"), 17);
  EXPECT_EQ(opset_of(begin + "y, z, u = Split(x) {axis=1, num_outputs=3}; return y, z, u }"), 18);
  EXPECT_EQ(opset_of(begin + "s: float32[4] = frozen [1.0, 1.0, 2.0, 2.0]; y = Resize(x, _, s) {mode=\"nearest\", "
                             "antialias=0}; return y }"),
            17);
  EXPECT_EQ(opset_of(begin + "y = AveragePool(x) {kernel_shape=[2, 2], dilations=[2, 2]}; return y }"), 19);
  std::string reason;
  EXPECT_EQ(opset_of(begin + "y = Gelu(x) @head; return y }", &reason), 20);
  EXPECT_EQ(reason, "node 'head/Gelu_0' (Gelu) needs opset 20");
  // Truth values are reduced since opset 20.
  EXPECT_EQ(opset_of("graph(x: bool[4]) { y = ReduceMax(x); return y }"), 20);
  EXPECT_EQ(opset_of("graph(x: int8[4]) { y = ReduceMax(x); return y }"), 17);
  // No axes meaning no reduction came with the axes as an input; with axes the word is left out.
  EXPECT_EQ(opset_of(begin + "y = ReduceMean(x) {noop_with_empty_axes=1}; return y }"), 18);
  const Graph reduced =
      parse_graph(begin + "a: int64[1] = frozen [1]; y = ReduceMean(x, a) {noop_with_empty_axes=1}; return y }");
  const std::string file = write_onnx_bytes(reduced);
  EXPECT_EQ(file.find("noop_with_empty_axes"), std::string::npos);
  EXPECT_EQ(read_onnx_bytes(file, "again").value(read_onnx_bytes(file, "again").outputs[0]).shape,
            reduced.value(reduced.outputs[0]).shape);
  // A raised opset holds for the whole file: the reduction keeps its axes as an input.
  EXPECT_EQ(opset_of(begin + "a: int64[2] = frozen [2, 3]; h = ReduceMean(x, a); y = Gelu(h); return y }"), 20);
}

TEST(OnnxWrite, RefusesWhatAFileCannotHold) {
  const Graph absent = parse_graph("graph(x: float32[1,2]) { w: float32[2,2] = param; y = MatMul(x, w); return y }");
  try {
    write_onnx_bytes(absent);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "parameter 'w' has no data; an ONNX file needs weights (materialize the parameters first)");
  }
  const Graph newer = parse_graph("graph(x: float4_e2m1[2]) { y: float4_e2m1[2] = Identity(x); return y }");
  EXPECT_THROW(write_onnx_bytes(newer), UserError);
}

// --- the official checker and the collection of models ------------------------------------------------------------

bool has_checker() {
  static const bool found = std::system("/usr/bin/python3 -c 'import onnx' >/dev/null 2>&1") == 0;
  return found;
}

fs::path scratch() {
  const fs::path folder = fs::temp_directory_path() / ("nacre_onnx_write_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  return folder;
}

bool checker_accepts(const fs::path& folder) {
  const std::string command = "/usr/bin/python3 -c \"import onnx, glob\nfor f in sorted(glob.glob('" + folder.string() +
                              "/*.onnx')):\n  try: onnx.checker.check_model(onnx.load(f), full_check=True)\n  except "
                              "Exception as e: raise SystemExit(f + ': ' + str(e))\"";
  return std::system(command.c_str()) == 0;
}

Graph every_layer() {
  GraphBuilder builder("every_layer");
  ValueId x = builder.input("image", ElementType::float32, {2, 4, 16, 16});
  for (const Activation activation :
       {Activation::relu, Activation::relu6, Activation::hard_swish, Activation::hard_sigmoid, Activation::sigmoid,
        Activation::swish, Activation::tanh}) {
    const auto scope = builder.scope("block_" + std::string(activation_name(activation)));
    x = builder.convolution_norm_activation("conv", x, 8, {.kernel = 3, .stride = 1, .groups = 4}, activation);
  }
  x = builder.squeeze_excite("se", x, 4);
  x = builder.channel_shuffle(x, 2);
  x = builder.add(builder.max_pool(x, 3, 2, 1), builder.average_pool(x, 3, 2, 1));
  x = builder.dropout(x, 0.1F);
  ValueId tokens = builder.node("Reshape", {x, builder.constant(Tensor::of<int64_t>({3}, {0, 64, 8}))});
  tokens = builder.self_attention("attention", builder.layer_norm("norm", tokens), 2);
  builder.output(builder.linear("mlp", tokens, 5), "tokens");
  builder.output(builder.linear("head", builder.flatten(builder.global_average_pool(x)), 10), "logits");
  return builder.take();
}

TEST(OnnxWrite, TheOfficialCheckerAcceptsWhatIsWritten) {
  if (!has_checker()) GTEST_SKIP() << "python3-onnx is not installed";
  const fs::path folder = scratch();
  Graph graph = every_layer();
  materialize_parameters(graph, 1);
  EXPECT_EQ(write_onnx(graph, folder / "layers.onnx").opset, 17);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Graph random = testing::random_graph(seed, 10);
    fill(random);
    write_onnx(random, folder / ("random_" + std::to_string(seed) + ".onnx"));
  }
  EXPECT_TRUE(checker_accepts(folder));
  fs::remove_all(folder);
}

fs::path collection() {
  const char* data = std::getenv("NACRE_DATA");
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  const fs::path root =
      data != nullptr ? fs::path(data) : fs::path(source == nullptr ? "." : source) / ".." / "shared" / "data";
  return root / "onnx";
}

// Gives absent weights bytes; false where that would take too much memory for a test.
bool fill_with_zeros(Graph& graph) {
  for (size_t i = 0; i < graph.initializers().size(); ++i) {
    Initializer& initializer = graph.initializer(static_cast<int32_t>(i));
    if (initializer.data != nullptr) continue;
    const Value& value = graph.value(initializer.value);
    if (*value.shape->elements() > 20'000'000) return false;
    initializer.data = std::make_shared<const Tensor>(value.type, value.shape->extents());
  }
  return true;
}

TEST(OnnxWrite, ModelsOfTheCollectionKeepTheirStructure) {
  if (!fs::is_directory(collection())) GTEST_SKIP() << "no ONNX collection at " << collection() << " (set NACRE_DATA)";
  const fs::path folder = scratch();
  int models = 0;
  for (const char* part : {"trained", "light", "workload_graphs"}) {
    for (const fs::directory_entry& entry : fs::directory_iterator(collection() / part)) {
      if (entry.path().extension() != ".onnx") continue;
      ++models;
      Graph graph = read_onnx(entry.path(), {.folder = {}, .allow_absent_weights = true});
      EXPECT_EQ(structure_hash(parse_graph(print_graph(graph))), structure_hash(graph)) << entry.path();
      if (!fill_with_zeros(graph)) continue;
      const fs::path copy = folder / entry.path().filename();
      write_onnx(graph, copy);
      const Graph again = read_onnx(copy);
      EXPECT_EQ(structure_hash(again), structure_hash(graph)) << entry.path();
      // Convolutions with 8-bit weights and activations, as the file itself has them, are no ONNX.
      if (entry.path().stem() == "fsrcnn") fs::remove(copy);
    }
  }
  EXPECT_EQ(models, 16);
  EXPECT_TRUE(!has_checker() || checker_accepts(folder));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace nacre
