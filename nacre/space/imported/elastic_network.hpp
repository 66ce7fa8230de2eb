// A given trained network as a function of decisions: the same network with fewer channels, without some of its residual
// blocks, with smaller kernels; the weights that remain are its own (Cai et al., Once-for-All, arXiv 1908.09791, section 3.3,
// sorts channels and crops kernels alike).
//
//   width/<weight>    how many channels a group keeps; the most important ones stay (channel_groups.hpp)
//   depth/<block>     keep or skip a residual block (residual_blocks.hpp)
//   kernel/<weight>   extent of a convolution's kernel; its middle stays, and so much less padding that shapes stay
//
// The first alternative of every decision is the network as it is: all first alternatives give the original.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "nacre/space/chooser.hpp"
#include "nacre/space/imported/channel_groups.hpp"
#include "nacre/space/imported/residual_blocks.hpp"

namespace nacre {

struct ElasticNetworkOptions {
  std::vector<double> widths = {1, 0.75, 0.5};  // shares of channels that a group may keep; 1 is always among them
  int64_t divisor = 4;                          // of the numbers of channels
  bool depth = true;
  int64_t minimum_kernel = 3;   // kernels shrink to this; they stay where it is 0
  bool inherit_weights = true;  // else parameters are drawn afresh
};

class ElasticNetwork {
 public:
  // One input, one output, all weights present, shapes inferred but for the batch. UserError when a weight is absent.
  ElasticNetwork(Graph graph, ElasticNetworkOptions options);

  const Graph& original() const { return graph_; }
  // The network on x, which stands for the only input. Pure, see Chooser.
  ValueId build(Chooser& choose, GraphBuilder& builder, ValueId x) const;

 private:
  // What is built so far in one scope, by ids of the original.
  struct Built {
    std::map<ValueId, ValueId> values;
    std::map<int, std::vector<int64_t>> kept;  // channels of narrowed groups
  };

  void find_scopes();
  void name_decisions();
  std::vector<int64_t> widths_of(const ChannelGroup& group) const;
  std::vector<int64_t> kernels_of(const Node& node) const;

  void decide_widths(Chooser& choose, int scope, Built& built) const;
  void replay(Chooser& choose, GraphBuilder& builder, int scope, Built& built) const;
  void replay_block(Chooser& choose, GraphBuilder& builder, int block, Built& built) const;
  void replay_node(Chooser& choose, GraphBuilder& builder, NodeId id, Built& built) const;
  ValueId parameter(GraphBuilder& builder, ValueId id, int64_t crop, Built& built) const;
  Tensor sliced(ValueId id, int64_t crop, const Built& built) const;
  std::vector<int64_t> kept_positions(const ChannelLayout& layout, const Built& built) const;

  Graph graph_;
  ElasticNetworkOptions options_;
  ChannelGroups groups_;
  std::vector<RemovableBlock> blocks_;
  std::vector<int> scope_of_node_;     // the smallest block around each node, kNone outside
  std::map<int, int> scope_of_group_;  // of those that may be narrowed
  std::map<NodeId, int> block_of_sum_;
  std::map<ValueId, int> readers_;  // of parameters
  std::vector<std::string> block_names_;
  std::map<int, std::string> group_names_;
};

}  // namespace nacre
