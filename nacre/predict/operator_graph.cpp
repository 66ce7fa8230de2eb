#include "nacre/predict/operator_graph.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_set>

namespace nacre {
namespace {

const std::unordered_set<std::string> kElementwise = {"BatchNormalization",
                                                      "Relu",
                                                      "LeakyRelu",
                                                      "PRelu",
                                                      "Elu",
                                                      "Selu",
                                                      "Celu",
                                                      "Gelu",
                                                      "Sigmoid",
                                                      "HardSigmoid",
                                                      "HardSwish",
                                                      "Mish",
                                                      "Tanh",
                                                      "Softplus",
                                                      "Softsign",
                                                      "Clip",
                                                      "Identity",
                                                      "Dropout",
                                                      "Cast",
                                                      "InstanceNormalization",
                                                      "LayerNormalization",
                                                      "GroupNormalization",
                                                      "Swish",
                                                      "Erf",
                                                      "Sqrt",
                                                      "Exp",
                                                      "Neg",
                                                      "Abs"};

double elements(const Shape& shape, int from = 0) {
  double count = 1;
  for (int i = from; i < shape.rank(); ++i) {
    if (shape[i].is_fixed()) count *= static_cast<double>(shape[i].extent());
  }
  return count;
}

class Contraction {
 public:
  explicit Contraction(const Graph& graph) : graph_(graph), readers_(graph.values().size(), 0) {
    for (const Node& node : graph.nodes()) {
      if (node.dead) continue;
      for (const ValueId value : node.inputs) count_reader(value);
      for (const Body& body : node.bodies) {
        for (const ValueId value : body.captures) count_reader(value);
      }
    }
    for (const ValueId value : graph.outputs) count_reader(value);
    vertex_of_value_.assign(graph.values().size(), kNone);
  }

  OperatorGraph run() {
    for (const ValueId input : graph_.inputs) {
      if (graph_.initializer_of(input) != nullptr) continue;
      OperatorGraph::Vertex& vertex = add_vertex(input, true);
      vertex.operators["Input"] = 1;
      describe_output(vertex, input);
    }
    for (const Node& node : graph_.nodes()) {
      if (!node.dead) visit(node);
    }
    for (const ValueId output : graph_.outputs) {
      if (vertex_of_value_[static_cast<size_t>(output)] != kNone) vertex_of(output).sizes[8] = 1;
    }
    return std::move(result_);
  }

 private:
  void count_reader(ValueId value) {
    if (value != kNone) ++readers_[static_cast<size_t>(value)];
  }
  OperatorGraph::Vertex& vertex_of(ValueId value) {
    return result_.vertices[static_cast<size_t>(vertex_of_value_[static_cast<size_t>(value)])];
  }
  OperatorGraph::Vertex& add_vertex(ValueId value, bool closed) {
    vertex_of_value_[static_cast<size_t>(value)] = static_cast<int32_t>(result_.vertices.size());
    light_.push_back(!closed);
    return result_.vertices.emplace_back();
  }

  void visit(const Node& node) {
    std::vector<ValueId> data;
    for (const ValueId value : node.inputs) {
      if (value != kNone && vertex_of_value_[static_cast<size_t>(value)] != kNone) data.push_back(value);
    }
    for (const Body& body : node.bodies) {
      for (const ValueId value : body.captures) {
        if (vertex_of_value_[static_cast<size_t>(value)] != kNone) data.push_back(value);
      }
    }
    if (data.empty() || node.outputs.empty()) return;  // arithmetic on constants
    const bool light = kElementwise.contains(node.op) && data.size() == 1;
    int32_t place = vertex_of_value_[static_cast<size_t>(data[0])];
    // Alone behind its producer: into it where either of both is only elementwise.
    const bool alone = data.size() == 1 && readers_[static_cast<size_t>(data[0])] == 1 &&
                       !result_.vertices[static_cast<size_t>(place)].operators.contains("Input");
    const bool merged = alone && (light || light_[static_cast<size_t>(place)]);
    if (!merged) {
      place = static_cast<int32_t>(result_.vertices.size());
      result_.vertices.emplace_back();
      light_.push_back(light);
      for (const ValueId value : data) {
        const int32_t from = vertex_of_value_[static_cast<size_t>(value)];
        result_.vertices[static_cast<size_t>(place)].inputs.push_back(from);
        result_.vertices[static_cast<size_t>(from)].outputs.push_back(place);
      }
    } else {
      light_[static_cast<size_t>(place)] = light_[static_cast<size_t>(place)] && light;
    }
    OperatorGraph::Vertex& vertex = result_.vertices[static_cast<size_t>(place)];
    vertex.operators[node.op] += 1;
    describe(vertex, node);
    for (const ValueId output : node.outputs) vertex_of_value_[static_cast<size_t>(output)] = place;
  }

  void describe(OperatorGraph::Vertex& vertex, const Node& node) {
    double parameters = 0, work = 0;
    for (const ValueId value : node.inputs) {
      const Initializer* initializer = value == kNone ? nullptr : graph_.initializer_of(value);
      if (initializer == nullptr || !graph_.value(value).shape) continue;
      const Shape& shape = *graph_.value(value).shape;
      if (initializer->trainable) parameters += elements(shape);
      if (shape.rank() < 2) continue;
      // A kernel is applied at every position, a matrix to every row.
      const auto& output = graph_.value(node.outputs[0]).shape;
      const bool kernel = shape.rank() > 2;
      double positions = 1;
      if (output && kernel) positions = elements(*output, 2);
      if (output && !kernel && output->rank() > 1) positions = elements(*output) / last_extent(*output);
      work += elements(shape) * positions;
      if (kernel) raise(vertex, 5, elements(shape, 2));
    }
    add(vertex, 0, parameters);
    add(vertex, 1, work);
    double kernel = 1, stride = 1;
    for (const int64_t extent : node.attributes.integers("kernel_shape")) kernel *= static_cast<double>(extent);
    for (const int64_t extent : node.attributes.integers("strides")) stride *= static_cast<double>(extent);
    raise(vertex, 5, kernel);
    raise(vertex, 6, stride);
    if (node.op.starts_with("Conv")) raise(vertex, 7, static_cast<double>(node.attributes.integer("group", 1)));
    describe_output(vertex, node.outputs[0]);
  }

  static double last_extent(const Shape& shape) {
    const Dim last = shape[shape.rank() - 1];
    return last.is_fixed() ? std::max<double>(1, static_cast<double>(last.extent())) : 1;
  }

  // Of the last operator of a vertex.
  void describe_output(OperatorGraph::Vertex& vertex, ValueId value) {
    const auto& shape = graph_.value(value).shape;
    if (!shape) return;
    vertex.sizes[2] = std::log1p(elements(*shape));
    vertex.sizes[3] =
        shape->rank() > 1 && (*shape)[1].is_fixed() ? std::log1p(static_cast<double>((*shape)[1].extent())) : 0;
    vertex.sizes[4] = shape->rank() > 2 ? std::log1p(elements(*shape, 2)) : 0;
  }
  static void add(OperatorGraph::Vertex& vertex, size_t place, double amount) {
    vertex.sizes[place] = std::log1p(std::expm1(vertex.sizes[place]) + amount);
  }
  static void raise(OperatorGraph::Vertex& vertex, size_t place, double amount) {
    vertex.sizes[place] = std::max(vertex.sizes[place], std::log1p(amount));
  }

  const Graph& graph_;
  std::vector<int32_t> readers_;  // of each value
  std::vector<int32_t> vertex_of_value_;
  std::vector<char> light_;  // vertices that are only elementwise so far
  OperatorGraph result_;
};

}  // namespace

OperatorGraph operator_graph(const Graph& graph) { return Contraction(graph).run(); }

}  // namespace nacre
