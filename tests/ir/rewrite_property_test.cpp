// What every rewrite promises, on random networks in double precision: outputs stay equal up to rounding, a second run
// finds nothing, it ends, and it adds no multiplications.
#include <gtest/gtest.h>

#include "nacre/ir/hash.hpp"
#include "nacre/ir/rewrite.hpp"
#include "nacre/ir/statistics.hpp"
#include "nacre/ir/text_form.hpp"
#include "tests/ir/random_linear_graph.hpp"

namespace nacre {
namespace {

// Relative to the largest output. A network here has some thirty operators in a row with gains near one: rounding in
// float64 stays orders of magnitude below the first, rounding of float32 results below the second.
constexpr double kTolerance = 1e-11;
constexpr double kTolerance32 = 1e-4;

constexpr int kSeeds = 120;

class EveryRewrite : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryRewrite, KeepsValuesEndsAndFindsNothingTwice) {
  const Rewrite& rewrite = get_rewrite(GetParam());
  int applied = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Graph before = testing::random_linear_graph(seed, 12);
    Graph graph = before;
    size_t rounds = 0;
    while (run_rewrite(graph, rewrite).count > 0) {
      ASSERT_LE(++rounds, before.nodes().size()) << "seed " << seed;
    }
    const std::optional<double> difference = compare_by_running(before, graph, seed + 1);
    ASSERT_TRUE(difference.has_value()) << "seed " << seed;
    ASSERT_LE(*difference, kTolerance) << "seed " << seed << "\n" << print_graph(before) << "\n" << print_graph(graph);
    ASSERT_EQ(run_rewrite(graph, rewrite).count, 0) << "seed " << seed;
    ASSERT_LE(count_graph(graph).macs, count_graph(before).macs) << "seed " << seed;
    applied += rounds > 0 ? 1 : 0;
  }
  // A rewrite that never applies would pass the above.
  EXPECT_GE(applied, GetParam() == "dead_code" ? 0 : kSeeds / 10) << GetParam();
}

TEST_P(EveryRewrite, DoesWhatItsExampleShows) {
  const Rewrite& rewrite = get_rewrite(GetParam());
  Graph graph = parse_graph(rewrite.example);
  const size_t before = graph.nodes().size();
  const RewriteRecord record = run_rewrite(graph, rewrite, {.verify_values = true});
  EXPECT_GT(record.count, 0);
  EXPECT_TRUE(record.verified);
  EXPECT_LT(graph.nodes().size(), before);
}

std::vector<std::string> names() {
  std::vector<std::string> result;
  for (const Rewrite& rewrite : all_rewrites()) result.push_back(rewrite.name);
  return result;
}

INSTANTIATE_TEST_SUITE_P(All, EveryRewrite, ::testing::ValuesIn(names()), [](const auto& info) { return info.param; });

TEST(AllRewrites, TogetherKeepValuesEndAndFindNothingTwice) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Graph before = testing::random_linear_graph(seed, 14);
    Graph graph = before;
    for (const RewriteRecord& record : run_rewrites(graph, names(), {.verify_values = true}))
      ASSERT_EQ(record.verified, record.count > 0) << record.name << ", seed " << seed;
    ASSERT_LE(compare_by_running(before, graph, seed + 1).value_or(1), kTolerance) << "seed " << seed;
    for (const RewriteRecord& record : run_rewrites(graph, names()))
      ASSERT_EQ(record.count, 0) << record.name << " applies again, seed " << seed;
    ASSERT_LE(count_graph(graph).macs, count_graph(before).macs) << "seed " << seed;
  }
}

TEST(AllRewrites, KeepValuesInSinglePrecision) {
  for (uint64_t seed = 1000; seed < 1000 + kSeeds; ++seed) {
    const Graph before = testing::random_linear_graph(seed, 10, ElementType::float32);
    Graph graph = before;
    run_rewrites(graph, names());
    ASSERT_LE(compare_by_running(before, graph, seed).value_or(1), kTolerance32) << "seed " << seed;
  }
}

TEST(AllRewrites, SwitchedOffChangeNothing) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Graph graph = testing::random_linear_graph(seed, 12);
    const Hash128 before = content_hash(graph);
    EXPECT_TRUE(run_rewrites(graph, names(), {.disabled = names()}).empty());
    EXPECT_EQ(content_hash(graph), before);
  }
}

}  // namespace
}  // namespace nacre
