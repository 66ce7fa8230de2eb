// Message passing on operator graphs in double precision, with its own gradients: no libtorch, seconds to learn from hundreds of
// networks. For the sources of this module only, since it shows Eigen.
//
//   gin  h' = mlp(h, sum of h over inputs, sum over outputs)         Xu et al., How powerful are graph neural networks?, ICLR 2019,
//                                                                    with the two directions of edges apart
//   gcn  h' = silu(W sum over itself and neighbors of h / sqrt(d d'))   Kipf and Welling, ICLR 2017
//   the network = dense layers on (sums of h of each level over the vertices / s, logarithms of totals)
//
// What a vertex says after l steps depends only on its unfolded neighborhood of depth l, which the colors of Weisfeiler and
// Leman name. So every color is computed once for a whole batch, however often it occurs in a network with repeated cells or in
// several networks: exact, and an order of magnitude less work.
#pragma once

#include <Eigen/SparseCore>
#include <string>
#include <unordered_map>

#include "nacre/predict/dense_network.hpp"
#include "nacre/predict/operator_graph.hpp"

namespace nacre {

// Networks as colors. Features are looked up in the vocabulary of the networks that were learned from.
class ColoredGraphs {
 public:
  struct Neighbor {
    int32_t color;
    double count;
  };
  struct Color {
    int32_t self = 0;                       // on the level below
    std::vector<Neighbor> inputs, outputs;  // on the level below
    double degree = 0;                      // with itself
  };

  // `vocabulary`: operator names; those that are not in it share the last place.
  ColoredGraphs(std::vector<std::string> vocabulary, int64_t levels);
  void add(const OperatorGraph& graph);

  size_t size() const { return graphs_.size(); }
  Eigen::Index width() const { return static_cast<Eigen::Index>(vocabulary_.size() + 1 + OperatorGraph::kSizes + 2); }
  int64_t levels() const { return levels_; }
  const std::vector<std::vector<double>>& features() const { return features_; }  // of the colors of level 0
  const std::vector<Color>& colors(int64_t level) const { return colors_[static_cast<size_t>(level)]; }  // 1 to levels
  // Colors of a network at a level, each with the number of its vertices.
  const std::vector<Neighbor>& members(size_t graph, int64_t level) const {
    return graphs_[graph].members[static_cast<size_t>(level)];
  }
  double vertices(size_t graph) const { return graphs_[graph].vertices; }
  const std::array<double, 4>& totals(size_t graph) const { return graphs_[graph].totals; }

 private:
  struct Entry {
    std::vector<std::vector<Neighbor>> members;  // by level
    double vertices = 0;
    std::array<double, 4> totals{};  // logarithms of parameters, work, output elements, vertices
  };

  int64_t levels_;
  std::unordered_map<std::string, size_t> vocabulary_;
  std::vector<std::vector<double>> features_;
  std::vector<std::vector<Color>> colors_;
  std::vector<std::unordered_map<std::string, int32_t>> known_;  // by level
  std::vector<Entry> graphs_;
};

struct GraphNetworkSettings {
  enum class Kind { gin, gcn };
  Kind kind = Kind::gin;
  int64_t width = 16;
  int64_t levels = 4;   // steps of message passing
  int64_t hidden = 32;  // of the dense layers behind
};

class GraphNetwork {
 public:
  // Scales of features and totals are those of `graphs`.
  GraphNetwork(const GraphNetworkSettings& settings, const ColoredGraphs& graphs, Random& random);

  Eigen::VectorXd& parameters() { return parameters_; }
  const std::vector<const DenseStack*> stacks() const;
  Eigen::VectorXd predict(const ColoredGraphs& graphs, std::span<const int64_t> chosen) const;
  // Half the mean squared error; the gradient is overwritten where asked.
  double loss(const ColoredGraphs& graphs, std::span<const int64_t> chosen, const Eigen::VectorXd& values,
              Eigen::VectorXd* gradient) const;

 private:
  struct Pass;
  Pass forward(const ColoredGraphs& graphs, std::span<const int64_t> chosen) const;

  GraphNetworkSettings settings_;
  std::vector<DenseStack> steps_;
  DenseStack head_;
  Eigen::VectorXd parameters_;
  Eigen::VectorXd feature_means_, feature_scales_;
  std::array<Standard, 4> totals_;
  double size_ = 1;  // mean number of vertices
};

}  // namespace nacre
