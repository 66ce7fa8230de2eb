// Proxies from what a batch makes of the network: codes of rectifiers, Jacobians of samples, sensitivity to noise.
#include "nacre/nn/torch_types.hpp"
#include "nacre/predict/proxies/torch/proxy_network.hpp"

namespace nacre {
namespace {

using Tensors = std::vector<at::Tensor>;

// log |det K|, K_ij = number of rectified units in which samples i and j agree.
std::optional<double> nwot(ProxyNetwork& network) {
  std::vector<ValueId> watch;
  for (const NodeId id : network.nodes({"Relu", "LeakyRelu", "PRelu", "Clip", "HardSwish", "Silu", "Swish"}))
    watch.push_back(network.graph().node(id).inputs[0]);
  if (watch.empty()) return std::nullopt;
  const at::NoGradGuard no_grad;
  const auto result = network.run(network.inputs(), network.store(), watch, true);
  const int64_t n = network.batch_size();
  at::Tensor agreement = at::zeros({n, n}, at::TensorOptions(at::kDouble));
  for (const at::Tensor& values : result.watched) {
    if (values.size(0) != n) return std::nullopt;
    const at::Tensor code = (values.reshape({n, -1}) > 0).to(at::kFloat);
    agreement += (code.mm(code.t()) + (1 - code).mm((1 - code).t())).to(at::kCPU, at::kDouble);
  }
  return std::get<1>(at::slogdet(agreement)).item<double>();
}

// -sum_i (log(e_i + k) + 1 / (e_i + k)) over the eigenvalues of the correlations between the samples' Jacobians.
std::optional<double> jacob_cov(ProxyNetwork& network) {
  constexpr double kSmall = 1e-5;
  Tensors inputs;
  for (const at::Tensor& input : network.inputs()) {
    if (!input.is_floating_point()) return std::nullopt;
    inputs.push_back(input.detach().clone().requires_grad_(true));
  }
  const auto result = network.run(inputs, network.store(), {}, true);
  Tensors rows;
  for (const at::Tensor& found : torch::autograd::grad({result.prediction.sum()}, inputs, {}, false, false, true)) {
    if (found.defined()) rows.push_back(found.reshape({network.batch_size(), -1}));
  }
  if (rows.empty()) return std::nullopt;
  const at::NoGradGuard no_grad;
  const at::Tensor eigenvalues = at::linalg_eigvalsh(at::corrcoef(at::cat(rows, 1).to(at::kCPU, at::kDouble)), "L");
  return -(at::log(eigenvalues + kSmall) + 1 / (eigenvalues + kSmall)).sum().item<double>();
}

// Kernels and matrices from the standard normal distribution; normalization starts at scale 1 and shift 0.
class NormalStore final : public ParameterStore {
 public:
  NormalStore(PlainStore& store, uint64_t seed) : store_(store) {
    const at::NoGradGuard no_grad;
    at::Generator generator = at::detail::createCPUGenerator(seed);
    for (size_t i = 0; i < store.infos().size(); ++i) {
      const at::Tensor& kept = store.tensors()[i];
      drawn_.push_back(store.infos()[i].decays
                           ? at::empty_like(kept, at::kCPU).normal_(0, 1, generator).to(kept.device())
                           : kept.detach());
    }
  }

  at::Tensor view(std::string_view key, const Shape& shape, const ViewContext& context) override {
    const at::Tensor kept = store_.view(key, shape, context);
    for (size_t i = 0; i < drawn_.size(); ++i) {
      if (store_.tensors()[i].is_same(kept)) return drawn_[i];
    }
    return kept;
  }

 private:
  PlainStore& store_;
  Tensors drawn_;
};

// log E |f(x) - f(x + a e)| of the features before the global pooling, plus the logarithms of the deviations that the batch
// normalizations took out (Zen-score: the Gaussian complexity of the network without normalization).
std::optional<double> zen(ProxyNetwork& network) {
  constexpr double kAlpha = 0.01;
  const Graph& graph = network.graph();
  std::vector<ValueId> watch;
  const std::vector<NodeId> pools = network.nodes({"GlobalAveragePool", "ReduceMean"});
  const std::vector<NodeId> norms = network.nodes({"BatchNormalization"});
  const std::vector<NodeId> kernels = network.nodes({"Conv"});
  if (kernels.empty() || graph.inputs.size() != 1) return std::nullopt;
  watch.push_back(pools.empty() ? graph.node(kernels.back()).outputs[0] : graph.node(pools.back()).inputs[0]);
  for (const NodeId norm : norms) watch.push_back(graph.node(norm).inputs[0]);
  const at::NoGradGuard no_grad;
  at::Generator generator = at::detail::createCPUGenerator(mix_seed(network.seed(), 1));
  NormalStore store(network.store(), network.seed());
  const at::Tensor& given = network.inputs()[0];
  const at::Tensor x = at::empty_like(given, at::kCPU).normal_(0, 1, generator).to(given.device());
  const at::Tensor noise = at::empty_like(given, at::kCPU).normal_(0, 1, generator).to(given.device());
  const Tensors first = {x}, second = {x + kAlpha * noise};
  const auto at_x = network.run(first, store, watch, true);
  const auto beside = network.run(second, store, std::span(watch).first(1), true);
  const at::Tensor change = (at_x.watched[0] - beside.watched[0]).to(at::kDouble).abs();
  double score = std::log(change.reshape({network.batch_size(), -1}).sum(1).mean().item<double>());
  for (size_t i = 1; i < at_x.watched.size(); ++i) {
    const at::Tensor& values = at_x.watched[i];
    const at::Tensor by_channel = values.transpose(0, 1).reshape({values.size(1), -1}).to(at::kDouble);
    score += std::log(by_channel.var(1).mean().item<double>()) / 2;
  }
  return score;
}

}  // namespace

void add_activation_proxies(Registry<ZeroCostProxy>& registry) {
  registry.add({.name = "jacob_cov",
                .summary = "how little the samples' Jacobians correlate",
                .source = "Mellor et al., Neural architecture search without training, arXiv 2006.04647v1"},
               jacob_cov);
  registry.add({.name = "nwot",
                .summary = "log determinant of the agreement of the samples' codes of rectified units",
                .source = "Mellor et al., Neural architecture search without training, ICML 2021"},
               nwot);
  registry.add({.name = "zen",
                .summary = "sensitivity of the features to noise with the effect of batch normalization undone",
                .source = "Lin et al., Zen-NAS, ICCV 2021, algorithm 1"},
               zen);
}

}  // namespace nacre
