// Elastic sizes: what is recorded evaluates, under other decisions, to the sizes that those decisions build.
#include "nacre/space/elastic.hpp"

#include <gtest/gtest.h>

#include "nacre/space/blocks.hpp"
#include "nacre/space/direct_chooser.hpp"
#include "nacre/space/trace_chooser.hpp"

namespace nacre {
namespace {

// Every kind of layer, every size elastic.
Graph build(Chooser& choose) {
  GraphBuilder b("elastic");
  ElasticBuilder layers(choose, b);
  ValueId x = b.input("x", ElementType::float32, {2, 3, 16, 16});
  const Choice width = choose.pick("width", {8, 16, 24});
  const Choice kernel = choose.pick("kernel", {3, 5});
  const Choice expansion = choose.pick("expansion", {2, 3});
  x = layers.convolution_norm_activation("stem", x, width, {.kernel = kernel, .bias = true}, Activation::relu);
  {
    const auto scope = b.scope("block");
    x = inverted_residual(
        choose, b, x, width * 2,
        {.kernel = kernel, .expansion = expansion, .stride = 2, .bias = true, .squeeze_excite = true});
  }
  {
    const auto scope = b.scope("basic");
    x = basic_block(choose, b, x, width * 2, {.kernel = kernel, .project = true});
  }
  {
    const auto scope = b.scope("bottleneck");
    x = bottleneck_block(choose, b, x, width * 4, {.kernel = kernel, .stride = 2, .project = true});
  }
  x = pooled_features(choose, b, x);
  x = layers.linear("hidden", x, width + 2);
  x = layers.layer_norm("norm", x);
  b.output(layers.linear("classifier", x, 10), "logits");
  return b.take();
}

TEST(ElasticTest, RecordedExpressionsGiveTheSizesOfEveryOtherNetwork) {
  const Decisions reference({{"expansion", 1}, {"kernel", 0}, {"width", 1}});
  ElasticTable table;
  ReplayChooser recording(reference);
  recording.record_elastic(&table);
  const Graph recorded = build(recording);
  EXPECT_GT(table.entries().size(), 60U);
  for (int64_t w = 0; w < 3; ++w) {
    for (int64_t k = 0; k < 2; ++k) {
      for (int64_t e = 0; e < 2; ++e) {
        const Decisions decisions({{"expansion", e}, {"kernel", k}, {"width", w}});
        ReplayChooser replay(decisions);
        const Graph other = build(replay);
        ASSERT_EQ(other.values().size(), recorded.values().size());
        for (size_t i = 0; i < recorded.values().size(); ++i) {
          const auto& before = recorded.values()[i].shape;
          const auto& after = other.values()[i].shape;
          ASSERT_TRUE(before && after);
          for (int axis = 0; axis < before->rank(); ++axis) {
            const Choice* elastic = table.find(static_cast<ValueId>(i), axis);
            const int64_t expected =
                elastic == nullptr ? (*before)[axis].extent()
                                   : elastic->evaluate([&](std::string_view key) { return *decisions.find(key); });
            EXPECT_EQ((*after)[axis].extent(), expected)
                << value_text(recorded, static_cast<ValueId>(i)) << " axis " << axis;
          }
        }
      }
    }
  }
}

TEST(ElasticTest, APlainBuildRecordsNothingAndIsTheSameNetwork) {
  const Decisions decisions({{"expansion", 1}, {"kernel", 0}, {"width", 1}});
  ReplayChooser plain(decisions);
  EXPECT_EQ(plain.elastic_table(), nullptr);
  ElasticTable table;
  ReplayChooser recording(decisions);
  recording.record_elastic(&table);
  const Graph a = build(plain);
  const Graph b = build(recording);
  ASSERT_EQ(a.nodes().size(), b.nodes().size());
  for (size_t i = 0; i < a.values().size(); ++i)
    EXPECT_EQ(a.shape_text(*a.values()[i].shape), b.shape_text(*b.values()[i].shape));
}

TEST(ElasticTest, ElasticSizesAreNotStructural) {
  TraceChooser chooser;
  const Trace trace = chooser.trace([](Chooser& choose) { static_cast<void>(build(choose)); });
  EXPECT_EQ(trace.count(), 3 * 2 * 2);
  for (const TraceDecision& decision : trace.decisions()) {
    EXPECT_FALSE(decision.structural);
    EXPECT_TRUE(decision.ordered);
  }
}

TEST(ElasticTest, ASizeBelowOneNamesItsExpression) {
  const Decisions nothing;
  ReplayChooser choose(nothing);
  GraphBuilder b;
  const ValueId x = b.input("x", ElementType::float32, {1, 4});
  try {
    ElasticBuilder(choose, b).linear("fc", x, choose.pick("width", {1, 2}) - 1);
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "layer 'fc': features must be at least 1, found width - 1 = 0");
  }
}

}  // namespace
}  // namespace nacre
