// Files of opsets 1 to 6: what their attributes meant, computed by hand.
#include <gtest/gtest.h>

#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "tests/ir/onnx_file.hpp"

namespace nacre {
namespace {

using testing::OnnxAttributes;
using testing::OnnxFile;

Tensor run(const OnnxFile& file, const NamedTensors& inputs) {
  const Graph graph = read_onnx_bytes(file.bytes(), "old.onnx");
  // And what was read is written as a model of today.
  const Graph again = read_onnx_bytes(write_onnx_bytes(graph), "new.onnx");
  const Tensor result = run_reference(graph, inputs).at("y");
  EXPECT_EQ(run_reference(again, inputs).at("y"), result);
  return result;
}

// The second operand was aligned at an axis of the first one.
TEST(OldOpsets, BroadcastAtAnAxis) {
  const Tensor x = Tensor::of<float>({1, 2, 2}, {1, 2, 3, 4}), b = Tensor::of<float>({2}, {10, 20});
  OnnxFile at_axis(6);
  at_axis.input("x", {1, 2, 2}).input("b", {2}).output("y");
  at_axis.node("Add", {"x", "b"}, {"y"}, OnnxAttributes().integer("broadcast", 1).integer("axis", 1));
  EXPECT_EQ(run(at_axis, {{"x", x}, {"b", b}}), Tensor::of<float>({1, 2, 2}, {11, 12, 23, 24}));
  OnnxFile at_end(6);
  at_end.input("x", {1, 2, 2}).input("b", {2}).output("y");
  at_end.node("Sub", {"x", "b"}, {"y"}, OnnxAttributes().integer("broadcast", 1));
  EXPECT_EQ(run(at_end, {{"x", x}, {"b", b}}), Tensor::of<float>({1, 2, 2}, {-9, -18, -7, -16}));
}

TEST(OldOpsets, SlopesArePerChannel) {
  OnnxFile file(6);
  file.input("x", {1, 2, 2}).input("s", {2}).output("y").node("PRelu", {"x", "s"}, {"y"});
  EXPECT_EQ(run(file, {{"x", Tensor::of<float>({1, 2, 2}, {-1, 2, -3, -4})}, {"s", Tensor::of<float>({2}, {0.5F, 2})}}),
            Tensor::of<float>({1, 2, 2}, {-0.5F, 2, -6, -8}));
}

TEST(OldOpsets, AttributesThatBecameInputs) {
  OnnxFile reshape(4);
  reshape.input("x", {2, 3}).output("y").node("Reshape", {"x"}, {"y"}, OnnxAttributes().integers("shape", {3, -1}));
  const Tensor x = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(run(reshape, {{"x", x}}).extents(), (std::vector<int64_t>{3, 2}));
  OnnxFile tile(5);
  tile.input("x", {2, 3}).output("y");
  tile.initializer("tiles", Tensor::scalar<int64_t>(2)).initializer("axis", Tensor::scalar<int64_t>(0));
  tile.node("Tile", {"x", "tiles", "axis"}, {"y"});
  EXPECT_EQ(run(tile, {{"x", x}}), Tensor::of<float>({4, 3}, {1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6}));
  OnnxFile pad(1);
  pad.input("x", {2, 3}).output("y");
  pad.node("Pad", {"x"}, {"y"}, OnnxAttributes().integers("paddings", {0, 1, 0, 0}).real("value", 9));
  EXPECT_EQ(run(pad, {{"x", x}}), Tensor::of<float>({2, 4}, {9, 1, 2, 3, 9, 4, 5, 6}));
  OnnxFile concat(1);
  concat.input("x", {2, 3}).output("y").node("Concat", {"x", "x"}, {"y"});
  EXPECT_EQ(run(concat, {{"x", x}}).extents(), (std::vector<int64_t>{2, 6}));
}

TEST(OldOpsets, TypesWereWordsAndFlagsToldTraining) {
  OnnxFile file(1);
  file.input("x", {2}).output("y");
  file.node("Cast", {"x"}, {"c"}, OnnxAttributes().text("to", "DOUBLE"));
  file.node("Dropout", {"c"}, {"y"},
            OnnxAttributes().integer("is_test", 1).real("ratio", 0.3F).integers("consumed_inputs", {0}));
  const Tensor y = run(file, {{"x", Tensor::of<float>({2}, {1, 2})}});
  EXPECT_EQ(y, Tensor::of<double>({2}, {1, 2}));
  OnnxFile wrong(1);
  wrong.input("x", {2}).output("y").node("Cast", {"x"}, {"y"}, OnnxAttributes().text("to", "WORD"), "c");
  try {
    read_onnx_bytes(wrong.bytes(), "old.onnx");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "old.onnx: node 'c' (Cast) casts to 'WORD', which is no element type");
  }
}

TEST(OldOpsets, ImagesWereEnlargedByTwoScales) {
  OnnxFile file(1);
  file.input("x", {1, 1, 1, 2}).output("y");
  file.node("Upsample", {"x"}, {"y"},
            OnnxAttributes().real("width_scale", 2).real("height_scale", 3).text("mode", "nearest"));
  EXPECT_EQ(run(file, {{"x", Tensor::of<float>({1, 1, 1, 2}, {1, 2})}}),
            Tensor::of<float>({1, 1, 3, 4}, {1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2}));
}

}  // namespace
}  // namespace nacre
