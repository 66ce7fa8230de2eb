#include "nacre/supernet/architecture.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/nn/torch_types.hpp"

namespace nacre {
namespace {

constexpr double kEpsilon = 1e-8;  // of Adam

const std::array<std::pair<std::string_view, Weighting>, 7> kWeightings = {{{"softmax", Weighting::softmax},
                                                                            {"gumbel", Weighting::gumbel},
                                                                            {"gumbel_hard", Weighting::gumbel_hard},
                                                                            {"binary", Weighting::binary},
                                                                            {"sigmoid", Weighting::sigmoid},
                                                                            {"max_w", Weighting::max_w},
                                                                            {"uniform", Weighting::uniform}}};

std::vector<double> numbers_of(const at::Tensor& tensor) {
  const at::Tensor host = tensor.detach().to(at::kCPU, at::kDouble).contiguous();
  return {host.data_ptr<double>(), host.data_ptr<double>() + host.numel()};
}

at::Tensor one_hot(int64_t index, const at::Tensor& like) {
  at::Tensor result = at::zeros_like(like, at::TensorOptions().requires_grad(false));
  result.select(0, index).fill_(1);
  return result;
}

// -log(-log u), the noise whose arg-max samples a soft-max.
at::Tensor gumbel_noise(const at::Tensor& like, Random& random) {
  at::Tensor noise = at::empty({like.numel()}, at::TensorOptions(at::kDouble));
  double* values = noise.data_ptr<double>();
  for (int64_t i = 0; i < noise.numel(); ++i) {
    double u = random.uniform();
    while (u <= 0) u = random.uniform();
    values[i] = -std::log(-std::log(u));
  }
  return noise.to(like.device(), like.scalar_type());
}

}  // namespace

std::vector<std::string> weighting_names() {
  std::vector<std::string> names;
  for (const auto& [name, weighting] : kWeightings) names.emplace_back(name);
  return names;
}

Weighting weighting_from_name(std::string_view name) {
  for (const auto& [known, weighting] : kWeightings)
    if (known == name) return weighting;
  throw InternalError("internal error: no weighting '" + std::string(name) + "'");
}

Architecture::Architecture(std::vector<OpenDecision> open, const ArchitectureForm& form, uint64_t seed,
                           at::TensorOptions options)
    : open_(std::move(open)), form_(form) {
  for (size_t i = 0; i < open_.size(); ++i) {
    Random random = Random::stream(seed, "architecture", i);
    const auto count = static_cast<int64_t>(open_[i].labels.size());
    at::Tensor first = at::empty({count}, at::TensorOptions(at::kDouble));
    for (int64_t j = 0; j < count; ++j) first.data_ptr<double>()[j] = form_.initial_spread * random.normal();
    if (open_[i].kind == OpenDecision::Kind::number) first.fill_(1);
    logits_.push_back(first.to(options).requires_grad_(true));
    first_.push_back(at::zeros({count}, options));
    second_.push_back(at::zeros({count}, options));
  }
}

std::vector<std::vector<double>> Architecture::probabilities() const {
  std::vector<std::vector<double>> result;
  for (size_t i = 0; i < logits_.size(); ++i) {
    const at::Tensor logits = logits_[i].detach();
    const bool scales = open_[i].kind == OpenDecision::Kind::number;
    result.push_back(numbers_of(scales ? at::abs(logits) : at::softmax(logits, 0)));
  }
  return result;
}

double mean_entropy(const std::vector<std::vector<double>>& probabilities) {
  double sum = 0;
  for (const std::vector<double>& p : probabilities)
    for (const double x : p) sum -= x > 0 ? x * std::log(x) : 0;
  return probabilities.empty() ? 0 : sum / static_cast<double>(probabilities.size());
}

at::Tensor Architecture::mixed(size_t i, Random& random, double temperature) const {
  const at::Tensor& logits = logits_[i];
  if (open_[i].kind == OpenDecision::Kind::edges && form_.weighting != Weighting::uniform)
    return at::softmax(logits, 0);
  if (open_[i].kind == OpenDecision::Kind::number) return logits;
  switch (form_.weighting) {
    case Weighting::softmax: return at::softmax(logits, 0);
    case Weighting::sigmoid: return at::sigmoid(logits);
    case Weighting::uniform:
      return at::full_like(logits, 1.0 / static_cast<double>(logits.numel()), at::TensorOptions().requires_grad(false));
    case Weighting::max_w: {
      const at::Tensor p = at::softmax(logits, 0);
      return 1 - at::max(p) + p;
    }
    case Weighting::gumbel: return at::softmax((logits + gumbel_noise(logits, random)) / temperature, 0);
    case Weighting::gumbel_hard: {
      const at::Tensor soft = at::softmax((logits + gumbel_noise(logits, random)) / temperature, 0);
      return one_hot(at::argmax(soft).item<int64_t>(), soft) - soft.detach() + soft;
    }
    case Weighting::binary: {
      // The gate counts as a real number: dL/da_i = sum_j dL/dg_j p_j (delta_ij - p_i), the gradient of soft-max.
      const at::Tensor soft = at::softmax(logits, 0);
      return one_hot(draw_index(numbers_of(soft), random), soft) - soft.detach() + soft;
    }
  }
  return {};
}

MixWeights Architecture::mixture(Random& random, double temperature, bool differentiable) const {
  const at::AutoGradMode mode(differentiable);
  MixWeights weights;
  for (size_t i = 0; i < open_.size(); ++i) weights[open_[i].key] = mixed(i, random, temperature);
  return weights;
}

void Architecture::step(const std::vector<at::Tensor>& gradients) {
  const at::NoGradGuard no_grad;
  const ArchitectureOptimizer& o = form_.optimizer;
  ++steps_;
  const double correction1 = 1 - std::pow(o.beta1, static_cast<double>(steps_)),
               correction2 = 1 - std::pow(o.beta2, static_cast<double>(steps_));
  for (size_t i = 0; i < logits_.size(); ++i) {
    if (!gradients[i].defined()) continue;
    at::Tensor logits = logits_[i].detach();
    const at::Tensor g = gradients[i] + logits * o.weight_decay;
    first_[i].mul_(o.beta1).add_(g, 1 - o.beta1);
    second_[i].mul_(o.beta2).addcmul_(g, g, 1 - o.beta2);
    logits.addcdiv_(first_[i], at::sqrt(second_[i] / correction2).add_(kEpsilon), -o.learning_rate / correction1);
  }
}

Weights Architecture::state() const {
  Weights weights;
  weights.metadata["architecture_steps"] = std::to_string(steps_);
  for (size_t i = 0; i < open_.size(); ++i) {
    weights.tensors.emplace_back("architecture/logits/" + open_[i].key, from_torch(logits_[i].detach().clone()));
    weights.tensors.emplace_back("architecture/first/" + open_[i].key, from_torch(first_[i].clone()));
    weights.tensors.emplace_back("architecture/second/" + open_[i].key, from_torch(second_[i].clone()));
  }
  return weights;
}

void Architecture::load(const Weights& state) {
  const at::NoGradGuard no_grad;
  const auto take = [&state](const std::string& name, const at::Tensor& to) {
    const Tensor* tensor = state.find(name);
    if (tensor == nullptr || tensor->elements() != to.numel())
      throw UserError("the state of the architecture lacks '" + name + "'");
    to.detach().copy_(share_with_torch(*tensor));
  };
  for (size_t i = 0; i < open_.size(); ++i) {
    take("architecture/logits/" + open_[i].key, logits_[i]);
    take("architecture/first/" + open_[i].key, first_[i]);
    take("architecture/second/" + open_[i].key, second_[i]);
  }
  const auto steps = state.metadata.find("architecture_steps");
  if (steps == state.metadata.end()) throw UserError("the state of the architecture lacks its number of steps");
  steps_ = std::stoll(steps->second);
}

}  // namespace nacre
