// Control flow: If, Loop and Scan, whose bodies are graphs of their own. Inference gives each body the shapes of what it
// is called with, infers it, and takes the results' shapes from it; what may change from one iteration to the next
// becomes unknown. The reference executor runs them.
#include <algorithm>

#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

struct TypedShape {
  ElementType type = ElementType::undefined;
  std::optional<Shape> shape;

  bool operator==(const TypedShape&) const = default;
};

TypedShape typed_shape(const Graph& graph, ValueId id) { return {graph.value(id).type, graph.value(id).shape}; }

size_t find_body(const InferenceContext& context, std::string_view name) {
  const std::vector<Body>& bodies = context.node().bodies;
  const auto found = std::ranges::find(bodies, name, &Body::name);
  if (found == bodies.end() || found->graph == nullptr) context.fail("the body '" + std::string(name) + "' is missing");
  return static_cast<size_t>(found - bodies.begin());
}

// Symbols are numbered per graph: a shape that crosses a border is renamed.
std::optional<Shape> translated(const std::optional<Shape>& shape, const Graph& from, Graph& to) {
  if (!shape.has_value()) return std::nullopt;
  Shape result = *shape;
  for (Dim& dim : result) {
    if (dim.is_symbol()) dim = to.symbol(from.symbol_name(dim));
  }
  return result;
}

// Infers a body called with `arguments` (its captures are added); returns the results.
std::vector<TypedShape> infer_body(const InferenceContext& context, size_t index,
                                   const std::vector<TypedShape>& arguments) {
  Graph& outer = context.graph();
  Body& body = outer.node(context.node_id()).bodies[index];
  auto graph = std::make_shared<Graph>(*body.graph);
  if (graph->inputs.size() != arguments.size() + body.captures.size()) {
    context.fail("the body '" + body.name + "' has " + std::to_string(graph->inputs.size()) + " inputs, expected " +
                 std::to_string(arguments.size() + body.captures.size()));
  }
  for (Node& node : graph->nodes()) {
    // Shapes from an earlier call must not survive; those of opaque nodes are all that is known of them.
    if (node.dead || node.schema == nullptr) continue;
    for (const ValueId output : node.outputs) {
      if (output != kNone) graph->value(output).shape.reset();
    }
  }
  for (size_t i = 0; i < graph->inputs.size(); ++i) {
    const TypedShape argument =
        i < arguments.size() ? arguments[i] : typed_shape(outer, body.captures[i - arguments.size()]);
    Value& input = graph->value(graph->inputs[i]);
    input.type = argument.type;
    std::optional<Shape> shape = translated(argument.shape, outer, *graph);
    if (shape.has_value())
      input.shape = shape;
    else if (i < arguments.size())
      input.shape.reset();
  }
  infer_shapes(*graph);
  std::vector<TypedShape> results;
  for (const ValueId output : graph->outputs) {
    TypedShape result = typed_shape(*graph, output);
    result.shape = translated(result.shape, *graph, outer);
    results.push_back(std::move(result));
  }
  body.graph = std::move(graph);
  return results;
}

// What holds for both: a common rank, and dimensions that agree.
std::optional<Shape> common_shape(const std::optional<Shape>& a, const std::optional<Shape>& b) {
  if (!a.has_value() || !b.has_value() || a->rank() != b->rank()) return std::nullopt;
  Shape result = *a;
  for (int axis = 0; axis < result.rank(); ++axis) {
    if (result[axis] != (*b)[axis]) result[axis] = Dim();
  }
  return result;
}

void infer_if(InferenceContext& context) {
  if (context.input_type(0) != ElementType::boolean) context.fail("the condition is not bool");
  const std::vector<TypedShape> then_results = infer_body(context, find_body(context, "then_branch"), {});
  const std::vector<TypedShape> else_results = infer_body(context, find_body(context, "else_branch"), {});
  const auto count = static_cast<size_t>(context.output_count());
  if (then_results.size() != count || else_results.size() != count) {
    context.fail("the branches have " + std::to_string(then_results.size()) + " and " +
                 std::to_string(else_results.size()) + " results, the node has " + std::to_string(count));
  }
  for (size_t i = 0; i < count; ++i) {
    if (then_results[i].type != else_results[i].type)
      context.fail("result " + std::to_string(i) + " has another type in each branch");
    context.set_output(static_cast<int>(i), then_results[i].type,
                       common_shape(then_results[i].shape, else_results[i].shape));
  }
}

// Calls the body until the shapes of the carried values (arguments from `first` on, results from `first_result` on) no longer change;
// each round only forgets, so that it ends.
std::vector<TypedShape> infer_iterations(const InferenceContext& context, size_t body,
                                         std::vector<TypedShape> arguments, size_t first, size_t first_result,
                                         size_t carried) {
  while (true) {
    const std::vector<TypedShape> results = infer_body(context, body, arguments);
    if (results.size() < first_result + carried) context.fail("the body returns fewer values than it carries");
    bool changed = false;
    for (size_t i = 0; i < carried; ++i) {
      TypedShape& argument = arguments[first + i];
      if (results[first_result + i].type != argument.type)
        context.fail("carried value " + std::to_string(i) + " changes its type");
      const std::optional<Shape> common = common_shape(argument.shape, results[first_result + i].shape);
      changed = changed || common != argument.shape;
      argument.shape = common;
    }
    if (!changed) return results;
  }
}

std::optional<Shape> with_axis(const std::optional<Shape>& shape, int64_t axis, Dim extent) {
  if (!shape.has_value()) return std::nullopt;
  const int at = resolve_axis(axis, shape->rank() + 1);
  Shape result;
  for (int i = 0; i <= shape->rank(); ++i) {
    if (i == at)
      result.push_back(extent);
    else
      result.push_back((*shape)[i < at ? i : i - 1]);
  }
  return result;
}

void infer_loop(InferenceContext& context) {
  const size_t body = find_body(context, "body");
  const Graph& graph = context.graph();
  std::vector<TypedShape> arguments = {{ElementType::int64, Shape{}}, {ElementType::boolean, Shape{}}};
  for (int i = 2; i < context.input_count(); ++i) {
    if (!context.has_input(i)) context.fail("carried value " + std::to_string(i - 2) + " has no initial value");
    arguments.push_back(typed_shape(graph, context.node().inputs[static_cast<size_t>(i)]));
  }
  const size_t carried = arguments.size() - 2;
  const std::vector<TypedShape> results = infer_iterations(context, body, arguments, 2, 1, carried);
  if (results.size() != static_cast<size_t>(context.output_count()) + 1) {
    context.fail("the body returns " + std::to_string(results.size()) + " values, expected " +
                 std::to_string(context.output_count() + 1));
  }
  for (size_t i = 0; i < static_cast<size_t>(context.output_count()); ++i) {
    const TypedShape& result = results[i + 1];
    if (i < carried) {
      // Without a single iteration the initial value is the result.
      context.set_output(static_cast<int>(i), result.type, common_shape(result.shape, arguments[i + 2].shape));
    } else {
      context.set_output(static_cast<int>(i), result.type, with_axis(result.shape, 0, Dim()));
    }
  }
}

int64_t axis_entry(std::span<const int64_t> axes, size_t index) { return index < axes.size() ? axes[index] : 0; }

void infer_scan(InferenceContext& context) {
  const size_t body = find_body(context, "body");
  const int64_t scanned = context.attributes().integer("num_scan_inputs", 0);
  if (scanned < 1 || scanned > context.input_count())
    context.fail("attribute 'num_scan_inputs' is " + std::to_string(scanned));
  const auto states = static_cast<size_t>(context.input_count() - scanned);
  const std::span<const int64_t> axes = context.attributes().integers("scan_input_axes");
  std::vector<TypedShape> arguments;
  Dim length;
  for (size_t i = 0; i < static_cast<size_t>(context.input_count()); ++i) {
    TypedShape argument = typed_shape(context.graph(), context.node().inputs[i]);
    if (i >= states && argument.shape.has_value()) {
      const int axis = resolve_axis(axis_entry(axes, i - states), argument.shape->rank());
      length = same_dim(context, length, (*argument.shape)[axis], "lengths of the scanned inputs");
      Shape slice;
      for (int d = 0; d < argument.shape->rank(); ++d) {
        if (d != axis) slice.push_back((*argument.shape)[d]);
      }
      argument.shape = slice;
    }
    arguments.push_back(std::move(argument));
  }
  const std::vector<TypedShape> results = infer_iterations(context, body, arguments, 0, 0, states);
  if (results.size() != static_cast<size_t>(context.output_count())) {
    context.fail("the body returns " + std::to_string(results.size()) + " values, expected " +
                 std::to_string(context.output_count()));
  }
  const std::span<const int64_t> output_axes = context.attributes().integers("scan_output_axes");
  for (size_t i = 0; i < results.size(); ++i) {
    const std::optional<Shape> shape =
        i < states ? results[i].shape : with_axis(results[i].shape, axis_entry(output_axes, i - states), length);
    context.set_output(static_cast<int>(i), results[i].type, shape);
  }
}

}  // namespace

std::vector<OperatorSchema> control_flow_operators() {
  return {
      {.name = "If", .summary = "one of two bodies, by a condition", .maximum_outputs = kVariadic, .infer = infer_if},
      {.name = "Loop",
       .summary = "a body repeated a number of times or while a condition holds; carries values, stacks others",
       .minimum_inputs = 0,
       .maximum_inputs = kVariadic,
       .maximum_outputs = kVariadic,
       .infer = infer_loop},
      {.name = "Scan",
       .summary = "a body over the slices of tensors along an axis; carries states, stacks results",
       .maximum_inputs = kVariadic,
       .maximum_outputs = kVariadic,
       .attributes = {{"num_scan_inputs", "int", "inputs that are scanned: the last ones", true},
                      {"scan_input_axes", "ints", "axis of each scanned input; 0"},
                      {"scan_input_directions", "ints", "1 runs backwards; 0"},
                      {"scan_output_axes", "ints", "axis along which each result is stacked; 0"},
                      {"scan_output_directions", "ints", "1 prepends; 0"}},
       .infer = infer_scan}};
}

}  // namespace nacre::operators
