#include "nacre/nn/optimizer.hpp"

#include <cmath>

#include "nacre/nn/kernels/update.hpp"
#include "nacre/nn/register_entries.hpp"
#include "nacre/nn/torch_types.hpp"

namespace nacre {
namespace {

// The kernels take float on the host, laid out alike.
bool plain_float(const at::Tensor& tensor) {
  return tensor.is_cpu() && tensor.scalar_type() == at::kFloat && tensor.is_contiguous();
}

at::Tensor matched(const at::Tensor& gradient, const at::Tensor& weight) {
  return gradient.to(weight.scalar_type()).contiguous();
}

// Tensors of optimizer state beside the weights, one per kind.
class StateTensors {
 public:
  StateTensors(const TrainableSet& set, std::string kind) : kind_(std::move(kind)), names_(set.names) {
    for (const at::Tensor& weight : set.tensors)
      tensors.push_back(at::zeros_like(weight.detach(), at::MemoryFormat::Contiguous));
  }
  void save(Weights& to) const {
    for (size_t i = 0; i < tensors.size(); ++i)
      to.tensors.emplace_back("optimizer/" + kind_ + "/" + names_[i], from_torch(tensors[i].clone()));
  }
  void load(const Weights& from) {
    for (size_t i = 0; i < tensors.size(); ++i) {
      const Tensor* given = from.find("optimizer/" + kind_ + "/" + names_[i]);
      if (given != nullptr && given->shape() == Shape::fixed(tensors[i].sizes().vec()))
        tensors[i].copy_(share_with_torch(*given));
    }
  }
  std::vector<at::Tensor> tensors;

 private:
  std::string kind_;
  std::vector<std::string> names_;
};

class Sgd : public Optimizer {
 public:
  Sgd(TrainableSet set, const Recipe& recipe)
      : set_(std::move(set)),
        velocity_(set_, "velocity"),
        momentum_(recipe.momentum),
        decay_(recipe.weight_decay),
        nesterov_(recipe.nesterov) {}

  void update(std::span<const at::Tensor> gradients, double rate, double gradient_scale) override {
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < set_.tensors.size(); ++i) {
      if (!gradients[i].defined()) continue;
      at::Tensor weight = set_.tensors[i].detach();
      at::Tensor& velocity = velocity_.tensors[i];
      const at::Tensor gradient = matched(gradients[i], weight);
      const double decay = set_.decays[i] ? decay_ : 0;
      if (plain_float(weight) && plain_float(gradient)) {
        kernels::sgd_update(weight.data_ptr<float>(), gradient.data_ptr<float>(),
                            momentum_ > 0 ? velocity.data_ptr<float>() : nullptr, weight.numel(),
                            {.rate = static_cast<float>(rate),
                             .momentum = static_cast<float>(momentum_),
                             .decay = static_cast<float>(decay),
                             .gradient_scale = static_cast<float>(gradient_scale),
                             .nesterov = nesterov_});
        continue;
      }
      const at::Tensor g = at::add(gradient * gradient_scale, weight, decay);
      if (momentum_ == 0) {
        weight.add_(g, -rate);
        continue;
      }
      velocity.mul_(momentum_).add_(g);
      weight.add_(nesterov_ ? at::add(g, velocity, momentum_) : velocity, -rate);
    }
  }

  Weights state() const override {
    Weights weights;
    velocity_.save(weights);
    return weights;
  }
  void load(const Weights& state) override { velocity_.load(state); }

 protected:
  std::vector<at::Tensor> changed_by(size_t i) const override {
    return {set_.tensors[i].detach(), velocity_.tensors[i]};
  }

 private:
  TrainableSet set_;
  StateTensors velocity_;
  double momentum_, decay_;
  bool nesterov_;
};

class AdamW : public Optimizer {
 public:
  AdamW(TrainableSet set, const Recipe& recipe)
      : set_(std::move(set)), first_(set_, "first"), second_(set_, "second"), decay_(recipe.weight_decay) {}

  void update(std::span<const at::Tensor> gradients, double rate, double gradient_scale) override {
    const at::NoGradGuard no_grad;
    ++steps_;
    const double correction1 = 1 - std::pow(kBeta1, static_cast<double>(steps_)),
                 correction2 = 1 - std::pow(kBeta2, static_cast<double>(steps_));
    for (size_t i = 0; i < set_.tensors.size(); ++i) {
      if (!gradients[i].defined()) continue;
      at::Tensor weight = set_.tensors[i].detach();
      at::Tensor& first = first_.tensors[i];
      at::Tensor& second = second_.tensors[i];
      const at::Tensor gradient = matched(gradients[i], weight);
      const double decay = set_.decays[i] ? decay_ : 0;
      if (plain_float(weight) && plain_float(gradient)) {
        kernels::adamw_update(weight.data_ptr<float>(), gradient.data_ptr<float>(), first.data_ptr<float>(),
                              second.data_ptr<float>(), weight.numel(),
                              {.rate = static_cast<float>(rate),
                               .beta1 = static_cast<float>(kBeta1),
                               .beta2 = static_cast<float>(kBeta2),
                               .epsilon = static_cast<float>(kEpsilon),
                               .decay = static_cast<float>(decay),
                               .gradient_scale = static_cast<float>(gradient_scale),
                               .correction1 = static_cast<float>(correction1),
                               .correction2 = static_cast<float>(correction2)});
        continue;
      }
      const at::Tensor g = gradient * gradient_scale;
      first.mul_(kBeta1).add_(g, 1 - kBeta1);
      second.mul_(kBeta2).addcmul_(g, g, 1 - kBeta2);
      weight.mul_(1 - rate * decay).addcdiv_(first, at::sqrt(second / correction2).add_(kEpsilon), -rate / correction1);
    }
  }

  Weights state() const override {
    Weights weights;
    weights.tensors.emplace_back("optimizer/steps", Tensor::scalar<int64_t>(steps_));
    first_.save(weights);
    second_.save(weights);
    return weights;
  }
  void load(const Weights& state) override {
    if (const Tensor* steps = state.find("optimizer/steps"); steps != nullptr && steps->elements() == 1)
      steps_ = steps->integers()[0];
    first_.load(state);
    second_.load(state);
  }

 protected:
  std::vector<at::Tensor> changed_by(size_t i) const override {
    return {set_.tensors[i].detach(), first_.tensors[i], second_.tensors[i]};
  }

 private:
  static constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
  TrainableSet set_;
  StateTensors first_, second_;
  double decay_;
  int64_t steps_ = 0;
};

}  // namespace

std::unique_ptr<Optimizer> make_sgd(TrainableSet set, const Recipe& recipe) {
  return std::make_unique<Sgd>(std::move(set), recipe);
}
std::unique_ptr<Optimizer> make_adamw(TrainableSet set, const Recipe& recipe) {
  return std::make_unique<AdamW>(std::move(set), recipe);
}

void Optimizer::step(std::span<const at::Tensor> gradients, double rate, double gradient_scale,
                     std::span<const at::Tensor> regions) {
  const at::NoGradGuard no_grad;
  struct Kept {
    at::Tensor changed, before, region;
  };
  std::vector<Kept> kept;
  for (size_t i = 0; i < regions.size(); ++i) {
    if (!regions[i].defined() || !gradients[i].defined()) continue;
    for (const at::Tensor& tensor : changed_by(i)) kept.push_back({tensor, tensor.clone(), regions[i]});
  }
  update(gradients, rate, gradient_scale);
  for (const Kept& part : kept) part.changed.copy_(at::where(part.region, part.changed, part.before));
}

TrainableSet trainable_set(const PlainStore& store) {
  TrainableSet set;
  for (size_t i = 0; i < store.infos().size(); ++i) {
    if (!store.infos()[i].trainable) continue;
    set.tensors.push_back(store.tensors()[i]);
    set.names.push_back(store.infos()[i].name);
    set.decays.push_back(store.infos()[i].decays);
  }
  return set;
}

double gradient_norm(std::span<const at::Tensor> gradients) {
  double squares = 0;
  std::vector<at::Tensor> elsewhere;
  for (const at::Tensor& gradient : gradients) {
    if (!gradient.defined()) continue;
    if (plain_float(gradient)) {
      squares += kernels::square_sum(gradient.data_ptr<float>(), gradient.numel());
    } else {
      elsewhere.push_back(at::sum(at::square(gradient.detach().to(at::kDouble))));
    }
  }
  if (!elsewhere.empty()) squares += at::sum(at::stack(elsewhere)).item<double>();
  return std::sqrt(squares);
}

}  // namespace nacre
