// Which channels of a given network stand or fall together: the analysis behind narrowing a trained network
// (structured pruning; Fang et al., DepGraph, arXiv 2301.12900, sections 3.1 and 3.2).
//
// A channel group is a set of channel axes that must keep the same channels: what a convolution makes, what normalizes it,
// what is added to it, and what reads it. Every convolution and matrix product begins a group; element-wise operators
// with two operands tie the groups of both. A value's axis 1 is laid out as segments of groups: one for most, several after
// a Concat, and each channel `repeat` times after a Flatten.
//
//   conv1 ─ norm ─ relu ─┬─ conv2 ─ norm ─ + ─ ...      groups: {conv1, norm, conv2's result, norm, +}
//                        └─────────────────┘
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nacre/ir/graph.hpp"

namespace nacre {

struct ChannelSegment {
  int group = 0;
  int64_t channels = 0;
  int64_t repeat = 1;
  bool operator==(const ChannelSegment&) const = default;
};
using ChannelLayout = std::vector<ChannelSegment>;

struct ChannelGroup {
  std::string name;  // of the first weight that makes it
  int64_t channels = 0;
  bool fixed = false;              // the network's input or output, or met by an operator that is not understood
  std::vector<double> importance;  // of each channel
  std::vector<NodeId> nodes;       // that make, carry or read its channels, ascending
};

// Axes of a parameter that follow layouts.
using ParameterLayout = std::map<int, ChannelLayout>;

class ChannelGroups {
 public:
  // Shapes are inferred, weights present. Nothing here fails: what is not understood is fixed.
  explicit ChannelGroups(const Graph& graph);

  // Groups by their number; tied ones share theirs.
  const std::map<int, ChannelGroup>& groups() const { return groups_; }
  // By the initializer's value.
  const std::map<ValueId, ParameterLayout>& parameters() const { return parameters_; }
  // A convolution whose groups are its channels.
  bool is_depthwise(NodeId node) const;

 private:
  friend class ChannelAnalysis;
  std::map<int, ChannelGroup> groups_;
  std::map<ValueId, ParameterLayout> parameters_;
  std::vector<char> depthwise_;
};

// The `count` most important channels of a group, ascending. Importance is the mean of the sums of magnitudes of the weights
// that make and that read a channel, each relative to its tensor's mean (Li et al., arXiv 1608.08710, section 3.1).
std::vector<int64_t> kept_channels(const ChannelGroup& group, int64_t count);

}  // namespace nacre
