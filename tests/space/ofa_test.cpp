// Once-for-All's space: its size, and that every network is a slice of the largest.
#include <gtest/gtest.h>

#include "nacre/space/elastic.hpp"
#include "space_context.hpp"

namespace nacre {
namespace {

TEST(OfaSpace, HasThePublishedNumberOfNetworks) {
  const auto space = make_space("ofa", space_context({3, 224, 224}, 1000));
  EXPECT_EQ(space->trace().count(), Count("21758655492572485851"));
}

// Multiply-adds of the smallest and largest network; parameters of the largest are those of the supernet but for transforms.
TEST(OfaSpace, NetworksNestInTheLargest) {
  const SpaceContext context = space_context({1, 8, 8}, 10);
  const auto space = make_space("ofa", context);
  Decisions largest;
  for (const TraceDecision& decision : space->trace().decisions())
    largest.set(decision.key, static_cast<int64_t>(decision.alternatives.size()) - 1);
  const Graph all = space->build(largest).graph();
  std::map<std::string, Shape> shapes;
  for (const Initializer& initializer : all.initializers())
    shapes.emplace(all.value(initializer.value).name, *all.value(initializer.value).shape);
  Random random(1);
  for (int i = 0; i < 50; ++i) {
    const Design design = space->build(space->trace().sample(random));
    expect_fits(design, context);
    const Graph& graph = design.graph();
    for (const Initializer& initializer : graph.initializers()) {
      const Value& value = graph.value(initializer.value);
      const auto whole = shapes.find(value.name);
      ASSERT_NE(whole, shapes.end()) << value.name;
      for (int axis = 0; axis < value.shape->rank(); ++axis)
        EXPECT_LE((*value.shape)[axis].extent(), whole->second[axis].extent()) << value.name;
    }
  }
}

// A smaller image is a cheaper network with the same parameters.
TEST(OfaSpace, ResolutionIsADecision) {
  const SpaceContext context = space_context({3, 32, 32}, 10);
  const auto space = make_space("ofa", context, "{resolutions: [16, 24, 32]}"), plain = make_space("ofa", context);
  EXPECT_EQ(space->trace().count(), Count(3) * plain->trace().count());
  Random random(2);
  Decisions decisions = space->trace().sample(random);
  std::vector<int64_t> macs, parameters;
  for (int64_t i = 0; i < 3; ++i) {
    decisions.set("resolution", i);
    const Design design = space->build(decisions);
    expect_fits(design, context);
    const GraphStatistics statistics = statistics_of(design);
    macs.push_back(statistics.macs);
    parameters.push_back(statistics.parameters);
  }
  EXPECT_LT(macs[0], macs[1]);
  EXPECT_LT(macs[1], macs[2]);
  EXPECT_EQ(parameters[0], parameters[2]);
}

TEST(OfaSpace, EvenKernelsAreRefused) {
  EXPECT_THROW(make_space("ofa", space_context({1, 8, 8}, 10), "{kernels: [3, 4]}"), UserError);
}

}  // namespace
}  // namespace nacre
