#include "nacre/nn/teacher.hpp"

#include <algorithm>

#include "nacre/ir/onnx_io.hpp"

namespace nacre {

std::vector<std::string> input_names_for(const Graph& graph, const TaskSignature& signature) {
  std::vector<std::string> names;
  for (const ValueId input : graph.inputs) {
    const std::string name = value_text(graph, input);
    const bool known = std::ranges::any_of(signature.inputs, [&](const TensorSpec& spec) { return spec.name == name; });
    if (known) {
      names.push_back(name);
    } else if (graph.inputs.size() == 1 && signature.inputs.size() == 1) {
      names.push_back(signature.inputs[0].name);
    } else {
      std::vector<std::string> accepted;
      for (const TensorSpec& spec : signature.inputs) accepted.push_back(spec.name);
      throw UserError(unknown_name_message("input of the task", name, accepted));
    }
  }
  return names;
}

size_t output_position_for(const Graph& graph, const LossSpec& loss) {
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    if (value_text(graph, graph.outputs[i]) == loss.prediction) return i;
  }
  if (graph.outputs.size() == 1) return 0;
  throw UserError("the network has no output '" + loss.prediction + "', which the loss " + loss.kind + " reads");
}

namespace {

Graph with_weights(Graph graph, const std::string& path) {
  for (const Initializer& initializer : graph.initializers()) {
    if (initializer.data == nullptr)
      throw UserError("teacher " + path + ": parameter '" + value_text(graph, initializer.value) + "' has no weights");
  }
  return graph;
}

}  // namespace

Teacher::Teacher(const std::string& path, const TaskSignature& signature, const LossSpec& loss,
                 const Numerics& numerics)
    : Teacher(with_weights(read_onnx(path), path), signature, loss, numerics) {}

Teacher::Teacher(const Graph& graph, const TaskSignature& signature, const LossSpec& loss, const Numerics& numerics)
    : executor_(graph, numerics),
      store_(std::make_unique<PlainStore>(graph, 0, numerics)),
      inputs_(input_names_for(graph, signature)),
      output_(output_position_for(graph, loss)) {}

at::Tensor Teacher::predict(const TorchBatch& batch) const {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> inputs;
  for (const std::string& name : inputs_) inputs.push_back(batch.at(name));
  return executor_.run(inputs, *store_, {})[output_];
}

}  // namespace nacre
