#include "nacre/nn/torch_executor.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "nacre/nn/control_flow.hpp"
#include "nacre/nn/fused_norm.hpp"
#include "nacre/nn/fusion.hpp"
#include "nacre/nn/operators/node_context.hpp"
#include "nacre/nn/torch_types.hpp"

namespace nacre {

using torch_operators::NodeContext;
using torch_operators::Precision;
using torch_operators::TorchOperator;

struct StepInput {
  enum class Kind { absent, slot, parameter, constant } kind = Kind::absent;
  int32_t slot = -1;
  bool last_use = false;  // the slot is emptied
  std::string key;        // of a parameter
  ValueId value = kNone;
  at::Tensor constant;  // integers of the graph: structure, not weights
};

struct ExecutorStep {
  NodeId node = kNone;
  std::string text;
  Precision precision = Precision::follow;
  TorchKernel kernel;
  std::vector<StepInput> inputs;
  std::vector<int32_t> outputs;  // slots, -1 for one that nobody reads
  std::vector<int64_t> masks;  // the bits of outputs that are carried in a wider type, 0 for others; empty when none is
};

namespace {

// Constants of 4 bits in 8: their numbers are what counts.
Tensor held_by_torch(const Tensor& tensor) {
  switch (tensor.type()) {
    case ElementType::uint4: return tensor.cast(ElementType::uint8);
    case ElementType::int4: return tensor.cast(ElementType::int8);
    default: return tensor;
  }
}

// uint16 and uint32 are carried in wider types (torch_types.hpp): these bits of a result are what a wrap-around leaves.
int64_t mask_of(ElementType type) {
  return type == ElementType::uint16 ? 0xFFFF : type == ElementType::uint32 ? 0xFFFFFFFF : 0;
}

// Turns nodes into steps; collects everything that cannot be run before it complains.
class Compiler {
 public:
  Compiler(const Graph& graph, const Numerics& numerics)
      : graph_(graph), numerics_(numerics), slots_(graph.values().size(), -1) {}

  void compile() {
    std::map<NodeId, NormFusion> by_last;
    std::vector<bool> covered(graph_.nodes().size(), false);
    if (numerics_.fused) {
      for (NormFusion& fusion : find_norm_fusions(graph_)) {
        for (const NodeId node : fusion.covered) covered[static_cast<size_t>(node)] = true;
        const NodeId last = fusion.last;
        by_last.emplace(last, std::move(fusion));
      }
    }
    for (const ValueId input : graph_.inputs) input_slots.push_back(slot_of(input));
    for (size_t i = 0; i < graph_.nodes().size(); ++i) {
      const auto id = static_cast<NodeId>(i);
      if (graph_.nodes()[i].dead) continue;
      if (const auto fusion = by_last.find(id); fusion != by_last.end()) {
        add_fused(fusion->second);
      } else if (!covered[i]) {
        add_plain(id);
      }
    }
    if (!refused_.empty()) {
      std::string message = "the torch executor cannot run ";
      for (size_t i = 0; i < refused_.size(); ++i) message += (i == 0 ? "" : ", ") + refused_[i];
      throw UserError(message);
    }
    for (const ValueId output : graph_.outputs) output_slots.push_back(output_slot(output));
    mark_last_uses();
  }

  std::vector<ExecutorStep> steps;
  std::vector<int32_t> input_slots, output_slots;
  int32_t slot_count = 0;

 private:
  int32_t slot_of(ValueId id) {
    int32_t& slot = slots_[static_cast<size_t>(id)];
    if (slot < 0) slot = slot_count++;
    return slot;
  }

  StepInput input_of(ValueId id) {
    StepInput input;
    if (id == kNone) return input;
    input.value = id;
    const Initializer* initializer = graph_.initializer_of(id);
    if (initializer == nullptr) {
      input.kind = StepInput::Kind::slot;
      input.slot = slot_of(id);
    } else if (is_floating(graph_.value(id).type)) {
      input.kind = StepInput::Kind::parameter;
      input.key = value_text(graph_, id);
    } else {
      if (initializer->data == nullptr) throw UserError("constant '" + value_text(graph_, id) + "' has no data");
      input.kind = StepInput::Kind::constant;
      input.constant = copy_to_torch(held_by_torch(*initializer->data));
    }
    return input;
  }

  // A graph output that is an initialiser or an input needs a step of its own.
  int32_t output_slot(ValueId id) {
    if (graph_.initializer_of(id) == nullptr) return slot_of(id);
    ExecutorStep step;
    step.text = "output " + value_text(graph_, id);
    step.kernel = [](NodeRun& run) { run.out(0, run.in(0)); };
    step.inputs = {input_of(id)};
    step.outputs = {slot_count++};
    steps.push_back(std::move(step));
    return steps.back().outputs[0];
  }

  void add_plain(NodeId id) {
    const Node& node = graph_.node(id);
    if (is_control_flow(node)) return add_control_flow(id);
    const TorchOperator* record = torch_operators::find_torch_operator(node.op, node.domain);
    if (record == nullptr || !node.bodies.empty()) {
      refused_.push_back(node_text(graph_, id));
      return;
    }
    const NodeContext context(graph_, id, numerics_);
    ExecutorStep step;
    step.node = id;
    step.text = node_text(graph_, id);
    step.precision = record->precision;
    step.kernel = record->make(context);
    const bool all_constant = std::ranges::all_of(record->constant_inputs, [&](size_t i) {
      return !context.has_input(i) || context.constant_input(i) != nullptr;
    });
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const bool read_already =
          all_constant && std::ranges::find(record->constant_inputs, i) != record->constant_inputs.end();
      step.inputs.push_back(read_already ? StepInput() : input_of(node.inputs[i]));
    }
    for (const ValueId output : node.outputs) {
      step.outputs.push_back(output == kNone ? -1 : slot_of(output));
      step.masks.push_back(output == kNone ? 0 : mask_of(graph_.value(output).type));
    }
    if (std::ranges::all_of(step.masks, [](int64_t mask) { return mask == 0; })) step.masks.clear();
    steps.push_back(std::move(step));
  }

  void add_control_flow(NodeId id) {
    const Node& node = graph_.node(id);
    ExecutorStep step;
    step.node = id;
    step.text = node_text(graph_, id);
    try {
      step.kernel = make_control_flow(graph_, id, numerics_);
    } catch (const UserError& error) {
      refused_.push_back(step.text + " (" + error.what() + ")");
      return;
    }
    for (const ValueId input : control_flow_inputs(node)) step.inputs.push_back(input_of(input));
    for (const ValueId output : node.outputs) step.outputs.push_back(output == kNone ? -1 : slot_of(output));
    steps.push_back(std::move(step));
  }

  void add_fused(const NormFusion& fusion) {
    const Node& norm = graph_.node(fusion.norm);
    NormSettings settings;
    settings.epsilon = norm.attributes.real("epsilon", 1e-5F);
    settings.momentum = 1.0 - static_cast<double>(norm.attributes.real("momentum", 0.9F));
    settings.activation = fusion.activation;
    ExecutorStep step;
    step.node = fusion.norm;
    step.text = node_text(graph_, fusion.norm);
    for (size_t i = 1; i < fusion.covered.size(); ++i) step.text += " + " + graph_.node(fusion.covered[i]).op;
    step.kernel = [settings](NodeRun& run) {
      NormSettings now = settings;
      now.training = run.mode().training;
      now.update_statistics = run.mode().update_statistics;
      run.out(0, fused_norm(run.in(0), run.optional_in(5), run.in(1), run.in(2), run.in(3), run.in(4), now));
    };
    for (const ValueId input : norm.inputs) step.inputs.push_back(input_of(input));
    step.inputs.push_back(input_of(fusion.residual));
    step.outputs = {slot_of(fusion.output)};
    steps.push_back(std::move(step));
  }

  void mark_last_uses() {
    std::vector<bool> used(static_cast<size_t>(slot_count), false);
    for (const int32_t slot : output_slots) used[static_cast<size_t>(slot)] = true;
    for (size_t i = steps.size(); i-- > 0;) {
      for (size_t j = steps[i].inputs.size(); j-- > 0;) {
        StepInput& input = steps[i].inputs[j];
        if (input.kind != StepInput::Kind::slot) continue;
        input.last_use = !used[static_cast<size_t>(input.slot)];
        used[static_cast<size_t>(input.slot)] = true;
      }
      for (int32_t& slot : steps[i].outputs) {
        if (slot >= 0 && !used[static_cast<size_t>(slot)]) slot = -1;
      }
    }
  }

  const Graph& graph_;
  const Numerics& numerics_;
  std::vector<int32_t> slots_;
  std::vector<std::string> refused_;
};

void bring_to(Precision precision, at::Tensor& tensor) {
  if (!tensor.defined()) return;
  if (precision == Precision::narrow && tensor.scalar_type() == at::kFloat) tensor = tensor.to(at::kBFloat16);
  if (precision == Precision::wide && tensor.scalar_type() == at::kBFloat16) tensor = tensor.to(at::kFloat);
}

}  // namespace

TorchExecutor::TorchExecutor(const Graph& graph, const Numerics& numerics) : graph_(graph), numerics_(numerics) {
  Compiler compiler(graph_, numerics_);
  compiler.compile();
  steps_ = std::move(compiler.steps);
  input_slots_ = std::move(compiler.input_slots);
  output_slots_ = std::move(compiler.output_slots);
  slot_count_ = compiler.slot_count;
}

TorchExecutor::~TorchExecutor() = default;
TorchExecutor::TorchExecutor(TorchExecutor&&) noexcept = default;
TorchExecutor& TorchExecutor::operator=(TorchExecutor&&) noexcept = default;

at::Tensor TorchExecutor::prepare_input(const at::Tensor& given, ValueId id) const {
  const Value& value = graph_.value(id);
  if (value.shape.has_value() && value.shape->rank() != given.dim()) {
    throw UserError("input '" + value_text(graph_, id) + "' has rank " + std::to_string(given.dim()) + ", expected " +
                    graph_.shape_text(*value.shape));
  }
  at::Tensor tensor = given;
  if (at::isFloatingType(tensor.scalar_type())) {
    tensor = tensor.to(torch_device(numerics_.device), storage_type(numerics_.arithmetic));
  } else {
    tensor = tensor.to(torch_device(numerics_.device));
  }
  if (numerics_.channels_last && tensor.dim() == 4) tensor = tensor.contiguous(at::MemoryFormat::ChannelsLast);
  return tensor;
}

std::vector<at::Tensor> TorchExecutor::run(std::span<const at::Tensor> inputs, ParameterStore& store,
                                           const RunMode& mode) const {
  if (inputs.size() != input_slots_.size()) {
    throw UserError("the network has " + std::to_string(input_slots_.size()) + " inputs, given " +
                    std::to_string(inputs.size()));
  }
  std::vector<at::Tensor> slots(static_cast<size_t>(slot_count_));
  for (size_t i = 0; i < inputs.size(); ++i)
    slots[static_cast<size_t>(input_slots_[i])] = prepare_input(inputs[i], graph_.inputs[i]);
  std::vector<at::Tensor> arguments, results;
  for (const ExecutorStep& step : steps_) {
    arguments.resize(step.inputs.size());
    results.assign(step.outputs.size(), at::Tensor());
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const StepInput& input = step.inputs[i];
      switch (input.kind) {
        case StepInput::Kind::absent: arguments[i] = at::Tensor(); break;
        case StepInput::Kind::slot:
          if (input.last_use) {
            arguments[i] = std::move(slots[static_cast<size_t>(input.slot)]);
          } else {
            arguments[i] = slots[static_cast<size_t>(input.slot)];
          }
          break;
        case StepInput::Kind::parameter:
          arguments[i] =
              store.view(input.key, *graph_.value(input.value).shape, {graph_, input.value, step.node, mode.training});
          break;
        case StepInput::Kind::constant: arguments[i] = input.constant; break;
      }
      if (numerics_.arithmetic == Arithmetic::bf16) bring_to(step.precision, arguments[i]);
    }
    NodeRun run(mode, arguments, results);
    try {
      step.kernel(run);
    } catch (const c10::Error& error) {
      throw UserError(step.text + ": " + error.what_without_backtrace());
    }
    for (size_t i = 0; i < step.masks.size(); ++i) {
      if (step.masks[i] != 0 && results[i].defined()) results[i] = at::bitwise_and(results[i], step.masks[i]);
    }
    for (size_t i = 0; i < step.outputs.size(); ++i) {
      if (step.outputs[i] >= 0) slots[static_cast<size_t>(step.outputs[i])] = std::move(results[i]);
    }
    for (at::Tensor& argument : arguments) argument = at::Tensor();
  }
  std::vector<at::Tensor> outputs;
  for (const int32_t slot : output_slots_) outputs.push_back(slots[static_cast<size_t>(slot)]);
  return outputs;
}

std::vector<std::string> TorchExecutor::describe_steps() const {
  std::vector<std::string> texts;
  for (const ExecutorStep& step : steps_) texts.push_back(step.text);
  return texts;
}

std::vector<std::string> torch_operator_names() {
  std::vector<std::string> names;
  for (const TorchOperator& record : torch_operators::all_torch_operators()) {
    names.push_back(record.domain.empty() ? record.name : record.domain + "." + record.name);
  }
  names.insert(names.end(), {"If", "Loop", "Scan"});
  return names;
}

}  // namespace nacre
