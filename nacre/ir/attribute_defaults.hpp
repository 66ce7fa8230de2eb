// Default values of ONNX attributes (opset 21): an attribute that is given at its default means the same as none.
#pragma once

#include <cstdint>
#include <string_view>

#include "nacre/ir/graph.hpp"

namespace nacre {

// Whether `value` is what `op` assumes when the attribute `name` is absent. `rank` is the rank of the operator's first
// input, -1 where unknown: with it axis 1 of a matrix equals the default -1. False for operators outside ONNX.
bool is_default_attribute(const Node& node, std::string_view name, const Attribute& value, int rank);

}  // namespace nacre
