#include "nacre/nn/parameter_store.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "nacre/ir/reference_executor.hpp"
#include "nacre/nn/torch_types.hpp"

namespace nacre {
namespace {

bool is_normalization(const std::string& op) {
  static const std::set<std::string, std::less<>> kNames = {
      "BatchNormalization", "LayerNormalization", "InstanceNormalization", "GroupNormalization", "RMSNormalization"};
  return kNames.contains(op);
}

bool has_bias_input(const std::string& op) { return op == "Conv" || op == "ConvTranspose" || op == "Gemm"; }

bool multiplies_weights(const std::string& op, size_t input) {
  if (has_bias_input(op)) return input < 2;
  return op == "MatMul" || op == "Einsum" || op == "Gather";
}

// Decay is for what multiplies activations across channels. A value of another reader decays when it has at least two
// extents above one (a learned position table), not when it is a scale or shift per channel.
std::vector<bool> decaying_values(const Graph& graph) {
  std::vector<int> state(graph.values().size(), 0);  // 0 unread, 1 by weight-like readers, 2 by a norm or as a bias
  for (const Node& node : graph.nodes()) {
    if (node.dead) continue;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNone) continue;
      int& mark = state[static_cast<size_t>(node.inputs[i])];
      if (multiplies_weights(node.op, i)) {
        mark = 1;
      } else if (mark != 1 && (is_normalization(node.op) || (has_bias_input(node.op) && i == 2))) {
        mark = 2;
      }
    }
  }
  std::vector<bool> decays(state.size(), false);
  for (size_t i = 0; i < state.size(); ++i) {
    const std::optional<Shape>& shape = graph.values()[i].shape;
    const bool table =
        shape.has_value() && std::ranges::count_if(*shape, [](Dim dim) { return !(dim == Dim(1)); }) >= 2;
    decays[i] = state[i] == 1 || (state[i] == 0 && table);
  }
  return decays;
}

bool held_by_store(const Graph& graph, const Initializer& initializer) {
  const ElementType type = graph.value(initializer.value).type;
  return type == ElementType::float32 || type == ElementType::float64 || type == ElementType::float16 ||
         type == ElementType::bfloat16;
}

}  // namespace

std::vector<ParameterInfo> parameters_of(const Graph& graph) {
  const std::vector<bool> decays = decaying_values(graph);
  std::vector<ParameterInfo> infos;
  for (const Initializer& initializer : graph.initializers()) {
    if (!held_by_store(graph, initializer)) continue;
    const Value& value = graph.value(initializer.value);
    const std::string name = value_text(graph, initializer.value);
    if (!value.shape.has_value() || !value.shape->is_fixed()) {
      throw UserError("parameter '" + name + "' has no fixed shape " +
                      (value.shape ? graph.shape_text(*value.shape) : "?"));
    }
    infos.push_back({.name = name,
                     .shape = *value.shape,
                     .trainable = initializer.trainable,
                     .decays = initializer.trainable && decays[static_cast<size_t>(initializer.value)]});
  }
  return infos;
}

struct PlainStore::Tensors {
  std::vector<at::Tensor> kept;
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, size_t, TextHash, std::equal_to<>> index;
};

PlainStore::PlainStore(const Graph& graph, uint64_t seed, const Numerics& numerics)
    : infos_(parameters_of(graph)), tensors_(std::make_unique<Tensors>()) {
  const GraphParameters drawn(seed);
  const at::TensorOptions options =
      at::TensorOptions(storage_type(numerics.arithmetic)).device(torch_device(numerics.device));
  size_t position = 0;
  for (const Initializer& initializer : graph.initializers()) {
    if (!held_by_store(graph, initializer)) continue;
    const ParameterInfo& info = infos_[position];
    at::Tensor tensor = share_with_torch(drawn.view(graph, initializer.value)).to(options, false, /*copy=*/true);
    if (info.trainable) tensor.requires_grad_(true);
    types_.push_back(graph.value(initializer.value).type);
    tensors_->kept.push_back(std::move(tensor));
    if (!tensors_->index.emplace(info.name, position).second)
      throw UserError("two parameters are named '" + info.name + "'");
    ++position;
  }
}

PlainStore::~PlainStore() = default;

const std::vector<at::Tensor>& PlainStore::tensors() const { return tensors_->kept; }

at::Tensor PlainStore::view(std::string_view key, const Shape& shape, const ViewContext& context) {
  const auto found = tensors_->index.find(key);
  if (found == tensors_->index.end()) {
    throw UserError("the store has no parameter '" + std::string(key) + "', which " +
                    node_text(context.graph, context.reader) + " reads");
  }
  if (!(infos_[found->second].shape == shape)) {
    throw UserError("parameter '" + std::string(key) + "' has shape " +
                    context.graph.shape_text(infos_[found->second].shape) + ", expected " +
                    context.graph.shape_text(shape));
  }
  return tensors_->kept[found->second];
}

namespace {

Weights named_weights(const std::vector<ParameterInfo>& infos, const std::vector<ElementType>& types,
                      const std::vector<at::Tensor>& tensors) {
  Weights weights;
  for (size_t i = 0; i < infos.size(); ++i) {
    // clone: the file must not change with the next step
    weights.tensors.emplace_back(
        infos[i].name, from_torch(tensors[i].detach().to(at::kCPU, torch_type(types[i]), false, /*copy=*/true)));
  }
  return weights;
}

void take_values(const at::Tensor& kept, const Tensor& given) {
  const at::NoGradGuard no_grad;
  kept.detach().copy_(share_with_torch(given));
}

}  // namespace

Weights PlainStore::weights() const { return named_weights(infos_, types_, tensors_->kept); }

std::vector<std::string> PlainStore::load(const Weights& weights) {
  std::vector<std::string> missing;
  for (size_t i = 0; i < infos_.size(); ++i) {
    const Tensor* tensor = weights.find(infos_[i].name);
    if (tensor == nullptr || !(tensor->shape() == infos_[i].shape)) {
      missing.push_back(infos_[i].name);
    } else {
      take_values(tensors_->kept[i], *tensor);
    }
  }
  return missing;
}

void PlainStore::export_to(Graph& graph) const { apply_weights(graph, weights()); }

struct WeightAverage::Tensors {
  std::vector<at::Tensor> kept;
  std::vector<ElementType> types;
};

WeightAverage::WeightAverage(const PlainStore& store, double decay)
    : tensors_(std::make_unique<Tensors>()), decay_(decay) {
  for (const at::Tensor& tensor : store.tensors()) tensors_->kept.push_back(tensor.detach().clone());
  for (const auto& [name, tensor] : store.weights().tensors) tensors_->types.push_back(tensor.type());
}

WeightAverage::~WeightAverage() = default;

void WeightAverage::update(const PlainStore& store) {
  const at::NoGradGuard no_grad;
  ++updates_;
  const double warm = static_cast<double>(1 + updates_) / static_cast<double>(10 + updates_);
  const double decay = std::min(decay_, warm);
  for (size_t i = 0; i < tensors_->kept.size(); ++i) {
    tensors_->kept[i].lerp_(store.tensors()[i].detach(), 1 - decay);
  }
}

void WeightAverage::swap(PlainStore& store) {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < tensors_->kept.size(); ++i) {
    const at::Tensor own = store.tensors()[i].detach();
    const at::Tensor copy = own.clone();
    own.copy_(tensors_->kept[i]);
    tensors_->kept[i].copy_(copy);
  }
}

Weights WeightAverage::weights(const PlainStore& store) const {
  return named_weights(store.infos(), tensors_->types, tensors_->kept);
}

void WeightAverage::load(const PlainStore& store, const Weights& weights, int64_t updates) {
  for (size_t i = 0; i < tensors_->kept.size(); ++i) {
    const Tensor* tensor = weights.find(store.infos()[i].name);
    if (tensor != nullptr && tensor->shape() == store.infos()[i].shape) take_values(tensors_->kept[i], *tensor);
  }
  updates_ = updates;
}

}  // namespace nacre
