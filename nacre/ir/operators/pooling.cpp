// Pooling: windows (MaxPool, AveragePool, LpPool) and whole images (GlobalMaxPool, GlobalAveragePool, GlobalLpPool); and
// MaxUnpool, which puts the elements back where MaxPool took them.
#include <algorithm>
#include <cmath>
#include <limits>

#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"
#include "nacre/ir/operators/window.hpp"

namespace nacre::operators {
namespace {

void infer_pool(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 3);
  const std::span<const int64_t> kernel = context.attributes().integers("kernel_shape");
  if (kernel.empty()) context.fail("attribute 'kernel_shape' is missing");
  if (x == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  if (kernel.size() != x->size() - 2) {
    context.fail("attribute 'kernel_shape' has " + std::to_string(kernel.size()) + " entries, expected " +
                 std::to_string(x->rank() - 2));
  }
  Window window = read_window(context.attributes(), kernel);
  Shape result = {(*x)[0], (*x)[1]};
  for (int axis = 0; axis < window.rank; ++axis)
    result.push_back(window_output(context.graph(), window, axis, (*x)[axis + 2]));
  context.set_output(0, context.input_type(0), result);
  context.set_output(1, ElementType::int64, result);
}

void infer_global_pool(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 3);
  if (x == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  Shape result = {(*x)[0], (*x)[1]};
  for (int axis = 2; axis < x->rank(); ++axis) result.push_back(Dim(1));
  context.set_output(0, context.input_type(0), result);
}

// stride * (input - 1) + kernel - pads, unless an output shape is given.
Extents unpooled_extents(const Attributes& attributes, std::span<const int64_t> image) {
  const std::span<const int64_t> kernel = attributes.integers("kernel_shape");
  if (kernel.size() != image.size())
    throw UserError("attribute 'kernel_shape' has " + std::to_string(kernel.size()) + " entries, expected " +
                    std::to_string(image.size()));
  const Window window = read_window(attributes, kernel);
  Extents result;
  for (size_t axis = 0; axis < image.size(); ++axis) {
    const WindowAxis& w = window.axes[axis];
    if (image[axis] > (int64_t{1} << 40) / w.stride) throw UserError("a result of more than 2^40 elements");
    result.push_back((image[axis] - 1) * w.stride + w.reach() - w.pad_begin - w.pad_end);
    if (result.back() < 0) throw UserError("pads leave nothing along spatial axis " + std::to_string(axis));
  }
  return result;
}

void infer_max_unpool(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 3);
  const Shape* indices = context.ranked_input(1, 3);
  if (x != nullptr && indices != nullptr && x->is_fixed() && indices->is_fixed() && *x != *indices)
    context.fail("indices " + context.graph().shape_text(*indices) + " and input " + context.graph().shape_text(*x) +
                 " differ in shape");
  if (context.has_input(2)) {
    const std::optional<std::vector<int64_t>> declared = context.known_integers(2);
    if (declared.has_value()) return context.set_output(0, context.input_type(0), Shape::fixed(*declared));
  }
  if (x == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  Shape result = {(*x)[0], (*x)[1]};
  for (int axis = 2; axis < x->rank(); ++axis) result.push_back(Dim());
  bool spatial = !context.has_input(2);
  Extents image;
  for (int axis = 2; axis < x->rank(); ++axis) {
    spatial = spatial && (*x)[axis].is_fixed();
    if (spatial) image.push_back((*x)[axis].extent());
  }
  if (spatial) {
    const Extents extents = unpooled_extents(context.attributes(), image);
    for (size_t i = 0; i < extents.size(); ++i) result[static_cast<int>(i) + 2] = Dim(extents[i]);
  }
  context.set_output(0, context.input_type(0), result);
}

OperatorCost cost_pool(const Graph& graph, const Node& node) {
  int64_t work = output_elements(graph, node);
  for (const int64_t extent : node.attributes.integers("kernel_shape")) work = saturating_multiply(work, extent);
  return {.macs = 0, .flops = work};
}

std::vector<AttributeSchema> pool_attributes() {
  return {{"auto_pad", "string", "NOTSET (pads are given), VALID, SAME_UPPER or SAME_LOWER"},
          {"ceil_mode", "int", "1 keeps the last, partial window; 0"},
          {"dilations", "ints", "distance between taps, per spatial axis; 1"},
          {"kernel_shape", "ints", "extents of the window", true},
          {"pads", "ints", "all begins, then all ends; 0"},
          {"strides", "ints", "per spatial axis; 1"}};
}

std::vector<AttributeSchema> with(std::vector<AttributeSchema> attributes, AttributeSchema extra) {
  attributes.push_back(std::move(extra));
  return attributes;
}

// --- reference ----------------------------------------------------------------------------------------------------

// The positions a window covers: flat offsets into a channel, and how many positions of the padded image it spans.
struct Cover {
  std::vector<int64_t> offsets;
  int64_t padded = 0;
};

Cover cover_at(const Window& window, std::span<const int64_t> position, std::span<const int64_t> image,
               std::span<const int64_t> kernel) {
  const Extents strides = strides_of(image);
  Cover cover;
  Extents tap(kernel.size(), 0);
  do {
    int64_t offset = 0;
    bool inside = true;
    bool in_padded = true;
    for (size_t axis = 0; axis < kernel.size(); ++axis) {
      const WindowAxis& w = window.axes[axis];
      const int64_t at = position[axis] * w.stride - w.pad_begin + tap[axis] * w.dilation;
      inside = inside && at >= 0 && at < image[axis];
      in_padded = in_padded && at < image[axis] + w.pad_end;  // ceil_mode may reach past it
      offset += at * strides[axis];
    }
    if (inside) cover.offsets.push_back(offset);
    cover.padded += in_padded ? 1 : 0;
  } while (next_position(tap, kernel));
  return cover;
}

struct Pooling {
  Window window;
  Extents kernel;
  Extents image;       // spatial extents of the input
  Extents output;      // of the result
  Extents extents;     // of the result, all
  int64_t planes = 0;  // batch * channels

  Pooling(const Node& node, const Tensor& x)
      : image(x.extents().begin() + 2, x.extents().end()), extents(x.extents().begin(), x.extents().begin() + 2) {
    const std::span<const int64_t> list = node.attributes.integers("kernel_shape");
    kernel.assign(list.begin(), list.end());
    window = read_window(node.attributes, kernel);
    for (size_t axis = 0; axis < image.size(); ++axis)
      output.push_back(window_output(window, static_cast<int>(axis), image[axis]));
    planes = extents[0] * extents[1];
    extents.insert(extents.end(), output.begin(), output.end());
  }

  // Calls function(cell of the result, first element of the plane, cover) for every window of every plane.
  template <class Function>
  void for_each_window(Function function) const {
    const int64_t output_size = count_of(output);
    const int64_t image_size = count_of(image);
    Extents position(output.size(), 0);
    for (int64_t p = 0; p < output_size; ++p, next_position(position, output)) {
      const Cover cover = cover_at(window, position, image, kernel);
      for (int64_t plane = 0; plane < planes; ++plane)
        function(static_cast<size_t>(plane * output_size + p), plane * image_size, cover);
    }
  }
};

// Row-major flat index to the column-major one of MaxPool's storage_order 1 (within the spatial axes).
int64_t column_major(int64_t offset, std::span<const int64_t> image) {
  const Extents strides = strides_of(image);
  int64_t result = 0;
  int64_t step = 1;
  for (size_t axis = 0; axis < image.size(); ++axis) {
    result += offset / strides[axis] % image[axis] * step;
    step *= image[axis];
  }
  return result;
}

std::vector<Tensor> reference_max_pool(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Pooling pooling(node, x);
  const bool by_columns = node.attributes.integer("storage_order", 0) != 0;
  const std::vector<double> xs = load<double>(x);
  std::vector<double> largest(static_cast<size_t>(count_of(pooling.extents)), -std::numeric_limits<double>::infinity());
  Tensor indices(ElementType::int64, pooling.extents);
  const std::span<int64_t> index = indices.mutable_values<int64_t>();
  pooling.for_each_window([&](size_t cell, int64_t plane, const Cover& cover) {
    for (const int64_t offset : cover.offsets) {
      const double value = xs[static_cast<size_t>(plane + offset)];
      if (!(value > largest[cell]) && offset != cover.offsets.front()) continue;
      largest[cell] = value;
      index[cell] = plane + (by_columns ? column_major(offset, pooling.image) : offset);
    }
  });
  return {store(x.type(), pooling.extents, largest), std::move(indices)};
}

std::vector<Tensor> reference_average_pool(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Pooling pooling(node, x);
  const bool count_padding = node.attributes.integer("count_include_pad", 0) != 0;
  const std::vector<double> xs = load<double>(x);
  std::vector<double> means(static_cast<size_t>(count_of(pooling.extents)), 0.0);
  pooling.for_each_window([&](size_t cell, int64_t plane, const Cover& cover) {
    const auto count = count_padding ? cover.padded : static_cast<int64_t>(cover.offsets.size());
    for (const int64_t offset : cover.offsets) means[cell] += xs[static_cast<size_t>(plane + offset)];
    if (count != 0) means[cell] /= static_cast<double>(count);
  });
  return {store(x.type(), pooling.extents, means)};
}

// The p-norm; by pow only where neither sums nor square roots will do.
double norm_of(std::span<const double> values, int64_t p) {
  double sum = 0;
  for (const double value : values) {
    sum += p == 1 ? std::abs(value) : p == 2 ? value * value : std::pow(std::abs(value), static_cast<double>(p));
  }
  return p == 1 ? sum : p == 2 ? std::sqrt(sum) : std::pow(sum, 1.0 / static_cast<double>(p));
}

std::vector<Tensor> reference_lp_pool(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Pooling pooling(node, x);
  const int64_t p = node.attributes.integer("p", 2);
  const std::vector<double> xs = load<double>(x);
  std::vector<double> norms(static_cast<size_t>(count_of(pooling.extents)), 0.0);
  std::vector<double> values;
  pooling.for_each_window([&](size_t cell, int64_t plane, const Cover& cover) {
    values.clear();
    for (const int64_t offset : cover.offsets) values.push_back(xs[static_cast<size_t>(plane + offset)]);
    norms[cell] = norm_of(values, p);
  });
  return {store(x.type(), pooling.extents, norms)};
}

std::vector<Tensor> reference_global_lp_pool(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  Extents extents(x.extents().size(), 1);
  std::copy_n(x.extents().begin(), 2, extents.begin());
  const std::vector<double> xs = load<double>(x);
  std::vector<double> result(static_cast<size_t>(count_of(extents)));
  const size_t size = result.empty() ? 0 : xs.size() / result.size();
  for (size_t plane = 0; plane < result.size(); ++plane)
    result[plane] = norm_of(std::span(xs).subspan(plane * size, size), node.attributes.integer("p", 2));
  return {store(x.type(), extents, result)};
}

// Indices count in the image that MaxPool would have read; where output_shape asks for more, zeros follow.
std::vector<Tensor> reference_max_unpool(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const std::vector<int64_t> indices = input_at(inputs, 1).integers();
  if (static_cast<int64_t>(indices.size()) != x.elements()) throw UserError("as many indices as elements are needed");
  Extents natural(x.extents().begin(), x.extents().begin() + 2);
  for (const int64_t extent : unpooled_extents(node.attributes, std::span(x.extents()).subspan(2)))
    natural.push_back(extent);
  Extents extents = natural;
  if (const Tensor* declared = optional_input(inputs, 2)) {
    extents = declared->integers();
    bool fits = extents.size() == natural.size();
    for (size_t i = 0; fits && i < extents.size(); ++i) fits = extents[i] >= natural[i];
    if (!fits) throw UserError("output_shape is smaller than what the window gives");
  }
  const Extents from = strides_of(natural), to = strides_of(extents);
  const int64_t limit = count_of(natural);
  const std::vector<double> xs = load<double>(x);
  std::vector<double> result(static_cast<size_t>(count_of(extents)), 0.0);
  for (size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || indices[i] >= limit)
      throw UserError("index " + std::to_string(indices[i]) + " of an image of " + std::to_string(limit) + " elements");
    int64_t at = 0;
    for (size_t axis = 0; axis < natural.size(); ++axis) at += indices[i] / from[axis] % natural[axis] * to[axis];
    result[static_cast<size_t>(at)] = xs[i];
  }
  return {store(x.type(), extents, result)};
}

template <bool Maximum>
std::vector<Tensor> reference_global_pool(const Node&, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  Extents extents(x.extents().size(), 1);
  std::copy_n(x.extents().begin(), 2, extents.begin());
  const std::vector<double> xs = load<double>(x);
  std::vector<double> result(static_cast<size_t>(count_of(extents)));
  const size_t size = result.empty() ? 0 : xs.size() / result.size();
  for (size_t plane = 0; plane < result.size(); ++plane) {
    double value = Maximum ? -std::numeric_limits<double>::infinity() : 0.0;
    for (size_t i = plane * size; i < (plane + 1) * size; ++i) value = Maximum ? std::max(value, xs[i]) : value + xs[i];
    result[plane] = Maximum ? value : value / static_cast<double>(size);
  }
  return {store(x.type(), extents, result)};
}

}  // namespace

std::vector<OperatorSchema> pooling_operators() {
  return {{.name = "MaxPool",
           .summary = "largest element of each window; optionally its flat index",
           .maximum_outputs = 2,
           .attributes = with(pool_attributes(), {"storage_order", "int", "1 counts the indices column-major; 0"}),
           .infer = infer_pool,
           .cost = cost_pool,
           .reference = reference_max_pool},
          {.name = "AveragePool",
           .summary = "mean of each window",
           .attributes = with(pool_attributes(), {"count_include_pad", "int", "1 counts padded positions as zeros; 0"}),
           .infer = infer_pool,
           .cost = cost_pool,
           .reference = reference_average_pool},
          {.name = "GlobalAveragePool",
           .summary = "mean over all spatial axes, kept as 1",
           .infer = infer_global_pool,
           .cost = cost_per_input<1>,
           .reference = reference_global_pool<false>},
          {.name = "GlobalMaxPool",
           .summary = "maximum over all spatial axes, kept as 1",
           .infer = infer_global_pool,
           .cost = cost_per_input<1>,
           .reference = reference_global_pool<true>},
          {.name = "LpPool",
           .summary = "p-norm of each window",
           .attributes = with(pool_attributes(), {"p", "int", "2"}),
           .infer = infer_pool,
           .cost = cost_pool,
           .reference = reference_lp_pool},
          {.name = "GlobalLpPool",
           .summary = "p-norm over all spatial axes, kept as 1",
           .attributes = {{"p", "int", "2"}},
           .infer = infer_global_pool,
           .cost = cost_per_input<2>,
           .reference = reference_global_lp_pool},
          {.name = "MaxUnpool",
           .summary = "elements put back where MaxPool took them, zeros elsewhere",
           .minimum_inputs = 2,
           .maximum_inputs = 3,
           .attributes = {{"kernel_shape", "ints", "extents of the window", true},
                          {"pads", "ints", "all begins, then all ends; 0"},
                          {"strides", "ints", "per spatial axis; 1"}},
           .infer = infer_max_unpool,
           .reference = reference_max_unpool}};
}

}  // namespace nacre::operators
