// The same elements under other shapes, orders and types, on libtorch.
#include <algorithm>
#include <functional>

#include "nacre/nn/operators/late_input.hpp"
#include "nacre/nn/torch_types.hpp"

namespace nacre::torch_operators {
namespace {

at::Tensor reshape(const at::Tensor& x, std::vector<int64_t> target, bool allow_zero) {
  for (size_t i = 0; i < target.size(); ++i) {
    if (target[i] == 0 && !allow_zero) target[i] = x.size(static_cast<int64_t>(i));
  }
  return at::reshape(x, target);
}

TorchKernel make_reshape(const NodeContext& context) {
  const bool allow_zero = context.attributes().integer("allowzero", 0) != 0;
  const LateIntegers target(context, 1);
  return [=](NodeRun& run) { run.out(0, reshape(run.in(0), target.of(run), allow_zero)); };
}

TorchKernel make_flatten(const NodeContext& context) {
  const int64_t axis = context.attributes().integer("axis", 1);
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    const int64_t split = axis < 0 ? axis + x.dim() : axis;
    int64_t rows = 1, columns = 1;
    for (int64_t i = 0; i < x.dim(); ++i) (i < split ? rows : columns) *= x.size(i);
    run.out(0, at::reshape(x, {rows, columns}));
  };
}

TorchKernel make_transpose(const NodeContext& context) {
  const std::span<const int64_t> given = context.attributes().integers("perm");
  std::vector<int64_t> order(given.begin(), given.end());
  return [=](NodeRun& run) {
    if (!order.empty()) return run.out(0, run.in(0).permute(order));
    std::vector<int64_t> reversed;
    for (int64_t i = run.in(0).dim(); i-- > 0;) reversed.push_back(i);
    run.out(0, run.in(0).permute(reversed));
  };
}

// libtorch squeezes one axis at a time: from the last, so that the numbers of the others hold.
TorchKernel make_squeeze(const NodeContext& context) {
  const bool all = !context.has_input(1);  // an empty list of axes is none
  const LateIntegers given(context, 1);
  return [=](NodeRun& run) {
    at::Tensor y = run.in(0);
    const std::vector<int64_t> axes = given.of(run);
    if (all) return run.out(0, y.squeeze());
    std::vector<int64_t> order;
    for (const int64_t axis : axes) order.push_back(axis < 0 ? axis + y.dim() : axis);
    std::ranges::sort(order, std::greater<>());
    for (const int64_t axis : order) y = y.squeeze(axis);
    run.out(0, y);
  };
}

TorchKernel make_unsqueeze(const NodeContext& context) {
  const LateIntegers given(context, 1);
  return [=](NodeRun& run) {
    at::Tensor y = run.in(0);
    const std::vector<int64_t> axes = given.of(run);
    std::vector<int64_t> order;
    const int64_t rank = y.dim() + static_cast<int64_t>(axes.size());
    for (const int64_t axis : axes) order.push_back(axis < 0 ? axis + rank : axis);
    std::ranges::sort(order);
    for (const int64_t axis : order) y = y.unsqueeze(axis);
    run.out(0, y);
  };
}

TorchKernel make_identity(const NodeContext&) {
  return [](NodeRun& run) { run.out(0, run.in(0)); };
}

TorchKernel make_dropout(const NodeContext& context) {
  const LateNumbers given(context, 1);
  const std::string place = node_text(context.graph(), context.id());
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    const std::vector<double> ratio = given.of(run);
    const double p = ratio.empty() ? 0.5 : ratio[0];
    if (!(p >= 0 && p < 1))
      throw UserError(place + ": the ratio of Dropout is " + std::to_string(p) + ", expected 0 to 1");
    if (!run.mode().training || p == 0) {
      if (run.output_count() > 1) run.out(1, at::ones_like(x, x.options().dtype(at::kBool)));
      return run.out(0, x);
    }
    NACRE_CHECK(run.mode().generator.has_value(), "training with dropout needs a generator");
    at::Tensor mask = at::empty_like(x.detach());
    mask.bernoulli_(1 - p, *run.mode().generator);
    if (run.output_count() > 1) run.out(1, mask.to(at::kBool));
    run.out(0, x * mask.div_(1 - p));
  };
}

// x / p times 0 or 1 for each example (nn/training_graph.hpp): p is a number of the run, so that nobody waits for a GPU.
TorchKernel make_drop_path(const NodeContext& context) {
  const double keep = context.attributes().real("keep", 1);
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    if (!run.mode().training) return run.out(0, x);
    NACRE_CHECK(run.mode().generator.has_value(), "training with dropped paths needs a generator");
    std::vector<int64_t> extents(static_cast<size_t>(x.dim()), 1);
    extents[0] = x.size(0);
    const auto options = x.options().dtype(at::kFloat);
    at::Tensor draws = at::empty(extents, options);
    draws.uniform_(0, 1, *run.mode().generator);
    const at::Tensor share = run.has(1) ? run.in(1).to(at::kFloat) * (keep - 1) + 1 : at::full({}, keep, options);
    run.out(0, x * (draws.lt(share).to(at::kFloat) / share).to(x.scalar_type()));
  };
}

// Floating types that the run does not store (a Cast to float in double arithmetic) follow the run.
TorchKernel make_cast(const NodeContext& context) {
  const auto type = static_cast<ElementType>(context.attributes().integer("to", 1));
  const at::ScalarType target =
      type == ElementType::float32 ? storage_type(context.numerics().arithmetic) : torch_type(type);
  return [=](NodeRun& run) { run.out(0, run.in(0).to(target)); };
}

TorchKernel make_cast_like(const NodeContext&) {
  return [](NodeRun& run) { run.out(0, run.in(0).to(run.in(1).scalar_type())); };
}

TorchKernel make_depth_to_space(const NodeContext& context) {
  const int64_t b = context.attributes().integer("blocksize", 1);
  const bool columns_first = context.attributes().text("mode", "DCR") == "CRD";
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    const int64_t n = x.size(0), c = x.size(1) / (b * b), h = x.size(2), w = x.size(3);
    const at::Tensor y = columns_first ? at::reshape(x, {n, c, b, b, h, w}).permute({0, 1, 4, 2, 5, 3})
                                       : at::reshape(x, {n, b, b, c, h, w}).permute({0, 3, 4, 1, 5, 2});
    run.out(0, at::reshape(y, {n, c, h * b, w * b}));
  };
}

TorchKernel make_space_to_depth(const NodeContext& context) {
  const int64_t b = context.attributes().integer("blocksize", 1);
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    const int64_t n = x.size(0), c = x.size(1), h = x.size(2) / b, w = x.size(3) / b;
    run.out(0, at::reshape(at::reshape(x, {n, c, h, b, w, b}).permute({0, 3, 5, 1, 2, 4}), {n, c * b * b, h, w}));
  };
}

}  // namespace

std::vector<TorchOperator> layout_operators() {
  return {{.name = "Reshape", .make = make_reshape, .constant_inputs = {1}},
          {.name = "Flatten", .make = make_flatten},
          {.name = "Transpose", .make = make_transpose},
          {.name = "Squeeze", .make = make_squeeze, .constant_inputs = {1}},
          {.name = "Unsqueeze", .make = make_unsqueeze, .constant_inputs = {1}},
          {.name = "Identity", .make = make_identity},
          {.name = "Dropout", .make = make_dropout, .constant_inputs = {1, 2}},
          {.name = "DropPath", .make = make_drop_path, .domain = "nacre"},
          {.name = "Cast", .make = make_cast},
          {.name = "CastLike", .make = make_cast_like},
          {.name = "DepthToSpace", .make = make_depth_to_space},
          {.name = "SpaceToDepth", .make = make_space_to_depth}};
}

}  // namespace nacre::torch_operators
