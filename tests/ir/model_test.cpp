// Whole networks made here: each is written, read again and run; a file of a file is the same file; and each is checked by a
// property of its own.
#include <gtest/gtest.h>

#include "nacre/ir/hash.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/onnx_test_data.hpp"
#include "nacre/ir/schema.hpp"
#include "tests/ir/model_cases.hpp"

namespace nacre {
namespace {

constexpr Tolerance kTolerance{.relative = 1e-5, .absolute = 1e-5};

void expect_same(const NamedTensors& found, const NamedTensors& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(found.contains(name)) << name;
    const TensorDifference difference = compare_tensors(found.at(name), tensor, kTolerance);
    EXPECT_TRUE(difference.equal()) << name << ": " << difference.problem;
  }
}

// Returns what was read back.
Graph expect_round_trip(const Graph& graph, const NamedTensors& inputs, int opset) {
  OnnxWriteReport report;
  const std::string file = write_onnx_bytes(graph, &report);
  EXPECT_EQ(report.opset, opset) << report.reason;
  const Graph again = read_onnx_bytes(file, "model.onnx");
  EXPECT_EQ(structure_hash(again), structure_hash(graph));
  const std::string second = write_onnx_bytes(again);
  const Graph third = read_onnx_bytes(second, "model.onnx");
  EXPECT_EQ(content_hash(third), content_hash(again));
  EXPECT_EQ(write_onnx_bytes(third), second);
  expect_same(run_reference(again, inputs), run_reference(graph, inputs));
  return again;
}

TEST(Models, LstmClassifier) {
  const Graph graph = testing::lstm_classifier(1);
  NamedTensors inputs = {{"tokens", Tensor::of<int64_t>({3, 2}, {1, 7, 3, 10, 2, 0})},
                         {"lengths", Tensor::of<int32_t>({2}, {3, 2})}};
  expect_round_trip(graph, inputs, 17);
  EXPECT_EQ(graph.shape_text(*graph.value(graph.outputs[0]).shape), "[batch,3]");
  // What lies past a sample's length does not matter.
  const Tensor before = run_reference(graph, inputs).at("logits");
  inputs.at("tokens").set_number_at(5, 9);
  EXPECT_EQ(run_reference(graph, inputs).at("logits"), before);
  inputs.at("tokens").set_number_at(4, 9);
  EXPECT_FALSE(run_reference(graph, inputs).at("logits") == before);
}

TEST(Models, BranchAndLoop) {
  const Graph graph = testing::branch_and_loop(2);
  Random random(3);
  NamedTensors inputs = {{"x", testing::random_tensor(random, {2, 6})}, {"count", Tensor::scalar<int64_t>(3)}};
  const Graph again = expect_round_trip(graph, inputs, 17);
  const NamedTensors three = run_reference(again, inputs);
  EXPECT_EQ(three.at("energies").extents(), (std::vector<int64_t>{3}));
  // The opposite input runs through the other head: tanh is odd, and one head negates.
  Tensor mirrored = inputs.at("x");
  for (int64_t i = 0; i < mirrored.elements(); ++i) mirrored.set_number_at(i, -mirrored.number_at(i));
  const NamedTensors other = run_reference(again, {{"x", mirrored}, {"count", inputs.at("count")}});
  expect_same({{"energies", other.at("energies")}}, {{"energies", three.at("energies")}});
  EXPECT_FALSE(other.at("y") == three.at("y"));
  // Fewer rounds are the first ones.
  inputs.insert_or_assign("count", Tensor::scalar<int64_t>(1));
  EXPECT_EQ(run_reference(again, inputs).at("energies").number_at(0), three.at("energies").number_at(0));
}

// The running sums by hand, for every axis and direction.
TEST(Models, ScanOverAxesInBothDirections) {
  Random random(8);
  const Tensor start = testing::random_tensor(random, {3});
  for (int form = 0; form < 16; ++form) {
    const testing::ScanForm f{.in_axis = form & 1,
                              .out_axis = (form >> 1) & 1,
                              .in_backwards = (form & 4) != 0,
                              .out_backwards = (form & 8) != 0};
    const Graph graph = testing::scan_network(f, 9);
    const Tensor x =
        testing::random_tensor(random, f.in_axis == 0 ? std::vector<int64_t>{4, 3} : std::vector<int64_t>{3, 4});
    const NamedTensors inputs = {{"start", start}, {"x", x}};
    const NamedTensors found = run_reference(expect_round_trip(graph, inputs, 17), inputs);
    const Tensor& weight = *graph.initializers()[0].data;
    const Tensor& squares = found.at("squares");
    ASSERT_EQ(squares.extents(), f.out_axis == 0 ? (std::vector<int64_t>{4, 3}) : (std::vector<int64_t>{3, 4}));
    for (int64_t i = 0; i < 3; ++i) {
      double sum = start.number_at(i);
      for (int64_t step = 0; step < 4; ++step) {
        const int64_t t = f.in_backwards ? 3 - step : step, row = f.out_backwards ? 3 - step : step;
        sum += weight.number_at(i) * x.number_at(f.in_axis == 0 ? t * 3 + i : i * 4 + t);
        EXPECT_NEAR(squares.number_at(f.out_axis == 0 ? row * 3 + i : i * 4 + row), sum * sum, 1e-4);
      }
      EXPECT_NEAR(found.at("sum").number_at(i), sum, 1e-5);
    }
  }
}

TEST(Models, QuantizedNetwork) {
  const Graph graph = testing::quantized_network(4);
  Random random(5);
  const NamedTensors inputs = {{"image", testing::random_tensor(random, {2, 3, 8, 8})}};
  expect_round_trip(graph, inputs, 17);
  EXPECT_EQ(graph.shape_text(*graph.value(graph.outputs[0]).shape), "[batch,4]");
  // Inputs that round to the same codes give the same result.
  NamedTensors nudged = inputs;
  Tensor& image = nudged.at("image");
  for (int64_t i = 0; i < image.elements(); ++i)
    image.set_number_at(i, std::nearbyint(std::clamp(image.number_at(i), -2.0, 127.0 / 64) * 64) / 64);
  EXPECT_EQ(run_reference(graph, nudged).at("logits"), run_reference(graph, inputs).at("logits"));
}

TEST(Models, DecoderWithCache) {
  const Graph graph = read_onnx_bytes(testing::decoder_file(6), "decoder.onnx");
  for (const Node& node : graph.nodes()) EXPECT_FALSE(node.is_opaque()) << node.domain << "." << node.op;
  EXPECT_EQ(graph.shape_text(*graph.value(graph.outputs[0]).shape), "[batch,seq,13]");
  EXPECT_EQ(graph.shape_text(*graph.value(graph.outputs[1]).shape), "[batch,2,past+seq,4]");
  EXPECT_EQ(value_text(graph, graph.outputs[1]), "present.0.key");
  const std::vector<int64_t> tokens = {3, 11, 0, 7, 5};
  // 4-bit blocks need opset 21.
  const Graph again = expect_round_trip(graph, testing::decoder_inputs(tokens, {}), 21);
  const NamedTensors whole = run_reference(again, testing::decoder_inputs(tokens, {}));
  // Two tokens, then one after the other with the cache: the same as all at once.
  NamedTensors cache = run_reference(again, testing::decoder_inputs({tokens[0], tokens[1]}, {}));
  for (size_t i = 2; i < tokens.size(); ++i) {
    cache = run_reference(again, testing::decoder_inputs({tokens[i]}, cache));
    for (int64_t word = 0; word < 13; ++word) {
      const double expected = whole.at("logits").number_at(static_cast<int64_t>(i) * 13 + word);
      EXPECT_NEAR(cache.at("logits").number_at(word), expected, 1e-4 * (1 + std::abs(expected)));
    }
  }
  for (const char* name : {"present.0.key", "present.1.value"})
    EXPECT_TRUE(compare_tensors(cache.at(name), whole.at(name), kTolerance).equal()) << name;
}

}  // namespace
}  // namespace nacre
