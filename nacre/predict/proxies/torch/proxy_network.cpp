#include "nacre/predict/proxies/torch/proxy_network.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "nacre/ir/statistics.hpp"
#include "nacre/nn/register.hpp"
#include "nacre/nn/torch_compat.hpp"
#include "nacre/nn/torch_types.hpp"

namespace nacre {

ProxyNetwork::ProxyNetwork(const Graph& graph, const ProxyBatch& batch, uint64_t seed, const Numerics& numerics)
    : graph_(graph), seed_(seed), numerics_(numerics) {
  numerics_.channels_last = false;
  numerics_.fused = false;  // what is watched must be there
  Recipe recipe;
  recipe.label_smoothing = 0;
  loss_ = loss_registry().get(batch.loss.kind).make(recipe);
  const at::Device device = torch_device(numerics.device);
  for (const ValueId input : graph_.inputs) {
    const auto found = batch.inputs.find(value_text(graph_, input));
    if (found == batch.inputs.end())
      throw UserError("the batch has no input '" + value_text(graph_, input) + "' of the network");
    inputs_.push_back(copy_to_torch(found->second).to(device));
  }
  target_ = copy_to_torch(batch.target).to(device);
  const auto named = std::ranges::find_if(
      graph_.outputs, [&](ValueId output) { return value_text(graph_, output) == batch.loss.prediction; });
  prediction_ = named == graph_.outputs.end() ? 0 : static_cast<size_t>(named - graph_.outputs.begin());
  store_ = fresh_store(Arithmetic::fp32);
}

std::unique_ptr<PlainStore> ProxyNetwork::fresh_store(Arithmetic arithmetic) const {
  Numerics numerics = numerics_;
  numerics.arithmetic = arithmetic;
  return std::make_unique<PlainStore>(graph_, seed_, numerics);
}

std::vector<at::Tensor> ProxyNetwork::weights(const PlainStore& store) {
  std::vector<at::Tensor> result;
  for (size_t i = 0; i < store.infos().size(); ++i) {
    if (store.infos()[i].decays) result.push_back(store.tensors()[i]);
  }
  return result;
}

ProxyNetwork::Result ProxyNetwork::run(std::span<const at::Tensor> inputs, ParameterStore& store,
                                       std::span<const ValueId> watch, bool training, Arithmetic arithmetic) const {
  Graph watched = graph_;
  for (const ValueId value : watch) watched.outputs.push_back(value);
  Numerics numerics = numerics_;
  numerics.arithmetic = arithmetic;
  RunMode mode;
  mode.training = training;
  mode.update_statistics = false;
  mode.generator = at::detail::createCPUGenerator(seed_);
  const std::vector<at::Tensor> outputs = TorchExecutor(watched, numerics).run(inputs, store, mode);
  Result result;
  result.prediction = outputs[prediction_];
  result.watched.assign(outputs.begin() + static_cast<std::ptrdiff_t>(graph_.outputs.size()), outputs.end());
  return result;
}

at::Tensor ProxyNetwork::loss(const at::Tensor& prediction) const { return loss_->value(prediction, target_); }

std::vector<NodeId> ProxyNetwork::nodes(std::initializer_list<std::string_view> operators) const {
  std::vector<NodeId> found;
  for (size_t i = 0; i < graph_.nodes().size(); ++i) {
    const Node& node = graph_.nodes()[i];
    if (!node.dead && std::ranges::find(operators, node.op) != operators.end()) found.push_back(static_cast<NodeId>(i));
  }
  return found;
}

const Registry<ZeroCostProxy>& zero_cost_registry() {
  static const Registry<ZeroCostProxy> registry = [] {
    Registry<ZeroCostProxy> list("proxy", "proxies");
    add_gradient_proxies(list);
    add_activation_proxies(list);
    const auto count = [&](const char* name, const char* summary, int64_t GraphStatistics::*member) {
      list.add({.name = name, .summary = summary, .source = "counted"}, [member](ProxyNetwork& network) {
        Graph one = network.graph();
        SymbolBindings bindings;
        for (const std::string& symbol : one.symbols()) bindings[symbol] = 1;
        one.bind_symbols(bindings);
        return std::optional<double>(static_cast<double>(count_graph(one).*member));
      });
    };
    count("params", "trainable parameters", &GraphStatistics::parameters);
    count("macs", "multiply-accumulates of one sample", &GraphStatistics::macs);
    return list;
  }();
  return registry;
}

ProxyBatch task_batch(const Task& task, int64_t size, uint64_t seed) {
  const int64_t available = task.size(Split::train);
  if (available == 0) throw UserError("task " + task.name() + " has no training data to score networks on");
  Random random = Random::stream(seed, "proxy batch");
  std::vector<int64_t> indices = random.permutation(available);
  indices.resize(static_cast<size_t>(std::min(size, available)));
  Batch batch = task.load(Split::train, indices, nullptr, random);
  ProxyBatch result;
  result.loss = task.loss();
  const auto target = batch.tensors.find(result.loss.target);
  if (target == batch.tensors.end()) throw UserError("task " + task.name() + " gives no '" + result.loss.target + "'");
  result.target = std::move(target->second);
  for (const TensorSpec& input : task.signature().inputs) result.inputs[input.name] = batch.tensors.at(input.name);
  return result;
}

ProxyBatch noise_batch(const Graph& graph, int64_t size, uint64_t seed) {
  const auto fixed_behind_batch = [&](ValueId id, int rank) {
    const Value& value = graph.value(id);
    if (!value.shape || value.shape->rank() < 2 || (rank > 0 && value.shape->rank() != rank)) return false;
    for (int i = 1; i < value.shape->rank(); ++i) {
      if (!(*value.shape)[i].is_fixed()) return false;
    }
    return value.type == ElementType::float32;
  };
  if (graph.inputs.size() != 1 || graph.outputs.size() != 1 || !fixed_behind_batch(graph.inputs[0], 0) ||
      !fixed_behind_batch(graph.outputs[0], 2)) {
    throw UserError(
        "proxies without a task need one float input with fixed extents behind the batch and one output [batch, "
        "classes]");
  }
  const Shape& shape = *graph.value(graph.inputs[0]).shape;
  std::vector<int64_t> extents = {size};
  for (int i = 1; i < shape.rank(); ++i) extents.push_back(shape[i].extent());
  const int64_t classes = (*graph.value(graph.outputs[0]).shape)[1].extent();
  Random random = Random::stream(seed, "noise batch");
  Tensor input(ElementType::float32, extents);
  for (float& value : input.mutable_values<float>()) value = static_cast<float>(random.normal());
  Tensor target(ElementType::int64, {size});
  for (int64_t& value : target.mutable_values<int64_t>())
    value = static_cast<int64_t>(random.below(static_cast<uint64_t>(classes)));
  ProxyBatch batch;
  batch.inputs.emplace(value_text(graph, graph.inputs[0]), std::move(input));
  batch.target = std::move(target);
  batch.loss = {"cross_entropy", value_text(graph, graph.outputs[0]), "label"};
  return batch;
}

std::map<std::string, ZeroCostScore> zero_cost_scores(const Graph& graph, const ProxyBatch& batch,
                                                      const ZeroCostOptions& options) {
  const std::vector<std::string> names = options.proxies.empty() ? zero_cost_registry().names() : options.proxies;
  for (const std::string& name : names) zero_cost_registry().get(name);
  set_thread_count(options.numerics.threads);
  std::map<std::string, ZeroCostScore> scores;
  std::map<std::string, int64_t> counts;
  for (int64_t repeat = 0; repeat < options.repeats; ++repeat) {
    ProxyNetwork network(graph, batch, mix_seed(options.seed, static_cast<uint64_t>(repeat)), options.numerics);
    for (const std::string& name : names) {
      const auto begin = std::chrono::steady_clock::now();
      std::optional<double> value = zero_cost_registry().get(name).make(network);
      ZeroCostScore& score = scores[name];
      score.time_s += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      if (!value || !std::isfinite(*value)) {
        score.reason = value ? "not finite" : "the network has nothing that the proxy looks at";
        continue;
      }
      score.value = score.value.value_or(0) + *value;
      ++counts[name];
    }
  }
  for (auto& [name, score] : scores) {
    if (score.value) *score.value /= static_cast<double>(counts[name]);
    if (score.value && counts[name] < options.repeats) score.value.reset();
  }
  release_cached_memory();
  return scores;
}

}  // namespace nacre
