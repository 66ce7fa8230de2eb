// Fused operators of runtimes, taken apart on import into ONNX's own: what ONNX Runtime's optimizer and model builder write
// under the domain com.microsoft, and a few names that exporters write without a domain (SimplifiedLayerNormalization,
// Silu). A model is then counted, rewritten and run like any other. Internal to the ONNX sources.
//
// Sources: ONNX Runtime, docs/ContribOperators.md; the equations stand beside each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nacre/ir/onnx_upgrade.hpp"

namespace nacre {

// Whether operators of that name are taken apart.
bool is_decomposed(const NodeDraft& node);

// One value for each output of the node (kNone for an unnamed one). Nothing, and nothing added, for a form that is not
// covered: the node then stays opaque, under its own name.
std::optional<std::vector<ValueId>> decompose_node(const UpgradeContext& context, const NodeDraft& node);

// "com.microsoft.Attention", ...: for tables of support.
std::vector<std::string> decomposed_operators();

// --- for the makers -------------------------------------------------------------------------------------------------

// Builds the parts: short names for nodes and constants, and shapes that stay symbolic.
class Decomposition {
 public:
  Decomposition(const UpgradeContext& context, const NodeDraft& node) : context_(context), node_(node) {}

  const NodeDraft& node() const { return node_; }
  const Graph& graph() const { return context_.graph; }
  const Attributes& attributes() const { return node_.attributes; }
  bool has(size_t index) const { return index < node_.inputs.size() && node_.inputs[index] != kNone; }
  ValueId input(size_t index) const { return has(index) ? node_.inputs[index] : kNone; }
  bool wants(size_t output) const { return output < node_.outputs.size() && !node_.outputs[output].empty(); }
  ElementType type_of(ValueId id) const { return context_.graph.value(id).type; }
  // -1 when not known.
  int rank_of(ValueId id) const;
  Dim dim_of(ValueId id, int axis) const;
  const Tensor* constant_of(ValueId id) const { return id == kNone ? nullptr : context_.graph.constant(id); }

  ValueId add(std::string_view op, std::vector<ValueId> inputs, Attributes attributes = {}) {
    return context_.add_node(op, std::move(inputs), std::move(attributes));
  }
  ValueId constant(Tensor tensor) { return context_.add_constant("constant", std::move(tensor)); }
  ValueId integers(const std::vector<int64_t>& values);
  // A scalar of the type of `like`.
  ValueId number(double value, ValueId like);

  // The extent of an axis as a vector of one element: constant where it is known.
  ValueId extent(ValueId x, int axis);
  // Parts are numbers (as in Reshape: 0 copies, -1 is inferred) or vectors of one element.
  struct Part {
    Part(int64_t value) : number(value) {}  // NOLINT: a number is a part
    Part(int value) : number(value) {}      // NOLINT
    static Part of(ValueId id) {
      Part part(int64_t{0});
      part.id = id;
      return part;
    }
    int64_t number = 0;
    ValueId id = kNone;
  };
  ValueId shape(const std::vector<Part>& parts);
  ValueId reshape(ValueId x, const std::vector<Part>& parts) { return add("Reshape", {x, shape(parts)}); }
  ValueId transpose(ValueId x, std::vector<int64_t> order) {
    return add("Transpose", {x}, {{"perm", std::move(order)}});
  }
  // x[..., begin:end] along an axis.
  ValueId slice(ValueId x, int64_t axis, int64_t begin, int64_t end);
  ValueId cast(ValueId x, ElementType type);

 private:
  const UpgradeContext& context_;
  const NodeDraft& node_;
};

using Decomposed = std::optional<std::vector<ValueId>>;

// x / sqrt(mean(x^2) + epsilon) * scale over the last axis.
ValueId root_mean_square_norm(Decomposition& make, ValueId x, ValueId scale, float epsilon);

Decomposed decompose_attention(Decomposition& make);
Decomposed decompose_multi_head_attention(Decomposition& make);
Decomposed decompose_group_query_attention(Decomposition& make);
Decomposed decompose_rotary_embedding(Decomposition& make);

Decomposed decompose_matmul_n_bits(Decomposition& make);
Decomposed decompose_dynamic_quantize_matmul(Decomposition& make);
Decomposed decompose_matmul_integer_to_float(Decomposition& make);
Decomposed decompose_qlinear_elementwise(Decomposition& make);
Decomposed decompose_qlinear_pool(Decomposition& make);
Decomposed decompose_qlinear_concat(Decomposition& make);
Decomposed decompose_qgemm(Decomposition& make);
Decomposed decompose_quantize(Decomposition& make);

}  // namespace nacre
