// Random networks of what the rewrites that compute with weights look for: convolutions of all kinds, batch normalizations,
// arithmetic with constants, parallel branches, pointwise chains, repeated computations; between them what they must not
// cross (activations, values that are read twice, outputs, padding after a bias).
#pragma once

#include <string>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/ir/graph.hpp"
#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/schema.hpp"

namespace nacre::testing {

class RandomLinearGraph {
 public:
  RandomLinearGraph(uint64_t seed, ElementType type)
      : random_(Random::stream(seed, "random linear graph")), type_(type) {}

  Graph make(int blocks) {
    ValueId x = graph_.add_input("x", type_, {2, 4, 7, 7});
    for (int i = 0; i < blocks; ++i) {
      x = block(x);
      if (below(8) == 0) kept_.push_back(x);
    }
    x = node("Flatten", {x});
    for (int i = 0; i < 3; ++i) x = matrix_block(x);
    graph_.add_output(x, "y");
    for (size_t i = 0; i < kept_.size(); ++i) graph_.add_output(kept_[i], "kept" + std::to_string(i));
    return std::move(graph_);
  }

 private:
  uint64_t below(uint64_t bound) { return random_.below(bound); }
  bool coin() { return below(2) == 0; }
  template <class T>
  T pick(std::initializer_list<T> items) {
    return std::data(items)[below(items.size())];
  }

  int64_t extent(ValueId x, int axis) const { return (*graph_.value(x).shape)[axis].extent(); }

  ValueId node(std::string_view op, std::vector<ValueId> inputs, Attributes attributes = {}) {
    const NodeId id = graph_.add_node(op, std::move(inputs), 1, std::move(attributes));
    infer_node(graph_, id);
    return graph_.node(id).outputs[0];
  }

  ValueId numbers(const std::vector<int64_t>& extents, double low, double high, bool trainable) {
    std::vector<double> values(static_cast<size_t>(operators::count_of(extents)));
    for (double& value : values) value = random_.uniform(low, high);
    return graph_.add_initializer("w" + std::to_string(counter_++), operators::store<double>(type_, extents, values),
                                  trainable);
  }
  ValueId weight(const std::vector<int64_t>& extents) { return numbers(extents, -0.7, 0.7, true); }

  struct Window {
    int64_t kernel = 3;
    int64_t stride = 1;
    int64_t dilation = 1;
    int64_t padding = 1;
    int64_t groups = 1;
    bool bias = false;
  };

  ValueId convolution(ValueId x, int64_t outputs, const Window& window) {
    const int64_t inputs = extent(x, 1);
    std::vector<ValueId> operands = {x, weight({outputs, inputs / window.groups, window.kernel, window.kernel})};
    if (window.bias) operands.push_back(weight({outputs}));
    Attributes attributes;
    if (window.kernel > 1 && coin()) attributes.set("kernel_shape", std::vector<int64_t>(2, window.kernel));
    if (window.stride > 1) attributes.set("strides", std::vector<int64_t>(2, window.stride));
    if (window.dilation > 1) attributes.set("dilations", std::vector<int64_t>(2, window.dilation));
    if (window.padding > 0) attributes.set("pads", std::vector<int64_t>(4, window.padding));
    if (window.groups > 1) attributes.set("group", window.groups);
    return node("Conv", std::move(operands), std::move(attributes));
  }

  ValueId batch_norm(ValueId x) {
    const std::vector<int64_t> channels = {extent(x, 1)};
    return node("BatchNormalization", {x, numbers(channels, 0.5, 1.5, true), numbers(channels, -1, 1, true),
                                       numbers(channels, -1, 1, false), numbers(channels, 0.5, 2, false)});
  }

  ValueId arithmetic(ValueId x, int channel_axis) {
    const int rank = graph_.value(x).shape->rank();
    std::vector<int64_t> extents;
    if (coin()) {
      extents.assign(static_cast<size_t>(rank - channel_axis), 1);
      extents[0] = extent(x, channel_axis);
    }
    const ValueId constant = numbers(extents, 0.5, 2, coin());
    const std::string op = pick<const char*>({"Add", "Sub", "Mul", "Div", "Neg"});
    if (op == "Neg") return node(op, {x});
    return op != "Div" && below(3) == 0 ? node(op, {constant, x}) : node(op, {x, constant});
  }

  // Branches of one shape on one input, summed in a random tree.
  ValueId branches(ValueId x) {
    const int64_t channels = extent(x, 1);
    const int64_t stride = extent(x, 2) > 4 && below(3) == 0 ? 2 : 1;
    const int64_t groups = pick<int64_t>({1, 1, channels});
    std::vector<ValueId> terms = {
        convolution(x, channels, {.kernel = 3, .stride = stride, .groups = groups, .bias = coin()})};
    const uint64_t count = 1 + below(3);
    for (uint64_t i = 0; i < count; ++i) {
      switch (below(stride == 1 ? 6 : 3)) {
        case 0:
          terms.push_back(convolution(x, channels, {.kernel = 1, .stride = stride, .padding = 0, .groups = groups}));
          break;
        case 1: terms.push_back(convolution(x, channels, {.stride = stride, .bias = coin()})); break;
        case 2:
          terms.push_back(convolution(x, channels, {.kernel = 5, .stride = stride, .padding = 2, .groups = groups}));
          break;
        case 3: terms.push_back(x); break;
        case 4: terms.push_back(batch_norm(x)); break;
        default: terms.push_back(convolution(x, channels, {.dilation = 2, .padding = 2, .groups = groups})); break;
      }
    }
    return sum(std::move(terms));
  }

  ValueId sum(std::vector<ValueId> terms) {
    random_.shuffle(std::span<ValueId>(terms));
    if (below(3) == 0) return node("Sum", terms);
    while (terms.size() > 1) {
      const ValueId last = terms.back();
      terms.pop_back();
      ValueId& other = terms[below(terms.size())];
      other = node("Add", {other, last});
    }
    return terms[0];
  }

  ValueId chain(ValueId x) {
    const int64_t channels = extent(x, 1);
    const bool bias = coin();
    const int64_t groups = pick<int64_t>({1, 1, 2});
    if (coin()) {
      x = convolution(x, channels, {.kernel = 1, .padding = 0, .groups = groups, .bias = bias});
      return convolution(x, channels, {.padding = pick<int64_t>({0, 1, 1}), .bias = coin()});
    }
    x = convolution(x, channels, {.stride = extent(x, 2) > 4 ? pick<int64_t>({1, 2}) : 1, .bias = bias});
    return convolution(x, channels, {.kernel = 1, .padding = 0, .groups = groups, .bias = coin()});
  }

  ValueId twice(ValueId x) {
    const auto once = [&](ValueId w) { return node("Conv", {x, w}, {{"pads", std::vector<int64_t>(4, 1)}}); };
    const ValueId w = weight({4, extent(x, 1), 3, 3});
    return node("Mul", {node("Tanh", {once(w)}), node("Sigmoid", {once(w)})});
  }

  ValueId with_constant_part(ValueId x) {
    const std::vector<int64_t> extents = {extent(x, 1), 1, 1};
    const ValueId sum = node("Mul", {numbers(extents, 0.5, 2, false), numbers({}, 0.5, 2, false)});
    return node("Add", {x, node("Neg", {sum})});
  }

  ValueId block(ValueId x) {
    if (extent(x, 2) < 3) return node("Relu", {x});
    switch (below(12)) {
      case 0: return node("Relu", {x});
      case 1: return batch_norm(x);
      case 2:
      case 3: return arithmetic(x, 1);
      case 4: return convolution(x, 4, {.groups = pick<int64_t>({1, 2, 4}), .bias = coin()});
      case 5: return convolution(x, 4, {.kernel = pick<int64_t>({2, 3}), .padding = 0, .bias = coin()});
      case 6: return node("ConvTranspose", {x, weight({4, 2, 2, 2})}, {{"group", int64_t{2}}});
      case 7:
      case 8: return branches(x);
      case 9: return chain(x);
      case 10: return twice(x);
      default: return coin() ? with_constant_part(x) : node("Identity", {x});
    }
  }

  ValueId matrix_block(ValueId x) {
    const int64_t inputs = extent(x, 1);
    const int64_t outputs = pick<int64_t>({3, 5});
    switch (below(6)) {
      case 0: return node("MatMul", {x, weight({inputs, outputs})});
      case 1: return node("Gemm", {x, weight({outputs, inputs}), weight({outputs})}, {{"transB", int64_t{1}}});
      case 2: return node("Gemm", {x, weight({inputs, outputs}), weight({1})}, {{"alpha", 0.5F}, {"beta", 2.0F}});
      case 3: return node("Add", {node("MatMul", {x, weight({inputs, outputs})}), weight({outputs})});
      case 4:
        return node("Add", {node("Gemm", {x, weight({inputs, outputs}), weight({outputs})}),
                            node("MatMul", {x, weight({inputs, outputs})})});
      default: return coin() ? arithmetic(x, 1) : batch_norm(x);
    }
  }

  Random random_;
  ElementType type_;
  Graph graph_;
  std::vector<ValueId> kept_;
  int counter_ = 0;
};

inline Graph random_linear_graph(uint64_t seed, int blocks, ElementType type = ElementType::float64) {
  return RandomLinearGraph(seed, type).make(blocks);
}

}  // namespace nacre::testing
