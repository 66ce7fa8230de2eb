// Shape inference against the reference kernels: for random uses of every operator, what is inferred is what is computed,
// with constants, without them, and with symbols in place of extents.
#include <gtest/gtest.h>

#include "nacre/ir/dim_expression.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/schema.hpp"
#include "tests/ir/operator_cases.hpp"

namespace nacre {
namespace {

using testing::OperatorCase;

constexpr int kCases = 40;  // per operator

std::string describe(const OperatorCase& test) {
  std::string text = test.op;
  Graph graph;
  for (const auto& input : test.inputs) text += " " + (input.has_value() ? graph.shape_text(input->shape()) : "-");
  for (const auto& [name, value] : test.attributes) {
    text += " " + name;
    if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) {
      for (const int64_t entry : *list) text += "," + std::to_string(entry);
    }
    if (const auto* number = std::get_if<int64_t>(&value)) text += "=" + std::to_string(*number);
    if (const auto* word = std::get_if<std::string>(&value)) text += "=" + *word;
  }
  return text;
}

std::vector<Tensor> compute(const OperatorCase& test, const Graph& graph) {
  std::vector<const Tensor*> inputs;
  for (const auto& input : test.inputs) inputs.push_back(input.has_value() ? &*input : nullptr);
  return run_reference_node(graph.node(0), inputs);
}

bool depends_on_data(const std::string& op) { return op == "NonZero" || op == "Compress"; }

class EveryOperator : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryOperator, InfersWhatItComputes) {
  Random random = Random::stream(1, GetParam());
  for (int i = 0; i < kCases; ++i) {
    const OperatorCase test = testing::make_case(GetParam(), random);
    SCOPED_TRACE(describe(test));
    Graph graph = testing::case_graph(test);
    infer_shapes(graph);
    const std::vector<Tensor> results = compute(test, graph);
    ASSERT_GE(results.size(), graph.outputs.size());
    for (size_t o = 0; o < graph.outputs.size(); ++o) {
      const Value& value = graph.value(graph.outputs[o]);
      EXPECT_EQ(value.type, results[o].type());
      ASSERT_TRUE(value.shape.has_value());
      Shape computed = results[o].shape();
      if (depends_on_data(GetParam())) {  // how many elements there are is known when it runs
        ASSERT_EQ(computed.rank(), value.shape->rank());
        for (int axis = 0; axis < computed.rank(); ++axis) {
          if ((*value.shape)[axis].is_unknown()) computed[axis] = Dim();
        }
      }
      EXPECT_EQ(graph.shape_text(*value.shape), graph.shape_text(computed));
    }
  }
}

TEST_P(EveryOperator, InfersNothingWrongWithoutConstants) {
  Random random = Random::stream(2, GetParam());
  for (int i = 0; i < kCases; ++i) {
    const OperatorCase test = testing::make_case(GetParam(), random);
    SCOPED_TRACE(describe(test));
    Graph graph = testing::case_graph(test, false);
    infer_shapes(graph);
    const std::vector<Tensor> results = compute(test, graph);
    for (size_t o = 0; o < graph.outputs.size(); ++o) {
      const std::optional<Shape>& shape = graph.value(graph.outputs[o]).shape;
      if (!shape.has_value()) continue;
      ASSERT_EQ(shape->rank(), results[o].rank());
      for (int axis = 0; axis < shape->rank(); ++axis) {
        const Dim dim = (*shape)[axis];
        if (!dim.is_fixed()) continue;
        EXPECT_EQ(dim.extent(), results[o].extents()[static_cast<size_t>(axis)]);
      }
    }
  }
}

// Some extents of data inputs become symbols; bound to the extents, the inferred expressions must give the computed shape.
TEST_P(EveryOperator, InfersSymbolsThatEvaluateToTheExtents) {
  Random random = Random::stream(3, GetParam());
  for (int i = 0; i < kCases; ++i) {
    const OperatorCase test = testing::make_case(GetParam(), random);
    SCOPED_TRACE(describe(test));
    Graph graph = testing::case_graph(test);
    SymbolBindings bindings;
    for (size_t v = 0; v < graph.inputs.size(); ++v) {
      Shape& shape = *graph.value(graph.inputs[v]).shape;
      for (Dim& dim : shape) {
        if (dim == Dim(1) || random.bernoulli(0.5)) continue;
        const std::string name = "n" + std::to_string(dim.extent());  // equal extents, equal symbols
        bindings[name] = dim.extent();
        dim = graph.symbol(name);
      }
    }
    infer_shapes(graph);
    const std::vector<Tensor> results = compute(test, graph);
    for (size_t o = 0; o < graph.outputs.size(); ++o) {
      const std::optional<Shape>& shape = graph.value(graph.outputs[o]).shape;
      if (!shape.has_value()) continue;
      ASSERT_EQ(shape->rank(), results[o].rank());
      for (int axis = 0; axis < shape->rank(); ++axis) {
        const Dim dim = (*shape)[axis];
        const int64_t extent = results[o].extents()[static_cast<size_t>(axis)];
        if (dim.is_unknown()) continue;
        const std::optional<int64_t> bound = evaluate_dim_expression(graph.dim_text(dim), bindings);
        EXPECT_EQ(bound, extent) << "axis " << axis << " is " << graph.dim_text(dim);
      }
    }
  }
}

// Half precision, double and integers give the same as float32, as far as their numbers go.
TEST_P(EveryOperator, KeepsTheElementTypeOfItsData) {
  Random random = Random::stream(4, GetParam());
  for (int i = 0; i < 10; ++i) {
    OperatorCase test = testing::make_case(GetParam(), random);
    SCOPED_TRACE(describe(test));
    const Graph graph = testing::case_graph(test);
    const std::vector<Tensor> expected = compute(test, graph);
    for (auto& input : test.inputs) {
      if (input.has_value() && input->type() == ElementType::float32) input = input->cast(ElementType::float64);
    }
    const std::vector<Tensor> doubles = compute(test, testing::case_graph(test));
    for (size_t o = 0; o < expected.size(); ++o) {
      ASSERT_EQ(expected[o].extents(), doubles[o].extents());
      if (expected[o].type() == ElementType::string) continue;
      for (int64_t e = 0; e < expected[o].elements(); ++e) {
        const double a = expected[o].number_at(e);
        const double b = doubles[o].number_at(e);
        if (std::isnan(a) || std::isinf(a)) continue;
        EXPECT_NEAR(a, b, 1e-5 * (1 + std::abs(b)));
      }
    }
  }
}

std::vector<std::string> runnable_operators() {
  std::vector<std::string> names;
  for (const OperatorSchema* schema : all_operators()) {
    if (schema->reference != nullptr && schema->domain.empty()) names.push_back(schema->name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Operators, EveryOperator, ::testing::ValuesIn(runnable_operators()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace nacre
