// Weighted sums of alternatives on libtorch. One pass per alternative and no tensor in between: the sum of a supernet's
// branches is as large as any of them, and there are many.
#include <numeric>

#include "nacre/nn/operators/node_context.hpp"

namespace nacre::torch_operators {
namespace {

// Numbers of a small tensor; on a GPU this waits for it once per sum.
std::vector<double> numbers_of(const at::Tensor& weights) {
  const at::Tensor host = weights.detach().to(at::kCPU, at::kDouble).contiguous();
  return {host.data_ptr<double>(), host.data_ptr<double>() + host.numel()};
}

struct Positions {
  std::vector<int64_t> of;  // the weight of each alternative
};

// Gradients: of an alternative the weight times that of the sum, of a weight its product with the alternative. Alternatives
// are kept for the latter only.
class MixFunction : public torch::autograd::Function<MixFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& weights,
                            const Positions& positions, at::TensorList alternatives) {
    const std::vector<double> numbers = numbers_of(weights);
    at::Tensor sum = alternatives[0] * numbers[static_cast<size_t>(positions.of[0])];
    for (size_t i = 1; i < alternatives.size(); ++i)
      sum.add_(alternatives[i], numbers[static_cast<size_t>(positions.of[i])]);
    std::vector<at::Tensor> saved = {weights};
    const bool weighed = weights.requires_grad();
    if (weighed) saved.insert(saved.end(), alternatives.begin(), alternatives.end());
    context->save_for_backward(saved);
    context->saved_data["positions"] = positions.of;
    context->saved_data["weighed"] = weighed;
    return sum;
  }

  static std::vector<at::Tensor> backward(torch::autograd::AutogradContext* context,
                                          const std::vector<at::Tensor>& gradients) {
    const std::vector<at::Tensor> saved = context->get_saved_variables();
    const std::vector<int64_t> positions = context->saved_data["positions"].toIntVector();
    const bool weighed = context->saved_data["weighed"].toBool();
    const at::Tensor& weights = saved[0];
    const at::Tensor& gradient = gradients[0];
    const std::vector<double> numbers = numbers_of(weights);
    std::vector<at::Tensor> result(positions.size() + 2);
    if (weighed) {
      at::Tensor of_weights = at::zeros_like(weights);
      for (size_t i = 0; i < positions.size(); ++i)
        of_weights.select(0, positions[i]).add_(at::sum(gradient * saved[i + 1]).to(weights.scalar_type()));
      result[0] = of_weights;
    }
    for (size_t i = 0; i < positions.size(); ++i) result[i + 2] = gradient * numbers[static_cast<size_t>(positions[i])];
    return result;
  }
};

TorchKernel make_mix(const NodeContext& context) {
  const std::span<const int64_t> given = context.attributes().integers("positions");
  Positions positions{{given.begin(), given.end()}};
  if (!context.attributes().has("positions")) {
    positions.of.resize(context.input_count() - 1);
    std::iota(positions.of.begin(), positions.of.end(), int64_t{0});
  }
  return [positions](NodeRun& run) {
    const at::TensorList alternatives(run.inputs().data() + 1, run.input_count() - 1);
    run.out(0, MixFunction::apply(run.in(0), positions, alternatives));
  };
}

}  // namespace

std::vector<TorchOperator> mixture_operators() { return {{.name = "Mix", .make = make_mix, .domain = "nacre"}}; }

}  // namespace nacre::torch_operators
