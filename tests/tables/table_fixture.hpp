// What the tests of tabular benchmarks share: where the published tables lie, and what holds of every benchmark.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "nacre/base/error.hpp"
#include "nacre/tables/tabular_benchmark.hpp"

namespace nacre {

inline std::filesystem::path data_folder() {
  if (const char* folder = std::getenv("NACRE_DATA")) return folder;
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  return std::filesystem::path(source == nullptr ? "." : source) / ".." / "shared" / "data";
}

inline bool has_tables(const std::string& folder) { return std::filesystem::is_directory(data_folder() / folder); }

#define NACRE_SKIP_WITHOUT(folder) \
  if (!has_tables(folder)) GTEST_SKIP() << "no " << data_folder() / (folder) << " (set NACRE_DATA)"

inline std::shared_ptr<const TabularBenchmark> open_table(const std::string& name, const std::string& yaml = "{}",
                                                          const std::filesystem::path& folder = data_folder()) {
  const auto& entry = benchmark_registry().get(name);
  return entry.make(resolve_options(parse_config(yaml, "test"), entry.parameters, "benchmark " + name),
                    {.data_folder = folder});
}

inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

inline std::optional<double> value_of(const TabularBenchmark& table, int64_t row, const std::string& metric,
                                      double epochs = 0) {
  const std::optional<size_t> column = table.find_column(metric, epochs);
  if (!column) throw UserError("no column " + metric);
  return table.value(row, *column);
}

// The row whose value is largest, of those that have one.
inline int64_t best_row(const TabularBenchmark& table, const std::string& metric, double epochs = 0) {
  int64_t best = -1;
  for (int64_t row = 0; row < table.rows(); ++row) {
    const std::optional<double> value = value_of(table, row, metric, epochs);
    if (value && (best < 0 || *value > *value_of(table, best, metric, epochs))) best = row;
  }
  return best;
}

// Every row's decisions are complete decisions of the space and lead back to the row; cells are numbers or unknown.
inline void expect_rows_round_trip(const TabularBenchmark& table) {
  const Trace& trace = table.space().trace();
  for (int64_t row = 0; row < table.rows(); ++row) {
    const Decisions decisions = table.decisions_of(row);
    ASSERT_TRUE(trace.is_complete(decisions)) << table.key_of(row);
    ASSERT_EQ(table.row_of(decisions), row) << table.key_of(row);
  }
}

// Decisions that are no network of the space are no row.
inline void expect_strangers_unknown(const TabularBenchmark& table) {
  const Decisions known = table.decisions_of(table.rows() / 2);
  EXPECT_EQ(table.row_of(Decisions{}), std::nullopt);
  for (const Decision& decision : known.items()) {
    Decisions other = known;
    for (const int64_t index :
         {int64_t{-1}, int64_t{1000}, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
      other.set(decision.key, index);
      EXPECT_EQ(table.row_of(other), std::nullopt) << decision.key << " = " << index;
    }
    std::vector<Decision> fewer;
    for (const Decision& kept : known.items()) {
      if (kept.key != decision.key) fewer.push_back(kept);
    }
    EXPECT_EQ(table.row_of(Decisions(std::move(fewer))), std::nullopt) << "without " << decision.key;
  }
  for (const std::string key : {"", "a", "zzz", "cell", "cell/"}) {
    Decisions more = known;
    more.set(key, 0);
    EXPECT_EQ(table.row_of(more), std::nullopt) << "with " << key;
  }
}

}  // namespace nacre
