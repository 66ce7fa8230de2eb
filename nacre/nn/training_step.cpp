#include "nacre/nn/training_step.hpp"

#include <algorithm>

#include "nacre/nn/mixing.hpp"
#include "nacre/nn/register.hpp"
#include "nacre/nn/torch_types.hpp"
#include "nacre/nn/training_graph.hpp"

namespace nacre {
TrainingStep::TrainingStep(const Graph& graph, const TaskSignature& signature, const LossSpec& loss,
                           const Recipe& recipe, const Numerics& numerics, uint64_t seed)
    : recipe_(recipe),
      spec_(loss),
      seed_(seed),
      executor_(training_graph(graph, recipe, output_position_for(graph, loss)), numerics),
      store_(executor_.graph(), mix_seed(seed, 0x77656967687473), numerics),
      inputs_(input_names_for(graph, signature)),
      output_(output_position_for(graph, loss)),
      loss_(loss_registry().get(loss.kind).make(recipe)),
      set_(trainable_set(store_)),
      optimizer_(optimizer_registry().get(recipe.optimizer).make(set_, recipe)),
      generator_(make_generator(numerics.device)) {
  if (recipe.auxiliary_weight > 0) auxiliary_ = executor_.graph().outputs.size() - 1;
  const auto progress = std::ranges::find(store_.infos(), kTrainingProgress, &ParameterInfo::name);
  if (progress != store_.infos().end()) progress_ = static_cast<size_t>(progress - store_.infos().begin());
  if (recipe.ema_decay > 0) average_ = std::make_unique<WeightAverage>(store_, recipe.ema_decay);
  if (!recipe.teacher.empty() && recipe.distillation_weight > 0) {
    teacher_ = std::make_unique<Teacher>(recipe.teacher, signature, loss, numerics);
  }
}

void TrainingStep::mix(TorchBatch& batch, int64_t step) {
  if (recipe_.mixup_alpha <= 0 && recipe_.cutmix_alpha <= 0) return;
  const at::Tensor& first = batch.at(inputs_[0]);
  const bool images = first.dim() == 4;
  Random random = Random::stream(seed_, "mix", static_cast<uint64_t>(step));
  const std::optional<Mix> drawn =
      draw_mix(recipe_, batch.size, images ? first.size(2) : 0, images ? first.size(3) : 0, random);
  if (!drawn.has_value()) return;
  const at::NoGradGuard no_grad;
  for (const std::string& name : inputs_) {
    at::Tensor& input = batch.tensors.find(name)->second;
    if (!at::isFloatingType(input.scalar_type()) || (drawn->kind == Mix::Kind::paste && input.dim() != 4)) continue;
    input = mix_inputs(input, *drawn);
  }
  at::Tensor& target = batch.tensors.find(spec_.target)->second;
  const std::optional<Shape>& shape = graph().value(graph().outputs[output_]).shape;
  const int64_t classes = shape.has_value() && shape->rank() >= 2 && (*shape)[1].is_fixed()
                              ? (*shape)[1].extent()
                              : at::amax(target).item<int64_t>() + 1;
  target = mix_targets(loss_->mixable(target, classes), *drawn);
}

at::Tensor TrainingStep::loss_of(const TorchBatch& batch, const at::Tensor& prediction) const {
  at::Tensor value = loss_->value(prediction, batch.at(spec_.target));
  if (teacher_ == nullptr) return value;
  const at::Tensor wanted = teacher_->predict(batch);
  if (wanted.sizes() != prediction.sizes()) {
    throw UserError("the teacher's prediction has shape " + c10::str(wanted.sizes()) + ", the network's " +
                    c10::str(prediction.sizes()));
  }
  const double share = recipe_.distillation_weight;
  return value * (1 - share) + loss_->distillation(prediction, wanted, recipe_.distillation_temperature) * share;
}

at::Tensor TrainingStep::run(TorchBatch batch, int64_t step, double rate) {
  if (set_.tensors.empty()) throw UserError("the network has no trainable parameter");
  batch.at(spec_.target);
  mix(batch, step);
  generator_.set_current_seed(mix_seed(mix_seed(seed_, 0x64726f70), static_cast<uint64_t>(step)));
  std::vector<at::Tensor> inputs;
  for (const std::string& name : inputs_) inputs.push_back(batch.at(name));
  const std::vector<at::Tensor> outputs = executor_.run(inputs, store_, {.training = true, .generator = generator_});
  at::Tensor loss = loss_of(batch, outputs[output_]);
  if (auxiliary_) loss = loss + loss_->value(outputs[*auxiliary_], batch.at(spec_.target)) * recipe_.auxiliary_weight;
  if (!loss.requires_grad()) throw UserError("the loss does not depend on any parameter of the network");
  const std::vector<at::Tensor> gradients = torch::autograd::grad({loss}, set_.tensors, {}, /*retain_graph=*/false,
                                                                  /*create_graph=*/false, /*allow_unused=*/true);
  double scale = 1;
  if (recipe_.gradient_clip > 0) scale = std::min(1.0, recipe_.gradient_clip / (gradient_norm(gradients) + 1e-6));
  optimizer_->step(gradients, rate, scale);
  if (average_ != nullptr) average_->update(store_);
  return loss.detach();
}

void TrainingStep::set_progress(double progress) {
  if (!progress_) return;
  const at::NoGradGuard no_grad;
  at::Tensor kept = store_.tensors()[*progress_];  // the same storage
  kept.fill_(progress);
}

std::vector<at::Tensor> TrainingStep::predict(const TorchBatch& batch) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> inputs;
  for (const std::string& name : inputs_) inputs.push_back(batch.at(name));
  return executor_.run(inputs, store_, {});
}

void TrainingStep::begin_evaluation() {
  if (average_ != nullptr) average_->swap(store_);
}

void TrainingStep::end_evaluation() {
  if (average_ != nullptr) average_->swap(store_);
}

Weights TrainingStep::final_weights() const {
  return average_ != nullptr ? average_->weights(store_) : store_.weights();
}

}  // namespace nacre
