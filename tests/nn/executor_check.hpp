// Shared by the tests of this module: which device they run on, random tensors, and comparison with the reference executor.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "nacre/base/random.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/nn/torch_executor.hpp"
#include "nacre/nn/torch_types.hpp"

namespace nacre::test {

// NACRE_DEVICE=cuda runs the suite on a GPU.
inline Device device_under_test() {
  const char* name = std::getenv("NACRE_DEVICE");
  return name == nullptr ? Device::cpu : device_from_name(name);
}

inline Numerics numerics_under_test(Arithmetic arithmetic = Arithmetic::fp32) {
  return {.device = device_under_test(), .arithmetic = arithmetic, .channels_last = true, .fused = true, .threads = 1};
}

inline Tensor random_tensor(ElementType type, const std::vector<int64_t>& extents, uint64_t seed, double low = -1,
                            double high = 1) {
  Tensor tensor(type, extents);
  Random random(seed);
  for (int64_t i = 0; i < tensor.elements(); ++i) tensor.set_number_at(i, random.uniform(low, high));
  return tensor;
}

// Inputs for every graph input (its fixed shape): floats uniform in [low, high].
inline NamedTensors random_inputs(const Graph& graph, uint64_t seed, double low = -1, double high = 1) {
  NamedTensors inputs;
  for (const ValueId id : graph.inputs) {
    const Value& value = graph.value(id);
    inputs[value.name] =
        random_tensor(value.type, value.shape->extents(), mix_seed(seed, static_cast<uint64_t>(id)), low, high);
  }
  return inputs;
}

inline std::vector<at::Tensor> run_torch(const Graph& graph, const NamedTensors& inputs, ParameterStore& store,
                                         const Numerics& numerics, const RunMode& mode = {}) {
  const TorchExecutor executor(graph, numerics);
  std::vector<at::Tensor> given;
  for (const ValueId id : graph.inputs) given.push_back(copy_to_torch(inputs.at(value_text(graph, id))));
  return executor.run(given, store, mode);
}

// Largest difference, relative to the largest magnitude (at least 1).
inline double relative_difference(const Tensor& a, const Tensor& b) {
  if (a.extents() != b.extents()) return 1e30;
  const std::vector<double> x = a.numbers(), y = b.numbers();
  double difference = 0, scale = 1;
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) != std::isnan(y[i])) return 1e30;
    if (x[i] == y[i] || std::isnan(x[i])) continue;
    difference = std::max(difference, std::abs(x[i] - y[i]));
    scale = std::max(scale, std::abs(y[i]));
  }
  return difference / scale;
}

// The graph by the torch executor equals the graph by the reference executor.
inline void expect_equal_to_reference(const Graph& graph, const NamedTensors& inputs,
                                      const Numerics& numerics = numerics_under_test(), double tolerance = 1e-4) {
  const uint64_t seed = 11;
  const NamedTensors expected = run_reference(graph, inputs, GraphParameters(seed));
  PlainStore store(graph, seed, numerics);
  const std::vector<at::Tensor> outputs = run_torch(graph, inputs, store, numerics);
  ASSERT_EQ(outputs.size(), graph.outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string name = value_text(graph, graph.outputs[i]);
    const Tensor& wanted = expected.at(name);
    Tensor found = from_torch(outputs[i]);
    if (is_floating(wanted.type())) found = from_torch(outputs[i].to(torch_type(wanted.type())));
    EXPECT_EQ(found.type(), wanted.type()) << name;
    EXPECT_LT(relative_difference(found, wanted), tolerance) << name << " of " << graph.name;
  }
}

}  // namespace nacre::test
