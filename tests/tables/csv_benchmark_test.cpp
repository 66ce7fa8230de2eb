// A table of the user's own, and the reader below it.
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "nacre/tables/csv_table.hpp"
#include "nacre/tables/table_target.hpp"
#include "table_fixture.hpp"

namespace nacre {
namespace {

using testing::DoubleEq;
using testing::HasSubstr;
using testing::Optional;

class CsvBenchmark : public testing::Test {
 protected:
  CsvBenchmark() {
    std::string name = (std::filesystem::temp_directory_path() / "nacre-tables-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    write("mine.csv",
          "name,depth,activation,acc,ms,power\n"
          "a,2,relu,91.5,3,0.5\nb,10,relu,93.25,9,\nc,2,\"soft, gelu\",92,-1,0.75\n");
  }
  ~CsvBenchmark() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& content) const { std::ofstream(folder_ / name) << content; }
  std::shared_ptr<const TabularBenchmark> open(const std::string& yaml) const {
    return open_table("csv", yaml, folder_);
  }

  std::filesystem::path folder_;
};

constexpr const char* kMine =
    "{file: mine.csv, decisions: [depth, activation], key: name, qualities: {acc: {metric: accuracy, divide: 100, "
    "epochs: 12}}, "
    "costs: {ms: {metric: latency_s, divide: 1000, unit: s, unknown: -1}, power: minimize}}";

TEST_F(CsvBenchmark, ColumnsBecomeDecisionsAndMetrics) {
  const auto table = open(kMine);
  EXPECT_EQ(table->rows(), 3);
  EXPECT_EQ(table->key_of(1), "b");
  EXPECT_EQ(table->space().trace().count(), 4);  // depths 2 and 10, two activations
  expect_rows_round_trip(*table);
  expect_strangers_unknown(*table);
  EXPECT_EQ(table->row_of(Decisions({{"depth", 1}, {"activation", 0}})), 1);
  EXPECT_EQ(table->row_of(Decisions({{"depth", 1}, {"activation", 1}})), std::nullopt);  // no row
  EXPECT_THAT(value_of(*table, 1, "accuracy", 12), Optional(DoubleEq(0.9325)));
  EXPECT_THAT(value_of(*table, 0, "latency_s"), Optional(DoubleEq(0.003)));
  EXPECT_EQ(value_of(*table, 2, "latency_s"), std::nullopt);
  EXPECT_EQ(value_of(*table, 1, "power"), std::nullopt);
  EXPECT_THAT(TableTarget(table, "").metrics(), testing::SizeIs(2));
}

TEST_F(CsvBenchmark, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(error_of([&] { open("{file: other.csv, decisions: [depth], qualities: {acc: maximize}}"); }),
              HasSubstr("other.csv"));
  EXPECT_THAT(error_of([&] { open("{file: mine.csv, decisions: [dept], qualities: {acc: maximize}}"); }),
              HasSubstr("did you mean 'depth'?"));
  EXPECT_THAT(error_of([&] { open("{file: mine.csv, decisions: [depth], qualities: {acc: maximize}}"); }),
              HasSubstr("rows 0 and 2 are one network"));
  EXPECT_THAT(error_of([&] { open("{file: mine.csv, decisions: [depth, activation]}"); }),
              HasSubstr("expected columns under qualities or costs"));
  EXPECT_THAT(error_of([&] { open("{file: mine.csv, decisions: [depth, activation], qualities: {acc: most}}"); }),
              HasSubstr("maximize"));
  EXPECT_THAT(
      error_of([&] { open("{file: mine.csv, decisions: [depth, activation], qualities: {activation: maximize}}"); }),
      HasSubstr("expected a number or nothing, found 'relu'"));
}

TEST_F(CsvBenchmark, TablesJoinByAKey) {
  write("more.csv", "name,size\nc,7\na,5\n");
  const CsvTable joined = read_csv_table(folder_ / "mine.csv").joined(read_csv_table(folder_ / "more.csv"), "name");
  ASSERT_EQ(joined.rows(), 2U);
  EXPECT_EQ(joined.text(1, joined.column("activation")), "soft, gelu");
  EXPECT_THAT(joined.number(1, joined.column("size")), Optional(7.0));
  EXPECT_EQ(joined.number(0, joined.column("activation")), std::nullopt);
  write("uneven.csv", "a,b\n1,2\n3\n");
  EXPECT_THAT(error_of([&] { read_csv_table(folder_ / "uneven.csv"); }),
              HasSubstr("expected 2 fields as in the header, found 1"));
  write("twice.csv", "name,size\na,1\na,2\n");
  EXPECT_THAT(
      error_of([&] { read_csv_table(folder_ / "mine.csv").joined(read_csv_table(folder_ / "twice.csv"), "name"); }),
      HasSubstr("two rows with name = a"));
}

}  // namespace
}  // namespace nacre
