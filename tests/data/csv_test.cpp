#include "nacre/data/csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "nacre/data/csv_scanner.hpp"
#include "tests/data/data_test_support.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Rows = std::vector<std::vector<std::string>>;

Rows scan(std::string_view text, char separator = ',') {
  Rows rows;
  scan_csv(text, separator, "t.csv", [&](const CsvRow& row) {
    rows.emplace_back(row.fields.begin(), row.fields.end());
    return true;
  });
  return rows;
}

class Csv : public testing::Test {
 protected:
  LoadedData read(const std::string& text, const CsvOptions& options = {}) {
    return read_csv(std::vector{folder_.write("t.csv", text)}, {}, options);
  }
  std::string message(const std::string& text, const CsvOptions& options = {}) {
    return error_of([&] { read(text, options); });
  }
  TemporaryFolder folder_;
};

TEST_F(Csv, ScannerFollowsRfc4180) {
  EXPECT_EQ(scan("a,b\r\n1,2\r\n"), (Rows{{"a", "b"}, {"1", "2"}}));
  EXPECT_EQ(scan("\"a,1\",\"say \"\"hi\"\"\"\n\"two\nlines\", b \n"),
            (Rows{{"a,1", "say \"hi\""}, {"two\nlines", "b"}}));
  EXPECT_EQ(scan("a,,\n\n,b,"), (Rows{{"a", "", ""}, {"", "b", ""}}));
  EXPECT_EQ(scan("\xef\xbb\xbf"
                 "a;b",
                 ';'),
            (Rows{{"a", "b"}}));
  EXPECT_EQ(scan(""), Rows{});
}

TEST_F(Csv, ScannerKnowsLinesAcrossQuotedNewlines) {
  std::vector<int> lines;
  scan_csv("\"a\nb\",1\nc,2\n\nd,3", ',', "t.csv", [&](const CsvRow& row) {
    lines.push_back(row.line);
    return true;
  });
  EXPECT_THAT(lines, ElementsAre(1, 3, 5));
  EXPECT_THAT(error_of([] { scan("x\n\"open,1\n2"); }), HasSubstr("t.csv:2: a quoted field is not closed"));
  EXPECT_THAT(error_of([] { scan("\"a\"b,1"); }), HasSubstr("t.csv:1: text follows a closing quote"));
}

TEST_F(Csv, DetectsHeaderSeparatorAndClasses) {
  const Dataset pool = read("width;height;kind\n1.5;2;cat\n3;+4e1;dog\n5;6;cat\n").pool;
  EXPECT_THAT(pool.features.extents(), ElementsAre(3, 2));
  EXPECT_THAT(pool.features.numbers(), ElementsAre(1.5, 2, 3, 40, 5, 6));
  EXPECT_THAT(pool.labels.integers(), ElementsAre(0, 1, 0));
  EXPECT_THAT(pool.class_names, ElementsAre("cat", "dog"));
  EXPECT_THAT(pool.feature_names, ElementsAre("width", "height"));
}

TEST_F(Csv, NumericClassesKeepNumericOrder) {
  const Dataset pool = read("0,10\n1,9\n2,2\n").pool;
  EXPECT_THAT(pool.class_names, ElementsAre("2", "9", "10"));
  EXPECT_THAT(pool.labels.integers(), ElementsAre(2, 1, 0));
}

TEST_F(Csv, ChoosesLabelAndIgnoredColumnsByNameOrIndex) {
  const std::string text = "id,kind,x,y\n1,a,5,6\n2,b,7,8\n";
  CsvOptions options{.labels = {"kind"}, .ignore = {"id"}};
  EXPECT_THAT(read(text, options).pool.features.numbers(), ElementsAre(5, 6, 7, 8));
  options.labels = {"1"};
  options.ignore = {"0", "-1"};
  EXPECT_THAT(read(text, options).pool.features.numbers(), ElementsAre(5, 7));
  options.labels = {"kinds"};
  EXPECT_THAT(message(text, options), HasSubstr("unknown column 'kinds'; did you mean 'kind'?"));
  options.labels = {"9"};
  EXPECT_THAT(message(text, options), HasSubstr("there is no column 9, the file has 4"));
}

TEST_F(Csv, ErrorsNameLineAndColumn) {
  EXPECT_THAT(message("x,y,k\n1,2,a\n3,b\n"), HasSubstr("t.csv:3: expected 3 fields, found 2"));
  EXPECT_THAT(message("x,y,k\n1,2,a\n3,oops,b\n"),
              HasSubstr("t.csv:3: column 'y' (1): expected a finite number, found 'oops'"));
  EXPECT_THAT(message("x,y,k\n1,2,a\n3,inf,b\n"), HasSubstr("found 'inf'"));
  EXPECT_THAT(message("x,y,k\n1,,a\n3,4,b\n"), HasSubstr("t.csv:2: column 'y' (1): the value is missing"));
  EXPECT_THAT(message("x,y,k\n1,2,\n3,4,b\n"), HasSubstr("t.csv:2: column 'k' (2): the label is missing"));
  EXPECT_THAT(message("x,x,k\n1,2,a\n"), HasSubstr("two columns have the same name"));
  EXPECT_THAT(message(""), HasSubstr("no rows"));
  EXPECT_THAT(message("a\n1\n"), HasSubstr("no column is left as a feature"));
}

TEST_F(Csv, MissingValuesAreDroppedOrKeptForTheMean) {
  const std::string text = "x,y,k\n1,2,a\n?,4,b\n5,NA,a\n7,8,\n9,10,b\n";
  CsvOptions options{.missing = CsvOptions::Missing::drop};
  const Dataset dropped = read(text, options).pool;
  EXPECT_THAT(dropped.features.numbers(), ElementsAre(1, 2, 9, 10));
  EXPECT_FALSE(dropped.has_missing);
  options.missing = CsvOptions::Missing::mean;
  const Dataset kept = read("x,y,k\n1,2,a\n?,4,b\n", options).pool;
  EXPECT_TRUE(kept.has_missing);
  EXPECT_TRUE(std::isnan(kept.features.number_at(2)));
  EXPECT_THAT(message(text, options), HasSubstr("the label is missing"));
}

TEST_F(Csv, WordsBecomeOneHot) {
  const CsvOptions options{.text_columns = CsvOptions::TextColumns::one_hot};
  const Dataset pool = read("color,x,k\nred,1,a\n7,2,b\nblue,3,a\n", options).pool;
  EXPECT_THAT(pool.feature_names, ElementsAre("color=7", "color=blue", "color=red", "x"));
  EXPECT_THAT(pool.features.numbers(), ElementsAre(0, 0, 1, 1, 1, 0, 0, 2, 0, 1, 0, 3));
}

TEST_F(Csv, TestFileTakesTheFormOfTheTrainingFile) {
  const auto pool = folder_.write("a.csv", "x,k\n1,low\n2,high\n");
  const auto test = folder_.write_gzip("b.csv.gz", "x,k\n3,high\n4,high\n");
  const LoadedData data = read_csv(std::vector{pool}, std::vector{test}, {});
  EXPECT_THAT(data.pool.class_names, ElementsAre("high", "low"));
  EXPECT_EQ(data.test->class_names, data.pool.class_names);
  EXPECT_THAT(data.test->labels.integers(), ElementsAre(0, 0));
  const auto strange = folder_.write("c.csv", "x,k\n3,middle\n");
  EXPECT_THAT(error_of([&] { read_csv(std::vector{pool}, std::vector{strange}, {}); }),
              HasSubstr("c.csv:2: unknown class 'middle'"));
  const auto other = folder_.write("d.csv", "z,k\n3,low\n");
  EXPECT_THAT(error_of([&] { read_csv(std::vector{pool}, std::vector{other}, {}); }),
              HasSubstr("the columns differ from those of"));
}

TEST_F(Csv, NumbersToPredict) {
  const CsvOptions options{.labels = {"y", "z"}, .label_kind = LabelKind::numbers};
  const Dataset pool = read("x,y,z\n1,0.5,2\n2,1.5,3\n", options).pool;
  EXPECT_EQ(pool.labels.type(), ElementType::float32);
  EXPECT_THAT(pool.labels.extents(), ElementsAre(2, 2));
  EXPECT_THAT(pool.labels.numbers(), ElementsAre(0.5, 2, 1.5, 3));
  EXPECT_THAT(message("x,y,z\n1,a,2\n2,1.5,3\n", options), HasSubstr("expected a number to predict, found 'a'"));
}

TEST_F(Csv, ShapeMustFit) {
  CsvOptions options{.shape = {1, 2, 2}};
  EXPECT_THAT(read("1,2,3,4,0\n5,6,7,8,1\n", options).pool.features.extents(), ElementsAre(2, 1, 2, 2));
  options.shape = {1, 3, 2};
  EXPECT_THAT(message("1,2,3,4,0\n5,6,7,8,1\n", options), HasSubstr("shape asks for 6 features, the table has 4"));
}

TEST_F(Csv, LabelsThatNeverRepeatAreNoClasses) {
  std::string text = "x,price\n";
  for (int i = 0; i < 30; ++i) text += std::to_string(i) + "," + std::to_string(i) + ".5\n";
  EXPECT_THAT(message(text), HasSubstr("every row has a label of its own; column 'price' (1) is hardly a class"));
}

TEST_F(Csv, ReadsTheDigitsOfTheProject) {
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "NACRE_SOURCE_DIR is not set";
  const std::vector<std::filesystem::path> files = {std::filesystem::path(source) / "data/digits/digits.csv.gz"};
  const Dataset pool = read_csv(files, {}, {.shape = {1, 8, 8}}).pool;
  EXPECT_THAT(pool.features.extents(), ElementsAre(1797, 1, 8, 8));
  std::vector<int64_t> counts(10, 0);
  for (const int64_t label : pool.labels.integers()) ++counts[static_cast<size_t>(label)];
  EXPECT_THAT(counts, ElementsAre(178, 182, 177, 183, 181, 182, 181, 179, 174, 180));
  EXPECT_EQ(pool.features.number_at(2), 5);
  EXPECT_EQ(pool.features.number_at(3), 13);
}

}  // namespace
}  // namespace nacre
