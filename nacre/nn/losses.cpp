#include "nacre/nn/losses.hpp"

#include "nacre/nn/register_entries.hpp"

namespace nacre {
namespace {

at::Tensor wide(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

// Classes on axis 1, as logits. Targets are class indices, or rows of probabilities.
class CrossEntropy : public Loss {
 public:
  explicit CrossEntropy(double label_smoothing) : label_smoothing_(label_smoothing) {}

  at::Tensor value(const at::Tensor& prediction, const at::Tensor& target) const override {
    const at::Tensor logits = wide(prediction);
    const at::Tensor wanted =
        at::isFloatingType(target.scalar_type()) ? target.to(logits.scalar_type()) : target.to(at::kLong);
    return at::cross_entropy_loss(logits, wanted, {}, at::Reduction::Mean, -100, label_smoothing_);
  }
  at::Tensor mixable(const at::Tensor& target, int64_t classes) const override {
    if (at::isFloatingType(target.scalar_type())) return target;
    at::Tensor rows = at::one_hot(target.to(at::kLong), classes).to(at::kFloat);
    return rows.dim() > 2 ? rows.movedim(-1, 1) : rows;
  }
  at::Tensor distillation(const at::Tensor& student, const at::Tensor& teacher, double temperature) const override {
    const at::Tensor wanted = at::softmax(wide(teacher) / temperature, 1);
    const at::Tensor given = at::log_softmax(wide(student) / temperature, 1);
    const at::Tensor divergence = wanted * (at::log(at::clamp_min(wanted, 1e-12)) - given);
    // T^2 keeps the gradients' size when the temperature changes (section 2).
    return at::sum(divergence) / static_cast<double>(student.numel() / student.size(1)) * (temperature * temperature);
  }

 private:
  double label_smoothing_;
};

class MeanSquaredError : public Loss {
 public:
  at::Tensor value(const at::Tensor& prediction, const at::Tensor& target) const override {
    const at::Tensor given = wide(prediction);
    return at::mse_loss(given, target.to(given.scalar_type()).reshape(given.sizes()));
  }
  at::Tensor mixable(const at::Tensor& target, int64_t) const override { return target.to(at::kFloat); }
  at::Tensor distillation(const at::Tensor& student, const at::Tensor& teacher, double) const override {
    return value(student, wide(teacher));
  }
};

}  // namespace

std::unique_ptr<Loss> make_cross_entropy(const Recipe& recipe) {
  return std::make_unique<CrossEntropy>(recipe.label_smoothing);
}
std::unique_ptr<Loss> make_mean_squared_error(const Recipe&) { return std::make_unique<MeanSquaredError>(); }

}  // namespace nacre
