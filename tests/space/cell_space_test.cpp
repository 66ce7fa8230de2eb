// The cell spaces nasnet and eeea: golden counts of released networks, sizes, what a cell puts side by side, genotypes.
#include "nacre/space/spaces/cell_space.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "nacre/ir/hash.hpp"
#include "nacre/ir/training_tags.hpp"
#include "nacre/space/network_text.hpp"
#include "nacre/space/spaces/cell_genotype.hpp"
#include "space_context.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

constexpr const char* kCifar = "channels: 32\nrepeats: 6\nconcat: released";
constexpr const char* kMobile = "channels: 44\nrepeats: 4\nskeleton: mobile\nconcat: released";
constexpr const char* kLarge = "channels: 168\nrepeats: 6\nskeleton: large\nconcat: released";

Design design_of(const Space& space, const std::string& network) {
  return space.build(decisions_from_text(space, network));
}

// Of the value that the global average is taken of, without the batch.
std::string last_shape(const Graph& graph) {
  for (const Node& node : graph.nodes()) {
    if (node.op == "GlobalAveragePool") return graph.shape_text(*graph.value(node.inputs[0]).shape);
  }
  return "none";
}

int64_t running_statistics(const Graph& graph) {
  int64_t count = 0;
  for (const Initializer& initializer : graph.initializers()) {
    const Value& value = graph.value(initializer.value);
    if (value.name.find("running_") != std::string::npos) count += (*value.shape)[0].extent();
  }
  return count;
}

std::string error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

struct ReleasedNasnet {
  const char* options;
  std::vector<int64_t> input;
  int64_t classes, parameters, with_statistics, macs;
  const char* last;
};

class NasnetGolden : public testing::TestWithParam<ReleasedNasnet> {};

// Trainable parameters as they are widely published, multiply-adds of convolutions and the linear layer.
TEST_P(NasnetGolden, CountsAreThoseOfTheReleasedNetwork) {
  const ReleasedNasnet& released = GetParam();
  const auto space = make_space("nasnet", space_context(released.input, released.classes), released.options);
  const Design design = design_of(*space, "nasnet-a");
  const GraphStatistics statistics = statistics_of(design);
  EXPECT_EQ(statistics.parameters, released.parameters);
  EXPECT_EQ(statistics.macs, released.macs);
  if (released.with_statistics > 0) {
    EXPECT_EQ(statistics.parameters + running_statistics(design.graph()), released.with_statistics);
  }
  EXPECT_EQ(last_shape(design.graph()), released.last);
}

INSTANTIATE_TEST_SUITE_P(
    Released, NasnetGolden,
    testing::Values(ReleasedNasnet{kMobile, {3, 224, 224}, 1000, 5289978, 5326716, 563638816, "[batch,1056,7,7]"},
                    ReleasedNasnet{kLarge, {3, 331, 331}, 1000, 88753150, 88949818, 23783414658, "[batch,4032,11,11]"},
                    ReleasedNasnet{kCifar, {3, 32, 32}, 10, 3346538, 0, 544333312, "[batch,768,8,8]"}));

TEST(EeeaSpace, ReleasedNetworksHaveTheirGoldenCounts) {
  const char* size = "channels: 36\ncells: 20";
  const auto ten = make_space("eeea", space_context({3, 32, 32}, 10), size);
  const auto params = [](const Space& space, const char* name) {
    return statistics_of(design_of(space, name)).parameters;
  };
  EXPECT_EQ(params(*ten, "ea-net"), 2925046);
  EXPECT_EQ(params(*ten, "eeea-a"), 1769230);
  EXPECT_EQ(params(*ten, "eeea-b"), 1870318);
  EXPECT_EQ(params(*ten, "eeea-c"), 3513358);
  EXPECT_EQ(params(*make_space("eeea", space_context({3, 32, 32}, 100), size), "eeea-c"), 3552328);
  EXPECT_EQ(params(*make_space("darts", space_context({3, 32, 32}, 10), size), "darts-v2"), 3349342);
}

// sharpDARTS (arXiv 1903.09900), 36 channels, 20 cells, no auxiliary head: sizes that the authors logged.
TEST(SharpdartsSpace, ReleasedNetworksHaveTheirGoldenCounts) {
  const auto params = [](const char* set, const char* name) {
    const auto space =
        make_space("sharpdarts", space_context({3, 32, 32}, 10), std::string("channels: 36\ncells: 20\nset: ") + set);
    return statistics_of(design_of(*space, name)).parameters;
  };
  EXPECT_EQ(params("darts", "sharp-darts-v2"), 3529270);
  EXPECT_EQ(params("darts", "sharpsepconv-darts"), 3555622);
  EXPECT_EQ(params("sharp", "sharp-darts"), 1974934);
  EXPECT_EQ(params("sharper", "sharper-scalar"), 7109470);
  EXPECT_EQ(params("sharper", "sharper-max-w"), 6087142);
}

TEST(CellSpaces, NamedGenotypesFitTheirSpaceAndKeepTheirText) {
  for (const NamedGenotype& named : named_genotypes()) {
    SCOPED_TRACE(named.name);
    const auto space = make_space(named.space, space_context({3, 32, 32}, 10), "channels: 8\n" + named.options);
    const Decisions decisions = decisions_from_text(*space, named.name);
    const std::string text = text_of_network(*space, decisions);
    if (named.text.find("->") != std::string::npos) EXPECT_EQ(text, named.text);
    EXPECT_EQ(decisions_from_text(*space, text), decisions);
    expect_fits(space->build(decisions), space_context({3, 32, 32}, 10));
  }
}

TEST(CellSpaces, CountIsTheProductOverBlocks) {
  const SpaceContext context = space_context({3, 32, 32}, 10);
  for (int64_t blocks = 1; blocks <= 5; ++blocks) {
    SCOPED_TRACE(blocks);
    Count nasnet = 1, eeea = 1;
    for (int64_t b = 0; b < blocks; ++b) nasnet *= Count((b + 2) * (b + 2) * 13 * 13 * 2);
    for (int64_t b = 1; b <= blocks; ++b) eeea *= Count(9 * b * 9 * b);
    const std::string size = "channels: 4\nblocks: " + std::to_string(blocks);
    EXPECT_EQ(make_space("nasnet", context, size + "\nrepeats: 1")->trace().count(), nasnet * nasnet);
    EXPECT_EQ(make_space("eeea", context, size + "\ncells: 3")->trace().count(), eeea * eeea);
  }
  const auto space = make_space("nasnet", context);
  EXPECT_EQ(space->trace().decisions().size(), 50U) << "2 cells of 5 blocks of 5 decisions";
}

// Every index gives another genotype, and the genotype gives the index back.
void expect_enumeration(const Space& space, int64_t count) {
  ASSERT_EQ(space.trace().count(), Count(count));
  std::set<std::string> texts;
  for (int64_t i = 0; i < count; ++i) {
    const Decisions decisions = space.trace().at(Count(i));
    const std::string text = text_of_network(space, decisions);
    ASSERT_EQ(genotype_decisions(cell_grammar_of(space), text), decisions);
    texts.insert(text);
  }
  EXPECT_EQ(static_cast<int64_t>(texts.size()), count);
}

TEST(CellSpaces, EnumerationMeetsEveryCellOnce) {
  const SpaceContext context = space_context({3, 8, 8}, 10);
  expect_enumeration(*make_space("nasnet", context, "channels: 4\nblocks: 1\noperators: [skip, sep3, max]"),
                     (4 * 9 * 2) * (4 * 9 * 2));
  expect_enumeration(
      *make_space("nasnet", context, "channels: 4\nblocks: 2\noperators: [skip]\ncombine: [add, concat]"),
      (4 * 2 * 9 * 2) * (4 * 2 * 9 * 2));
  expect_enumeration(*make_space("eeea", context, "channels: 4\nblocks: 1"), 81 * 81);
  expect_enumeration(*make_space("eeea", context, "channels: 4\nblocks: 2\noperators: [skip, inv3]"),
                     (4 * 4 * 4) * (4 * 4 * 4));
}

TEST(CellSpaces, TenThousandRandomCellsSurviveTextAndIndex) {
  for (const char* kind : {"nasnet", "eeea"}) {
    const auto space = make_space(kind, space_context({3, 32, 32}, 10), "channels: 4");
    const Trace& trace = space->trace();
    Random random(3);
    for (int i = 0; i < 10'000; ++i) {
      const Decisions decisions = trace.sample(random);
      ASSERT_EQ(genotype_decisions(cell_grammar_of(*space), text_of_network(*space, decisions)), decisions);
      ASSERT_EQ(trace.at(trace.index_of(decisions)), decisions);
    }
  }
}

// Which states no block reads, from the decisions' labels alone.
int64_t unread_states(const Trace& trace, const Decisions& decisions, const std::string& cell, int64_t blocks,
                      int64_t first) {
  int64_t unread = 0;
  for (int64_t state = first; state < blocks + 2; ++state) {
    bool read = false;
    for (int64_t block = 0; block < blocks; ++block) {
      for (const char* side : {"/in1", "/in2"}) {
        const std::string key = cell + "/block" + std::to_string(block) + side;
        const int64_t* index = decisions.find(key);
        const auto& labels = trace.find_decision(key)
                                 ? trace.decisions()[static_cast<size_t>(*trace.find_decision(key))].alternatives
                                 : std::vector<std::string>{"0"};
        read = read || labels[static_cast<size_t>(index == nullptr ? 0 : *index)] == std::to_string(state);
      }
    }
    unread += read ? 0 : 1;
  }
  return unread;
}

TEST(CellSpaces, UnreadStatesArePutSideBySide) {
  for (const char* kind : {"nasnet", "eeea"}) {
    SCOPED_TRACE(kind);
    const bool nasnet = std::string(kind) == "nasnet";
    const SpaceContext context = space_context({3, 8, 8}, 10);
    const auto space = make_space(kind, context, nasnet ? "channels: 4\nrepeats: 1" : "channels: 4\ncells: 3");
    Random random(5);
    for (int i = 0; i < 200; ++i) {
      const Decisions decisions = space->trace().sample(random);
      const Graph graph = space->build(decisions).graph();
      // The last cell: nasnet ends with a normal one, eeea with 3 cells with a reduction one.
      const char* cell = nasnet ? "normal" : "reduction";
      const int64_t states = unread_states(space->trace(), decisions, cell, 5, nasnet ? 0 : 2);
      ASSERT_EQ(last_shape(graph), "[batch," + std::to_string(states * 16) + ",2,2]")
          << text_of_network(*space, decisions);
    }
  }
}

TEST(CellSpaces, AllBlocksSideBySideOnDemand) {
  for (const char* kind : {"nasnet", "eeea"}) {
    const auto space = make_space(kind, space_context({3, 8, 8}, 10), "channels: 4\nconcat: all\nblocks: 3");
    Random random(5);
    EXPECT_EQ(last_shape(space->build(space->trace().sample(random)).graph()), "[batch,48,2,2]");
  }
}

// Index 0 is the newer input in nasnet and the older one in darts and eeea: the same text is another network.
TEST(CellSpaces, IndexOrderChangesTheNetwork) {
  const SpaceContext context = space_context({3, 32, 32}, 10);
  const std::string size = "channels: 8\nblocks: 1\nrepeats: 2\nconcat: all\ncombine: [add]\nindex_order: ";
  const auto newer = make_space("nasnet", context, size + "newer_first");
  const auto older = make_space("nasnet", context, size + "older_first");
  const auto hash = [](const Space& space, const char* text) {
    return structure_hash(design_of(space, text).graph()).hex();
  };
  EXPECT_NE(hash(*newer, "sep3 0, skip 1 / max 0, avg 1"), hash(*older, "sep3 0, skip 1 / max 0, avg 1"));
  EXPECT_EQ(hash(*newer, "sep3 0, skip 1 / max 0, avg 1"), hash(*older, "sep3 1, skip 0 / max 1, avg 0"));
}

TEST(CellSpaces, OddSidesShrinkRoundedUp) {
  const auto space = make_space("nasnet", space_context({1, 9, 7}, 3), "channels: 4\nrepeats: 1");
  Random random(1);
  for (int i = 0; i < 30; ++i) {
    const Design design = space->build(space->trace().sample(random));
    expect_fits(design, space_context({1, 9, 7}, 3));
    EXPECT_THAT(last_shape(design.graph()), testing::EndsWith(",3,2]"));
  }
}

// Edges with an operator are tagged, with the depth of their cell; identities are not, strided ones neither in nasnet.
TEST(CellSpaces, EdgesAreTaggedForTraining) {
  const SpaceContext context = space_context({3, 32, 32}, 10);
  const auto nasnet = make_space("nasnet", context, "channels: 4\nrepeats: 1\nconcat: released");
  const Design released = design_of(*nasnet, "nasnet-a");
  const TrainingTags tags = training_tags_of(released.graph());
  // Eight of ten edges of a normal cell and nine of a reduction cell are no identities; N R N R N in 5 places.
  ASSERT_EQ(tags.paths.size(), 3U * 8 + 2U * 9);
  EXPECT_EQ(tags.paths.front(), (TrainingTags::Path{"cell0/block0/edge1", 0.2}));
  EXPECT_EQ(tags.paths.back().depth, 1);
  EXPECT_EQ(tags.auxiliary, "cell1") << "before the second reduction";
  for (const TrainingTags::Path& path : tags.paths) EXPECT_NE(value_leaving(released.graph(), path.scope), kNone);

  const auto eeea = make_space("eeea", context, "channels: 4\ncells: 3\nblocks: 1");
  const auto count = [&](const char* text) { return training_tags_of(design_of(*eeea, text).graph()).paths.size(); };
  EXPECT_EQ(count("sep3 0, max 0 / sep3 0, max 0"), 6U);
  EXPECT_EQ(count("sep3 0, skip 0 / sep3 0, max 0"), 5U) << "one normal cell among three";
  EXPECT_EQ(count("sep3 0, max 0 / sep3 0, skip 0"), 6U) << "a strided skip is a factorized reduction";
}

TEST(CellSpaces, MalformedGenotypesAreRefused) {
  const auto eeea = make_space("eeea", space_context({3, 32, 32}, 10), "blocks: 2\nchannels: 4");
  const auto error = [&](const char* text) { return error_of([&] { decisions_from_text(*eeea, text); }); };
  EXPECT_THAT(error("eeea-d"), HasSubstr("or one of nasnet-a, amoebanet-a"));
  EXPECT_THAT(error("eeea-a"), HasSubstr("has 5 nodes, the space's cells have 2"));
  EXPECT_THAT(error("skip 1, skip 0 | skip 0, skip 0 / skip 0, skip 0 | skip 0, skip 0"),
              HasSubstr("normal/block0 has the inputs 0 .. 0, found 1"));
  EXPECT_THAT(error("skip 0, skip 0 | skip 1, skip 0 -> 3 / skip 0, skip 0 | skip 0, skip 0"),
              HasSubstr("puts the states 3 side by side, by the rule of this space it would be 2 3"));
  EXPECT_THAT(error("skip 0, skip 0, sum | skip 1, skip 0 / skip 0, skip 0 | skip 0, skip 0"),
              HasSubstr("unknown way to combine 'sum'"));
  EXPECT_THAT(error_of([] {
                make_space("eeea", space_context({3, 32, 32}, 10), "operators: [skip, sep4]");
              }),
              HasSubstr("did you mean"));
  EXPECT_THAT(error_of([] {
                make_space("nasnet", space_context({3, 32, 32}, 10), "operators: [skip, skip]");
              }),
              HasSubstr("stands there twice"));
  EXPECT_THAT(error_of([] { cell_grammar_of(*make_space("mlp", space_context({4}, 2))); }), HasSubstr("has no cells"));
}

}  // namespace
}  // namespace nacre
