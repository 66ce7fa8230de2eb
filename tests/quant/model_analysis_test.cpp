#include "nacre/quant/model_analysis.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"
#include "nacre/ir/graph_builder.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

NamedTensors sample_of(const Graph& graph, uint64_t seed, double outlier = 1) {
  Random random(seed);
  const Value& input = graph.value(graph.inputs[0]);
  Tensor tensor(ElementType::float32, input.shape->extents());
  int64_t index = 0;
  for (float& value : tensor.mutable_values<float>())
    value = static_cast<float>(random.normal() * (index++ % 64 == 5 ? outlier : 1));
  return {{input.name, tensor}};
}

// conv -> conv -> matrix product with itself.
Graph network() {
  GraphBuilder builder("net");
  ValueId x = builder.input("input", ElementType::float32, {2, 32, 6, 6});
  x = builder.convolution_norm_activation("first", x, 32, {.kernel = 3}, Activation::relu);
  x = builder.convolution_norm_activation("second", x, 64, {.kernel = 1}, Activation::relu);
  builder.output(x, "y");
  Graph graph = builder.take();
  materialize_parameters(graph, 3);
  return graph;
}

GraphRunner reference() {
  return [](const Graph& graph, const NamedTensors& inputs) { return run_reference(graph, inputs); };
}

std::vector<Format> formats(std::initializer_list<const char*> names) {
  std::vector<Format> result;
  for (const char* name : names) result.push_back(parse_format(name));
  return result;
}

TEST(ModelAnalysis, EveryProductIsTriedInEveryFormat) {
  const Graph graph = network();
  const ModelAnalysis analysis =
      analyze_model(graph, {sample_of(graph, 1), sample_of(graph, 2)},
                    formats({"fp16", "mxint8", "mxfp8", "int4:channel", "int2"}), reference());
  ASSERT_EQ(analysis.layers.size(), 2u);
  EXPECT_TRUE(analysis.skipped.empty());
  for (const LayerAnalysis& layer : analysis.layers) {
    EXPECT_EQ(layer.op, "Conv");
    EXPECT_TRUE(layer.weights_constant);
    ASSERT_EQ(layer.trials.size(), 5u);
    EXPECT_GT(*layer.weights.kappa_32, *layer.weights.kappa_16);
    // Halves are nearly exact; integers of 8 bits are above floats of 8 bits on normal numbers; fewer bits are worse.
    EXPECT_GT(layer.trials[0].output_db, 60);
    EXPECT_GT(layer.trials[1].output_db, layer.trials[2].output_db + 3);
    EXPECT_GT(layer.trials[2].output_db, layer.trials[3].output_db);
    EXPECT_GT(layer.trials[3].output_db, layer.trials[4].output_db);
    // The theory is of normal numbers: drawn weights are within two decibels of it.
    EXPECT_NEAR(*layer.trials[1].weights_predicted_db, layer.trials[1].weights_db, 2.5) << layer.name;
    EXPECT_NEAR(*layer.trials[2].weights_predicted_db, layer.trials[2].weights_db, 2.5) << layer.name;
    EXPECT_FALSE(layer.trials[3].weights_predicted_db);
  }
  const LayerAnalysis& first = analysis.layers[0];
  EXPECT_EQ(first.weights.elements, 32 * 32 * 9);
  EXPECT_EQ(first.activations.elements, 2 * 2 * 32 * 36);
  const int64_t weights = 32 * 32 * 9, activations = 2 * 32 * 36;
  EXPECT_EQ(first.trials[0].stored_bits, 16 * (weights + activations));
  EXPECT_EQ(first.trials[1].stored_bits, 8 * (weights + activations) + 8 * (weights + activations) / 32);
  EXPECT_EQ(first.trials[3].stored_bits, 4 * (weights + activations) + 32 * 32 + 32);
}

// Output SQNR of independent operand errors: 1 / s = 1 / a + 1 / b, so it lies below both operands'.
TEST(ModelAnalysis, OutputErrorsAreTheSumOfTheOperands) {
  const Graph graph = network();
  const ModelAnalysis analysis = analyze_model(graph, {sample_of(graph, 4)}, formats({"mxint8", "mxfp6"}), reference());
  for (const FormatTrial& trial : analysis.layers[0].trials) {
    const double sum =
        -10 * std::log10(std::pow(10, -trial.weights_db / 10) + std::pow(10, -trial.activations_db / 10));
    EXPECT_NEAR(trial.output_db, sum, 0.5);
  }
}

// Outlier channels: one scale for the tensor loses what blocks keep.
TEST(ModelAnalysis, OutliersHurtOneScaleMost) {
  GraphBuilder builder("net");
  builder.output(builder.linear("fc", builder.input("input", ElementType::float32, {32, 64}), 16), "y");
  Graph graph = builder.take();
  materialize_parameters(graph, 1);
  const auto output = [&](double outlier, size_t format) {
    return analyze_model(graph, {sample_of(graph, 5, outlier)}, formats({"int8", "fp8_e4m3"}), reference())
        .layers.at(0)
        .trials.at(format)
        .activations_db;
  };
  const auto plain =
      [&](double outlier) {  // error of the ordinary channels, where an outlier's own power does not count
        return output(outlier, 0) - output(outlier, 1);
      };
  EXPECT_GT(plain(1), plain(100));
}

TEST(ModelAnalysis, TheCheapestThatKeepsEnoughIsAdvised) {
  LayerAnalysis layer;
  for (const auto& [db, bits] : {std::pair{20.0, int64_t{400}}, {31.0, 800}, {33.0, 800}, {45.0, 1600}}) {
    FormatTrial trial;
    trial.format = parse_format("int8");
    trial.output_db = db;
    trial.stored_bits = bits;
    layer.trials.push_back(trial);
  }
  EXPECT_EQ(advised_trial(layer, 10), 0u);
  EXPECT_EQ(advised_trial(layer, 30), 2u);
  EXPECT_EQ(advised_trial(layer, 40), 3u);
  EXPECT_EQ(advised_trial(layer, 90), 3u);
}

TEST(ModelAnalysis, WhatCannotBeAnalyzedIsSaid) {
  const Graph graph = network();
  const auto message = [&](const Graph& model, const std::vector<NamedTensors>& samples,
                           const char* format) -> std::string {
    try {
      analyze_model(model, samples, formats({format}), reference());
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message(graph, {}, "int8"), HasSubstr("no calibration data"));
  EXPECT_THAT(message(graph, {sample_of(graph, 1)}, "int32"), HasSubstr("format int32 is for accumulators"));
  GraphBuilder builder("none");
  builder.output(builder.input("input", ElementType::float32, {4}), "y");
  const Graph none = builder.take();
  EXPECT_THAT(message(none, {sample_of(none, 1)}, "int8"), HasSubstr("no convolution, Gemm or MatMul"));
}

}  // namespace
}  // namespace nacre
