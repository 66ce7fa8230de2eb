// Every registered benchmark loads with its defaults and keeps what tabular_benchmark.hpp promises.
#include <gmock/gmock.h>

#include <set>

#include "table_fixture.hpp"

namespace nacre {
namespace {

TEST(BenchmarkRegistry, EveryBenchmarkLoadsWithItsDefaults) {
  if (!std::filesystem::is_directory(data_folder())) GTEST_SKIP() << "no " << data_folder() << " (set NACRE_DATA)";
  for (const auto& entry : benchmark_registry().entries()) {
    SCOPED_TRACE(entry.name);
    if (std::ranges::any_of(entry.parameters, &Parameter::required)) continue;  // of the user's own tables
    const auto table = open_table(entry.name);
    EXPECT_EQ(table->name(), entry.name);
    EXPECT_GT(table->rows(), 0);
    std::set<std::pair<std::string, double>> columns;
    for (const TableColumn& column : table->columns()) {
      EXPECT_TRUE(columns.emplace(column.metric.name, column.epochs).second) << column.metric.name;
      EXPECT_FALSE(column.metric.description.empty()) << column.metric.name;
    }
    EXPECT_EQ(open_table(entry.name)->identity(), table->identity());
  }
}

TEST(BenchmarkRegistry, RecordsSayWhatTheyAre) {
  for (const auto& entry : benchmark_registry().entries()) {
    SCOPED_TRACE(entry.name);
    EXPECT_FALSE(entry.summary.empty());
    EXPECT_FALSE(entry.example.empty());
  }
}

}  // namespace
}  // namespace nacre
