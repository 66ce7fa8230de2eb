#include "nacre/ir/attribute_defaults.hpp"

#include <algorithm>
#include <array>
#include <variant>
#include <vector>

namespace nacre {
namespace {

// `op` is "" where every operator with that attribute has the same default. Lists are all of one number, of any length.
struct DefaultRow {
  std::string_view op;
  std::string_view name;
  enum class Kind : uint8_t { integer, real, text, all_equal, axis } kind;
  double number = 0;
  std::string_view text = "";
};

using Kind = DefaultRow::Kind;

constexpr std::array kDefaults = {
    DefaultRow{"", "allowzero", Kind::integer, 0},
    DefaultRow{"", "antialias", Kind::integer, 0},
    DefaultRow{"", "approximate", Kind::text, 0, "none"},
    DefaultRow{"", "auto_pad", Kind::text, 0, "NOTSET"},
    DefaultRow{"", "batch_dims", Kind::integer, 0},
    DefaultRow{"", "ceil_mode", Kind::integer, 0},
    DefaultRow{"", "coordinate_transformation_mode", Kind::text, 0, "half_pixel"},
    DefaultRow{"", "count_include_pad", Kind::integer, 0},
    DefaultRow{"", "block_size", Kind::integer, 0},
    DefaultRow{"", "cubic_coeff_a", Kind::real, -0.75},
    DefaultRow{"", "dilations", Kind::all_equal, 1},
    DefaultRow{"", "direction", Kind::text, 0, "forward"},
    DefaultRow{"", "epsilon", Kind::real, 1e-5},
    DefaultRow{"", "exclude_outside", Kind::integer, 0},
    DefaultRow{"", "exclusive", Kind::integer, 0},
    DefaultRow{"", "extrapolation_value", Kind::real, 0},
    DefaultRow{"", "fmod", Kind::integer, 0},
    DefaultRow{"", "group", Kind::integer, 1},
    DefaultRow{"", "input_forget", Kind::integer, 0},
    DefaultRow{"", "keep_aspect_ratio_policy", Kind::text, 0, "stretch"},
    DefaultRow{"", "keepdims", Kind::integer, 1},
    DefaultRow{"", "largest", Kind::integer, 1},
    DefaultRow{"", "layout", Kind::integer, 0},
    DefaultRow{"", "linear_before_reset", Kind::integer, 0},
    DefaultRow{"", "momentum", Kind::real, 0.9},
    DefaultRow{"", "nearest_mode", Kind::text, 0, "round_prefer_floor"},
    DefaultRow{"", "noop_with_empty_axes", Kind::integer, 0},
    DefaultRow{"", "output_dtype", Kind::integer, 0},
    DefaultRow{"", "output_padding", Kind::all_equal, 0},
    DefaultRow{"", "pads", Kind::all_equal, 0},
    DefaultRow{"", "reduction", Kind::text, 0, "none"},
    DefaultRow{"", "reverse", Kind::integer, 0},
    DefaultRow{"", "saturate", Kind::integer, 1},
    DefaultRow{"", "select_last_index", Kind::integer, 0},
    DefaultRow{"", "sorted", Kind::integer, 1},
    DefaultRow{"", "stash_type", Kind::integer, 1},
    DefaultRow{"", "storage_order", Kind::integer, 0},
    DefaultRow{"", "strides", Kind::all_equal, 1},
    DefaultRow{"", "training_mode", Kind::integer, 0},
    DefaultRow{"", "transA", Kind::integer, 0},
    DefaultRow{"", "transB", Kind::integer, 0},
    DefaultRow{"", "upper", Kind::integer, 1},
    DefaultRow{"ArgMax", "axis", Kind::axis, 0},
    DefaultRow{"ArgMin", "axis", Kind::axis, 0},
    DefaultRow{"Celu", "alpha", Kind::real, 1},
    DefaultRow{"DepthToSpace", "mode", Kind::text, 0, "DCR"},
    DefaultRow{"DequantizeLinear", "axis", Kind::axis, 1},
    DefaultRow{"Elu", "alpha", Kind::real, 1},
    DefaultRow{"EyeLike", "k", Kind::integer, 0},
    DefaultRow{"Flatten", "axis", Kind::axis, 1},
    DefaultRow{"Gather", "axis", Kind::axis, 0},
    DefaultRow{"GatherElements", "axis", Kind::axis, 0},
    DefaultRow{"Gemm", "alpha", Kind::real, 1},
    DefaultRow{"Gemm", "beta", Kind::real, 1},
    DefaultRow{"GlobalLpPool", "p", Kind::integer, 2},
    DefaultRow{"HardSigmoid", "alpha", Kind::real, 0.2},
    DefaultRow{"HardSigmoid", "beta", Kind::real, 0.5},
    DefaultRow{"Hardmax", "axis", Kind::axis, -1},
    DefaultRow{"LRN", "alpha", Kind::real, 1e-4},
    DefaultRow{"LRN", "beta", Kind::real, 0.75},
    DefaultRow{"LRN", "bias", Kind::real, 1},
    DefaultRow{"LayerNormalization", "axis", Kind::axis, -1},
    DefaultRow{"LeakyRelu", "alpha", Kind::real, 0.01},
    DefaultRow{"LogSoftmax", "axis", Kind::axis, -1},
    DefaultRow{"LpNormalization", "axis", Kind::axis, -1},
    DefaultRow{"LpNormalization", "p", Kind::integer, 2},
    DefaultRow{"LpPool", "p", Kind::integer, 2},
    DefaultRow{"Pad", "mode", Kind::text, 0, "constant"},
    DefaultRow{"QuantizeLinear", "axis", Kind::axis, 1},
    DefaultRow{"Resize", "mode", Kind::text, 0, "nearest"},
    DefaultRow{"ReverseSequence", "batch_axis", Kind::integer, 1},
    DefaultRow{"ReverseSequence", "time_axis", Kind::integer, 0},
    DefaultRow{"ScatterElements", "axis", Kind::axis, 0},
    DefaultRow{"Shrink", "bias", Kind::real, 0},
    DefaultRow{"Shrink", "lambd", Kind::real, 0.5},
    DefaultRow{"Softmax", "axis", Kind::axis, -1},
    DefaultRow{"Split", "axis", Kind::axis, 0},
    DefaultRow{"ThresholdedRelu", "alpha", Kind::real, 1},
    DefaultRow{"TopK", "axis", Kind::axis, -1},
};

bool equals(const DefaultRow& row, const Attribute& value, int rank) {
  switch (row.kind) {
    case Kind::integer: {
      const auto* number = std::get_if<int64_t>(&value);
      return number != nullptr && *number == static_cast<int64_t>(row.number);
    }
    case Kind::real: {
      const auto* number = std::get_if<float>(&value);
      return number != nullptr && *number == static_cast<float>(row.number);
    }
    case Kind::text: {
      const auto* text = std::get_if<std::string>(&value);
      return text != nullptr && *text == row.text;
    }
    case Kind::all_equal: {
      const auto* list = std::get_if<std::vector<int64_t>>(&value);
      const auto number = static_cast<int64_t>(row.number);
      return list != nullptr && std::ranges::all_of(*list, [&](int64_t item) { return item == number; });
    }
    case Kind::axis: {
      const auto* axis = std::get_if<int64_t>(&value);
      if (axis == nullptr) return false;
      const auto expected = static_cast<int64_t>(row.number);
      const auto positive = [&](int64_t a) { return a < 0 && rank >= 0 ? a + rank : a; };
      return positive(*axis) == positive(expected);
    }
  }
  return false;
}

// Rows of one attribute name, by the name's first letter and length: called for every attribute of every hashed graph.
class RowIndex {
 public:
  RowIndex() {
    for (size_t i = 0; i < kDefaults.size(); ++i) buckets_[bucket(kDefaults[i].name)].push_back(&kDefaults[i]);
  }
  const std::vector<const DefaultRow*>& rows(std::string_view name) const { return buckets_[bucket(name)]; }

 private:
  static size_t bucket(std::string_view name) {
    if (name.empty()) return 0;
    return (static_cast<size_t>(name.front()) * 31 + static_cast<size_t>(name.back()) * 7 + name.size()) % kBuckets;
  }
  static constexpr size_t kBuckets = 128;
  std::array<std::vector<const DefaultRow*>, kBuckets> buckets_;
};

}  // namespace

bool is_default_attribute(const Node& node, std::string_view name, const Attribute& value, int rank) {
  static const RowIndex index;
  if (!node.domain.empty()) return false;
  for (const DefaultRow* row : index.rows(name)) {
    if (row->name == name && (row->op.empty() || row->op == node.op)) return equals(*row, value, rank);
  }
  // ONNX infers the kernel of a convolution from its weight.
  return name == "kernel_shape" && (node.op == "Conv" || node.op == "ConvTranspose");
}

}  // namespace nacre
