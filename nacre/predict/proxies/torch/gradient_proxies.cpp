// Proxies from the gradient of the loss on one batch, with the weights as drawn and batch statistics; and synflow, which needs
// no data.
#include "nacre/nn/torch_types.hpp"
#include "nacre/predict/proxies/torch/proxy_network.hpp"

namespace nacre {
namespace {

using Tensors = std::vector<at::Tensor>;

// Of `output` by each of `inputs`; zeros where there is none.
Tensors gradients(const at::Tensor& output, const Tensors& inputs, bool differentiable = false) {
  Tensors found = torch::autograd::grad({output}, inputs, {}, differentiable, differentiable, true);
  for (size_t i = 0; i < found.size(); ++i) {
    if (!found[i].defined()) found[i] = at::zeros_like(inputs[i]);
  }
  return found;
}

// Sum over weight tensors of what `part` makes of a weight and its gradient.
template <class Part>
std::optional<double> over_weights(ProxyNetwork& network, const Part& part) {
  const Tensors weights = network.weights();
  if (weights.empty()) return std::nullopt;
  const auto result = network.run(network.inputs(), network.store(), {}, true);
  const Tensors found = gradients(network.loss(result.prediction), weights);
  const at::NoGradGuard no_grad;
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) sum += part(weights[i], found[i]).template item<double>();
  return sum;
}

std::optional<double> grad_norm(ProxyNetwork& network) {
  return over_weights(network, [](const at::Tensor&, const at::Tensor& gradient) { return gradient.norm(); });
}

std::optional<double> snip(ProxyNetwork& network) {
  return over_weights(network, [](const at::Tensor& w, const at::Tensor& g) { return (w * g).abs().sum(); });
}

std::optional<double> plain(ProxyNetwork& network) {
  return over_weights(network, [](const at::Tensor& w, const at::Tensor& g) { return (w * g).sum(); });
}

std::optional<double> l2_norm(ProxyNetwork& network) {
  const at::NoGradGuard no_grad;
  double sum = 0;
  for (const at::Tensor& weight : network.weights()) sum += weight.norm().item<double>();
  return sum;
}

// -w' H g, with H the Hessian of the loss.
std::optional<double> grasp(ProxyNetwork& network) {
  const Tensors weights = network.weights();
  if (weights.empty()) return std::nullopt;
  const auto result = network.run(network.inputs(), network.store(), {}, true);
  const Tensors first = gradients(network.loss(result.prediction), weights, true);
  at::Tensor product = at::zeros({}, first[0].options());
  for (const at::Tensor& gradient : first) product = product + (gradient.detach() * gradient).sum();
  if (!product.requires_grad()) return std::nullopt;  // the loss is linear in the weights
  const Tensors second = gradients(product, weights);
  const at::NoGradGuard no_grad;
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) sum -= (weights[i] * second[i]).sum().item<double>();
  return sum;
}

// Per channel of what kernels and matrices give: half the mean over the batch of (sum over places of activation x gradient)^2.
std::optional<double> fisher(ProxyNetwork& network) {
  std::vector<ValueId> watch;
  for (const NodeId id : network.nodes({"Conv", "ConvTranspose", "Gemm", "MatMul"})) {
    const Node& node = network.graph().node(id);
    if (network.graph().initializer_of(node.inputs[1]) != nullptr) watch.push_back(node.outputs[0]);
  }
  if (watch.empty()) return std::nullopt;
  const auto result = network.run(network.inputs(), network.store(), watch, true);
  const Tensors found = gradients(network.loss(result.prediction), result.watched);
  const at::NoGradGuard no_grad;
  double sum = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    at::Tensor product = result.watched[i] * found[i];
    if (product.dim() > 2) product = product.flatten(2).sum(2);
    sum += product.pow(2).mean(0).sum().item<double>() / 2;
  }
  return sum;
}

// Weights by their absolute value; normalization does nothing.
class AbsoluteStore final : public ParameterStore {
 public:
  explicit AbsoluteStore(PlainStore& store) : store_(store) {
    const at::NoGradGuard no_grad;
    for (const at::Tensor& tensor : store.tensors()) {
      absolute_.push_back(tensor.detach().abs());
      absolute_.back().requires_grad_(true);
    }
  }

  at::Tensor view(std::string_view key, const Shape& shape, const ViewContext& context) override {
    const at::Tensor kept = store_.view(key, shape, context);
    const Node& reader = context.graph.node(context.reader);
    if (reader.op == "BatchNormalization") {
      const bool one = context.value == reader.inputs[1] || context.value == reader.inputs[4];  // scale, variance
      const at::Tensor plain = kept.detach();
      return one ? at::ones_like(plain) : at::zeros_like(plain);
    }
    for (size_t i = 0; i < absolute_.size(); ++i) {
      if (store_.tensors()[i].is_same(kept)) return absolute_[i];
    }
    return kept;
  }

  Tensors weights() const {
    Tensors result;
    for (size_t i = 0; i < absolute_.size(); ++i) {
      if (store_.infos()[i].decays) result.push_back(absolute_[i]);
    }
    return result;
  }

 private:
  PlainStore& store_;
  Tensors absolute_;
};

// Logarithm of the sum over weights of |w| dR/d|w|, R the sum of the outputs for an input of ones. In double precision: the sum
// grows exponentially with depth.
std::optional<double> synflow(ProxyNetwork& network) {
  const std::unique_ptr<PlainStore> plain_store = network.fresh_store(Arithmetic::fp64);
  AbsoluteStore store(*plain_store);
  const Tensors weights = store.weights();
  if (weights.empty()) return std::nullopt;
  Tensors ones;
  for (const at::Tensor& input : network.inputs()) {
    if (!input.is_floating_point()) return std::nullopt;
    ones.push_back(at::ones_like(input.narrow(0, 0, 1), at::kDouble));
  }
  const auto result = network.run(ones, store, {}, false, Arithmetic::fp64);
  const Tensors found = gradients(result.prediction.sum(), weights);
  const at::NoGradGuard no_grad;
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) sum += (weights[i] * found[i]).sum().item<double>();
  return std::log(sum);  // of nothing: not finite, which is no value
}

}  // namespace

void add_gradient_proxies(Registry<ZeroCostProxy>& registry) {
  registry.add({.name = "synflow",
                .summary = "log of the summed synaptic saliency |w| dR/d|w|; needs no data",
                .source = "Tanaka et al., Pruning neural networks without any data, NeurIPS 2020, equation 1"},
               synflow);
  registry.add({.name = "snip", .summary = "sum of |w dL/dw|", .source = "Lee et al., SNIP, ICLR 2019"}, snip);
  registry.add(
      {.name = "grasp",
       .summary = "minus w' H g: what removing weights does to the gradient's flow",
       .source = "Wang et al., Picking winning tickets before training by preserving gradient flow, ICLR 2020"},
      grasp);
  registry.add({.name = "fisher",
                .summary = "Fisher information of channels: squared products of activation and gradient",
                .source = "Turner et al., BlockSwap, ICLR 2020; Theis et al., arXiv 1801.05787"},
               fisher);
  registry.add({.name = "grad_norm",
                .summary = "sum over layers of the gradient's norm",
                .source = "Abdelfattah et al., Zero-cost proxies for lightweight NAS, ICLR 2021"},
               grad_norm);
  registry.add({.name = "plain",
                .summary = "sum of w dL/dw",
                .source = "Abdelfattah et al., Zero-cost proxies for lightweight NAS, ICLR 2021"},
               plain);
  registry.add({.name = "l2_norm",
                .summary = "sum over layers of the weights' norm",
                .source = "Abdelfattah et al., Zero-cost proxies for lightweight NAS, ICLR 2021"},
               l2_norm);
}

}  // namespace nacre
