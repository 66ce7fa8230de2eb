// Linear operators as numbers, for the rewrites that compute with weights: what a Conv, ConvTranspose, Gemm or MatMul does
// as one kernel in double precision, whatever its layout, and what a batch normalization or an arithmetic operator with a
// constant does as one map of channels.
//
//   kernel   y[o] = bias[o] + sum over i and taps t of weight[o][i][t] x[i] at t
//   map      y[c] = factor[c] x[c] + offset[c]
//
// Kernels are closed under the steps below (Ding et al., RepVGG, arXiv 2101.03697, section 3.3; Chen et al., VanillaNet,
// arXiv 2305.12972, section 3.1): each returns the kernel of the composed operator, or nothing where there is none. They are
// exact in real numbers; a kernel is rounded once, when it is written back in the type of the weights it came from.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "nacre/ir/graph.hpp"
#include "nacre/ir/operators/window.hpp"

namespace nacre::rewrites {

struct ChannelMap {
  std::vector<double> factor;
  std::vector<double> offset;  // as many
  // Whether the operator adds something, whatever the numbers: what a network becomes must not depend on its weights, or
  // an untrained network would be measured without the biases that it has once it is trained. False: offset is all 0.
  bool shifts = true;
};

struct Kernel {
  int64_t inputs = 0;
  int64_t outputs = 0;
  int64_t groups = 1;
  std::vector<operators::WindowAxis> axes = {};  // of the window; none: a matrix
  bool transposed = false;                       // ConvTranspose: the window lies on the outputs
  std::vector<double> weight = {};               // [outputs][inputs / groups][taps]
  std::vector<double> bias = {};                 // [outputs], or empty for none

  int64_t taps() const;
  int64_t group_inputs() const { return inputs / groups; }
  int64_t group_outputs() const { return outputs / groups; }
  bool is_padded() const;
  bool has_bias() const { return !bias.empty(); }  // of whatever numbers, as ChannelMap::shifts
  bool is_pointwise() const;                       // one tap, no padding; any stride
};

// --- reading and writing

// The kernel of a Conv, ConvTranspose, Gemm or MatMul whose weight and bias are known numbers of type float32 or float64;
// nothing for any other node. Weights that training may change count as known: the rewrite is for the network as it is.
std::optional<Kernel> read_kernel(const Graph& graph, const Node& node);

// Whether write_kernel can give the node this kernel: a MatMul becomes a Gemm when there is a bias, which needs a matrix as
// input.
bool can_hold(const Graph& graph, const Node& node, const Kernel& kernel);

// Gives the node, which is one of the four operators, this kernel; the new parameters keep names and types of the old
// ones. `uses` as from count_uses: a parameter that others read too stays as it is for them.
// Precondition: can_hold(graph, graph.node(id), kernel).
void write_kernel(Graph& graph, NodeId id, const Kernel& kernel, const std::vector<int32_t>& uses);

// A node that maps channels of one value. `axis` is the axis of the channels, kNone where one number serves all elements
// (factor and offset then have one entry).
struct MappedValue {
  ValueId source = kNone;
  int axis = kNone;
  ChannelMap map = {};
};

// A BatchNormalization outside training whose four parameters are known.
std::optional<MappedValue> read_batch_norm(const Graph& graph, const Node& node);
// Add, Sub, Mul, Div with a known constant of type float32 or float64 that varies along one axis at most, and Neg; the result
// has the shape of the other operand.
std::optional<MappedValue> read_arithmetic(const Graph& graph, const Node& node);
// The map with one entry per channel.
ChannelMap spread(const ChannelMap& map, int64_t channels);

// Numbers of a float32 or float64 initializer, trained or not; nothing for any other value.
std::optional<std::vector<double>> known_numbers(const Graph& graph, ValueId id);

// --- steps

// The map after the kernel.
Kernel map_outputs(const Kernel& kernel, const ChannelMap& map);
// The map before it. Nothing where a shift would meet padding (the border would get less of it than the middle), or a
// transposed window.
std::optional<Kernel> map_inputs(const Kernel& kernel, const ChannelMap& map);
// The map as a kernel of one tap and as many groups as channels.
Kernel kernel_of(const ChannelMap& map);
// The same kernel with fewer groups, the new weights zero. Precondition: `groups` divides kernel.groups.
Kernel with_groups(const Kernel& kernel, int64_t groups);
// Both kernels on one input, summed: kernels of other extents, dilations and paddings are laid onto a common window.
// `same_extents`: both are known to give results of the same fixed extents.
std::optional<Kernel> sum_of(const Kernel& a, const Kernel& b, bool same_extents);
// `second` after `first`, where one of them is pointwise; a pointwise first one with a bias only before an unpadded second.
std::optional<Kernel> composition_of(const Kernel& first, const Kernel& second);

}  // namespace nacre::rewrites
