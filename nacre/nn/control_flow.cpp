#include "nacre/nn/control_flow.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "nacre/ir/reference_executor.hpp"
#include "nacre/nn/torch_types.hpp"

namespace nacre {
namespace {

// The parameters of a body, as its graph carries them.
class BodyParameters : public ParameterStore {
 public:
  BodyParameters(const Graph& graph, const Numerics& numerics) {
    const at::TensorOptions options =
        at::TensorOptions(storage_type(numerics.arithmetic)).device(torch_device(numerics.device));
    for (const Initializer& initializer : graph.initializers()) {
      if (!is_floating(graph.value(initializer.value).type)) continue;
      const Tensor data = GraphParameters().view(graph, initializer.value);
      tensors_.emplace(value_text(graph, initializer.value), share_with_torch(data).to(options, false, /*copy=*/true));
    }
  }

  at::Tensor view(std::string_view key, const Shape&, const ViewContext&) override {
    const auto found = tensors_.find(key);
    NACRE_CHECK(found != tensors_.end(), std::string(key));
    return found->second;
  }

 private:
  std::map<std::string, at::Tensor, std::less<>> tensors_;
};

// A body with the place of its captures among the kernel's inputs.
struct TorchBody {
  TorchBody(const Graph& graph, const Numerics& numerics, size_t first, size_t count)
      : executor(graph, numerics), parameters(graph, numerics), first_capture(first), captures(count) {}

  std::vector<at::Tensor> call(std::vector<at::Tensor> arguments, const NodeRun& run) {
    for (size_t i = 0; i < captures; ++i) arguments.push_back(run.in(first_capture + i));
    return executor.run(arguments, parameters, run.mode());
  }

  TorchExecutor executor;
  BodyParameters parameters;
  size_t first_capture = 0;
  size_t captures = 0;
};

using Bodies = std::map<std::string, std::shared_ptr<TorchBody>, std::less<>>;

TorchBody& body_of(const Bodies& bodies, std::string_view name, const std::string& place) {
  const auto found = bodies.find(name);
  if (found == bodies.end()) throw UserError(place + ": the body '" + std::string(name) + "' is missing");
  return *found->second;
}

bool is_true(const at::Tensor& condition) { return condition.reshape({-1}).to(at::kCPU, at::kBool)[0].item<bool>(); }

// Stacked along a new axis; without a step a tensor of the declared extents, unknown ones 0.
at::Tensor stacked(const std::vector<at::Tensor>& slices, int64_t axis, const Value& declared) {
  if (!slices.empty()) return at::stack(slices, axis);
  std::vector<int64_t> extents = {0};
  for (int d = 1; declared.shape.has_value() && d < declared.shape->rank(); ++d)
    extents.push_back((*declared.shape)[d].is_fixed() ? (*declared.shape)[d].extent() : 0);
  return at::zeros(extents, at::TensorOptions(torch_type(declared.type)));
}

struct Declared {
  std::vector<Value> outputs;
  std::string place;
};

TorchKernel make_if(Bodies bodies, const Declared& declared) {
  return [=](NodeRun& run) {
    TorchBody& body = body_of(bodies, is_true(run.in(0)) ? "then_branch" : "else_branch", declared.place);
    const std::vector<at::Tensor> results = body.call({}, run);
    for (size_t i = 0; i < run.output_count() && i < results.size(); ++i) run.out(i, results[i]);
  };
}

void require_results(size_t found, size_t expected, const std::string& place) {
  if (found != expected)
    throw UserError(place + ": the body returns " + std::to_string(found) + " values, expected " +
                    std::to_string(expected));
}

TorchKernel make_loop(Bodies bodies, const Declared& declared, size_t inputs) {
  return [=](NodeRun& run) {
    TorchBody& body = body_of(bodies, "body", declared.place);
    const int64_t limit = run.has(0) ? run.in(0).reshape({-1}).to(at::kCPU, at::kLong)[0].item<int64_t>()
                                     : std::numeric_limits<int64_t>::max();
    bool going = !run.has(1) || is_true(run.in(1));
    std::vector<at::Tensor> carried;
    for (size_t i = 2; i < inputs; ++i) carried.push_back(run.in(i));
    const size_t scans = run.output_count() - std::min(run.output_count(), carried.size());
    std::vector<std::vector<at::Tensor>> slices(scans);
    for (int64_t iteration = 0; going && iteration < limit; ++iteration) {
      std::vector<at::Tensor> arguments = {at::scalar_tensor(iteration, at::TensorOptions(at::kLong)),
                                           at::scalar_tensor(true, at::TensorOptions(at::kBool))};
      arguments.insert(arguments.end(), carried.begin(), carried.end());
      const std::vector<at::Tensor> results = body.call(std::move(arguments), run);
      require_results(results.size(), 1 + carried.size() + scans, declared.place);
      going = is_true(results[0]);
      for (size_t i = 0; i < carried.size(); ++i) carried[i] = results[1 + i];
      for (size_t i = 0; i < scans; ++i) slices[i].push_back(results[1 + carried.size() + i]);
    }
    for (size_t i = 0; i < carried.size() && i < run.output_count(); ++i) run.out(i, carried[i]);
    for (size_t i = 0; i < scans; ++i)
      run.out(carried.size() + i, stacked(slices[i], 0, declared.outputs[carried.size() + i]));
  };
}

TorchKernel make_scan(Bodies bodies, const Declared& declared, const Node& node) {
  const auto scanned = static_cast<size_t>(std::max<int64_t>(0, node.attributes.integer("num_scan_inputs", 0)));
  if (scanned < 1 || scanned > node.inputs.size())
    throw UserError(declared.place + ": attribute 'num_scan_inputs' is " + std::to_string(scanned));
  const size_t states = node.inputs.size() - scanned;
  const auto list = [&](std::string_view name, size_t count) {
    const std::span<const int64_t> given = node.attributes.integers(name);
    std::vector<int64_t> result(given.begin(), given.end());
    result.resize(count, 0);
    return result;
  };
  const size_t scans = node.outputs.size() - std::min(node.outputs.size(), states);
  const std::vector<int64_t> in_axes = list("scan_input_axes", scanned),
                             in_turned = list("scan_input_directions", scanned);
  const std::vector<int64_t> out_axes = list("scan_output_axes", scans),
                             out_turned = list("scan_output_directions", scans);
  return [=](NodeRun& run) {
    TorchBody& body = body_of(bodies, "body", declared.place);
    std::vector<at::Tensor> state(run.inputs().begin(), run.inputs().begin() + static_cast<std::ptrdiff_t>(states));
    std::vector<std::vector<at::Tensor>> slices(scans);
    const int64_t length = run.in(states).size(in_axes[0]);
    for (int64_t step = 0; step < length; ++step) {
      std::vector<at::Tensor> arguments = state;
      for (size_t i = 0; i < scanned; ++i)
        arguments.push_back(run.in(states + i).select(in_axes[i], in_turned[i] != 0 ? length - 1 - step : step));
      const std::vector<at::Tensor> results = body.call(std::move(arguments), run);
      require_results(results.size(), states + scans, declared.place);
      std::copy_n(results.begin(), states, state.begin());
      for (size_t i = 0; i < scans; ++i) slices[i].push_back(results[states + i]);
    }
    for (size_t i = 0; i < states && i < run.output_count(); ++i) run.out(i, state[i]);
    for (size_t i = 0; i < scans; ++i) {
      if (out_turned[i] != 0) std::reverse(slices[i].begin(), slices[i].end());
      run.out(states + i, stacked(slices[i], out_axes[i], declared.outputs[states + i]));
    }
  };
}

}  // namespace

bool is_control_flow(const Node& node) {
  return !node.bodies.empty() && node.domain.empty() && (node.op == "If" || node.op == "Loop" || node.op == "Scan");
}

std::vector<ValueId> control_flow_inputs(const Node& node) {
  std::vector<ValueId> inputs = node.inputs;
  for (const Body& body : node.bodies) inputs.insert(inputs.end(), body.captures.begin(), body.captures.end());
  return inputs;
}

TorchKernel make_control_flow(const Graph& graph, NodeId id, const Numerics& numerics) {
  const Node& node = graph.node(id);
  Declared declared;
  declared.place = node_text(graph, id);
  for (const ValueId output : node.outputs) declared.outputs.push_back(output == kNone ? Value() : graph.value(output));
  Bodies bodies;
  size_t first = node.inputs.size();
  for (const Body& body : node.bodies) {
    if (body.graph == nullptr) throw UserError(declared.place + ": the body '" + body.name + "' is missing");
    bodies.emplace(body.name, std::make_shared<TorchBody>(*body.graph, numerics, first, body.captures.size()));
    first += body.captures.size();
  }
  if (node.op == "If") return make_if(std::move(bodies), declared);
  if (node.op == "Loop") return make_loop(std::move(bodies), declared, node.inputs.size());
  return make_scan(std::move(bodies), declared, node);
}

}  // namespace nacre
