// A model of one fused operator of a runtime, imported and run, for tests against plain loops.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/onnx_test_data.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "tests/ir/onnx_file.hpp"

namespace nacre::testing {

struct Given {
  std::string name;
  Tensor tensor;
  bool constant = false;
};

// A model of that one node; inputs of "" are omitted. Output names y0, y1, ...
inline Graph import(const std::string& op, const std::vector<Given>& inputs, const OnnxAttributes& attributes,
                    const std::vector<std::string>& outputs = {"y0"}, const std::string& domain = "com.microsoft",
                    bool symbolic = false) {
  OnnxFile file(17);
  std::vector<std::string> names;
  for (const Given& input : inputs) {
    names.push_back(input.name);
    if (input.name.empty()) continue;
    std::vector<OnnxDim> dims;
    for (size_t axis = 0; axis < input.tensor.extents().size(); ++axis)
      dims.push_back(symbolic && axis == 0 ? OnnxDim("batch") : OnnxDim(input.tensor.extents()[axis]));
    if (input.constant)
      file.initializer(input.name, input.tensor);
    else
      file.input(input.name, dims, input.tensor.type());
  }
  file.node(op, names, outputs, attributes, "fused", domain);
  for (const std::string& output : outputs) {
    if (!output.empty()) file.output(output);
  }
  return read_onnx_bytes(file.bytes(), "fused.onnx");
}

inline NamedTensors run_fused(const Graph& graph, const std::vector<Given>& inputs) {
  for (const Node& node : graph.nodes()) EXPECT_FALSE(node.is_opaque()) << node.op;
  NamedTensors named;
  for (const Given& input : inputs) {
    if (!input.name.empty() && !input.constant) named.emplace(input.name, input.tensor);
  }
  return run_reference(graph, named);
}

inline void expect_same(const Tensor& found, const Tensor& expected) {
  const TensorDifference difference = compare_tensors(found, expected, {.relative = 1e-4, .absolute = 1e-5});
  EXPECT_TRUE(difference.equal()) << difference.problem;
}

// x element by element.
template <class Function>
Tensor mapped(const Tensor& x, Function function) {
  Tensor y = x;
  for (int64_t i = 0; i < x.elements(); ++i) y.set_number_at(i, function(x.number_at(i)));
  return y;
}

// Random codes of a quantized tensor.
inline Tensor random_codes(Random& random, const std::vector<int64_t>& extents, ElementType type = ElementType::uint8) {
  Tensor x(type, extents);
  const bool is_signed = type == ElementType::int8;
  for (int64_t i = 0; i < x.elements(); ++i)
    x.set_number_at(i, static_cast<double>(random.integer(is_signed ? -128 : 0, is_signed ? 127 : 255)));
  return x;
}

}  // namespace nacre::testing
