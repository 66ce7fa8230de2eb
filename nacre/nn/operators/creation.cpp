// Tensors from nothing but attributes and shapes, on libtorch. Shapes are integers on the host, wherever the data is.
#include <limits>

#include "nacre/nn/operators/node_context.hpp"
#include "nacre/nn/torch_types.hpp"

namespace nacre::torch_operators {
namespace {

at::Tensor on_run(const Tensor& tensor, const Numerics& numerics) {
  const at::Tensor value = copy_to_torch(tensor);
  if (!at::isFloatingType(value.scalar_type())) return value;
  return value.to(torch_device(numerics.device), storage_type(numerics.arithmetic));
}

TorchKernel make_constant(const NodeContext& context) {
  const Attributes& attributes = context.attributes();
  Tensor tensor;
  if (const Tensor* value = attributes.tensor("value")) {
    tensor = *value;
  } else if (attributes.has("value_float")) {
    tensor = Tensor::scalar<float>(attributes.real("value_float", 0));
  } else if (attributes.has("value_int")) {
    tensor = Tensor::scalar<int64_t>(attributes.integer("value_int", 0));
  } else if (attributes.has("value_ints")) {
    const std::span<const int64_t> values = attributes.integers("value_ints");
    const int64_t count = static_cast<int64_t>(values.size());
    tensor = Tensor::of<int64_t>(std::span<const int64_t>(&count, 1), values);
  } else if (attributes.has("value_floats")) {
    const std::span<const float> values = attributes.reals("value_floats");
    const int64_t count = static_cast<int64_t>(values.size());
    tensor = Tensor::of<float>(std::span<const int64_t>(&count, 1), values);
  } else {
    context.fail("a Constant of text cannot be run by the torch executor");
  }
  const at::Tensor value = on_run(tensor, context.numerics());
  return [=](NodeRun& run) { run.out(0, value); };
}

TorchKernel make_constant_of_shape(const NodeContext& context) {
  const Tensor* given = context.attributes().tensor("value");
  const at::Tensor value = on_run(given != nullptr ? *given : Tensor::scalar<float>(0), context.numerics()).reshape({});
  return [=](NodeRun& run) {
    const at::Tensor shape = run.in(0).to(at::kCPU, at::kLong).contiguous();
    run.out(0, value.expand(at::IntArrayRef(shape.data_ptr<int64_t>(), static_cast<size_t>(shape.numel()))).clone());
  };
}

TorchKernel make_range(const NodeContext& context) {
  const std::string place = node_text(context.graph(), context.id());
  return [=](NodeRun& run) {
    const at::Tensor& start = run.in(0);
    const at::Scalar first = start.item(), limit = run.in(1).item(), delta = run.in(2).item();
    if (delta.toDouble() == 0) throw UserError(place + ": the step of Range is 0");
    // libtorch refuses a step that leads away from the limit; ONNX has nothing then.
    const bool away = (limit.toDouble() - first.toDouble()) / delta.toDouble() <= 0;
    run.out(0, away ? at::empty({0}, start.options()) : at::arange(first, limit, delta, start.options()));
  };
}

TorchKernel make_shape(const NodeContext& context) {
  const int64_t start = context.attributes().integer("start", 0);
  const int64_t end = context.attributes().integer("end", std::numeric_limits<int64_t>::max());
  return [=](NodeRun& run) {
    const at::IntArrayRef sizes = run.in(0).sizes();
    const auto rank = static_cast<int64_t>(sizes.size());
    const int64_t first = std::clamp<int64_t>(start < 0 ? start + rank : start, 0, rank);
    const int64_t last = std::clamp<int64_t>(end < 0 ? end + rank : end, first, rank);
    run.out(0, at::tensor(sizes.slice(static_cast<size_t>(first), static_cast<size_t>(last - first)),
                          at::TensorOptions(at::kLong)));
  };
}

TorchKernel make_size(const NodeContext&) {
  return [](NodeRun& run) { run.out(0, at::scalar_tensor(run.in(0).numel(), at::TensorOptions(at::kLong))); };
}

}  // namespace

std::vector<TorchOperator> creation_operators() {
  return {{.name = "Constant", .make = make_constant},
          {.name = "ConstantOfShape", .make = make_constant_of_shape},
          {.name = "Range", .make = make_range},
          {.name = "Shape", .make = make_shape},
          {.name = "Size", .make = make_size}};
}

}  // namespace nacre::torch_operators
