// A network as proxies see it: runs with any store, with values inside it watched. Internal.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "nacre/nn/losses.hpp"
#include "nacre/nn/torch_executor.hpp"
#include "nacre/predict/proxies/zero_cost.hpp"

namespace nacre {

class ProxyNetwork {
 public:
  ProxyNetwork(const Graph& graph, const ProxyBatch& batch, uint64_t seed, const Numerics& numerics);

  const Graph& graph() const { return graph_; }
  uint64_t seed() const { return seed_; }
  // In float, as the training would draw them.
  PlainStore& store() { return *store_; }
  std::unique_ptr<PlainStore> fresh_store(Arithmetic arithmetic) const;
  // Kernels and matrices of a store: what is pruned and counted.
  static std::vector<at::Tensor> weights(const PlainStore& store);
  std::vector<at::Tensor> weights() const { return weights(*store_); }

  // In the order of graph().inputs.
  const std::vector<at::Tensor>& inputs() const { return inputs_; }
  int64_t batch_size() const { return inputs_[0].size(0); }

  struct Result {
    at::Tensor prediction;
    std::vector<at::Tensor> watched;
  };
  Result run(std::span<const at::Tensor> inputs, ParameterStore& store, std::span<const ValueId> watch, bool training,
             Arithmetic arithmetic = Arithmetic::fp32) const;
  at::Tensor loss(const at::Tensor& prediction) const;

  // Outputs of living nodes with one of these operators; and their first inputs.
  std::vector<NodeId> nodes(std::initializer_list<std::string_view> operators) const;

 private:
  Graph graph_;
  uint64_t seed_;
  Numerics numerics_;
  std::unique_ptr<PlainStore> store_;
  std::unique_ptr<Loss> loss_;
  std::vector<at::Tensor> inputs_;
  at::Tensor target_;
  size_t prediction_ = 0;  // among the outputs
};

void add_gradient_proxies(Registry<ZeroCostProxy>& registry);
void add_activation_proxies(Registry<ZeroCostProxy>& registry);

}  // namespace nacre
