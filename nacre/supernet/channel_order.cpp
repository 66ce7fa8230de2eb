#include "nacre/supernet/channel_order.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "nacre/space/imported/channel_groups.hpp"

namespace nacre {
namespace {

std::vector<double> numbers_of(const Tensor& tensor) {
  std::vector<double> numbers(static_cast<size_t>(tensor.elements()));
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = tensor.number_at(static_cast<int64_t>(i));
  return numbers;
}

// Extents of a tensor around one axis.
struct Around {
  int64_t outer = 1, extent = 1, inner = 1;
};

Around around(const Tensor& tensor, int axis) {
  Around result;
  for (int i = 0; i < tensor.rank(); ++i) {
    const int64_t extent = tensor.extents()[static_cast<size_t>(i)];
    (i < axis ? result.outer : i == axis ? result.extent : result.inner) *= extent;
  }
  return result;
}

// For every group of one segment per channel: what its readers give each channel.
using Importance = std::map<int, std::vector<double>>;

bool reads_channels(const Graph& graph, const ChannelGroups& groups, NodeId id, ValueId weight) {
  const Node& node = graph.node(id);
  if (node.inputs.size() < 2 || node.inputs[1] != weight) return false;
  return (node.op == "Conv" && !groups.is_depthwise(id)) || node.op == "Gemm" || node.op == "MatMul";
}

// The axis of a weight that follows the channels which its node reads.
int reading_axis(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.op == "Conv") return 1;
  const bool transposed = node.op == "Gemm" && node.attributes.integer("transB", 0) != 0;
  return transposed ? 1 : 0;
}

void add_importance(const Tensor& tensor, int axis, const ChannelLayout& layout, Importance& importance) {
  const Around shape = around(tensor, axis);
  const std::vector<double> numbers = numbers_of(tensor);
  int64_t position = 0;
  for (const ChannelSegment& segment : layout) {
    std::vector<double>& of = importance[segment.group];
    of.resize(static_cast<size_t>(segment.channels), 0.0);
    for (int64_t c = 0; c < segment.channels * segment.repeat; ++c) {
      double sum = 0;
      for (int64_t o = 0; o < shape.outer; ++o)
        for (int64_t i = 0; i < shape.inner; ++i)
          sum += std::abs(numbers[static_cast<size_t>((o * shape.extent + position + c) * shape.inner + i)]);
      of[static_cast<size_t>(c / segment.repeat)] += sum;
    }
    position += segment.channels * segment.repeat;
  }
}

std::vector<int64_t> permutation_of(const ChannelLayout& layout, const std::map<int, std::vector<int64_t>>& orders) {
  std::vector<int64_t> result;
  int64_t position = 0;
  for (const ChannelSegment& segment : layout) {
    const auto order = orders.find(segment.group);
    for (int64_t c = 0; c < segment.channels; ++c) {
      const int64_t from = order == orders.end() ? c : order->second[static_cast<size_t>(c)];
      for (int64_t r = 0; r < segment.repeat; ++r) result.push_back(position + from * segment.repeat + r);
    }
    position += segment.channels * segment.repeat;
  }
  return result;
}

Tensor permuted(const Tensor& tensor, int axis, const std::vector<int64_t>& order) {
  const Around shape = around(tensor, axis);
  Tensor result(tensor.type(), tensor.extents());
  const std::span<const float> from = tensor.values<float>();
  const std::span<float> to = result.mutable_values<float>();
  for (int64_t o = 0; o < shape.outer; ++o) {
    for (int64_t e = 0; e < shape.extent; ++e) {
      const auto source =
          from.subspan(static_cast<size_t>((o * shape.extent + order[static_cast<size_t>(e)]) * shape.inner),
                       static_cast<size_t>(shape.inner));
      std::ranges::copy(source, to.begin() + (o * shape.extent + e) * shape.inner);
    }
  }
  return result;
}

}  // namespace

Weights sorted_channels(const Graph& largest) {
  const ChannelGroups groups(largest);
  Importance importance;
  const std::vector<std::vector<NodeId>> readers = largest.consumers();
  for (const auto& [value, layouts] : groups.parameters()) {
    const Tensor* tensor = largest.constant(value);
    if (tensor == nullptr) continue;
    for (const NodeId reader : readers[static_cast<size_t>(value)]) {
      if (!reads_channels(largest, groups, reader, value)) continue;
      const auto layout = layouts.find(reading_axis(largest, reader));
      if (layout != layouts.end()) add_importance(*tensor, layout->first, layout->second, importance);
    }
  }
  std::map<int, std::vector<int64_t>> orders;
  for (const auto& [number, group] : groups.groups()) {
    const auto found = importance.find(number);
    if (group.fixed || found == importance.end() || static_cast<int64_t>(found->second.size()) != group.channels)
      continue;
    std::vector<int64_t> order(static_cast<size_t>(group.channels));
    std::iota(order.begin(), order.end(), int64_t{0});
    std::ranges::stable_sort(order, std::greater<>(), [&](int64_t c) { return found->second[static_cast<size_t>(c)]; });
    orders.emplace(number, std::move(order));
  }
  Weights result;
  for (const auto& [value, layouts] : groups.parameters()) {
    const Tensor* tensor = largest.constant(value);
    if (tensor == nullptr || tensor->type() != ElementType::float32) continue;
    Tensor moved = *tensor;
    for (const auto& [axis, layout] : layouts) moved = permuted(moved, axis, permutation_of(layout, orders));
    result.tensors.emplace_back(largest.value(value).name, std::move(moved));
  }
  return result;
}

}  // namespace nacre
