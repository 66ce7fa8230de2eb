// Files that are wrong, by accident or by intent: each gives one UserError that says what and where, at once and without
// taking memory for what is only declared.
#include <gtest/gtest.h>

#include <sys/resource.h>

#include "nacre/base/random.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "tests/ir/onnx_file.hpp"

namespace nacre {
namespace {

using testing::OnnxAttributes;
using testing::OnnxFile;

void expect_refused(const std::string& bytes, const std::string& message) {
  try {
    read_onnx_bytes(bytes, "test.onnx");
    ADD_FAILURE() << "accepted; expected: " << message;
  } catch (const UserError& error) {
    EXPECT_EQ(std::string(error.what()), "test.onnx: " + message);
  }
}

OnnxFile simple() {
  OnnxFile file(17);
  file.input("x", {1, 4}).output("y");
  return file;
}

WireWriter declared_tensor(const std::vector<int64_t>& dims, int64_t type = 1) {
  WireWriter tensor;
  for (const int64_t dim : dims) tensor.integer(onnx::field::tensor::dims, dim);
  tensor.integer(onnx::field::tensor::data_type, type);
  tensor.bytes(onnx::field::tensor::name, "w");
  return tensor;
}

std::string with_initializer(const WireWriter& tensor) {
  return simple().initializer(tensor).node("Add", {"x", "w"}, {"y"}).bytes();
}

TEST(HostileOnnx, TwoGigabytesDeclaredInOneKilobyte) {
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  WireWriter short_data = declared_tensor({512, 1024, 1024});
  short_data.bytes(onnx::field::tensor::raw_data, std::string(900, '\0'));
  const std::string bytes = with_initializer(short_data);
  EXPECT_LT(bytes.size(), 1024U);
  expect_refused(
      bytes, "tensor 'w' declares float32[512,1024,1024] (2,147,483,648 bytes) but the file carries 900 bytes for it");
  expect_refused(with_initializer(declared_tensor({512, 1024, 1024})),
                 "tensor 'w' declares float32[512,1024,1024] (2,147,483,648 bytes) but the file carries no data for "
                 "it; it can only be inspected, not run");
  WireWriter listed = declared_tensor({512, 1024, 1024});
  listed.real(onnx::field::tensor::float_data, 1);
  expect_refused(with_initializer(listed),
                 "tensor 'w' declares float32[512,1024,1024], 536,870,912 numbers, but the file carries 1");
  WireWriter strings = declared_tensor({512, 1024, 1024}, 8);
  strings.bytes(onnx::field::tensor::string_data, "x");
  expect_refused(with_initializer(strings),
                 "tensor 'w' declares string[512,1024,1024], 536,870,912 strings, but the file carries 1");
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 * 1024) << "kilobytes";
}

TEST(HostileOnnx, ImpossibleExtents) {
  expect_refused(with_initializer(declared_tensor({-4})), "tensor 'w' has a negative extent, -4");
  expect_refused(with_initializer(declared_tensor({int64_t{1} << 62})),
                 "tensor 'w' has an extent of more than 2^40, 4611686018427387904");
  expect_refused(with_initializer(declared_tensor({1 << 30, 1 << 30, 1 << 30})),
                 "tensor 'w' declares float32[1073741824,1073741824,1073741824], more than 2^40 elements");
  expect_refused(with_initializer(declared_tensor({1, 1, 1, 1, 1, 1, 1, 1, 1})),
                 "tensor 'w' has 9 dimensions; at most 8 are supported");
  expect_refused(with_initializer(declared_tensor({4}, 99)), "tensor 'w' has element type 99, which is not supported");
  expect_refused(with_initializer(declared_tensor({4}, 14)), "tensor 'w' has element type 14, which is not supported");
  OnnxFile negative(17);
  negative.input("x", {1, -7}).output("y").node("Relu", {"x"}, {"y"});
  expect_refused(negative.bytes(), "value 'x' has an extent of -7, expected 0 to 2^40");
}

TEST(HostileOnnx, WiringThatIsNone) {
  expect_refused(simple().node("Relu", {"z"}, {"y"}).bytes(), "node 'y' (Relu) reads 'z', which nothing writes");
  expect_refused(simple().node("Relu", {"x"}, {"z"}).bytes(), "output 'y' is written by nothing");
  expect_refused(simple().node("Add", {"x", "b"}, {"a"}, {}, "first").node("Relu", {"a"}, {"b"}, {}, "second").bytes(),
                 "node 'first' (Add) reads its own result: the graph has a cycle");
  expect_refused(simple().node("Relu", {"x"}, {"y"}).node("Relu", {"x"}, {"y"}, {}, "again").bytes(),
                 "two nodes write 'y'; the second is node 'again' (Relu)");
  expect_refused(simple().input("x", {1}).node("Relu", {"x"}, {"y"}).bytes(), "two values are called 'x'");
  expect_refused(simple().node("Relu", {"x"}, {"x"}).bytes(),
                 "node 'x' (Relu) reads its own result: the graph has a cycle");
  expect_refused(simple().node("Relu", {"x"}, {}, {}, "n").node("Relu", {"x"}, {"y"}).bytes(),
                 "node 'n' (Relu) has no outputs");
  expect_refused(simple().node("", {"x"}, {"y"}).bytes(), "node 'y' () has no operator");
  expect_refused(simple().node("Relu", {}, {"y"}).bytes(), "node 'y' (Relu): takes 1 inputs, found 0");
  OnnxFile no_output(17);
  no_output.input("x", {1}).node("Relu", {"x"}, {"y"});
  expect_refused(no_output.bytes(), "the model has no outputs");
}

TEST(HostileOnnx, AttributesOfTheWrongKind) {
  expect_refused(simple().node("Softmax", {"x"}, {"y"}, OnnxAttributes().integer("axis", 1).integer("axis", 0)).bytes(),
                 "node 'y' (Softmax): attribute 'axis' is given twice");
  const std::string wrong = simple().node("ReduceSum", {"x"}, {"y"}, OnnxAttributes().text("keepdims", "yes")).bytes();
  EXPECT_THROW(read_onnx_bytes(wrong, "test.onnx"), UserError);
  WireWriter empty;
  empty.bytes(onnx::field::attribute::name, "value");
  empty.integer(onnx::field::attribute::type, 4);
  WireWriter node;
  node.bytes(onnx::field::node::output, "y");
  node.bytes(onnx::field::node::op_type, "Constant");
  node.message(onnx::field::node::attribute, empty);
  OnnxFile file = simple();
  file.graph().message(onnx::field::graph::node, node);
  EXPECT_THROW(read_onnx_bytes(file.bytes(), "test.onnx"), UserError);
}

TEST(HostileOnnx, TextThatIsNoUtf8) {
  EXPECT_THROW(read_onnx_bytes(simple().node("Relu", {"x"}, {"y\xff"}).bytes(), "test.onnx"), UserError);
  EXPECT_THROW(read_onnx_bytes(simple().node("Relu", {"x"}, {"y\xed\xa0\x80"}).bytes(), "test.onnx"),
               UserError);  // a surrogate
  EXPECT_THROW(read_onnx_bytes(simple().node("Relu", {"x"}, {std::string("y\0z", 3)}).bytes(), "test.onnx"),
               UserError);  // a zero byte
  EXPECT_NO_THROW(read_onnx_bytes(OnnxFile(17).input("x", {1}).output("größe").node("Relu", {"x"}, {"größe"}).bytes(),
                                  "test.onnx"));
}

TEST(HostileOnnx, NestingWithoutEnd) {
  WireWriter graph;
  graph.message(onnx::field::graph::node, testing::onnx_node("Relu", {"x"}, {"y"}));
  for (int i = 0; i < 40; ++i) {
    WireWriter outer;
    outer.message(onnx::field::graph::node,
                  testing::onnx_node("If", {"c"}, {"y"}, OnnxAttributes().graph("then_branch", graph)));
    graph = outer;
  }
  OnnxFile file = simple();
  file.node("If", {"x"}, {"y"}, OnnxAttributes().graph("then_branch", graph));
  try {
    read_onnx_bytes(file.bytes(), "test.onnx");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("graphs nested deeper than 16"), std::string::npos) << error.what();
  }
}

TEST(HostileOnnx, FunctionsThatGrowWithoutEnd) {
  const auto function = [](const std::string& name, const std::string& callee, int calls) {
    WireWriter message;
    message.bytes(onnx::field::function::name, name);
    message.bytes(onnx::field::function::domain, "f");
    message.bytes(onnx::field::function::input, "a");
    message.bytes(onnx::field::function::output, "b" + std::to_string(calls - 1));
    for (int i = 0; i < calls; ++i) {
      message.message(onnx::field::function::node,
                      testing::onnx_node(callee, {i == 0 ? "a" : "b" + std::to_string(i - 1)},
                                         {"b" + std::to_string(i)}, {}, "", "f"));
    }
    return message;
  };
  expect_refused(simple().function(function("F", "F", 1)).node("F", {"x"}, {"y"}, {}, "", "f").bytes(),
                 "function 'f::F' calls itself, or calls nest deeper than 16");
  // Ten calls of ten calls of ten ...
  OnnxFile file = simple();
  for (int level = 0; level < 12; ++level)
    file.function(function("F" + std::to_string(level), "F" + std::to_string(level + 1), 10));
  file.node("F0", {"x"}, {"y"}, {}, "", "f");
  try {
    read_onnx_bytes(file.bytes(), "test.onnx");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("grows the graph beyond 200,000 nodes"), std::string::npos)
        << error.what();
  }
}

TEST(HostileOnnx, OpsetsOutsideTheRange) {
  const auto of_opset = [](int64_t opset) {
    OnnxFile file(opset);
    file.input("x", {1}).output("y").node("Relu", {"x"}, {"y"});
    return file.bytes();
  };
  expect_refused(of_opset(99),
                 "opset 99 is not supported; nacre reads opsets 1 to 21 (onnx.version_converter converts)");
  expect_refused(of_opset(0), "the model names no opset; nacre reads opsets 1 to 21");
}

TEST(HostileOnnx, FilesThatAreSomethingElse) {
  expect_refused("", "the file holds no graph; it is no ONNX model");
  EXPECT_THROW(read_onnx_bytes("# not a model\nat all\n", "test.onnx"), UserError);
  EXPECT_THROW(read_onnx("/nonexistent/model.onnx"), UserError);
  EXPECT_THROW(read_onnx("/tmp"), UserError);
}

TEST(HostileOnnx, AnnotationsThatAreNone) {
  const auto with = [](const std::string& text) {
    return simple().node("Relu", {"x"}, {"y"}).metadata("nacre", text).bytes();
  };
  for (const std::string text :
       {"[", "3", "{\"states\": 3}", "{\"formats\": {\"x\": 3}}", "{\"parameters\": {\"x\": []}}",
        "{\"states\": [{\"input\": \"x\", \"output\": \"y\", \"grows\": 99}]}",
        "{\"states\": [{\"input\": \"x\", \"output\": \"y\", \"initial\": {\"type\": \"float32\", \"extents\": "
        "[1000000000], \"data\": \"\"}}]}"}) {
    try {
      read_onnx_bytes(with(text), "test.onnx");
      // Entries for values that do not exist are passed over.
      EXPECT_EQ(text, "{\"parameters\": {\"x\": []}}") << "accepted";
    } catch (const UserError& error) {
      EXPECT_EQ(std::string(error.what()).substr(0, 10), "test.onnx:") << error.what();
    }
  }
}

std::string small_model() {
  GraphBuilder builder("net");
  ValueId x = builder.input("x", ElementType::float32, {1, 3, 8, 8});
  x = builder.convolution_norm_activation("a", x, 4, {.kernel = 3}, Activation::relu6);
  builder.output(builder.linear("fc", builder.flatten(builder.global_average_pool(x)), 3), "y");
  Graph graph = builder.take();
  materialize_parameters(graph, 1);
  return write_onnx_bytes(graph);
}

TEST(HostileOnnx, EveryTruncationIsRefusedOrRead) {
  const std::string model = small_model();
  for (size_t length = 0; length < model.size(); ++length) {
    try {
      read_onnx_bytes(model.substr(0, length), "test.onnx");
    } catch (const UserError&) {
    }
  }
}

TEST(HostileOnnx, MutationsNeverDoAnythingButThrow) {
  const std::string model = small_model();
  int refused = 0;
  for (uint64_t seed = 0; seed < 5000; ++seed) {
    Random random = Random::stream(seed, "mutate");
    std::string bytes = model;
    for (uint64_t step = 0, steps = 1 + random.below(3); step < steps; ++step)
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    try {
      write_onnx_bytes(read_onnx_bytes(bytes, "test.onnx"));
    } catch (const UserError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace nacre
