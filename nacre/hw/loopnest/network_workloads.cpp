#include "nacre/hw/loopnest/network_workloads.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "nacre/base/error.hpp"
#include "nacre/ir/element_type.hpp"
#include "nacre/ir/operators/einsum.hpp"
#include "nacre/ir/operators/window.hpp"
#include "nacre/ir/schema.hpp"
#include "nacre/quant/format.hpp"

namespace nacre {
namespace {

constexpr std::array<const char*, 3> kOutputPositions = {"P", "Q", "U"};
constexpr std::array<const char*, 3> kKernelPositions = {"R", "S", "V"};

std::string workload_name(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!node.name.empty()) return node.name;
  const std::string& scope = graph.scope(node.scope);
  return scope.empty() ? node.op : scope + "/" + node.op;
}

std::vector<int64_t> extents_of(const Graph& graph, NodeId node, ValueId id) {
  const Value& value = graph.value(id);
  if (!value.shape || !value.shape->is_fixed())
    throw UserError(node_text(graph, node) + ": the shape of '" + value_text(graph, id) +
                    "' is not fixed; bind its symbols to cost it");
  return value.shape->extents();
}

int64_t product_of(const std::vector<int64_t>& extents, size_t first, size_t last) {
  int64_t result = 1;
  for (size_t i = first; i < last; ++i)
    if (__builtin_mul_overflow(result, extents[i], &result)) throw UserError("a tensor of more than 2^63 elements");
  return result;
}

// Collects the dimensions and tensors of one product.
class WorkloadBuilder {
 public:
  WorkloadBuilder(const Graph& graph, NodeId node, const OperandFormats& formats)
      : graph_(graph), formats_(formats), workload_{.name = workload_name(graph, node)} {}

  int dimension(const std::string& name, int64_t size) {
    workload_.dimensions.push_back({name, size});
    return static_cast<int>(workload_.dimensions.size()) - 1;
  }

  void tensor(const std::string& name, TensorRole role, ValueId value, std::vector<TensorAxis> axes) {
    const std::string format = format_of(value, role);
    workload_.tensors.push_back(
        {.name = name, .role = role, .axes = std::move(axes), .bits = format_bits(format), .format = format});
  }

  Workload take() {
    if (workload_.dimensions.size() > static_cast<size_t>(kMaximumLoopDimensions))
      throw UserError("'" + workload_.name + "' has " + std::to_string(workload_.dimensions.size()) +
                      " loop dimensions, at most " + std::to_string(kMaximumLoopDimensions) + " are modelled");
    if (!formats_.partial_sums.empty()) {
      workload_.partial_sum_bits = format_bits(formats_.partial_sums);
    } else {
      const WorkloadTensor& output = workload_.tensors.back();
      // Sums of integers, and of blocks whose scales differ, are wider than what they sum.
      const bool wider = output.format.starts_with("int") || output.format.starts_with("uint") ||
                         output.format.starts_with("mx") || output.format.starts_with("nv");
      workload_.partial_sum_bits = wider ? std::max<int64_t>(32, output.bits) : output.bits;
    }
    workload_.points();  // refuses an overflow
    return std::move(workload_);
  }

 private:
  std::string format_of(ValueId id, TensorRole role) const {
    const Value& value = graph_.value(id);
    if (!value.format.empty()) return value.format;
    const std::string& wanted = role == TensorRole::weights ? formats_.weights : formats_.activations;
    return wanted.empty() ? std::string(element_type_name(value.type)) : wanted;
  }

  const Graph& graph_;
  const OperandFormats& formats_;
  Workload workload_;
};

TensorAxis axis(int dimension) { return {{{dimension, 1}}}; }

bool is_weight(const Graph& graph, ValueId id) { return graph.initializer_of(id) != nullptr; }

// --- convolutions -----------------------------------------------------------------------------------------------------

struct ConvolutionInputs {
  ValueId data;
  ValueId weight;
};

ConvolutionInputs convolution_inputs(const Node& node) {
  if (node.op == "QLinearConv") return {node.inputs[0], node.inputs[3]};
  return {node.inputs[0], node.inputs[1]};
}

// Convolution gathers: each output position reads a window of inputs. The transposed one scatters: each input position adds to a
// window of outputs. The same space, with the window on the other tensor.
Workload convolution(const Graph& graph, NodeId id, const OperandFormats& formats) {
  const Node& node = graph.node(id);
  const auto [data, weight] = convolution_inputs(node);
  const bool transposed = node.op == "ConvTranspose";
  const std::vector<int64_t> x = extents_of(graph, id, data), w = extents_of(graph, id, weight);
  const std::vector<int64_t> y = extents_of(graph, id, node.outputs[0]);
  const std::vector<int64_t> kernel(w.begin() + 2, w.end());
  const operators::Window window = operators::read_window(node.attributes, kernel);
  if (static_cast<size_t>(window.rank) > kOutputPositions.size())
    throw UserError(node_text(graph, id) + ": convolutions of more than three spatial axes are not modelled");
  const int64_t groups = node.attributes.integer("group", 1);
  const int64_t inputs = x[1] / groups, outputs = y[1] / groups;

  WorkloadBuilder builder(graph, id, formats);
  std::vector<TensorAxis> in, weights, out;
  const int batch = builder.dimension("N", x[0]);
  in.push_back(axis(batch));
  out.push_back(axis(batch));
  // A depthwise convolution has the channels in all tensors: the field calls them C.
  const bool depthwise = groups > 1 && inputs == 1 && outputs == 1;
  if (groups > 1) {
    const int group = builder.dimension(depthwise ? "C" : "G", groups);
    for (auto* axes : {&in, &weights, &out}) axes->push_back(axis(group));
  }
  if (!depthwise) {
    const int k = builder.dimension("K", outputs);
    const int c = builder.dimension("C", inputs);
    in.push_back(axis(c));
    weights.push_back(axis(c));
    weights.push_back(axis(k));
    out.push_back(axis(k));
  }
  std::vector<int> positions, taps;
  for (int i = 0; i < window.rank; ++i) {
    const auto at = static_cast<size_t>(i);
    positions.push_back(builder.dimension(kOutputPositions[at], transposed ? x[at + 2] : y[at + 2]));
  }
  for (int i = 0; i < window.rank; ++i) {
    const auto at = static_cast<size_t>(i);
    taps.push_back(builder.dimension(kKernelPositions[at], kernel[at]));
  }
  for (int i = 0; i < window.rank; ++i) {
    const auto at = static_cast<size_t>(i);
    const TensorAxis windowed = {{{positions[at], window.axes[at].stride}, {taps[at], window.axes[at].dilation}}};
    weights.push_back(axis(taps[at]));
    in.push_back(transposed ? axis(positions[at]) : windowed);
    out.push_back(transposed ? windowed : axis(positions[at]));
  }
  builder.tensor("Weights", TensorRole::weights, weight, std::move(weights));
  builder.tensor("Inputs", TensorRole::inputs, data, std::move(in));
  builder.tensor("Outputs", TensorRole::outputs, node.outputs[0], std::move(out));
  return builder.take();
}

// --- matrix products --------------------------------------------------------------------------------------------------

struct MatrixExtents {
  int64_t groups = 1;  // batches of both operands
  int64_t batch = 1;   // of the first alone
  int64_t rows = 1, columns = 1, inner = 1;
};

Workload matrix_product(const Graph& graph, NodeId id, const OperandFormats& formats, const MatrixExtents& extents,
                        std::array<ValueId, 3> values) {
  WorkloadBuilder builder(graph, id, formats);
  std::vector<TensorAxis> first, second, out;
  if (extents.batch > 1) {
    const int n = builder.dimension("N", extents.batch);
    first.push_back(axis(n));
    out.push_back(axis(n));
  }
  if (extents.groups > 1) {
    const int g = builder.dimension("G", extents.groups);
    for (auto* axes : {&first, &second, &out}) axes->push_back(axis(g));
  }
  const int p = builder.dimension("P", extents.rows);
  const int k = builder.dimension("K", extents.columns);
  const int c = builder.dimension("C", extents.inner);
  first.push_back(axis(p));
  first.push_back(axis(c));
  second.push_back(axis(c));
  second.push_back(axis(k));
  out.push_back(axis(p));
  out.push_back(axis(k));
  // The second operand takes the place of weights in a memory hierarchy, whether it is constant or not.
  builder.tensor(is_weight(graph, values[1]) ? "Weights" : "Operands", TensorRole::weights, values[1],
                 std::move(second));
  builder.tensor("Inputs", TensorRole::inputs, values[0], std::move(first));
  builder.tensor("Outputs", TensorRole::outputs, values[2], std::move(out));
  return builder.take();
}

Workload gemm(const Graph& graph, NodeId id, const OperandFormats& formats) {
  const Node& node = graph.node(id);
  const std::vector<int64_t> a = extents_of(graph, id, node.inputs[0]), y = extents_of(graph, id, node.outputs[0]);
  const int64_t inner = a[node.attributes.integer("transA", 0) != 0 ? 0 : 1];
  return matrix_product(graph, id, formats, {.rows = y[0], .columns = y[1], .inner = inner},
                        {node.inputs[0], node.inputs[1], node.outputs[0]});
}

Workload matmul(const Graph& graph, NodeId id, const OperandFormats& formats) {
  const Node& node = graph.node(id);
  const ValueId second = node.op == "QLinearMatMul" ? node.inputs[3] : node.inputs[1];
  std::vector<int64_t> a = extents_of(graph, id, node.inputs[0]), b = extents_of(graph, id, second);
  if (a.size() == 1) a.insert(a.begin(), 1);
  if (b.size() == 1) b.push_back(1);
  MatrixExtents extents{.rows = a[a.size() - 2], .columns = b[b.size() - 1], .inner = a[a.size() - 1]};
  // Batch axes, aligned at the right: shared ones are groups, those of the first alone are batch; those of the second alone make
  // more columns.
  const size_t a_batch = a.size() - 2, b_batch = b.size() - 2;
  for (size_t i = 0; i < std::max(a_batch, b_batch); ++i) {
    const int64_t first = i < a_batch ? a[a_batch - 1 - i] : 1;
    const int64_t other = i < b_batch ? b[b_batch - 1 - i] : 1;
    if (first == other) extents.groups *= first;
    if (first > 1 && other == 1) extents.batch *= first;
    if (first == 1 && other > 1) extents.columns *= other;
  }
  return matrix_product(graph, id, formats, extents, {node.inputs[0], second, node.outputs[0]});
}

// Einsum of two operands: labels of both and the result are groups, of one and the result rows or columns, of both alone summed.
std::optional<Workload> einsum(const Graph& graph, NodeId id, const OperandFormats& formats) {
  const Node& node = graph.node(id);
  if (node.inputs.size() != 2) return std::nullopt;
  const std::vector<int64_t> a = extents_of(graph, id, node.inputs[0]), b = extents_of(graph, id, node.inputs[1]);
  const std::array<int, 2> ranks = {static_cast<int>(a.size()), static_cast<int>(b.size())};
  const operators::EinsumEquation equation = operators::parse_einsum(node.attributes.text("equation", ""), ranks);
  std::map<int, std::array<int64_t, 2>>
      labels;  // extent in the first and second operand, 1 where it broadcasts or is absent
  for (size_t operand = 0; operand < 2; ++operand)
    for (size_t i = 0; i < equation.terms[operand].size(); ++i)
      labels.try_emplace(equation.terms[operand][i], std::array<int64_t, 2>{1, 1}).first->second[operand] =
          (operand == 0 ? a : b)[i];
  MatrixExtents extents;
  for (const auto& [label, extent] : labels) {
    const bool kept = std::ranges::find(equation.result, label) != equation.result.end();
    const bool both = extent[0] > 1 && extent[1] > 1;
    if (kept && both) extents.groups *= extent[0];
    if (kept && !both) (extent[0] > 1 ? extents.rows : extents.columns) *= std::max(extent[0], extent[1]);
    if (!kept && !both && std::max(extent[0], extent[1]) > 1)
      return std::nullopt;  // a sum of one operand alone comes first
    if (!kept) extents.inner *= extent[0];
  }
  if (extents.inner == 1) return std::nullopt;  // nothing is summed: element-wise
  return matrix_product(graph, id, formats, extents, {node.inputs[0], node.inputs[1], node.outputs[0]});
}

// RNN, GRU, LSTM: the products with the inputs of all steps at once, and with the state step by step. The state's product is one
// space over the steps (P): its weights stay, its inputs do not; that a step waits for the one before is not modelled.
std::vector<Workload> recurrent(const Graph& graph, NodeId id, const OperandFormats& formats) {
  const Node& node = graph.node(id);
  const std::vector<int64_t> x = extents_of(graph, id, node.inputs[0]), w = extents_of(graph, id, node.inputs[1]);
  const std::vector<int64_t> r = extents_of(graph, id, node.inputs[2]);
  ValueId output = kNone;
  for (const ValueId candidate : node.outputs)
    if (output == kNone && candidate != kNone) output = candidate;
  const MatrixExtents input{.groups = w[0], .rows = x[0] * x[1], .columns = w[1], .inner = w[2]};
  const MatrixExtents state{.groups = r[0], .rows = x[0] * x[1], .columns = r[1], .inner = r[2]};
  std::vector<Workload> products = {matrix_product(graph, id, formats, input, {node.inputs[0], node.inputs[1], output}),
                                    matrix_product(graph, id, formats, state, {output, node.inputs[2], output})};
  products[0].name += " (inputs)";
  products[1].name += " (state)";
  return products;
}

// --- all nodes ----------------------------------------------------------------------------------------------------------

bool is_any(const std::string& op, std::initializer_list<const char*> names) {
  return std::ranges::any_of(names, [&](const char* name) { return op == name; });
}

// Only names, shapes and views change: nothing runs.
bool is_free(const Node& node) {
  return is_any(node.op, {"Constant", "ConstantOfShape", "Shape", "Size", "Identity", "Dropout", "DropPath", "Reshape",
                          "Flatten", "Squeeze", "Unsqueeze", "Range", "EyeLike"});
}

std::optional<std::vector<Workload>> products_of(const Graph& graph, NodeId id, const OperandFormats& formats) {
  const std::string& op = graph.node(id).op;
  if (is_any(op, {"Conv", "ConvInteger", "QLinearConv", "ConvTranspose"})) return {{convolution(graph, id, formats)}};
  if (op == "Gemm") return {{gemm(graph, id, formats)}};
  if (is_any(op, {"MatMul", "MatMulInteger", "QLinearMatMul"})) return {{matmul(graph, id, formats)}};
  if (is_any(op, {"RNN", "GRU", "LSTM"})) return recurrent(graph, id, formats);
  if (op == "Einsum") {
    std::optional<Workload> product = einsum(graph, id, formats);
    if (product) return {{std::move(*product)}};
  }
  return std::nullopt;
}

class NetworkWorkBuilder {
 public:
  NetworkWorkBuilder(const Graph& graph, const NetworkWorkOptions& options)
      : graph_(graph), options_(options), consumers_(graph.consumers()) {}

  NetworkWork build() {
    for (NodeId id = 0; id < static_cast<NodeId>(graph_.nodes().size()); ++id)
      if (!graph_.node(id).dead) add(id);
    std::ranges::sort(result_.not_covered);
    result_.not_covered.erase(std::unique(result_.not_covered.begin(), result_.not_covered.end()),
                              result_.not_covered.end());
    return std::move(result_);
  }

 private:
  void add(NodeId id) {
    const Node& node = graph_.node(id);
    NodeWork work{.node = id};
    if (node.is_opaque() || !node.bodies.empty()) {
      result_.not_covered.push_back(node.op);
    } else if (!is_free(node)) {
      describe(id, work);
    }
    index_[id] = result_.nodes.size();
    result_.nodes.push_back(std::move(work));
  }

  void describe(NodeId id, NodeWork& work) {
    const Node& node = graph_.node(id);
    for (const ValueId input : node.inputs)
      if (input != kNone) work.read_bits += bits_of(id, input);
    for (const ValueId output : node.outputs)
      if (output != kNone) work.written_bits += bits_of(id, output);
    if (auto products = products_of(graph_, id, options_.formats)) {
      work.kind = NodeWork::Kind::product;
      work.products = std::move(*products);
      return;
    }
    work.vector_operations = operations(id);
    work.kind = work.vector_operations > 0 ? NodeWork::Kind::vector : NodeWork::Kind::movement;
    if (work.kind == NodeWork::Kind::vector && options_.fuse_elementwise) fuse(id, work);
  }

  int64_t operations(NodeId id) const {
    const Node& node = graph_.node(id);
    // Comparisons are operations of a vector unit, though no arithmetic of the field's counts.
    const int64_t counted = node.schema->cost == nullptr ? 0 : node.schema->cost(graph_, node).flops;
    if (counted > 0 || !node.schema->elementwise) return counted;
    const std::vector<int64_t> extents = extents_of(graph_, id, node.outputs[0]);
    return product_of(extents, 0, extents.size());
  }

  // Nothing of a value that has no shape to have bits of (strings) or that is a constant of no more than a few elements.
  int64_t bits_of(NodeId id, ValueId value) const {
    const Value& entry = graph_.value(value);
    const std::vector<int64_t> extents = extents_of(graph_, id, value);
    const bool weight = is_weight(graph_, value);
    const std::string& wanted = weight ? options_.formats.weights : options_.formats.activations;
    int64_t bits = element_bits(entry.type);
    if (!entry.format.empty())
      bits = format_bits(entry.format);
    else if (!wanted.empty() && is_floating(entry.type))
      bits = format_bits(wanted);
    return product_of(extents, 0, extents.size()) * bits;
  }

  // The node whose results `value` is, behind nodes that cost nothing, when nobody else reads them on the way and the network
  // does not answer with them: then they need not be stored.
  NodeId sole_producer(ValueId value) const {
    for (;;) {
      const bool answered = std::ranges::find(graph_.outputs, value) != graph_.outputs.end();
      if (answered || consumers_[static_cast<size_t>(value)].size() != 1) return kNone;
      const NodeId producer = graph_.value(value).producer;
      if (producer == kNone || !is_free(graph_.node(producer)) || graph_.node(producer).inputs.empty()) return producer;
      value = graph_.node(producer).inputs[0];
    }
  }

  // An element-wise node whose operand comes from a product (or from work already fused into one) and goes nowhere else.
  void fuse(NodeId id, NodeWork& work) {
    const Node& node = graph_.node(id);
    if (!node.schema->elementwise && node.op != "BatchNormalization") return;
    ValueId through = kNone;
    NodeId host = kNone;
    for (const ValueId input : node.inputs) {
      if (input == kNone || is_weight(graph_, input)) continue;
      const NodeId producer = sole_producer(input);
      if (producer == kNone || !index_.contains(producer)) continue;
      const NodeWork& before = result_.nodes[index_.at(producer)];
      const NodeId target = before.kind == NodeWork::Kind::product ? producer : before.fused_into;
      if (target == kNone || target < host) continue;  // of two producers the later one, whose results are at hand
      host = target;
      through = input;
    }
    if (host == kNone) return;
    work.fused_into = host;
    work.written_bits = 0;  // the host writes them
    work.read_bits -= bits_of(id, through);
  }

  const Graph& graph_;
  const NetworkWorkOptions& options_;
  std::vector<std::vector<NodeId>> consumers_;
  std::map<NodeId, size_t> index_;
  NetworkWork result_;
};

}  // namespace

int64_t format_bits(const std::string& format) {
  const ElementType type = element_type_from_name(format);
  if (type != ElementType::undefined && element_bits(type) > 0) return element_bits(type);
  // A format is parsed once, not for every value of a network: its tables of codes are made on the way.
  thread_local std::map<std::string, int64_t, std::less<>> known;
  const auto found = known.find(format);
  if (found != known.end()) return found->second;
  return known[format] = parse_format(format).grid->bits;
}

NetworkWork network_work(const Graph& graph, const NetworkWorkOptions& options) {
  for (const std::string& format : {options.formats.weights, options.formats.activations, options.formats.partial_sums})
    if (!format.empty()) format_bits(format);
  return NetworkWorkBuilder(graph, options).build();
}

}  // namespace nacre
