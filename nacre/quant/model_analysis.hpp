// Which number format suits which layer of a model: both operands of every product (convolution, Gemm, MatMul) on calibration data, how
// spread they are within blocks, what error a format makes of each by theory and by trial, and what is left of the layer's output
// when both are in the format. Nothing is trained; sources: INT v.s. FP (arXiv 2510.25602), FP8 versus INT8 (arXiv 2303.17951).
//
// Blocks and rows run along the summed axis: the channels of a convolution's input (its width where each channel is alone), all that
// one output channel of its kernel sums. Scales by channel are those of output channels; activations, whose channels are summed,
// then have one scale.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nacre/ir/graph.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/quant/format.hpp"

namespace nacre {

struct OperandSpread {
  int64_t elements = 0;
  std::optional<double> kappa_32, kappa_16;  // upper quartile of crest factors of blocks; nothing when all is zero
};

struct FormatTrial {
  Format format;
  std::optional<double> weights_predicted_db, activations_predicted_db;  // from kappa, where the theory has a formula
  double weights_db = 0, activations_db = 0;  // SQNR of the operands; infinite where nothing changes
  double output_db = 0;                       // of the layer's output with both in the format
  int64_t stored_bits = 0;                    // of weights and activations of one sample, scales included
};

struct LayerAnalysis {
  std::string name, op;
  bool weights_constant = true;  // false for products of two activations
  OperandSpread weights, activations;
  std::vector<FormatTrial> trials;  // in the order of the formats
};

struct ModelAnalysis {
  std::vector<LayerAnalysis> layers;
  std::vector<std::string> skipped;  // products that were not analyzed, and why
};

// The outputs of a graph on inputs by name.
using GraphRunner = std::function<NamedTensors(const Graph& graph, const NamedTensors& inputs)>;

// Samples are pooled: errors and powers are summed. UserError for formats without codes and for a model without products.
// `progress` is told each layer's name before it is tried, and may throw to stop.
ModelAnalysis analyze_model(const Graph& graph, const std::vector<NamedTensors>& samples,
                            const std::vector<Format>& formats, const GraphRunner& run,
                            const std::function<void(const std::string& layer)>& progress = {});

// The trial of fewest stored bits whose output keeps `least_db`, of equal ones the best; the best of all where none does.
size_t advised_trial(const LayerAnalysis& layer, double least_db);

}  // namespace nacre
