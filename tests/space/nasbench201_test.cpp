// The space against the published tables: every parameter and MAC count of a sample of architectures.
#include "nacre/space/spaces/nasbench201.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "function_space.hpp"
#include "nacre/base/file.hpp"
#include "space_context.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

std::filesystem::path data_folder() {
  if (const char* folder = std::getenv("NACRE_DATA")) return folder;
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  return std::filesystem::path(source == nullptr ? "." : source) / ".." / "shared" / "data";
}

struct Row {
  std::string code, architecture;
  int64_t macs_c10, macs_c100, macs_in16, parameters_c10, parameters_c100, parameters_in16;
};

std::vector<Row> read_rows(const std::filesystem::path& file) {
  std::istringstream lines(read_possibly_gzipped_file(file));
  std::string line;
  std::getline(lines, line);
  std::vector<std::string> header;
  std::istringstream names(line);
  for (std::string name; std::getline(names, name, ',');) header.push_back(name);
  const auto column = [&](const std::string& name) {
    return static_cast<size_t>(std::ranges::find(header, name) - header.begin());
  };
  std::vector<Row> rows;
  while (std::getline(lines, line)) {
    std::vector<std::string> cells;
    std::istringstream values(line);
    for (std::string value; std::getline(values, value, ',');) cells.push_back(value);
    const auto number = [&](const std::string& name) { return std::stoll(cells.at(column(name))); };
    rows.push_back({cells.at(column("code")), cells.at(column("arch")), number("macs_c10"), number("macs_c100"),
                    number("macs_in16"), number("params_c10"), number("params_c100"), number("params_in16")});
  }
  return rows;
}

TEST(Nasbench201SpaceTest, CountsMatchTheTables) {
  const std::filesystem::path file = data_folder() / "nasbench201" / "nb201.csv.gz";
  if (!std::filesystem::exists(file))
    GTEST_SKIP() << "no " << file << "; set NACRE_DATA to the folder that has nasbench201/nb201.csv.gz";
  const std::vector<Row> rows = read_rows(file);
  ASSERT_EQ(rows.size(), 15625U);
  const auto c10 = make_space("nasbench201", space_context({3, 32, 32}, 10));
  const auto c100 = make_space("nasbench201", space_context({3, 32, 32}, 100));
  const auto in16 = make_space("nasbench201", space_context({3, 16, 16}, 120));
  for (size_t i = 0; i < rows.size(); i += 97) {
    const Row& row = rows[i];
    SCOPED_TRACE(row.architecture);
    const Decisions decisions = nasbench201_decisions(row.code);
    EXPECT_EQ(nasbench201_architecture(decisions), row.architecture);
    const GraphStatistics small = statistics_of(c10->build(decisions));
    // The tables count the classifier's bias, one addition a class, as multiply-accumulates; nacre does not.
    EXPECT_EQ(small.macs + 10, row.macs_c10);
    EXPECT_EQ(small.parameters, row.parameters_c10);
    const GraphStatistics more_classes = statistics_of(c100->build(decisions));
    EXPECT_EQ(more_classes.macs + 100, row.macs_c100);
    EXPECT_EQ(more_classes.parameters, row.parameters_c100);
    const GraphStatistics smaller_images = statistics_of(in16->build(decisions));
    EXPECT_EQ(smaller_images.macs + 120, row.macs_in16);
    EXPECT_EQ(smaller_images.parameters, row.parameters_in16);
  }
}

TEST(Nasbench201SpaceTest, TheCellIsCountedOnceHoweverOftenItIsRepeated) {
  const auto space = make_space("nasbench201", space_context({1, 8, 8}, 10), "cells: 3\nchannels: 4");
  EXPECT_EQ(space->trace().count(), 15625);
  EXPECT_EQ(space->trace().decisions().size(), 6U);
  for (const int index : {0, 1, 7777, 15624}) {
    const Decisions decisions = space->trace().at(index);
    EXPECT_EQ(space->trace().index_of(decisions), index);
  }
}

TEST(Nasbench201SpaceTest, CodesAndArchitecturesAreRead) {
  EXPECT_EQ(nasbench201_architecture(nasbench201_decisions("012341")),
            "|none~0|+|skip_connect~0|nor_conv_1x1~1|+|nor_conv_3x3~0|avg_pool_3x3~1|skip_connect~2|");
  EXPECT_THAT(user_error([] { nasbench201_decisions("01234"); }), HasSubstr("has 6 digits, found '01234'"));
  EXPECT_THAT(user_error([] { nasbench201_decisions("012345"); }), HasSubstr("0 .. 4, found '012345'"));
  EXPECT_THAT(user_error([] { nasbench201_architecture(Decisions{}); }),
              HasSubstr("decision 'cell/0-1' of nasbench201 is missing"));
}

}  // namespace
}  // namespace nacre
