// A tabular benchmark held in memory: what the readers of published tables (benchmarks/) fill in.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "nacre/tables/csv_table.hpp"
#include "nacre/tables/decision_code.hpp"
#include "nacre/tables/tabular_benchmark.hpp"

namespace nacre {

inline constexpr double kUnknownCell = std::numeric_limits<double>::quiet_NaN();

struct TableContent {
  std::string name;
  std::string dataset;
  std::string identity;
  std::shared_ptr<const Space> space;
  std::vector<std::string> keys;  // of the rows, as published
  std::vector<TableColumn> columns;
  std::vector<std::vector<double>> values;  // by column, then row; kUnknownCell

  // Appends a column; its cells are those of the rows.
  void add(TableColumn column, std::vector<double> cells);
};

// Columns by what they are; `epochs` 0: of the only training there is.
TableColumn quality_column(std::string metric, std::string description, double epochs = 0,
                           Direction direction = Direction::maximize);
TableColumn cost_column(std::string metric, std::string unit, std::string description,
                        Direction direction = Direction::minimize);
TableColumn note_column(std::string name, std::string description);

// Everything but the way from decisions to rows and back.
class StoredBenchmark : public TabularBenchmark {
 public:
  // InternalError when the columns do not have one cell per row.
  explicit StoredBenchmark(TableContent content);

  const std::string& name() const final { return content_.name; }
  const std::string& dataset() const final { return content_.dataset; }
  const std::string& identity() const final { return content_.identity; }
  const Space& space() const final { return *content_.space; }
  int64_t rows() const final { return static_cast<int64_t>(content_.keys.size()); }
  std::string key_of(int64_t row) const final { return content_.keys.at(static_cast<size_t>(row)); }
  const std::vector<TableColumn>& columns() const final { return content_.columns; }
  std::optional<double> value(int64_t row, size_t column) const final;

 private:
  TableContent content_;
};

// Rows are sets of decisions, each of its own.
class CodedBenchmark final : public StoredBenchmark {
 public:
  // `rows`: the decisions of each row. UserError when a row is none of the space's networks or two rows are one network.
  CodedBenchmark(TableContent content, const std::vector<Decisions>& rows);

  std::optional<int64_t> row_of(const Decisions& decisions) const override;
  Decisions decisions_of(int64_t row) const override;

 private:
  DecisionCode code_;
  CodeIndex index_;
  std::vector<DecisionCode::Code> rows_;
};

// Rows that are one network become one row, where the first of them stood, with the mean of what is known of them. Returns the
// decisions of the rows that are left.
std::vector<Decisions> merge_repeated_rows(TableContent& content, const std::vector<Decisions>& rows);

// The numbers of a column of a file, in nacre's units.
struct CellUnit {
  double multiply = 1;                           // then
  double divide = 1;                             // 100: percent to shares, 1000: ms to s
  std::optional<double> unknown = std::nullopt;  // what the file writes for "not measured", beside an empty cell
};
std::vector<double> read_cells(const CsvTable& table, const std::string& column, const CellUnit& unit = {});

// Finds and reads the files of one benchmark, and remembers their checksums for its identity.
class BenchmarkFiles {
 public:
  explicit BenchmarkFiles(BenchmarkContext context) : context_(std::move(context)) {}

  // "nasbench201/nb201.csv", gzipped or not. `source`: where the table comes from. UserError that says which file is missing,
  // where it was looked for, and the source.
  CsvTable read(const std::string& file, const std::string& source);
  // `name`, the version of the reading and the checksums of all files read so far.
  std::string identity(const std::string& name, int version) const;

 private:
  BenchmarkContext context_;
  std::string checksums_;
};

// A parameter `dataset` with the first name as its default.
Parameter dataset_parameter(std::string description, std::vector<std::string> names);

// The space of that kind, its options a YAML map, for inputs of one sample's `extents` and that many classes.
std::shared_ptr<const Space> benchmark_space(const std::string& kind, const std::string& options,
                                             std::vector<int64_t> extents, int64_t classes);

}  // namespace nacre
