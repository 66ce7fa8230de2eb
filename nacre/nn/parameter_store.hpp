// Where an executor's weights come from: the one seam. Slices of a supernet, masks, quantized views, adapters, tied weights
// and device noise are other stores; no executor knows of them.
//
// A PlainStore keeps one tensor per initialiser of a graph: given by the graph, or drawn from its distribution exactly as
// the reference executor draws it for the same seed. No libtorch headers here: at::Tensor is only named.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/ir/graph.hpp"
#include "nacre/ir/weights_file.hpp"
#include "nacre/nn/arithmetic.hpp"

namespace at {
class Tensor;
}

namespace nacre {

// Who asks, and for what.
struct ViewContext {
  const Graph& graph;
  ValueId value = kNone;  // the initialiser
  NodeId reader = kNone;  // the node that is about to use it
  bool training = false;
};

class ParameterStore {
 public:
  virtual ~ParameterStore() = default;
  // The tensor that stands for `key` in this run, of that shape; gradients flow through it into the store's own leaves.
  // Asked once per reading node and run, in the order of the plan. A running statistic is updated in place by its reader,
  // so its view must share memory with what the store keeps. UserError when there is no such parameter.
  virtual at::Tensor view(std::string_view key, const Shape& shape, const ViewContext& context) = 0;
};

// What a parameter is for training.
struct ParameterInfo {
  std::string name;
  Shape shape;
  bool trainable = true;
  // Matrices and kernels decay; biases and the scales and shifts of normalisation do not (He et al., arXiv 1812.01187).
  bool decays = true;
};

// The initialisers of `graph` that a store holds (those of floating type), in order.
std::vector<ParameterInfo> parameters_of(const Graph& graph);

class PlainStore : public ParameterStore {
 public:
  // Absent parameters are drawn with `seed`.
  PlainStore(const Graph& graph, uint64_t seed, const Numerics& numerics);
  ~PlainStore() override;
  PlainStore(const PlainStore&) = delete;
  PlainStore& operator=(const PlainStore&) = delete;

  at::Tensor view(std::string_view key, const Shape& shape, const ViewContext& context) override;

  const std::vector<ParameterInfo>& infos() const { return infos_; }
  // The kept tensors, in the order of infos(); trainable ones are leaves that require gradients.
  const std::vector<at::Tensor>& tensors() const;

  // Weights on the host, row-major, in the type of the graph's values.
  Weights weights() const;
  // Takes every tensor whose name and shape agree; returns the names of those parameters that found none.
  std::vector<std::string> load(const Weights& weights);
  // Gives the graph (the same, or one whose initialisers have the same names and shapes) the kept weights.
  void export_to(Graph& graph) const;

 private:
  struct Tensors;  // std::vector<at::Tensor> and the index by name
  std::vector<ParameterInfo> infos_;
  std::vector<ElementType> types_;
  std::unique_ptr<Tensors> tensors_;
};

// An exponential moving average of a store's tensors: trainable ones and running statistics (Polyak and Juditsky 1992).
// The decay is warmed up: after t updates it is min(decay, (1 + t) / (10 + t)), so that the start is forgotten.
class WeightAverage {
 public:
  WeightAverage(const PlainStore& store, double decay);
  ~WeightAverage();

  void update(const PlainStore& store);
  // Exchanges the average and the store's own weights, in place: once before an evaluation and once after it.
  void swap(PlainStore& store);
  Weights weights(const PlainStore& store) const;  // the average, named and shaped as the store's
  void load(const PlainStore& store, const Weights& weights, int64_t updates);
  int64_t updates() const { return updates_; }

 private:
  struct Tensors;
  std::unique_ptr<Tensors> tensors_;
  double decay_;
  int64_t updates_ = 0;
};

}  // namespace nacre
