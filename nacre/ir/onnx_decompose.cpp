#include "nacre/ir/onnx_decompose.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace nacre {

// --- building -----------------------------------------------------------------------------------------------------

int Decomposition::rank_of(ValueId id) const {
  if (id == kNone) return -1;
  const std::optional<Shape>& shape = context_.graph.value(id).shape;
  return shape.has_value() ? shape->rank() : -1;
}

Dim Decomposition::dim_of(ValueId id, int axis) const {
  const int rank = rank_of(id);
  if (axis < 0) axis += rank;
  return rank < 0 || axis < 0 || axis >= rank ? Dim() : (*context_.graph.value(id).shape)[axis];
}

ValueId Decomposition::integers(const std::vector<int64_t>& values) {
  const std::array<int64_t, 1> extents{static_cast<int64_t>(values.size())};
  return constant(Tensor::of<int64_t>(extents, std::span<const int64_t>(values)));
}

ValueId Decomposition::number(double value, ValueId like) {
  const ElementType type = type_of(like) == ElementType::undefined ? ElementType::float32 : type_of(like);
  return constant(Tensor::scalar<double>(value).cast(type));
}

ValueId Decomposition::extent(ValueId x, int axis) {
  const Dim dim = dim_of(x, axis);
  if (dim.is_fixed()) return integers({dim.extent()});
  if (axis == -1) return add("Shape", {x}, {{"start", int64_t{-1}}});
  return add("Shape", {x}, {{"start", int64_t{axis}}, {"end", int64_t{axis + 1}}});
}

ValueId Decomposition::shape(const std::vector<Part>& parts) {
  std::vector<int64_t> numbers;
  bool known = true;
  for (const Part& part : parts) {
    const Tensor* constant = constant_of(part.id);
    known = known && (part.id == kNone || constant != nullptr);
    if (known) numbers.push_back(constant != nullptr ? constant->integers().at(0) : part.number);
  }
  if (known) return integers(numbers);
  std::vector<ValueId> values;
  for (const Part& part : parts) values.push_back(part.id == kNone ? integers({part.number}) : part.id);
  return add("Concat", values, {{"axis", int64_t{0}}});
}

ValueId Decomposition::slice(ValueId x, int64_t axis, int64_t begin, int64_t end) {
  return add("Slice", {x, integers({begin}), integers({end}), integers({axis})});
}

ValueId Decomposition::cast(ValueId x, ElementType type) {
  if (type_of(x) == type) return x;
  return add("Cast", {x}, {{"to", static_cast<int64_t>(type)}});
}

ValueId root_mean_square_norm(Decomposition& make, ValueId x, ValueId scale, float epsilon) {
  const ValueId squares = make.add("Mul", {x, x});
  const ValueId mean = make.add("ReduceMean", {squares, make.integers({-1})}, {{"keepdims", int64_t{1}}});
  const ValueId root = make.add("Sqrt", {make.add("Add", {mean, make.number(epsilon, x)})});
  return make.add("Mul", {make.add("Div", {x, root}), scale});
}

namespace {

// --- activations --------------------------------------------------------------------------------------------------

Decomposed one(ValueId id) { return std::vector<ValueId>{id}; }

Decomposed decompose_gelu(Decomposition& make) { return one(make.add("Gelu", {make.input(0)})); }

Decomposed decompose_bias_gelu(Decomposition& make) {
  return one(make.add("Gelu", {make.add("Add", {make.input(0), make.input(1)})}));
}

// By tanh, after an optional bias.
Decomposed decompose_fast_gelu(Decomposition& make) {
  const ValueId x = make.has(1) ? make.add("Add", {make.input(0), make.input(1)}) : make.input(0);
  return one(make.add("Gelu", {x}, {{"approximate", std::string("tanh")}}));
}

ValueId swish(Decomposition& make, ValueId x, double alpha) {
  const ValueId scaled = alpha == 1 ? x : make.add("Mul", {x, make.number(alpha, x)});
  return make.add("Mul", {x, make.add("Sigmoid", {scaled})});
}

Decomposed decompose_quick_gelu(Decomposition& make) {
  return one(swish(make, make.input(0), make.attributes().real("alpha", 1.702F)));
}

Decomposed decompose_silu(Decomposition& make) {
  return one(swish(make, make.input(0), make.attributes().real("alpha", 1.0F)));
}

// The activation that a fused operator names; kNone for an unknown one.
ValueId activated(Decomposition& make, ValueId x, std::string_view name, std::span<const float> parameters) {
  const auto parameter = [&](size_t i, float fallback) { return i < parameters.size() ? parameters[i] : fallback; };
  if (name.empty()) return x;
  for (const char* plain : {"Relu", "Tanh", "Sigmoid", "Softplus", "Softsign", "HardSwish", "Gelu"}) {
    if (name == plain) return make.add(plain, {x});
  }
  if (name == "LeakyRelu") return make.add("LeakyRelu", {x}, {{"alpha", parameter(0, 0.01F)}});
  if (name == "Elu") return make.add("Elu", {x}, {{"alpha", parameter(0, 1.0F)}});
  if (name == "HardSigmoid")
    return make.add("HardSigmoid", {x}, {{"alpha", parameter(0, 0.2F)}, {"beta", parameter(1, 0.5F)}});
  if (name == "Clip") {
    const ValueId low = make.number(parameter(0, std::numeric_limits<float>::lowest()), x);
    return make.add("Clip", {x, low, make.number(parameter(1, std::numeric_limits<float>::max()), x)});
  }
  return kNone;
}

bool is_known_activation(std::string_view name) {
  static constexpr std::string_view kNames[] = {"",          "Relu", "Tanh",      "Sigmoid", "Softplus",    "Softsign",
                                                "HardSwish", "Gelu", "LeakyRelu", "Elu",     "HardSigmoid", "Clip"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

// --- products -----------------------------------------------------------------------------------------------------

Attributes without(const Attributes& attributes, std::initializer_list<std::string_view> names) {
  Attributes result = attributes;
  for (const std::string_view name : names) result.erase(name);
  return result;
}

// activation(Conv(X, W, B) + Z)
Decomposed decompose_fused_conv(Decomposition& make) {
  const std::string activation(make.attributes().text("activation", ""));
  if (!is_known_activation(activation)) return std::nullopt;
  std::vector<ValueId> inputs = {make.input(0), make.input(1)};
  if (make.has(2)) inputs.push_back(make.input(2));
  ValueId y = make.add("Conv", inputs, without(make.attributes(), {"activation", "activation_params"}));
  if (make.has(3)) y = make.add("Add", {y, make.input(3)});
  return one(activated(make, y, activation, make.attributes().reals("activation_params")));
}

Decomposed decompose_fused_gemm(Decomposition& make) {
  const std::string activation(make.attributes().text("activation", ""));
  if (!is_known_activation(activation)) return std::nullopt;
  const Attributes gemm =
      without(make.attributes(), {"activation", "activation_alpha", "activation_beta", "activation_gamma"});
  std::vector<float> parameters;
  for (const char* name : {"activation_alpha", "activation_beta"}) {
    if (make.attributes().has(name)) parameters.push_back(make.attributes().real(name, 0));
  }
  return one(activated(make, make.add("Gemm", make.node().inputs, gemm), activation, parameters));
}

ValueId swapped(Decomposition& make, ValueId x, int rank) {
  std::vector<int64_t> order;
  for (int axis = 0; axis < rank; ++axis) order.push_back(axis);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return make.transpose(x, order);
}

// alpha A' B'; a vector is never transposed.
Decomposed decompose_fused_matmul(Decomposition& make) {
  const Attributes& attributes = make.attributes();
  if (attributes.integer("transBatchA", 0) != 0 || attributes.integer("transBatchB", 0) != 0) return std::nullopt;
  std::vector<ValueId> inputs = {make.input(0), make.input(1)};
  for (const size_t i : {size_t{0}, size_t{1}}) {
    if (attributes.integer(i == 0 ? "transA" : "transB", 0) == 0) continue;
    if (make.rank_of(inputs[i]) < 0) return std::nullopt;
  }
  for (const size_t i : {size_t{0}, size_t{1}}) {
    const int rank = make.rank_of(inputs[i]);
    if (attributes.integer(i == 0 ? "transA" : "transB", 0) != 0 && rank > 1)
      inputs[i] = swapped(make, inputs[i], rank);
  }
  const ValueId y = make.add("MatMul", inputs);
  const float alpha = attributes.real("alpha", 1.0F);
  return one(alpha == 1.0F ? y : make.add("Mul", {y, make.number(alpha, y)}));
}

// --- norms --------------------------------------------------------------------------------------------------------

// Outputs: the norm of x + skip (+ bias), mean, inverse deviation, the sum.
Decomposed decompose_skip_layer_normalization(Decomposition& make) {
  if (make.wants(1) || make.wants(2)) return std::nullopt;
  const bool simplified = make.node().op == "SkipSimplifiedLayerNormalization";
  const size_t bias = simplified ? 3 : 4;
  ValueId sum = make.add("Add", {make.input(0), make.input(1)});
  if (make.has(bias)) sum = make.add("Add", {sum, make.input(bias)});
  const float epsilon = make.attributes().real("epsilon", 1e-12F);
  ValueId y = kNone;
  if (simplified) {
    y = root_mean_square_norm(make, sum, make.input(2), epsilon);
  } else {
    std::vector<ValueId> inputs = {sum, make.input(2)};
    if (make.has(3)) inputs.push_back(make.input(3));
    y = make.add("LayerNormalization", inputs, {{"axis", int64_t{-1}}, {"epsilon", epsilon}});
  }
  return std::vector<ValueId>{y, kNone, kNone, sum};
}

Decomposed decompose_simplified_layer_normalization(Decomposition& make) {
  const int rank = make.rank_of(make.input(0));
  const int64_t axis = make.attributes().integer("axis", -1);
  if (make.wants(1) || (axis != -1 && axis != rank - 1)) return std::nullopt;
  return one(root_mean_square_norm(make, make.input(0), make.input(1), make.attributes().real("epsilon", 1e-5F)));
}

// The norm of the sum of word, position and segment embeddings.
Decomposed decompose_embed_layer_normalization(Decomposition& make) {
  if (make.wants(1) || !make.has(2) || !make.has(3) || !make.has(5)) return std::nullopt;
  const ValueId words = make.add("Gather", {make.input(2), make.input(0)});
  ValueId positions = kNone;
  if (make.has(8)) {
    positions = make.add("Gather", {make.input(3), make.input(8)});
  } else {
    const ValueId length = make.add("Squeeze", {make.extent(make.input(0), 1), make.integers({0})});
    const ValueId zero = make.constant(Tensor::scalar<int64_t>(0)), step = make.constant(Tensor::scalar<int64_t>(1));
    positions = make.add("Gather", {make.input(3), make.add("Range", {zero, length, step})});
  }
  ValueId sum = make.add("Add", {words, positions});
  if (make.has(1) && make.has(4)) sum = make.add("Add", {sum, make.add("Gather", {make.input(4), make.input(1)})});
  std::vector<ValueId> inputs = {sum, make.input(5)};
  if (make.has(6)) inputs.push_back(make.input(6));
  const ValueId y = make.add("LayerNormalization", inputs,
                             {{"axis", int64_t{-1}}, {"epsilon", make.attributes().real("epsilon", 1e-12F)}});
  return std::vector<ValueId>{y, kNone, sum};
}

// Group normalization of images whose channels come last, with an optional x sigmoid(x).
Decomposed decompose_group_norm(Decomposition& make) {
  const Attributes& attributes = make.attributes();
  const bool last = attributes.integer("channels_last", 1) != 0;
  const int64_t activation = attributes.integer("activation", 0);
  if (make.rank_of(make.input(0)) != 4 || activation < 0 || activation > 1) return std::nullopt;
  const ValueId x = last ? make.transpose(make.input(0), {0, 3, 1, 2}) : make.input(0);
  ValueId y = make.add(
      "GroupNormalization", {x, make.cast(make.input(1), make.type_of(x)), make.cast(make.input(2), make.type_of(x))},
      {{"epsilon", attributes.real("epsilon", 1e-5F)}, {"num_groups", attributes.integer("groups", 1)}});
  if (activation == 1) y = swish(make, y, 1);
  return one(last ? make.transpose(y, {0, 2, 3, 1}) : y);
}

Decomposed decompose_bias_softmax(Decomposition& make) {
  const int rank = make.rank_of(make.input(0));
  const int64_t axis = make.attributes().integer("axis", 1);
  // Over all axes from `axis` on: one line only where that is the last.
  if (rank < 0 || (axis != -1 && axis != rank - 1) || make.attributes().integer("is_inner_broadcast", 0) == 0)
    return std::nullopt;
  return one(make.add("Softmax", {make.add("Add", {make.input(0), make.input(1)})}, {{"axis", int64_t{-1}}}));
}

Decomposed decompose_bias_add(Decomposition& make) {
  return one(make.add("Add", {make.add("Add", {make.input(0), make.input(1)}), make.input(2)}));
}

// --- the list -----------------------------------------------------------------------------------------------------

struct DecompositionRow {
  std::string_view op;
  Decomposed (*make)(Decomposition&);
  size_t inputs;                   // that must be there
  std::string_view exported = "";  // "plain": exporters write it without a domain, too
};

constexpr DecompositionRow kDecompositions[] = {
    {"Attention", decompose_attention, 2},
    {"BiasAdd", decompose_bias_add, 3},
    {"BiasGelu", decompose_bias_gelu, 2},
    {"BiasSoftmax", decompose_bias_softmax, 2},
    {"DequantizeLinear", decompose_quantize, 2},
    {"DynamicQuantizeMatMul", decompose_dynamic_quantize_matmul, 3},
    {"EmbedLayerNormalization", decompose_embed_layer_normalization, 4},
    {"FastGelu", decompose_fast_gelu, 1},
    {"FusedConv", decompose_fused_conv, 2},
    {"FusedGemm", decompose_fused_gemm, 2},
    {"FusedMatMul", decompose_fused_matmul, 2},
    {"Gelu", decompose_gelu, 1},
    {"GroupNorm", decompose_group_norm, 3},
    {"GroupQueryAttention", decompose_group_query_attention, 1},
    {"MatMulIntegerToFloat", decompose_matmul_integer_to_float, 4},
    {"MatMulNBits", decompose_matmul_n_bits, 3},
    {"MultiHeadAttention", decompose_multi_head_attention, 1},
    {"QGemm", decompose_qgemm, 6},
    {"QLinearAdd", decompose_qlinear_elementwise, 7},
    {"QLinearAveragePool", decompose_qlinear_pool, 5},
    {"QLinearConcat", decompose_qlinear_concat, 5},
    {"QLinearGlobalAveragePool", decompose_qlinear_pool, 5},
    {"QLinearLeakyRelu", decompose_qlinear_elementwise, 5},
    {"QLinearMul", decompose_qlinear_elementwise, 7},
    {"QLinearSigmoid", decompose_qlinear_elementwise, 5},
    {"QLinearSoftmax", decompose_qlinear_elementwise, 5},
    {"QuantizeLinear", decompose_quantize, 2},
    {"QuickGelu", decompose_quick_gelu, 1},
    {"RotaryEmbedding", decompose_rotary_embedding, 4},
    {"Silu", decompose_silu, 1, "plain"},
    {"SimplifiedLayerNormalization", decompose_simplified_layer_normalization, 2, "plain"},
    {"SkipLayerNormalization", decompose_skip_layer_normalization, 3},
    {"SkipSimplifiedLayerNormalization", decompose_skip_layer_normalization, 3},
    {"Swish", decompose_silu, 1, "plain"},
};

const DecompositionRow* find_row(const NodeDraft& node) {
  if (node.domain != "com.microsoft" && !node.domain.empty()) return nullptr;
  for (const DecompositionRow& row : kDecompositions) {
    if (row.op == node.op) return node.domain.empty() && row.exported.empty() ? nullptr : &row;
  }
  return nullptr;
}

}  // namespace

bool is_decomposed(const NodeDraft& node) { return find_row(node) != nullptr && !node.outputs.empty(); }

std::optional<std::vector<ValueId>> decompose_node(const UpgradeContext& context, const NodeDraft& node) {
  const DecompositionRow* row = find_row(node);
  if (row == nullptr) return std::nullopt;
  Decomposition make(context, node);
  const bool second_may_lack = row->op == "EmbedLayerNormalization";
  if (node.inputs.size() < row->inputs || !make.has(0) || (row->inputs > 1 && !second_may_lack && !make.has(1)))
    return std::nullopt;
  Decomposed results = row->make(make);
  if (!results.has_value()) return std::nullopt;
  results->resize(std::max(results->size(), node.outputs.size()), kNone);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (make.wants(i) && (*results)[i] == kNone)
      context.fail("has an output " + std::to_string(i) + ", which this form of the operator does not give");
  }
  return results;
}

std::vector<std::string> decomposed_operators() {
  std::vector<std::string> names;
  for (const DecompositionRow& row : kDecompositions) names.push_back("com.microsoft." + std::string(row.op));
  return names;
}

}  // namespace nacre
