#include "nacre/space/choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "function_space.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ChoiceTest, ArithmeticKeepsTheExpressionAndTheValue) {
  const Decisions decisions({{"s/e", 2}, {"s/width", 1}});
  ReplayChooser choose(decisions);
  const auto scope = choose.scope("s");
  const Choice width = choose.pick("width", {16, 24, 32});
  const Choice expansion = choose.pick("e", {1, 3, 6});
  const Choice middle = make_divisible(width * expansion / 5 + 3 - 1, 8);
  EXPECT_EQ(width.elastic(), 24);
  EXPECT_EQ(middle.elastic(), make_divisible(int64_t{24 * 6 / 5 + 3 - 1}, int64_t{8}));
  EXPECT_EQ(middle.text(), "make_divisible((((s/width * s/e) / 5) + 3) - 1, 8)");
  EXPECT_THAT(middle.decision_keys(), ElementsAre("s/width", "s/e"));
  EXPECT_FALSE(middle.is_constant());
  // Under other decisions the expression gives what the arithmetic would have given.
  const int64_t widths[] = {16, 24, 32};
  const int64_t expansions[] = {1, 3, 6};
  for (int64_t w = 0; w < 3; ++w) {
    for (int64_t e = 0; e < 3; ++e) {
      const int64_t expected = make_divisible(widths[w] * expansions[e] / 5 + 3 - 1, int64_t{8});
      EXPECT_EQ(middle.evaluate([&](std::string_view key) { return key == "s/e" ? e : w; }), expected);
    }
  }
  EXPECT_EQ(middle.bounds(),
            std::pair(make_divisible(int64_t{5}, int64_t{8}), make_divisible(int64_t{40}, int64_t{8})));
}

TEST(ChoiceTest, ConstantsFold) {
  const Choice c = Choice(6) * 4 + 1;
  EXPECT_TRUE(c.is_constant());
  EXPECT_EQ(c.value(), 25);
  EXPECT_EQ(c.text(), "25");
  EXPECT_EQ((Choice(-7) / 2).elastic(), -4);
  EXPECT_THAT(user_error([] { static_cast<void>(Choice(1) / 0); }), HasSubstr("divided by 0"));
  EXPECT_THAT(user_error([] { static_cast<void>(Choice(int64_t{1} << 62) * 4); }), HasSubstr("passes 2^63"));
}

TEST(ChoiceTest, MakeDivisibleIsTheNearestMultipleButNotTenPercentLess) {
  EXPECT_EQ(make_divisible(int64_t{3}, int64_t{8}), 8);
  EXPECT_EQ(make_divisible(int64_t{12}, int64_t{8}), 16);
  EXPECT_EQ(make_divisible(int64_t{19}, int64_t{8}), 24);  // 16 would be under 0.9 * 19
  EXPECT_EQ(make_divisible(int64_t{83}, int64_t{8}), 80);
  for (int64_t x = 1; x < 2000; ++x) {
    const int64_t result = make_divisible(x, int64_t{8});
    EXPECT_EQ(result % 8, 0);
    EXPECT_GE(result * 10, x * 9);
    EXPECT_LE(std::abs(result - x), 8);
  }
}

TEST(ChoiceTest, SubsetsAreRankedInOrder) {
  EXPECT_EQ(count_subsets(5, 2, 1000), 10);
  EXPECT_EQ(count_subsets(40, 20, INT64_MAX / 2), 137846528820);
  EXPECT_EQ(count_subsets(40, 20, 1000), std::nullopt);
  std::vector<std::vector<int64_t>> all;
  for (int64_t rank = 0; rank < 10; ++rank) all.push_back(subset_at(5, 2, rank));
  EXPECT_TRUE(std::ranges::is_sorted(all));
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), 10U);
  EXPECT_THAT(all.front(), ElementsAre(0, 1));
  EXPECT_THAT(all.back(), ElementsAre(3, 4));
}

}  // namespace
}  // namespace nacre
