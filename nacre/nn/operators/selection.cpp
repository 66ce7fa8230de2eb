// Elements kept, placed or marked by where they are, on libtorch.
#include "nacre/nn/operators/node_context.hpp"
#include "nacre/nn/torch_types.hpp"

namespace nacre::torch_operators {
namespace {

TorchKernel make_non_zero(const NodeContext&) {
  return [](NodeRun& run) { run.out(0, at::nonzero(run.in(0)).t().contiguous()); };
}

TorchKernel make_one_hot(const NodeContext& context) {
  const int64_t given = context.attributes().integer("axis", -1);
  return [=](NodeRun& run) {
    const int64_t depth = host_integers(run.in(1).reshape({-1})).at(0);
    const at::Tensor values = run.in(2);
    at::Tensor index = run.in(0).to(values.device(), at::kLong);
    index = at::where(index < 0, index + depth, index);
    const int64_t axis = given < 0 ? given + index.dim() + 1 : given;
    std::vector<int64_t> shape(static_cast<size_t>(index.dim() + 1), 1);
    shape[static_cast<size_t>(axis)] = depth;
    const at::Tensor hot = index.unsqueeze(axis) == at::arange(depth, index.options()).reshape(shape);
    run.out(0, at::where(hot, values.select(0, 1), values.select(0, 0)));
  };
}

TorchKernel make_compress(const NodeContext& context) {
  const bool flat = !context.attributes().has("axis");
  const int64_t axis = context.attributes().integer("axis", 0);
  return [=](NodeRun& run) {
    const at::Tensor x = flat ? run.in(0).reshape({-1}) : run.in(0);
    run.out(0, at::index_select(x, axis, at::nonzero(run.in(1).to(x.device())).reshape({-1})));
  };
}

TorchKernel make_trilu(const NodeContext& context) {
  const bool upper = context.attributes().integer("upper", 1) != 0;
  return [=](NodeRun& run) {
    const int64_t k = run.has(1) ? host_integers(run.in(1).reshape({-1})).at(0) : 0;
    run.out(0, upper ? at::triu(run.in(0), k) : at::tril(run.in(0), k));
  };
}

TorchKernel make_eye_like(const NodeContext& context) {
  const int64_t k = context.attributes().integer("k", 0);
  const at::ScalarType type = torch_type(context.graph().value(context.node().outputs[0]).type);
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    const at::Tensor row = at::arange(x.size(0), x.options().dtype(at::kLong)).unsqueeze(1);
    const at::Tensor column = at::arange(x.size(1), row.options());
    run.out(0, (column - row == k)
                   .to(at::isFloatingType(type) && at::isFloatingType(x.scalar_type()) ? x.scalar_type() : type));
  };
}

TorchKernel make_reverse_sequence(const NodeContext& context) {
  const bool batch_first = context.attributes().integer("batch_axis", 1) == 0;
  return [=](NodeRun& run) {
    const at::Tensor x = batch_first ? run.in(0).transpose(0, 1) : run.in(0);
    const at::Tensor lengths = run.in(1).to(x.device(), at::kLong);
    const at::Tensor step = at::arange(x.size(0), lengths.options()).unsqueeze(1);
    at::Tensor order = at::where(step < lengths, lengths - 1 - step, step.expand({x.size(0), x.size(1)}));
    while (order.dim() < x.dim()) order = order.unsqueeze(-1);
    const at::Tensor y = at::gather(x, 0, order.expand_as(x));
    run.out(0, batch_first ? y.transpose(0, 1) : y);
  };
}

}  // namespace

std::vector<TorchOperator> selection_operators() {
  return {{.name = "NonZero", .make = make_non_zero},  {.name = "OneHot", .make = make_one_hot},
          {.name = "Compress", .make = make_compress}, {.name = "Trilu", .make = make_trilu},
          {.name = "EyeLike", .make = make_eye_like},  {.name = "ReverseSequence", .make = make_reverse_sequence}};
}

}  // namespace nacre::torch_operators
