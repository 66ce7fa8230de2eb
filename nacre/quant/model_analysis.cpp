#include "nacre/quant/model_analysis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "nacre/base/error.hpp"
#include "nacre/quant/crest_theory.hpp"
#include "nacre/quant/quantize.hpp"
#include "nacre/quant/signal_ratio.hpp"

namespace nacre {
namespace {

constexpr double kUpperQuartile = 0.75;

// How an operand is cut into blocks: its shape as seen by a format, and the axes.
struct OperandView {
  std::vector<int64_t> shape;
  int summed = 0;   // blocks and rows run along it
  int outputs = 0;  // channels are its indices, of weights
};

struct Product {
  NodeId node = kNone;
  size_t activations = 0, weights = 1;  // places among the node's inputs
};

std::optional<Product> product_of(const Node& node, NodeId id) {
  if (node.dead || node.is_opaque() || !node.domain.empty()) return std::nullopt;
  if (node.op == "Conv" || node.op == "Gemm" || node.op == "MatMul") return Product{.node = id};
  return std::nullopt;
}

OperandView weights_view(const Node& node, const std::vector<int64_t>& extents) {
  if (node.op == "Conv") {
    int64_t rest = 1;
    for (size_t i = 1; i < extents.size(); ++i) rest *= extents[i];
    return {{extents[0], rest}, 1, 0};
  }
  if (node.op == "Gemm") {
    const bool transposed = node.attributes.integer("transB", 0) != 0;
    return {extents, transposed ? 1 : 0, transposed ? 0 : 1};
  }
  const int rank = static_cast<int>(extents.size());
  return {extents, rank == 1 ? 0 : rank - 2, rank - 1};
}

OperandView activations_view(const Node& node, const std::vector<int64_t>& extents,
                             const std::vector<int64_t>& weights) {
  const int last = static_cast<int>(extents.size()) - 1;
  if (node.op == "Conv") return {extents, weights[1] > 1 ? 1 : last, 1};
  if (node.op == "Gemm" && node.attributes.integer("transA", 0) != 0) return {extents, 0, 0};
  return {extents, last, last};
}

// What `format` makes of an operand.
struct Rounded {
  Tensor tensor;
  int64_t bits = 0;
};

Rounded rounded(const Tensor& tensor, const OperandView& view, Format format, bool weights) {
  if (!weights && format.scale.granularity == Granularity::channel) format.scale.granularity = Granularity::tensor;
  const int axis = format.scale.granularity == Granularity::channel ? view.outputs : view.summed;
  Rounded result{.tensor = Tensor(ElementType::float32, tensor.extents())};
  fake_quantize(tensor.values<float>(), result.tensor.mutable_values<float>(), view.shape, axis, format);
  result.bits = storage_bits(view.shape, axis, format);
  return result;
}

struct PowerSum {
  double power = 0, error = 0;

  void add(std::span<const float> signal, std::span<const float> changed) {
    for (size_t i = 0; i < signal.size(); ++i) {
      const double difference = static_cast<double>(signal[i]) - changed[i];
      power += static_cast<double>(signal[i]) * signal[i];
      error += difference * difference;
    }
  }
  double decibels() const {
    return error == 0 ? std::numeric_limits<double>::infinity() : 10 * std::log10(power / error);
  }
};

OperandSpread spread_of(const std::vector<std::pair<Tensor, OperandView>>& operands) {
  OperandSpread spread;
  for (const auto& [block, kappa] : {std::pair{int64_t{32}, &spread.kappa_32}, {int64_t{16}, &spread.kappa_16}}) {
    std::vector<double> factors;
    for (const auto& [tensor, view] : operands)
      std::ranges::copy(crest_factors(tensor.values<float>(), view.shape, view.summed, block),
                        std::back_inserter(factors));
    if (!factors.empty()) *kappa = share_quantile(std::move(factors), kUpperQuartile);
  }
  for (const auto& [tensor, view] : operands) spread.elements += tensor.elements();
  return spread;
}

std::optional<double> predicted(const Format& format, const OperandSpread& spread) {
  const std::optional<double>& kappa = format.scale.block == 32 ? spread.kappa_32 : spread.kappa_16;
  const bool known = format.scale.block == 32 || format.scale.block == 16;
  return known && kappa && format.rotation == 0 ? predicted_qsnr_db(format, *kappa) : std::nullopt;
}

std::string layer_name(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!node.name.empty()) return node.name;
  const std::string& scope = graph.scope(node.scope);
  return scope.empty() ? fmt::format("{} {}", node.op, id) : scope + "/" + node.op;
}

class Analyzer {
 public:
  Analyzer(const Graph& graph, const std::vector<NamedTensors>& samples, const std::vector<Format>& formats)
      : graph_(graph), samples_(samples), formats_(formats) {
    for (const Format& format : formats)
      if (!format.grid->coded())
        throw UserError(fmt::format("format {} is for accumulators; no layer can be tried in it", format_text(format)));
    for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id)
      if (const std::optional<Product> product = product_of(graph.node(id), id)) products_.push_back(*product);
    if (products_.empty()) throw UserError("the model has no convolution, Gemm or MatMul to analyze");
  }

  ModelAnalysis analyze(const GraphRunner& run, const std::function<void(const std::string&)>& progress) {
    record_operands(run);
    for (const Product& product : products_) {
      const std::string name = layer_name(graph_, product.node);
      if (progress) progress(name);
      const std::string reason = reason_against(product);
      if (reason.empty())
        result_.layers.push_back(analyze_layer(product, name));
      else
        result_.skipped.push_back(name + ": " + reason);
    }
    return std::move(result_);
  }

 private:
  // The model run once a sample, with every operand as one more output.
  void record_operands(const GraphRunner& run) {
    Graph watched = graph_;
    watched.outputs.clear();
    std::vector<ValueId> values;
    for (const Product& product : products_)
      for (const ValueId id : graph_.node(product.node).inputs)
        if (id != kNone && graph_.initializer_of(id) == nullptr && std::ranges::find(values, id) == values.end())
          values.push_back(id);
    for (size_t i = 0; i < values.size(); ++i) {
      Value& value = watched.value(values[i]);
      if (std::ranges::find(graph_.inputs, values[i]) == graph_.inputs.end()) value.name = fmt::format("operand:{}", i);
      watched.add_output(values[i]);
    }
    for (const NamedTensors& sample : samples_) {
      NamedTensors outputs = run(watched, sample);
      std::map<ValueId, Tensor>& kept = operands_.emplace_back();
      for (const ValueId id : values) {
        const std::string& name = watched.value(id).name;
        const auto found = outputs.find(name);
        const auto given = sample.find(name);
        if (found != outputs.end())
          kept[id] = found->second;
        else if (given != sample.end())
          kept[id] = given->second;
      }
    }
  }

  Tensor operand(ValueId id, size_t sample) const {
    if (graph_.initializer_of(id) != nullptr) return parameters_.view(graph_, id);
    const auto found = operands_[sample].find(id);
    return found == operands_[sample].end() ? Tensor() : found->second;
  }

  std::string reason_against(const Product& product) const {
    const Node& node = graph_.node(product.node);
    for (const size_t place : {product.activations, product.weights}) {
      const Tensor tensor = operand(node.inputs[place], 0);
      if (tensor.empty()) return "an operand without elements";
      if (tensor.type() != ElementType::float32)
        return fmt::format("an operand of {}", element_type_name(tensor.type()));
    }
    return "";
  }

  LayerAnalysis analyze_layer(const Product& product, const std::string& name) const {
    const Node& node = graph_.node(product.node);
    LayerAnalysis layer{.name = name, .op = node.op, .weights = {}, .activations = {}, .trials = {}};
    layer.weights_constant = graph_.initializer_of(node.inputs[product.weights]) != nullptr;
    std::vector<std::pair<Tensor, OperandView>> weights, activations;
    for (size_t sample = 0; sample < samples_.size(); ++sample) {
      const Tensor w = operand(node.inputs[product.weights], sample),
                   x = operand(node.inputs[product.activations], sample);
      activations.emplace_back(x, activations_view(node, x.extents(), w.extents()));
      if (sample == 0 || !layer.weights_constant) weights.emplace_back(w, weights_view(node, w.extents()));
    }
    layer.weights = spread_of(weights);
    layer.activations = spread_of(activations);
    std::vector<Tensor> outputs;
    for (size_t sample = 0; sample < samples_.size(); ++sample)
      outputs.push_back(
          run_layer(product, sample, weights[weights.size() > sample ? sample : 0].first, activations[sample].first));
    for (const Format& format : formats_)
      layer.trials.push_back(try_format(product, format, layer, weights, activations, outputs));
    return layer;
  }

  FormatTrial try_format(const Product& product, const Format& format, const LayerAnalysis& layer,
                         const std::vector<std::pair<Tensor, OperandView>>& weights,
                         const std::vector<std::pair<Tensor, OperandView>>& activations,
                         const std::vector<Tensor>& outputs) const {
    FormatTrial trial;
    trial.format = format;
    trial.weights_predicted_db = predicted(format, layer.weights);
    trial.activations_predicted_db = predicted(format, layer.activations);
    PowerSum of_weights, of_activations, of_outputs;
    Rounded w;
    for (size_t sample = 0; sample < activations.size(); ++sample) {
      if (sample < weights.size()) {
        w = rounded(weights[sample].first, weights[sample].second, format, true);
        of_weights.add(weights[sample].first.values<float>(), w.tensor.values<float>());
      }
      const Rounded x = rounded(activations[sample].first, activations[sample].second, format, false);
      of_activations.add(activations[sample].first.values<float>(), x.tensor.values<float>());
      const Tensor output = run_layer(product, sample, w.tensor, x.tensor);
      of_outputs.add(outputs[sample].values<float>(), output.values<float>());
      if (sample == 0) trial.stored_bits = w.bits + x.bits;
    }
    trial.weights_db = of_weights.decibels();
    trial.activations_db = of_activations.decibels();
    trial.output_db = of_outputs.decibels();
    return trial;
  }

  Tensor run_layer(const Product& product, size_t sample, const Tensor& w, const Tensor& x) const {
    const Node& node = graph_.node(product.node);
    std::vector<Tensor> held;
    for (size_t i = 0; i < node.inputs.size(); ++i)
      held.push_back(i == product.weights       ? w
                     : i == product.activations ? x
                     : node.inputs[i] == kNone  ? Tensor()
                                                : operand(node.inputs[i], sample));
    std::vector<const Tensor*> inputs;
    for (size_t i = 0; i < held.size(); ++i) inputs.push_back(node.inputs[i] == kNone ? nullptr : &held[i]);
    return run_reference_node(node, inputs).at(0);
  }

  const Graph& graph_;
  const std::vector<NamedTensors>& samples_;
  const std::vector<Format>& formats_;
  GraphParameters parameters_;
  std::vector<Product> products_;
  std::vector<std::map<ValueId, Tensor>> operands_;  // of each sample
  ModelAnalysis result_;
};

}  // namespace

ModelAnalysis analyze_model(const Graph& graph, const std::vector<NamedTensors>& samples,
                            const std::vector<Format>& formats, const GraphRunner& run,
                            const std::function<void(const std::string& layer)>& progress) {
  if (samples.empty()) throw UserError("no calibration data");
  return Analyzer(graph, samples, formats).analyze(run, progress);
}

size_t advised_trial(const LayerAnalysis& layer, double least_db) {
  NACRE_CHECK(!layer.trials.empty());
  std::optional<size_t> cheapest;
  size_t best = 0;
  for (size_t i = 0; i < layer.trials.size(); ++i) {
    const FormatTrial& trial = layer.trials[i];
    if (trial.output_db > layer.trials[best].output_db) best = i;
    if (!(trial.output_db >= least_db)) continue;
    if (cheapest) {
      const FormatTrial& other = layer.trials[*cheapest];
      if (trial.stored_bits > other.stored_bits) continue;
      if (trial.stored_bits == other.stored_bits && trial.output_db <= other.output_db) continue;
    }
    cheapest = i;
  }
  return cheapest.value_or(best);
}

}  // namespace nacre
