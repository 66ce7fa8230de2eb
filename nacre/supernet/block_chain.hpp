// The chain of layers that a space's networks are, cut into blocks that can be trained one after the other (BossNAS, Li et al.,
// arXiv 2103.12424, section 3.1; DNA, arXiv 1911.13053).
//
//   a layer    the decisions of one key prefix: "layer3/channels" and "layer3/op", or "width3" alone; in the order in which the
//              definition asks them
//   a block    some layers that follow each other; a path is one choice of all of its decisions
//   a cut      the last single value of a network on which no decision of a later block has acted
//
// Cuts are found by building networks that differ in later decisions: any space whose layers are a chain can be cut. No libtorch
// here.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "nacre/supernet/supernet_chooser.hpp"

namespace nacre {

// Layers per block, or their names (all layers below a name); both empty: three blocks of nearly as many layers each.
struct BlockPartition {
  std::vector<int64_t> sizes;
  std::vector<std::vector<std::string>> names;
};

class BlockChain {
 public:
  // `space` outlives the chain. UserError when the partition does not fit, when decisions are not about the network.
  BlockChain(const Space& space, const BlockPartition& partition);

  size_t size() const { return blocks_.size(); }
  // Names of the layers of a block.
  const std::vector<std::string>& layers(size_t block) const { return blocks_[block]; }

  // Every path of a block once, after `fixed`, the choices of the blocks before it. UserError when there are more than `most`.
  std::vector<Decisions> paths(size_t block, const Decisions& fixed, int64_t most) const;
  // The part of a network that is the block: input "features" (of the first: the network's own inputs), output "features". The
  // network is built by the supernet chooser with `fixed`, `path` and the first alternatives of what comes later. UserError where
  // there is no cut.
  Graph part(size_t block, const Decisions& fixed, const Decisions& path) const;

  // The decisions of a block among those of a network.
  Decisions of_block(size_t block, const Decisions& decisions) const;
  static Decisions joined(const Decisions& a, const Decisions& b);

 private:
  struct Asked {
    std::string key;
    int64_t alternatives = 0;
  };
  std::vector<Asked> asked(const Decisions& decisions, Decisions& complete) const;
  void order_layers();
  void divide(const BlockPartition& partition);
  size_t block_of(const std::string& key) const;
  // Per block, how many nodes the network begins with on which no decision of that block has acted.
  std::vector<size_t> nodes_alike(const Graph& network, const Decisions& complete) const;
  Graph network(const Decisions& complete) const;
  std::string text(size_t block) const;

  const Space& space_;
  std::vector<std::string> order_;  // all layers
  std::vector<std::vector<std::string>> blocks_;
};

// Values at which the graph is cut in two: (number of nodes before the cut, the only value that later nodes read), ascending.
std::vector<std::pair<size_t, ValueId>> single_value_cuts(const Graph& graph);
// The nodes [first, last) between two cuts as a graph with one input and one output, both named "features".
Graph graph_between(const Graph& graph, std::pair<size_t, ValueId> from, std::pair<size_t, ValueId> to);

}  // namespace nacre
