// Kernels and maps of channels, read from nodes and written back into them.
#include <algorithm>
#include <array>
#include <cmath>

#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/rewrites/kernel.hpp"
#include "nacre/ir/rewrites/rewrites.hpp"
#include "nacre/ir/schema.hpp"

namespace nacre::rewrites {

using operators::Window;
using operators::WindowAxis;

namespace {

bool has_input(const Node& node, size_t index) { return index < node.inputs.size() && node.inputs[index] != kNone; }

// A constant in a type whose rounding is far below the tolerance of a rewrite.
const Tensor* known_weight(const Graph& graph, ValueId id) {
  const Tensor* tensor = id == kNone ? nullptr : graph.constant(id);
  if (tensor == nullptr) return nullptr;
  return tensor->type() == ElementType::float32 || tensor->type() == ElementType::float64 ? tensor : nullptr;
}

// How a weight is stored: [rows, columns, taps], where the rows of one group are together and the columns count within it.
struct StoredLayout {
  bool rows_are_outputs = true;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t taps = 1;
};

StoredLayout layout_of(const Node& node, const std::vector<int64_t>& extents) {
  StoredLayout layout{.rows = extents[0], .columns = extents[1]};
  for (size_t i = 2; i < extents.size(); ++i) layout.taps *= extents[i];
  layout.rows_are_outputs = node.op == "Conv" || (node.op == "Gemm" && node.attributes.integer("transB", 0) != 0);
  return layout;
}

// Flat position in a weight stored as rows of inputs, of the element [output][input in group][tap].
size_t turned_position(const Kernel& kernel, int64_t output, int64_t input, int64_t tap) {
  const int64_t group = output / kernel.group_outputs();
  const int64_t row = group * kernel.group_inputs() + input;
  const int64_t column = output % kernel.group_outputs();
  return static_cast<size_t>((row * kernel.group_outputs() + column) * kernel.taps() + tap);
}

// Calls f(element of Kernel::weight, element as stored).
template <class Function>
void for_each_turned(const Kernel& kernel, Function f) {
  size_t element = 0;
  for (int64_t output = 0; output < kernel.outputs; ++output) {
    for (int64_t input = 0; input < kernel.group_inputs(); ++input) {
      for (int64_t tap = 0; tap < kernel.taps(); ++tap) f(element++, turned_position(kernel, output, input, tap));
    }
  }
}

// The window with auto_pad resolved; nothing where that needs extents that are not known.
std::optional<Window> resolved_window(const Graph& graph, const Node& node, const std::vector<int64_t>& extents) {
  Window window = operators::read_window(node.attributes, std::span<const int64_t>(extents).subspan(2));
  if (window.auto_pad == Window::AutoPad::none || window.auto_pad == Window::AutoPad::valid) return window;
  if (node.op != "Conv") return std::nullopt;
  const std::optional<Shape>& input = graph.value(node.inputs[0]).shape;
  for (int axis = 0; axis < window.rank; ++axis) {
    const WindowAxis& item = window.axes[static_cast<size_t>(axis)];
    // With stride 1 the padding is that of any extent.
    int64_t extent = item.reach();
    if (item.stride != 1) {
      if (!input.has_value() || !(*input)[axis + 2].is_fixed()) return std::nullopt;
      extent = (*input)[axis + 2].extent();
    }
    operators::window_output(window, axis, extent);
  }
  return window;
}

// [outputs], or nothing where the bias of a Gemm varies along its rows.
std::optional<std::vector<double>> spread_bias(const Tensor& bias, int64_t outputs, double factor) {
  std::vector<double> numbers = bias.numbers();
  if (bias.elements() == 1) numbers.assign(static_cast<size_t>(outputs), numbers[0]);
  if (static_cast<int64_t>(numbers.size()) != outputs) return std::nullopt;
  if (bias.elements() > 1 && bias.extents().back() != outputs) return std::nullopt;
  for (double& number : numbers) number *= factor;
  return numbers;
}

bool is_operator(const Node& node, std::string_view op) { return node.domain.empty() && node.op == op; }

}  // namespace

std::optional<std::vector<double>> known_numbers(const Graph& graph, ValueId id) {
  const Tensor* tensor = known_weight(graph, id);
  if (tensor == nullptr) return std::nullopt;
  return tensor->numbers();
}

std::optional<Kernel> read_kernel(const Graph& graph, const Node& node) {
  const bool transposed = is_operator(node, "ConvTranspose");
  const bool windowed = transposed || is_operator(node, "Conv");
  const bool gemm = is_operator(node, "Gemm");
  if (!windowed && !gemm && !is_operator(node, "MatMul")) return std::nullopt;
  if (!has_input(node, 0) || !has_input(node, 1)) return std::nullopt;
  if (gemm && node.attributes.integer("transA", 0) != 0) return std::nullopt;
  const Tensor* weight = known_weight(graph, node.inputs[1]);
  if (weight == nullptr || weight->empty() || (windowed ? weight->rank() < 3 : weight->rank() != 2))
    return std::nullopt;
  if (has_input(node, 2)) {
    const Tensor* bias = known_weight(graph, node.inputs[2]);
    if (bias == nullptr || bias->type() != weight->type()) return std::nullopt;
  }
  const std::vector<int64_t>& extents = weight->extents();
  const StoredLayout layout = layout_of(node, extents);
  Kernel kernel;
  kernel.transposed = transposed;
  kernel.groups = windowed ? node.attributes.integer("group", 1) : 1;
  if (kernel.groups < 1 || layout.rows % kernel.groups != 0) return std::nullopt;
  kernel.inputs = layout.rows_are_outputs ? layout.columns * kernel.groups : layout.rows;
  kernel.outputs = layout.rows_are_outputs ? layout.rows : layout.columns * kernel.groups;
  if (windowed) {
    const std::optional<Window> window = resolved_window(graph, node, extents);
    if (!window.has_value()) return std::nullopt;
    kernel.axes.assign(window->axes.begin(), window->axes.begin() + window->rank);
  }
  kernel.weight = weight->numbers();
  if (!layout.rows_are_outputs) {
    const std::vector<double> stored = kernel.weight;
    for_each_turned(kernel, [&](size_t element, size_t position) { kernel.weight[element] = stored[position]; });
  }
  if (gemm) {
    const double alpha = node.attributes.real("alpha", 1);
    for (double& number : kernel.weight) number *= alpha;
  }
  if (has_input(node, 2)) {
    const double beta = gemm ? node.attributes.real("beta", 1) : 1.0;
    auto bias = spread_bias(*graph.constant(node.inputs[2]), kernel.outputs, beta);
    if (!bias.has_value()) return std::nullopt;
    kernel.bias = std::move(*bias);
  }
  return kernel;
}

// --- writing ------------------------------------------------------------------------------------------------------

namespace {

std::string bias_name(const std::string& weight_name) {
  constexpr std::string_view kWeight = "weight";
  if (weight_name.ends_with(kWeight)) return weight_name.substr(0, weight_name.size() - kWeight.size()) + "bias";
  return weight_name + "_bias";
}

std::vector<int64_t> stored_extents(const Node& node, const Kernel& kernel) {
  std::vector<int64_t> extents;
  if (node.op == "Conv") {
    extents = {kernel.outputs, kernel.group_inputs()};
  } else if (node.op == "ConvTranspose") {
    extents = {kernel.inputs, kernel.group_outputs()};
  } else if (node.op == "Gemm" && node.attributes.integer("transB", 0) != 0) {
    extents = {kernel.outputs, kernel.inputs};
  } else {
    extents = {kernel.inputs, kernel.outputs};
  }
  for (const WindowAxis& axis : kernel.axes) extents.push_back(axis.kernel);
  return extents;
}

// An attribute at its default is left out, unless it was written before and is still of use.
void set_list(Attributes& attributes, std::string_view name, std::vector<int64_t> list, int64_t usual) {
  if (std::ranges::all_of(list, [&](int64_t item) { return item == usual; })) {
    attributes.erase(name);
  } else {
    attributes.set(name, std::move(list));
  }
}

void write_window(Attributes& attributes, const Kernel& kernel) {
  std::vector<int64_t> extents;
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;
  std::vector<int64_t> pads;
  for (const WindowAxis& axis : kernel.axes) {
    extents.push_back(axis.kernel);
    strides.push_back(axis.stride);
    dilations.push_back(axis.dilation);
    pads.push_back(axis.pad_begin);
  }
  for (const WindowAxis& axis : kernel.axes) pads.push_back(axis.pad_end);
  if (attributes.has("kernel_shape")) attributes.set("kernel_shape", std::move(extents));
  set_list(attributes, "strides", std::move(strides), 1);
  set_list(attributes, "dilations", std::move(dilations), 1);
  set_list(attributes, "pads", std::move(pads), 0);
  attributes.erase("auto_pad");
  if (kernel.groups == 1) {
    attributes.erase("group");
  } else {
    attributes.set("group", kernel.groups);
  }
}

}  // namespace

bool can_hold(const Graph& graph, const Node& node, const Kernel& kernel) {
  if (node.op != "MatMul" || !kernel.has_bias()) return true;
  const std::optional<Shape>& input = graph.value(node.inputs[0]).shape;
  return input.has_value() && input->rank() == 2;
}

void write_kernel(Graph& graph, NodeId id, const Kernel& kernel, const std::vector<int32_t>& uses) {
  NACRE_CHECK(can_hold(graph, graph.node(id), kernel));
  const Node before = graph.node(id);
  const bool becomes_gemm = before.op == "MatMul" && kernel.has_bias();
  const ElementType type = graph.constant(before.inputs[1])->type();
  std::vector<double> numbers = kernel.weight;
  if (!layout_of(before, stored_extents(before, kernel)).rows_are_outputs) {
    for_each_turned(kernel, [&](size_t element, size_t position) { numbers[position] = kernel.weight[element]; });
  }
  const std::string weight_name = graph.value(before.inputs[1]).name;
  const ValueId weight = replaced_parameter(
      graph, before.inputs[1], operators::store<double>(type, stored_extents(before, kernel), numbers), uses);
  std::vector<ValueId> inputs = {before.inputs[0], weight};
  const ValueId old_bias = has_input(before, 2) ? before.inputs[2] : kNone;
  if (!kernel.bias.empty() && (before.op != "MatMul" || becomes_gemm)) {
    const std::vector<int64_t> extents = {kernel.outputs};
    inputs.push_back(replaced_parameter(graph, old_bias, operators::store<double>(type, extents, kernel.bias), uses,
                                        bias_name(weight_name)));
  }
  Node& node = graph.node(id);
  node.inputs = std::move(inputs);
  if (!kernel.axes.empty()) write_window(node.attributes, kernel);
  if (node.op == "Gemm") {
    node.attributes.erase("alpha");
    node.attributes.erase("beta");
  }
  if (becomes_gemm) {
    node.op = "Gemm";
    node.schema = find_operator("Gemm");
  }
}

// --- maps of channels ---------------------------------------------------------------------------------------------

std::optional<MappedValue> read_batch_norm(const Graph& graph, const Node& node) {
  if (!is_operator(node, "BatchNormalization") || node.inputs.size() != 5 || node.inputs[0] == kNone ||
      node.outputs.size() != 1 || node.attributes.integer("training_mode", 0) != 0)
    return std::nullopt;
  std::array<std::vector<double>, 4> parts;  // scale, bias, mean, variance
  for (size_t i = 0; i < 4; ++i) {
    auto numbers = known_numbers(graph, node.inputs[i + 1]);
    if (!numbers.has_value()) return std::nullopt;
    parts[i] = std::move(*numbers);
    if (parts[i].empty() || parts[i].size() != parts[0].size()) return std::nullopt;
  }
  const double epsilon = node.attributes.real("epsilon", 1e-5F);
  MappedValue result{.source = node.inputs[0], .axis = 1};
  for (size_t c = 0; c < parts[0].size(); ++c) {
    const double factor = parts[0][c] / std::sqrt(parts[3][c] + epsilon);
    result.map.factor.push_back(factor);
    result.map.offset.push_back(parts[1][c] - factor * parts[2][c]);
  }
  return result;
}

namespace {

// Which axis of a tensor of `rank` axes a constant varies along when it is broadcast to it: kNone for none. Nothing where
// it varies along several, or would enlarge the tensor.
std::optional<int> varying_axis(const Tensor& constant, const Shape& shape) {
  if (constant.rank() > shape.rank() || constant.empty()) return std::nullopt;
  int found = kNone;
  for (int i = 0; i < constant.rank(); ++i) {
    const int64_t extent = constant.extents()[static_cast<size_t>(i)];
    const int axis = shape.rank() - constant.rank() + i;
    if (extent == 1) continue;
    if (found != kNone || shape[axis] != Dim(extent)) return std::nullopt;
    found = axis;
  }
  return found;
}

std::optional<ChannelMap> map_of(const Node& node, const std::vector<double>& numbers, bool constant_is_second) {
  ChannelMap map{std::vector<double>(numbers.size(), 1.0), std::vector<double>(numbers.size(), 0.0),
                 /*shifts=*/node.op == "Add" || node.op == "Sub"};
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (node.op == "Add") {
      map.offset[i] = numbers[i];
    } else if (node.op == "Mul") {
      map.factor[i] = numbers[i];
    } else if (node.op == "Sub") {
      map.factor[i] = constant_is_second ? 1 : -1;
      map.offset[i] = constant_is_second ? -numbers[i] : numbers[i];
    } else {
      if (!constant_is_second || numbers[i] == 0) return std::nullopt;
      map.factor[i] = 1 / numbers[i];
    }
  }
  return map;
}

}  // namespace

std::optional<MappedValue> read_arithmetic(const Graph& graph, const Node& node) {
  if (!node.domain.empty() || node.outputs.size() != 1) return std::nullopt;
  if (node.op == "Neg" && has_input(node, 0) && is_floating(graph.value(node.inputs[0]).type))
    return MappedValue{.source = node.inputs[0], .axis = kNone, .map = {{-1.0}, {0.0}, /*shifts=*/false}};
  if (node.op != "Add" && node.op != "Sub" && node.op != "Mul" && node.op != "Div") return std::nullopt;
  if (node.inputs.size() != 2 || !has_input(node, 0) || !has_input(node, 1)) return std::nullopt;
  const bool constant_is_second = known_weight(graph, node.inputs[1]) != nullptr;
  const ValueId source = node.inputs[constant_is_second ? 0 : 1];
  const Tensor* constant = known_weight(graph, node.inputs[constant_is_second ? 1 : 0]);
  if (constant == nullptr || graph.initializer_of(source) != nullptr) return std::nullopt;
  if (!same_known_shape(graph, source, node.outputs[0])) return std::nullopt;
  const std::optional<int> axis = varying_axis(*constant, *graph.value(source).shape);
  if (!axis.has_value()) return std::nullopt;
  std::optional<ChannelMap> map = map_of(node, constant->numbers(), constant_is_second);
  if (!map.has_value()) return std::nullopt;
  return MappedValue{.source = source, .axis = *axis, .map = std::move(*map)};
}

}  // namespace nacre::rewrites
