// Reading ONNX: old opsets mean what they meant, every data encoding gives the same tensor, names and scopes survive.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "nacre/ir/hash.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/text_form.hpp"
#include "tests/ir/onnx_file.hpp"

namespace nacre {
namespace {

using testing::OnnxAttributes;
using testing::OnnxFile;

Graph read(const OnnxFile& file) { return read_onnx_bytes(file.bytes(), "test.onnx"); }

std::vector<double> run(const Graph& graph, const NamedTensors& inputs) {
  return run_reference(graph, inputs).begin()->second.numbers();
}

Tensor row(std::initializer_list<float> values) {
  return Tensor::of<float>({1, static_cast<int64_t>(values.size())}, values);
}

// A single node on x: [1, n] of an old opset, run.
std::vector<double> run_old(int opset, const std::string& op, const OnnxAttributes& attributes, const Tensor& x,
                            const std::vector<std::string>& more = {},
                            const std::vector<std::pair<std::string, Tensor>>& constants = {}) {
  OnnxFile file(opset);
  std::vector<testing::OnnxDim> dims;
  for (const int64_t extent : x.extents()) dims.emplace_back(extent);
  file.input("x", dims).output("y");
  for (const auto& [name, tensor] : constants) file.initializer(name, tensor);
  std::vector<std::string> inputs = {"x"};
  inputs.insert(inputs.end(), more.begin(), more.end());
  file.node(op, inputs, {"y"}, attributes);
  return run(read(file), {{"x", x}});
}

using Numbers = std::vector<double>;

TEST(OnnxUpgrade, AttributesBecomeInputs) {
  const Tensor x = Tensor::of<float>({1, 4, 1}, {1, 2, 3, 4});
  EXPECT_EQ(run_old(11, "ReduceSum", OnnxAttributes().integers("axes", {1}).integer("keepdims", 0), x), (Numbers{10}));
  EXPECT_EQ(run_old(17, "ReduceMean", OnnxAttributes().integers("axes", {1}), x), (Numbers{2.5}));
  EXPECT_EQ(run_old(11, "Squeeze", OnnxAttributes().integers("axes", {0, 2}), x), (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(run_old(11, "Unsqueeze", OnnxAttributes().integers("axes", {0}), x), (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(
      run_old(9, "Slice", OnnxAttributes().integers("axes", {1}).integers("starts", {1}).integers("ends", {-1}), x),
      (Numbers{2, 3}));
  EXPECT_EQ(run_old(10, "Pad", OnnxAttributes().integers("pads", {0, 1, 0, 0, 0, 0}).real("value", 7), x),
            (Numbers{7, 1, 2, 3, 4}));
  EXPECT_EQ(run_old(10, "Clip", OnnxAttributes().real("min", 2).real("max", 3), x), (Numbers{2, 2, 3, 3}));
  EXPECT_EQ(run_old(10, "Clip", OnnxAttributes().real("max", 3), x), (Numbers{1, 2, 3, 3}));
  EXPECT_EQ(run_old(9, "Dropout", OnnxAttributes().real("ratio", 0.5F), x), (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(run_old(9, "TopK", OnnxAttributes().integer("k", 2).integer("axis", 1), x), (Numbers{4, 3}));
}

TEST(OnnxUpgrade, SplitIntoEqualParts) {
  OnnxFile file(11);
  file.input("x", {1, 4}).output("a").node("Split", {"x"}, {"a", "b"}, OnnxAttributes().integer("axis", 1));
  EXPECT_EQ(run(read(file), {{"x", row({1, 2, 3, 4})}}), (Numbers{1, 2}));
  OnnxFile uneven(11);
  uneven.input("x", {1, 4})
      .output("b")
      .node("Split", {"x"}, {"a", "b"}, OnnxAttributes().integer("axis", 1).integers("split", {1, 3}));
  EXPECT_EQ(run(read(uneven), {{"x", row({1, 2, 3, 4})}}), (Numbers{2, 3, 4}));
}

TEST(OnnxUpgrade, BatchNormalizationOfOpset7) {
  OnnxFile file(7);
  const Tensor two = Tensor::of<float>({1}, {2});
  const Tensor three = Tensor::of<float>({1}, {3});
  file.input("x", {1, 1, 1, 2})
      .output("y")
      .initializer("s", two)
      .initializer("b", three)
      .initializer("m", two)
      .initializer("v", Tensor::of<float>({1}, {4}));
  file.node("BatchNormalization", {"x", "s", "b", "m", "v"}, {"y", "mean", "var", "saved_mean", "saved_var"},
            OnnxAttributes().integer("spatial", 1).real("epsilon", 0));
  const Graph graph = read(file);
  EXPECT_EQ(run(graph, {{"x", Tensor::of<float>({1, 1, 1, 2}, {2, 4})}}), (Numbers{3, 5}));
  // Which of them training moves by gradient, and which are statistics.
  EXPECT_TRUE(graph.initializer_of(graph.nodes()[0].inputs[1])->trainable);
  EXPECT_FALSE(graph.initializer_of(graph.nodes()[0].inputs[3])->trainable);
  EXPECT_EQ(graph.initializer_of(graph.nodes()[0].inputs[4])->distribution,
            (Distribution{Distribution::Kind::constant, 1}));
}

TEST(OnnxUpgrade, UpsampleBecomesResize) {
  const Tensor x = Tensor::of<float>({1, 1, 1, 2}, {1, 2});
  EXPECT_EQ(run_old(7, "Upsample", OnnxAttributes().text("mode", "nearest").reals("scales", {1, 1, 1, 2}), x),
            (Numbers{1, 1, 2, 2}));
  EXPECT_EQ(run_old(9, "Upsample", OnnxAttributes().text("mode", "nearest"), x, {"s"},
                    {{"s", Tensor::of<float>({4}, {1, 1, 2, 1})}}),
            (Numbers{1, 2, 1, 2}));
  EXPECT_EQ(run_old(10, "Resize", OnnxAttributes().text("mode", "nearest"), x, {"s"},
                    {{"s", Tensor::of<float>({4}, {1, 1, 1, 3})}}),
            (Numbers{1, 1, 1, 2, 2, 2}));
  EXPECT_EQ(run_old(11, "Resize",
                    OnnxAttributes()
                        .text("mode", "nearest")
                        .text("coordinate_transformation_mode", "asymmetric")
                        .text("nearest_mode", "floor"),
                    x, {"roi", "s"},
                    {{"roi", Tensor(ElementType::float32, {0})}, {"s", Tensor::of<float>({4}, {1, 1, 1, 2})}}),
            (Numbers{1, 1, 2, 2}));
}

TEST(OnnxUpgrade, SoftmaxOnceFlattened) {
  // Opset 11 normalizes over all extents from the axis on.
  const Tensor x = Tensor::of<float>({1, 2, 2}, {0, 0, 0, 0});
  EXPECT_EQ(run_old(11, "Softmax", OnnxAttributes().integer("axis", 1), x), (Numbers{0.25, 0.25, 0.25, 0.25}));
  EXPECT_EQ(run_old(11, "Softmax", OnnxAttributes().integer("axis", 2), x), (Numbers{0.5, 0.5, 0.5, 0.5}));
  EXPECT_EQ(run_old(13, "Softmax", OnnxAttributes().integer("axis", 1), x), (Numbers{0.5, 0.5, 0.5, 0.5}));
  // Where only one extent is summed over it is one operator still.
  OnnxFile file(9);
  file.input("x", {"batch", 10}).output("y").node("Softmax", {"x"}, {"y"}, OnnxAttributes().integer("axis", 1));
  EXPECT_EQ(read(file).nodes().size(), 1U);
  OnnxFile symbolic(9);
  symbolic.input("x", {"batch", 2, 2}).output("y").node("Softmax", {"x"}, {"y"}, OnnxAttributes().integer("axis", 1));
  EXPECT_EQ(run(read(symbolic), {{"x", x}}), (Numbers{0.25, 0.25, 0.25, 0.25}));
}

TEST(OnnxUpgrade, GroupNormalizationPerGroupBecomesPerChannel) {
  const Tensor x = Tensor::of<float>({1, 4, 2}, {-1, 1, -1, 1, -1, 1, -1, 1});
  const Numbers y =
      run_old(18, "GroupNormalization", OnnxAttributes().integer("num_groups", 2).real("epsilon", 0), x, {"s", "b"},
              {{"s", Tensor::of<float>({2}, {1, 10})}, {"b", Tensor::of<float>({2}, {0, 5})}});
  EXPECT_EQ(y, (Numbers{-1, 1, -1, 1, -5, 15, -5, 15}));
}

TEST(OnnxUpgrade, FunctionsAreInlined) {
  // com.example::Twice(x; factor) = factor * (x + x), with a default of 1.
  WireWriter function;
  function.bytes(onnx::field::function::name, "Twice");
  function.bytes(onnx::field::function::domain, "com.example");
  function.bytes(onnx::field::function::input, "a");
  function.bytes(onnx::field::function::output, "c");
  function.message(onnx::field::function::node, testing::onnx_node("Add", {"a", "a"}, {"b"}, {}, "add"));
  function.message(onnx::field::function::node,
                   testing::onnx_node("LeakyRelu", {"b"}, {"c"},
                                      OnnxAttributes().reference("alpha", "slope", onnx::AttributeType::real)));
  OnnxFile file(17);
  file.input("x", {1, 2}).output("z").function(function);
  file.node("Twice", {"x"}, {"y"}, OnnxAttributes().real("slope", 0.5F), "block/first", "com.example");
  file.node("Twice", {"y"}, {"z"}, {}, "block/second", "com.example");
  const Graph graph = read(file);
  ASSERT_EQ(graph.nodes().size(), 4U);
  EXPECT_EQ(graph.scope(graph.nodes()[0].scope), "block/first");
  EXPECT_EQ(graph.value(graph.nodes()[0].outputs[0]).name, "block/first/b");
  const Numbers y = run(graph, {{"x", row({1, -2})}});
  EXPECT_DOUBLE_EQ(y[0], 4);
  EXPECT_FLOAT_EQ(static_cast<float>(y[1]), -2.0F * 2 * 0.5F * 2 * 0.01F);
}

// --- data ---------------------------------------------------------------------------------------------------------

WireWriter listed(ElementType type, const std::vector<int64_t>& dims, int data_field,
                  const std::vector<int64_t>& values, bool packed) {
  WireWriter tensor;
  for (const int64_t dim : dims) tensor.integer(onnx::field::tensor::dims, dim);
  tensor.integer(onnx::field::tensor::data_type, static_cast<int64_t>(type));
  tensor.bytes(onnx::field::tensor::name, "w");
  if (packed) {
    std::string bytes;
    for (const int64_t value : values) {
      WireWriter number;
      number.integer(1, value);
      bytes += number.buffer().substr(1);  // without the tag
    }
    tensor.bytes(data_field, bytes);
  } else {
    for (const int64_t value : values) tensor.integer(data_field, value);
  }
  return tensor;
}

Tensor read_initializer(const WireWriter& tensor) {
  OnnxFile file(17);
  file.input("x", {1}).output("y").initializer(tensor).node("Odd", {"x", "w"}, {"y"}, {}, "", "com.example");
  const Graph graph = read(file);
  return *graph.constant(graph.nodes()[0].inputs[1]);
}

TEST(OnnxData, EveryEncodingGivesTheSameTensor) {
  const std::vector<int64_t> values = {0, 1, 100, 7};
  struct Encoding {
    ElementType type;
    int data_field;
  };
  const Encoding encodings[] = {{ElementType::int8, 5},    {ElementType::uint8, 5},  {ElementType::int16, 5},
                                {ElementType::uint16, 5},  {ElementType::int32, 5},  {ElementType::int64, 7},
                                {ElementType::uint32, 11}, {ElementType::uint64, 11}};
  for (const Encoding& encoding : encodings) {
    for (const bool packed : {false, true}) {
      EXPECT_EQ(read_initializer(listed(encoding.type, {2, 2}, encoding.data_field, values, packed)).integers(), values)
          << element_type_name(encoding.type);
    }
    Tensor raw(encoding.type, {2, 2});
    for (int64_t i = 0; i < 4; ++i) raw.set_number_at(i, static_cast<double>(values[static_cast<size_t>(i)]));
    EXPECT_EQ(read_initializer(onnx::encode_tensor(raw, "w")), raw);
  }
  EXPECT_EQ(read_initializer(listed(ElementType::boolean, {2}, 5, {0, 1}, true)).numbers(), (Numbers{0, 1}));
  EXPECT_EQ(read_initializer(listed(ElementType::float16, {1}, 5, {0x3c00}, true)).numbers(), (Numbers{1}));
  EXPECT_EQ(read_initializer(listed(ElementType::int8, {1}, 5, {-3}, true)).numbers(), (Numbers{-3}));
  EXPECT_EQ(read_initializer(listed(ElementType::int4, {3}, 5, {0x2f, 0x07}, true)).numbers(), (Numbers{-1, 2, 7}));
  WireWriter floats;
  floats.integer(onnx::field::tensor::dims, 1);
  floats.integer(onnx::field::tensor::data_type, 1);
  floats.bytes(onnx::field::tensor::name, "w");
  floats.real(onnx::field::tensor::float_data, 2.5F);
  EXPECT_EQ(read_initializer(floats).numbers(), (Numbers{2.5}));
  WireWriter strings;
  strings.integer(onnx::field::tensor::dims, 1);
  strings.integer(onnx::field::tensor::data_type, 8);
  strings.bytes(onnx::field::tensor::name, "w");
  strings.bytes(onnx::field::tensor::string_data, "hello");
  EXPECT_EQ(read_initializer(strings).strings(), std::vector<std::string>{"hello"});
}

class ExternalData : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("nacre_external_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    const std::vector<float> numbers = {9, 9, 1, 2, 3, 4};
    std::ofstream(folder_ / "weights.bin", std::ios::binary).write(reinterpret_cast<const char*>(numbers.data()), 24);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string model(const std::string& location, uint64_t offset) {
    OnnxFile file(17);
    file.input("x", {1, 4}).output("y").node("Add", {"x", "w"}, {"y"});
    file.initializer(
        onnx::encode_tensor(Tensor::of<float>({4}, {0, 0, 0, 0}), "w", onnx::ExternalLocation{location, offset}));
    return file.bytes();
  }
  Graph read_model(const std::string& location, uint64_t offset) const {
    std::ofstream(folder_ / "model.onnx", std::ios::binary) << model(location, offset);
    return read_onnx(folder_ / "model.onnx");
  }
  void expect_refused(const std::string& location, uint64_t offset, const std::string& part) const {
    try {
      read_model(location, offset);
      ADD_FAILURE() << "accepted " << location;
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
  std::filesystem::path folder_;
};

TEST_F(ExternalData, IsMappedOrCopied) {
  EXPECT_EQ(run(read_model("weights.bin", 8), {{"x", row({0, 0, 0, 0})}}), (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(run(read_model("weights.bin", 4), {{"x", row({0, 0, 0, 0})}}),
            (Numbers{9, 1, 2, 3}));  // aligned to no word of eight
}

TEST_F(ExternalData, IsRefusedOutsideTheFolderAndPastTheEnd) {
  expect_refused("../weights.bin", 0, "outside the model's folder");
  expect_refused("/etc/hostname", 0, "expected a path relative to the model");
  expect_refused("missing.bin", 0, "which does not exist");
  expect_refused("weights.bin", 12, "declares float32[4] (16 bytes at 12) but 'weights.bin' has 24 bytes");
  expect_refused("weights.bin", ~uint64_t{0}, "but 'weights.bin' has 24 bytes");
  std::filesystem::create_symlink("/etc/hostname", folder_ / "link.bin");
  expect_refused("link.bin", 0, "outside the model's folder");
  try {
    read_onnx_bytes(model("weights.bin", 0), "bytes");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "bytes: tensor 'w' keeps its data in file 'weights.bin', but the model was not read from a folder");
  }
}

// --- names --------------------------------------------------------------------------------------------------------

TEST(OnnxRead, KeepsNamesSymbolsScopesAndMetadata) {
  OnnxFile file(17);
  file.input("image", {"batch", 3}).output("logits").metadata("license", "mine");
  file.node("Relu", {"image"}, {"hidden"}, {}, "/features/0/act/Relu").node("Sigmoid", {"hidden"}, {"logits"});
  const Graph graph = read(file);
  EXPECT_EQ(graph.value(graph.inputs[0]).name, "image");
  EXPECT_EQ(graph.shape_text(*graph.value(graph.outputs[0]).shape), "[batch,3]");
  EXPECT_EQ(graph.value(graph.nodes()[0].outputs[0]).name, "hidden");
  EXPECT_EQ(graph.nodes()[0].name, "/features/0/act/Relu");
  EXPECT_EQ(graph.scope(graph.nodes()[0].scope), "features/0/act");
  EXPECT_EQ(graph.metadata.at("license"), "mine");
}

TEST(OnnxRead, SortsNodes) {
  OnnxFile file(17);
  file.input("x", {1, 2}).output("z").node("Sigmoid", {"y"}, {"z"}).node("Relu", {"x"}, {"y"});
  EXPECT_EQ(read(file).nodes()[0].op, "Relu");
}

TEST(OnnxRead, UnknownOperatorsStayWithTheirDeclaredShapes) {
  OnnxFile file(17);
  file.input("x", {1, 2})
      .output("z")
      .node("Fancy", {"x"}, {"y"}, OnnxAttributes().integer("level", 3), "fancy", "com.example")
      .node("Relu", {"y"}, {"z"});
  file.graph().message(onnx::field::graph::value_info, testing::onnx_value("y", ElementType::float32, {1, 5}));
  const Graph graph = read(file);
  EXPECT_TRUE(graph.nodes()[0].is_opaque());
  EXPECT_EQ(graph.nodes()[0].attributes.integer("level", 0), 3);
  EXPECT_EQ(graph.shape_text(*graph.value(graph.outputs[0]).shape), "[1,5]");
}

TEST(OnnxRead, MakesCapturesExplicit) {
  WireWriter branch;
  branch.bytes(onnx::field::graph::name, "then");
  branch.message(onnx::field::graph::node, testing::onnx_node("Mul", {"x", "w"}, {"t"}));
  WireWriter name;
  name.bytes(onnx::field::value_info::name, "t");
  branch.message(onnx::field::graph::output, name);
  WireWriter other;
  other.bytes(onnx::field::graph::name, "else");
  other.message(onnx::field::graph::node, testing::onnx_node("Neg", {"x"}, {"e"}));
  WireWriter other_name;
  other_name.bytes(onnx::field::value_info::name, "e");
  other.message(onnx::field::graph::output, other_name);
  OnnxFile file(17);
  file.input("c", {}, ElementType::boolean).input("x", {1, 2}).output("y").initializer("w", row({2, 3}));
  file.node("If", {"c"}, {"y"}, OnnxAttributes().graph("then_branch", branch).graph("else_branch", other));
  const Graph graph = read(file);
  const Node& node = graph.nodes()[0];
  ASSERT_EQ(node.bodies.size(), 2U);
  EXPECT_EQ(node.bodies[0].captures, (std::vector<ValueId>{graph.inputs[1], graph.initializers()[0].value}));
  EXPECT_EQ(node.bodies[1].captures, (std::vector<ValueId>{graph.inputs[1]}));
  EXPECT_EQ(node.bodies[0].graph->inputs.size(), 2U);
  EXPECT_EQ(run(graph, {{"c", Tensor::scalar(true)}, {"x", row({1, 1})}}), (Numbers{2, 3}));
  EXPECT_EQ(run(graph, {{"c", Tensor::scalar(false)}, {"x", row({1, 1})}}), (Numbers{-1, -1}));
}

TEST(OnnxRead, ModelsWithoutWeightsOnRequest) {
  WireWriter tensor;
  for (const int64_t extent : {int64_t{4096}, int64_t{14336}}) tensor.integer(onnx::field::tensor::dims, extent);
  tensor.integer(onnx::field::tensor::data_type, 1);
  tensor.bytes(onnx::field::tensor::name, "w");
  OnnxFile file(17);
  file.input("x", {1, 4096}).output("y").initializer(tensor).node("MatMul", {"x", "w"}, {"y"});
  const Graph graph = read_onnx_bytes(file.bytes(), "test.onnx", {.folder = {}, .allow_absent_weights = true});
  EXPECT_EQ(graph.initializers()[0].data, nullptr);
  EXPECT_EQ(graph.initializers()[0].distribution.kind, Distribution::Kind::kaiming_normal_fan_in);
  EXPECT_EQ(graph.shape_text(*graph.value(graph.outputs[0]).shape), "[1,14336]");
}

}  // namespace
}  // namespace nacre
