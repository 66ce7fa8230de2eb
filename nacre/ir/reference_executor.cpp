#include "nacre/ir/reference_executor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "nacre/base/random.hpp"
#include "nacre/ir/schema.hpp"

namespace nacre {

// --- parameters ---------------------------------------------------------------------------------------------------

namespace {

struct Fans {
  double in = 1;
  double out = 1;
};

Fans fans_of(std::span<const int64_t> extents) {
  double receptive = 1;
  for (size_t i = 2; i < extents.size(); ++i) receptive *= static_cast<double>(extents[i]);
  const auto extent = [&](size_t i) { return i < extents.size() ? static_cast<double>(extents[i]) : 1.0; };
  const Fans fans{.in = (extents.size() < 2 ? extent(0) : extent(1)) * receptive, .out = extent(0) * receptive};
  return {.in = std::max(1.0, fans.in), .out = std::max(1.0, fans.out)};
}

double draw(const Distribution& distribution, const Fans& fans, Random& random) {
  using Kind = Distribution::Kind;
  switch (distribution.kind) {
    case Kind::constant: return distribution.a;
    case Kind::normal: return distribution.a * random.normal();
    case Kind::uniform: return random.uniform(-distribution.a, distribution.a);
    case Kind::kaiming_normal_fan_out: return distribution.a / std::sqrt(fans.out) * random.normal();
    case Kind::kaiming_normal_fan_in: return distribution.a / std::sqrt(fans.in) * random.normal();
    case Kind::xavier_uniform: {
      const double half_width = distribution.a * std::sqrt(6.0 / (fans.in + fans.out));
      return random.uniform(-half_width, half_width);
    }
    case Kind::truncated_normal: {
      // Two standard deviations either side, as is the custom for vision transformers.
      double value = random.normal();
      while (std::abs(value) > 2.0) value = random.normal();
      return distribution.a * value;
    }
    case Kind::none: break;
  }
  throw UserError("a parameter has neither data nor a distribution to draw it from");
}

// The stream depends on the name, so that a parameter keeps its numbers when others come or go.
Tensor draw_parameter(const Graph& graph, const Initializer& initializer, uint64_t seed) {
  const Value& value = graph.value(initializer.value);
  const std::string place = value_text(graph, initializer.value);
  if (!value.shape.has_value() || !value.shape->is_fixed())
    throw UserError("the shape of parameter '" + place + "' is not fixed");
  if (initializer.distribution.kind == Distribution::Kind::none) {
    throw UserError("parameter '" + place + "' has neither data nor a distribution to draw it from");
  }
  const uint64_t stream =
      Random::stream(seed, value.name, value.name.empty() ? static_cast<uint64_t>(initializer.value) : 0).next();
  return draw_tensor(initializer.distribution, value.shape->extents(), stream).cast(value.type);
}

}  // namespace

Tensor draw_tensor(const Distribution& distribution, std::span<const int64_t> extents, uint64_t seed) {
  Tensor result(ElementType::float32, extents);
  const Fans fans = fans_of(extents);
  Random random(seed);
  for (float& value : result.mutable_values<float>()) value = static_cast<float>(draw(distribution, fans, random));
  return result;
}

Tensor GraphParameters::view(const Graph& graph, ValueId key) const {
  const Initializer* initializer = graph.initializer_of(key);
  if (initializer == nullptr) throw UserError("value '" + value_text(graph, key) + "' is no parameter of the graph");
  return initializer->data != nullptr ? *initializer->data : draw_parameter(graph, *initializer, seed_);
}

void materialize_parameters(Graph& graph, uint64_t seed) {
  for (size_t i = 0; i < graph.initializers().size(); ++i) {
    Initializer& initializer = graph.initializer(static_cast<int32_t>(i));
    if (initializer.data == nullptr)
      initializer.data = std::make_shared<const Tensor>(draw_parameter(graph, initializer, seed));
  }
  for (Node& node : graph.nodes()) {
    for (Body& body : node.bodies) {
      auto copy = std::make_shared<Graph>(*body.graph);
      materialize_parameters(*copy, seed);
      body.graph = std::move(copy);
    }
  }
}

// --- running ------------------------------------------------------------------------------------------------------

std::vector<Tensor> run_reference_node(const Node& node, std::span<const Tensor* const> inputs) {
  if (node.schema == nullptr || node.schema->reference == nullptr) {
    throw UserError("the reference executor has no kernel for operator '" +
                    (node.domain.empty() ? "" : node.domain + ".") + node.op + "'");
  }
  std::vector<Tensor> results = node.schema->reference(node, inputs);
  NACRE_CHECK(
      results.size() >= node.outputs.size() || results.size() >= static_cast<size_t>(node.schema->minimum_outputs),
      node.op);
  return results;
}

namespace {

// Runs one graph on inputs by position; recursive through bodies.
class Runner {
 public:
  Runner(const Graph& graph, const ParameterSource& parameters)
      : graph_(graph),
        parameters_(parameters),
        values_(graph.values().size()),
        last_use_(graph.values().size(), kNone) {
    for (size_t i = 0; i < graph.nodes().size(); ++i) {
      if (graph.nodes()[i].dead) continue;
      const auto note = [&](ValueId id) {
        if (id != kNone) last_use_[static_cast<size_t>(id)] = static_cast<NodeId>(i);
      };
      std::ranges::for_each(graph.nodes()[i].inputs, note);
      for (const Body& body : graph.nodes()[i].bodies) std::ranges::for_each(body.captures, note);
    }
    for (const ValueId output : graph.outputs)
      last_use_[static_cast<size_t>(output)] = static_cast<NodeId>(graph.nodes().size());
  }

  std::vector<Tensor> run(const std::vector<Tensor>& inputs) {
    NACRE_CHECK(inputs.size() == graph_.inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) values_[static_cast<size_t>(graph_.inputs[i])] = inputs[i];
    for (size_t i = 0; i < graph_.nodes().size(); ++i) {
      if (!graph_.nodes()[i].dead) run_node(static_cast<NodeId>(i));
    }
    std::vector<Tensor> results;
    for (const ValueId output : graph_.outputs) results.push_back(get(output));
    return results;
  }

 private:
  const Tensor& get(ValueId id) {
    std::optional<Tensor>& slot = values_[static_cast<size_t>(id)];
    if (!slot.has_value()) {
      if (graph_.initializer_of(id) == nullptr)
        throw UserError("value '" + value_text(graph_, id) + "' is read before it is computed");
      slot = parameters_.view(graph_, id);
    }
    return *slot;
  }

  void run_node(NodeId id) {
    const Node& node = graph_.node(id);
    std::vector<Tensor> results;
    try {
      if (node.op == "If" && !node.bodies.empty())
        results = run_if(node);
      else if (node.op == "Loop" && !node.bodies.empty())
        results = run_loop(node);
      else if (node.op == "Scan" && !node.bodies.empty())
        results = run_scan(node);
      else
        results = run_plain(node);
    } catch (const UserError& error) {
      const std::string_view message = error.what();
      if (message.find("node '") != std::string_view::npos) throw;
      throw UserError(node_text(graph_, id) + ": " + std::string(message));
    }
    for (size_t i = 0; i < node.outputs.size() && i < results.size(); ++i) {
      if (node.outputs[i] != kNone) values_[static_cast<size_t>(node.outputs[i])] = std::move(results[i]);
    }
    release(node, id);
  }

  void release(const Node& node, NodeId id) {
    const auto drop = [&](ValueId value) {
      if (value != kNone && last_use_[static_cast<size_t>(value)] <= id) values_[static_cast<size_t>(value)].reset();
    };
    std::ranges::for_each(node.inputs, drop);
    std::ranges::for_each(node.outputs, drop);
    for (const Body& body : node.bodies) std::ranges::for_each(body.captures, drop);
  }

  std::vector<Tensor> run_plain(const Node& node) {
    std::vector<const Tensor*> inputs;
    for (const ValueId input : node.inputs) inputs.push_back(input == kNone ? nullptr : &get(input));
    return run_reference_node(node, inputs);
  }

  std::vector<Tensor> call(const Node& node, std::string_view name, std::vector<Tensor> arguments) {
    const auto body = std::ranges::find(node.bodies, name, &Body::name);
    if (body == node.bodies.end() || body->graph == nullptr)
      throw UserError("the body '" + std::string(name) + "' is missing");
    for (const ValueId capture : body->captures) arguments.push_back(get(capture));
    if (arguments.size() != body->graph->inputs.size())
      throw UserError("the body '" + std::string(name) + "' takes another number of inputs");
    return Runner(*body->graph, parameters_).run(arguments);
  }

  std::vector<Tensor> run_if(const Node& node) {
    const bool condition = get(node.inputs.at(0)).number_at(0) != 0;
    return call(node, condition ? "then_branch" : "else_branch", {});
  }

  // Results are the carried values, then each scan output stacked along a new axis 0.
  std::vector<Tensor> run_loop(const Node& node) {
    const auto input = [&](size_t i) {
      return i < node.inputs.size() && node.inputs[i] != kNone ? &get(node.inputs[i]) : nullptr;
    };
    const Tensor* trips = input(0);
    const Tensor* condition = input(1);
    const int64_t limit = trips == nullptr ? std::numeric_limits<int64_t>::max() : trips->integers().at(0);
    bool going = condition == nullptr || condition->number_at(0) != 0;
    std::vector<Tensor> carried;
    for (size_t i = 2; i < node.inputs.size(); ++i) carried.push_back(get(node.inputs[i]));
    const size_t stacked = node.outputs.size() - std::min(node.outputs.size(), carried.size());
    std::vector<std::vector<Tensor>> slices(stacked);
    for (int64_t iteration = 0; going && iteration < limit; ++iteration) {
      std::vector<Tensor> arguments = {Tensor::scalar<int64_t>(iteration), Tensor::scalar<bool>(true)};
      arguments.insert(arguments.end(), carried.begin(), carried.end());
      std::vector<Tensor> results = call(node, "body", std::move(arguments));
      if (results.size() != 1 + carried.size() + stacked)
        throw UserError("the body 'body' returns another number of values");
      going = results[0].number_at(0) != 0;
      for (size_t i = 0; i < carried.size(); ++i) carried[i] = std::move(results[1 + i]);
      for (size_t i = 0; i < stacked; ++i) slices[i].push_back(std::move(results[1 + carried.size() + i]));
    }
    for (size_t i = 0; i < stacked; ++i)
      carried.push_back(stack(slices[i], 0, node.outputs[node.outputs.size() - stacked + i]));
    return carried;
  }

  // Results are the states, then each stacked output along its axis.
  std::vector<Tensor> run_scan(const Node& node) {
    const int64_t scanned = node.attributes.integer("num_scan_inputs", 0);
    if (scanned < 1 || static_cast<size_t>(scanned) > node.inputs.size())
      throw UserError("attribute 'num_scan_inputs' is " + std::to_string(scanned));
    const auto entry = [&](std::string_view name, size_t i) {
      const std::span<const int64_t> list = node.attributes.integers(name);
      return i < list.size() ? list[i] : int64_t{0};
    };
    const size_t state_count = node.inputs.size() - static_cast<size_t>(scanned);
    std::vector<Tensor> states, sequences;
    std::vector<int64_t> axes;
    int64_t length = 0;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNone) throw UserError("input " + std::to_string(i) + " is missing");
      (i < state_count ? states : sequences).push_back(get(node.inputs[i]));
      if (i < state_count) continue;
      const int rank = sequences.back().rank();
      axes.push_back(axis_of(entry("scan_input_axes", i - state_count), rank));
      const int64_t extent = sequences.back().extents()[static_cast<size_t>(axes.back())];
      if (i != state_count && extent != length)
        throw UserError("scanned inputs of " + std::to_string(length) + " and " + std::to_string(extent) + " steps");
      length = extent;
    }
    const size_t stacked = node.outputs.size() - std::min(node.outputs.size(), state_count);
    std::vector<std::vector<Tensor>> slices(stacked);
    for (int64_t step = 0; step < length; ++step) {
      std::vector<Tensor> arguments = std::move(states);
      for (size_t i = 0; i < sequences.size(); ++i) {
        const bool backwards = entry("scan_input_directions", i) != 0;
        arguments.push_back(slice_of(sequences[i], axes[i], backwards ? length - 1 - step : step));
      }
      std::vector<Tensor> results = call(node, "body", std::move(arguments));
      if (results.size() != state_count + stacked) throw UserError("the body 'body' returns another number of values");
      const auto end_of_states = results.begin() + static_cast<std::ptrdiff_t>(state_count);
      states.assign(std::make_move_iterator(results.begin()), std::make_move_iterator(end_of_states));
      for (size_t i = 0; i < stacked; ++i) slices[i].push_back(std::move(results[state_count + i]));
    }
    for (size_t i = 0; i < stacked; ++i) {
      if (entry("scan_output_directions", i) != 0) std::ranges::reverse(slices[i]);
      const ValueId output = node.outputs[node.outputs.size() - stacked + i];
      const int rank = slices[i].empty() ? 0 : slices[i][0].rank();
      const int64_t axis = entry("scan_output_axes", i);
      states.push_back(stack(slices[i], slices[i].empty() ? 0 : axis_of(axis, rank + 1), output));
    }
    return states;
  }

  static int64_t axis_of(int64_t axis, int rank) {
    if (axis < -rank || axis >= rank)
      throw UserError("axis " + std::to_string(axis) + " of a tensor of " + std::to_string(rank) + " dimensions");
    return axis < 0 ? axis + rank : axis;
  }

  static Tensor slice_of(const Tensor& sequence, int64_t axis, int64_t step) {
    Node gather;
    gather.schema = find_operator("Gather");
    gather.op = "Gather";
    gather.attributes.set("axis", axis);
    const Tensor index = Tensor::scalar<int64_t>(step);
    const Tensor* inputs[] = {&sequence, &index};
    return run_reference_node(gather, inputs).at(0);
  }

  // Without an iteration the shape is the declared one with unknown dimensions 0.
  Tensor stack(const std::vector<Tensor>& slices, int64_t axis, ValueId output) const {
    if (slices.empty()) {
      const Value& value = graph_.value(output);
      std::vector<int64_t> extents = {0};
      for (int d = 1; value.shape.has_value() && d < value.shape->rank(); ++d)
        extents.push_back((*value.shape)[d].is_fixed() ? (*value.shape)[d].extent() : 0);
      return Tensor(value.type, extents);
    }
    Node concat;
    concat.schema = find_operator("Concat");
    concat.op = "Concat";
    concat.attributes.set("axis", axis);
    std::vector<Tensor> rows;
    for (const Tensor& slice : slices) {
      std::vector<int64_t> extents = slice.extents();
      extents.insert(extents.begin() + axis, 1);
      rows.push_back(slice.reshaped(extents));
    }
    std::vector<const Tensor*> inputs;
    for (const Tensor& row : rows) inputs.push_back(&row);
    return run_reference_node(concat, inputs).at(0);
  }

  const Graph& graph_;
  const ParameterSource& parameters_;
  std::vector<std::optional<Tensor>> values_;
  std::vector<NodeId> last_use_;
};

Tensor checked_input(const Graph& graph, ValueId id, const NamedTensors& inputs) {
  const Value& value = graph.value(id);
  const auto found = inputs.find(value.name);
  if (found == inputs.end()) throw UserError("input '" + value.name + "' is missing");
  const Tensor& tensor = found->second;
  const auto fail = [&](const std::string& what) { throw UserError("input '" + value.name + "' is " + what); };
  if (tensor.type() != value.type) {
    fail(std::string(element_type_name(tensor.type())) + ", expected " + std::string(element_type_name(value.type)));
  }
  if (!value.shape.has_value()) return tensor;
  const Shape given = tensor.shape();
  bool fits = given.rank() == value.shape->rank();
  for (int axis = 0; fits && axis < given.rank(); ++axis)
    fits = !(*value.shape)[axis].is_fixed() || given[axis] == (*value.shape)[axis];
  if (!fits) fail(graph.shape_text(given) + ", expected " + graph.shape_text(*value.shape));
  return tensor;
}

}  // namespace

NamedTensors run_reference(const Graph& graph, const NamedTensors& inputs, const ParameterSource& parameters) {
  std::vector<Tensor> arguments;
  for (const ValueId input : graph.inputs) arguments.push_back(checked_input(graph, input, inputs));
  std::vector<Tensor> results = Runner(graph, parameters).run(arguments);
  NamedTensors named;
  for (size_t i = 0; i < results.size(); ++i)
    named.insert_or_assign(value_text(graph, graph.outputs[i]), std::move(results[i]));
  return named;
}

}  // namespace nacre
