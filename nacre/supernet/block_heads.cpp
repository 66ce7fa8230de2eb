#include "nacre/supernet/block_heads.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/ir/graph_builder.hpp"

namespace nacre {
namespace {

ValueId adapted(GraphBuilder& b, ValueId x, const Shape& common) {
  const int64_t channels = b.channels(x);
  if (b.shape(x).rank() == 2) {
    const auto scope = b.scope(fmt::format("adapter_{}", channels));
    return b.batch_norm("bn", b.linear("linear", x, common[1].extent(), false));
  }
  const int64_t height = b.extent(x, 2), width = b.extent(x, 3);
  const auto scope = b.scope(fmt::format("adapter_{}x{}x{}", channels, height, width));
  const int64_t stride = height / common[2].extent();
  if (stride > 1) x = b.depthwise("scale", x, {.kernel = stride, .stride = stride, .padding = 0});
  return b.batch_norm("bn", b.convolution("conv", x, common[1].extent(), {.kernel = 1}));
}

ValueId perceptron(GraphBuilder& b, ValueId x, const HeadForm& form) {
  const ValueId hidden = b.activation(b.batch_norm("bn", b.linear("hidden", x, form.hidden)), Activation::relu);
  return b.linear("out", hidden, form.projection);
}

}  // namespace

std::optional<Shape> common_shape(std::span<const Shape> shapes) {
  NACRE_CHECK(!shapes.empty(), "a block without paths");
  Shape common = shapes[0];
  bool same = true;
  for (const Shape& shape : shapes) {
    if (shape.rank() != common.rank()) throw UserError("the paths of a block end in values of different rank");
    for (int axis = 1; axis < shape.rank(); ++axis) {
      const int64_t a = common[axis].extent(), b = shape[axis].extent();
      same = same && a == b;
      const int64_t extent = axis == 1 ? std::max(a, b) : std::min(a, b);
      Shape next;
      for (int i = 0; i < common.rank(); ++i) next.push_back(i == axis ? Dim(extent) : common[i]);
      common = next;
    }
  }
  if (same) return std::nullopt;
  return common;
}

Graph with_heads(Graph features, const HeadForm& form, const std::optional<Shape>& common, bool predicts) {
  NACRE_CHECK(features.outputs.size() == 1, "a block of one output");
  GraphBuilder b;
  b.graph() = std::move(features);
  ValueId x = b.graph().outputs[0];
  b.graph().outputs.clear();
  const int rank = b.shape(x).rank();
  if (rank != 2 && rank != 4)
    throw UserError("blocks end in images [N, C, H, W] or features [N, F]; found " + b.graph().shape_text(b.shape(x)));
  {
    const auto scope = b.scope("neck");
    if (common) x = adapted(b, x, *common);
    if (rank == 4) x = b.flatten(b.global_average_pool(x));
    x = perceptron(b, x, form);
  }
  if (predicts) {
    const auto scope = b.scope("predictor");
    x = perceptron(b, x, form);
  }
  b.output(x, predicts ? "prediction" : "projection");
  return b.take();
}

}  // namespace nacre
