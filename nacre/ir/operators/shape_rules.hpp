// Rules of shape and cost that many operators share: axes, broadcasting, element counts, one type for all inputs.
#pragma once

#include <limits>
#include <span>

#include "nacre/ir/schema.hpp"

namespace nacre::operators {

inline constexpr int kVariadic = std::numeric_limits<int>::max();

// An axis that may count from the back; UserError outside [-rank, rank).
int resolve_axis(int64_t axis, int rank);
// All of them, without repetition; UserError when one is named twice.
std::vector<int> resolve_axes(std::span<const int64_t> axes, int rank);

// Multidirectional broadcasting (numpy's rule). Different symbols give an unknown dimension. UserError names the shapes.
Shape broadcast_shapes(const Graph& graph, const Shape& a, const Shape& b);
// Of all inputs; nothing when a rank is unknown.
std::optional<Shape> broadcast_inputs(const InferenceContext& context);
// One dimension that two shapes must share; UserError when both are fixed and differ.
Dim same_dim(const InferenceContext& context, Dim a, Dim b, const char* what);

// UserError unless all given inputs [first, last) have the type of the first of them.
void require_same_type(const InferenceContext& context, int first = 0, int last = kVariadic);
void require_floating(const InferenceContext& context, int index = 0);

// Result has type and shape of input 0.
void infer_same_as_input(InferenceContext& context);
// Broadcast of all inputs, which have one type.
void infer_broadcast(InferenceContext& context);

// Elements of an input or output whose shape is fixed (a precondition of cost).
int64_t input_elements(const Graph& graph, const Node& node, int index = 0);
int64_t output_elements(const Graph& graph, const Node& node, int index = 0);
const Shape& fixed_shape(const Graph& graph, ValueId id);

inline constexpr int64_t kMaximumCount = std::numeric_limits<int64_t>::max() / 2;

// a * b, held at the largest number where it would pass it: counts of hostile shapes stay counts.
inline int64_t saturating_multiply(int64_t a, int64_t b) {
  int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<int64_t>::max() : product;
}

// `Work` operations per element of the first output.
template <int Work>
OperatorCost cost_per_output(const Graph& graph, const Node& node) {
  return {.macs = 0, .flops = saturating_multiply(Work, output_elements(graph, node))};
}
// `Work` operations per element of the first input.
template <int Work>
OperatorCost cost_per_input(const Graph& graph, const Node& node) {
  return {.macs = 0, .flops = saturating_multiply(Work, input_elements(graph, node))};
}

// A symbolic or fixed dimension of a known tensor's element; unknown when the element is unknown or negative.
Dim known_dim(Graph& graph, const KnownTensor& known, size_t element);
// The element as a number, when it is one.
std::optional<int64_t> known_number(const KnownTensor& known, size_t element);

}  // namespace nacre::operators
