// Picking and placing by index, on libtorch.
#include "nacre/nn/operators/node_context.hpp"

namespace nacre::torch_operators {
namespace {

// Indices from 0 on, where the indexed tensor is: constants of a graph may stay on the CPU.
at::Tensor wrapped(const at::Tensor& indices, int64_t extent, at::Device device) {
  const at::Tensor index = indices.to(device, at::kLong);
  return at::where(index < 0, index + extent, index);
}

TorchKernel make_gather(const NodeContext& context) {
  const int64_t given = context.attributes().integer("axis", 0);
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    const int64_t axis = given < 0 ? given + x.dim() : given;
    const at::Tensor index = wrapped(run.in(1), x.size(axis), x.device());
    std::vector<int64_t> shape = x.sizes().slice(0, static_cast<size_t>(axis)).vec();
    for (const int64_t extent : index.sizes()) shape.push_back(extent);
    for (int64_t i = axis + 1; i < x.dim(); ++i) shape.push_back(x.size(i));
    run.out(0, at::index_select(x, axis, index.reshape({-1})).reshape(shape));
  };
}

TorchKernel make_gather_elements(const NodeContext& context) {
  const int64_t axis = context.attributes().integer("axis", 0);
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    run.out(0, at::gather(x, axis, wrapped(run.in(1), x.size(axis), x.device())));
  };
}

// Tuples of coordinates over axes batch_dims... become one flat index over those axes.
at::Tensor flat_index(const at::Tensor& indices, at::IntArrayRef extents, at::Device device) {
  at::Tensor flat;
  for (size_t i = 0; i < extents.size(); ++i) {
    const at::Tensor coordinate = wrapped(indices.select(-1, static_cast<int64_t>(i)), extents[i], device);
    flat = i == 0 ? coordinate : flat * extents[i] + coordinate;
  }
  return flat;
}

TorchKernel make_gather_nd(const NodeContext& context) {
  const int64_t batch = context.attributes().integer("batch_dims", 0);
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    const at::Tensor& indices = run.in(1);
    const int64_t depth = indices.size(-1);
    const at::IntArrayRef sizes = x.sizes(), asked = indices.sizes();
    int64_t batches = 1;
    for (int64_t i = 0; i < batch; ++i) batches *= sizes[static_cast<size_t>(i)];
    std::vector<int64_t> shape = asked.slice(0, asked.size() - 1).vec();
    std::vector<int64_t> rest;
    for (int64_t i = batch + depth; i < x.dim(); ++i) rest.push_back(sizes[static_cast<size_t>(i)]);
    shape.insert(shape.end(), rest.begin(), rest.end());
    const at::Tensor flat =
        flat_index(indices, sizes.slice(static_cast<size_t>(batch), static_cast<size_t>(depth)), x.device())
            .reshape({batches, -1});
    int64_t inner = 1;
    for (const int64_t extent : rest) inner *= extent;
    const at::Tensor rows = x.reshape({batches, -1, inner});
    const at::Tensor offset = at::arange(batches, flat.options()).unsqueeze(1) * rows.size(1);
    run.out(0, at::index_select(rows.reshape({-1, inner}), 0, (flat + offset).reshape({-1})).reshape(shape));
  };
}

TorchKernel make_scatter_elements(const NodeContext& context) {
  const int64_t axis = context.attributes().integer("axis", 0);
  const std::string reduction(context.attributes().text("reduction", "none"));
  return [=](NodeRun& run) {
    const at::Tensor index = wrapped(run.in(1), run.in(0).size(axis), run.in(0).device());
    if (reduction == "none") return run.out(0, at::scatter(run.in(0), axis, index, run.in(2)));
    if (reduction == "add") return run.out(0, at::scatter_add(run.in(0), axis, index, run.in(2)));
    const char* mode = reduction == "mul" ? "prod" : reduction == "max" ? "amax" : "amin";
    run.out(0, at::scatter_reduce(run.in(0), axis, index, run.in(2), mode, /*include_self=*/true));
  };
}

TorchKernel make_scatter_nd(const NodeContext& context) {
  const std::string reduction(context.attributes().text("reduction", "none"));
  if (reduction != "none" && reduction != "add")
    context.fail("reduction '" + reduction + "' of ScatterND cannot be run by the torch executor");
  const bool accumulate = reduction == "add";
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    const int64_t depth = run.in(1).size(-1);
    const at::IntArrayRef sizes = x.sizes();
    int64_t inner = 1;
    for (int64_t i = depth; i < x.dim(); ++i) inner *= sizes[static_cast<size_t>(i)];
    const at::Tensor flat = flat_index(run.in(1), sizes.slice(0, static_cast<size_t>(depth)), x.device()).reshape({-1});
    const at::Tensor rows = x.reshape({-1, inner});
    const at::Tensor updates = run.in(2).reshape({-1, inner});
    const at::Tensor y = accumulate ? at::index_add(rows, 0, flat, updates) : at::index_copy(rows, 0, flat, updates);
    run.out(0, y.reshape(sizes));
  };
}

}  // namespace

std::vector<TorchOperator> gather_operators() {
  return {{.name = "Gather", .make = make_gather},
          {.name = "GatherElements", .make = make_gather_elements},
          {.name = "GatherND", .make = make_gather_nd},
          {.name = "ScatterElements", .make = make_scatter_elements},
          {.name = "ScatterND", .make = make_scatter_nd}};
}

}  // namespace nacre::torch_operators
