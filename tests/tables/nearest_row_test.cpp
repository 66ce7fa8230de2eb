// The nearest row of a table, against a search through all of them.
#include "nacre/tables/nearest_row.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <unordered_set>

#include "nacre/tables/decision_space.hpp"
#include "nacre/tables/stored_benchmark.hpp"

namespace nacre {
namespace {

// Two decisions of words and one of five ordered numbers; every seventh network is held.
std::shared_ptr<const TabularBenchmark> sample_table() {
  TableContent content;
  content.name = "sample";
  content.dataset = "none";
  content.identity = "sample/1";
  content.space = std::make_shared<DecisionSpace>(
      "sample", std::vector<DecisionSpace::Factor>{
                    {"a", {}, {"p", "q", "r"}}, {"b", {}, {"p", "q", "r", "s"}}, {"n", {1, 2, 3, 4, 5}, {}}});
  std::vector<Decisions> rows;
  for (int64_t i = 0; i < 60; i += 7) {
    rows.push_back(content.space->trace().at(Count(i)));
    content.keys.push_back(std::to_string(i));
  }
  content.add(quality_column("accuracy", "made up"), std::vector<double>(rows.size(), 0.5));
  return std::make_shared<CodedBenchmark>(std::move(content), rows);
}

double distance(const Decisions& a, const Decisions& b) {
  double sum = 0;
  for (const char* const word : {"a", "b"}) sum += *a.find(word) == *b.find(word) ? 0 : 1;
  return sum + 0.25 * std::abs(static_cast<double>(*a.find("n") - *b.find("n")));
}

TEST(NearestRow, IsTheNearestThatIsNotTaken) {
  const auto table = sample_table();
  const NearestRow nearest(*table, [](int64_t row) { return row != 3; });
  const Trace& trace = table->space().trace();
  for (int64_t i = 0; i < 60; ++i) {
    const Decisions wanted = trace.at(Count(i));
    std::unordered_set<Hash128> taken;
    double last = 0;
    for (int found = 0; found < 8; ++found) {
      const std::optional<Decisions> row =
          nearest.find(wanted, [&](const Hash128& identity) { return taken.contains(identity); });
      ASSERT_TRUE(row);
      EXPECT_NE(table->row_of(*row), 3) << "left out";
      double least = 100;
      for (int64_t other = 0; other < table->rows(); ++other) {
        const Decisions decisions = table->decisions_of(other);
        if (other != 3 && !taken.contains(decisions.hash())) least = std::min(least, distance(wanted, decisions));
      }
      EXPECT_EQ(distance(wanted, *row), least);
      EXPECT_GE(least, last);
      last = least;
      EXPECT_TRUE(taken.insert(row->hash()).second);
      EXPECT_TRUE(found > 0 || !table->row_of(wanted) || table->row_of(wanted) == 3 || *row == wanted);
    }
    EXPECT_FALSE(nearest.find(wanted, [&](const Hash128& identity) { return taken.contains(identity); }));
  }
}

TEST(NearestRow, NoPlaceInTheFileIsPreferred) {
  const auto table = sample_table();
  const NearestRow nearest(*table, [](int64_t) { return true; });
  std::unordered_set<int64_t> rows;  // of wishes that are equally far from several
  for (int64_t i = 0; i < 60; ++i) {
    const Decisions wanted = table->space().trace().at(Count(i));
    const Decisions row = *nearest.find(wanted, [](const Hash128&) { return false; });
    std::vector<int64_t> equals;
    for (int64_t other = 0; other < table->rows(); ++other) {
      if (distance(wanted, table->decisions_of(other)) == distance(wanted, row)) equals.push_back(other);
    }
    if (equals.size() > 1 && table->row_of(row) != equals.front()) rows.insert(i);
  }
  EXPECT_FALSE(rows.empty()) << "not always the first of equals";
}

}  // namespace
}  // namespace nacre
