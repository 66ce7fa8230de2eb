// Tasks of several signatures for the tests of spaces.
#pragma once

#include <gtest/gtest.h>

#include "nacre/ir/schema.hpp"
#include "nacre/ir/statistics.hpp"
#include "nacre/space/space.hpp"

namespace nacre {

inline SpaceContext space_context(std::vector<int64_t> input, int64_t classes) {
  SpaceContext context;
  context.signature.inputs = {{"x", ElementType::float32, std::move(input)}};
  context.signature.outputs = {{"logits", ElementType::float32, {classes}}};
  return context;
}

// A registered space with the options of a YAML map.
inline std::unique_ptr<Space> make_space(const std::string& kind, const SpaceContext& context,
                                         const std::string& yaml = "", const std::string& origin = "study.yaml") {
  const auto& entry = space_registry().get(kind);
  return entry.make(resolve_options(parse_config(yaml, origin), entry.parameters, "space"), context);
}

inline GraphStatistics statistics_of(const Design& design) {
  Graph graph = design.graph();
  graph.bind_symbols({{"batch", 1}});
  return count_graph(graph);
}

// Input and output are the task's, shapes are inferred throughout and agree with inference anew, names are unique.
inline void expect_fits(const Design& design, const SpaceContext& context) {
  const Graph& graph = design.graph();
  ASSERT_EQ(graph.inputs.size(), 1U);
  ASSERT_EQ(graph.outputs.size(), 1U);
  const Value& input = graph.value(graph.inputs[0]);
  const Value& output = graph.value(graph.outputs[0]);
  EXPECT_EQ(input.name, context.signature.inputs[0].name);
  EXPECT_EQ(output.name, context.signature.outputs[0].name);
  ASSERT_TRUE(output.shape.has_value());
  std::string extents = "[batch";
  for (const int64_t extent : context.signature.outputs[0].extents) extents += "," + std::to_string(extent);
  EXPECT_EQ(graph.shape_text(*output.shape), extents + "]");
  Graph again = graph;
  infer_shapes(again);
  for (size_t i = 0; i < graph.values().size(); ++i) {
    const auto& shape = graph.values()[i].shape;
    const auto& inferred = again.values()[i].shape;
    ASSERT_TRUE(shape.has_value() && inferred.has_value());
    EXPECT_EQ(graph.shape_text(*shape), again.shape_text(*inferred));
  }
  std::vector<std::string> names;
  for (const Initializer& initializer : graph.initializers()) names.push_back(graph.value(initializer.value).name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  EXPECT_EQ(twice, names.end()) << "two parameters are named " << *twice;
}

}  // namespace nacre
