#include "nacre/tables/stored_benchmark.hpp"

#include <fmt/format.h>

#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/data/data_paths.hpp"

namespace nacre {

void TableContent::add(TableColumn column, std::vector<double> cells) {
  columns.push_back(std::move(column));
  values.push_back(std::move(cells));
}

StoredBenchmark::StoredBenchmark(TableContent content) : content_(std::move(content)) {
  NACRE_CHECK(content_.columns.size() == content_.values.size(), "values for every column");
  for (const auto& cells : content_.values) NACRE_CHECK(cells.size() == content_.keys.size(), "a cell for every row");
}

std::optional<double> StoredBenchmark::value(int64_t row, size_t column) const {
  const double value = content_.values.at(column).at(static_cast<size_t>(row));
  return std::isnan(value) ? std::nullopt : std::optional<double>(value);
}

CodedBenchmark::CodedBenchmark(TableContent content, const std::vector<Decisions>& rows)
    : StoredBenchmark(std::move(content)), code_(space().trace()), index_(code_.limit()) {
  NACRE_CHECK(rows.size() == static_cast<size_t>(this->rows()), "decisions for every row");
  rows_.reserve(rows.size());
  for (const Decisions& decisions : rows) {
    const auto row = static_cast<int64_t>(rows_.size());
    const std::optional<DecisionCode::Code> code = code_.code_of(decisions);
    if (!code) {
      throw UserError(fmt::format("benchmark {}: row {} ('{}') is no network of space {}", name(), row, key_of(row),
                                  space().name()));
    }
    if (!index_.add(*code, row)) {
      throw UserError(fmt::format("benchmark {}: rows {} and {} are one network ('{}')", name(), *index_.find(*code),
                                  row, key_of(row)));
    }
    rows_.push_back(*code);
  }
}

std::optional<int64_t> CodedBenchmark::row_of(const Decisions& decisions) const {
  const std::optional<DecisionCode::Code> code = code_.code_of(decisions);
  return code ? index_.find(*code) : std::nullopt;
}

Decisions CodedBenchmark::decisions_of(int64_t row) const {
  return code_.decisions_of(rows_.at(static_cast<size_t>(row)));
}

std::vector<double> read_cells(const CsvTable& table, const std::string& column, const CellUnit& unit) {
  const size_t position = table.column(column);
  std::vector<double> cells;
  cells.reserve(table.rows());
  for (size_t row = 0; row < table.rows(); ++row) {
    const std::optional<double> number = table.number(row, position);
    if (!number && !table.text(row, position).empty()) {
      throw UserError(fmt::format("'{}': row {} of column {}: expected a number or nothing, found '{}'", table.origin(),
                                  row, column, table.text(row, position)));
    }
    cells.push_back(!number || number == unit.unknown ? kUnknownCell : *number * unit.multiply / unit.divide);
  }
  return cells;
}

CsvTable BenchmarkFiles::read(const std::string& file, const std::string& source) {
  const DataPaths paths =
      context_.data_folder.empty() ? DataPaths(context_.base_folder) : DataPaths::of_roots({context_.data_folder});
  std::filesystem::path path;
  try {
    path = paths.find(file);
  } catch (const UserError& error) {
    throw UserError(fmt::format("{}; the published table: {}", error.what(), source));
  }
  CsvTable table = read_csv_table(path);
  checksums_ += fmt::format("/{}", table.content_hash().hex());
  return table;
}

std::string BenchmarkFiles::identity(const std::string& name, int version) const {
  return fmt::format("{}/{}{}", name, version, checksums_);
}

std::shared_ptr<const Space> benchmark_space(const std::string& kind, const std::string& options,
                                             std::vector<int64_t> extents, int64_t classes) {
  SpaceContext context;
  context.signature.inputs = {{"image", ElementType::float32, std::move(extents)}};
  context.signature.outputs = {{"logits", ElementType::float32, {classes}}};
  const auto& entry = space_registry().get(kind);
  return entry.make(resolve_options(parse_config(options, "benchmark"), entry.parameters, "space " + kind), context);
}

}  // namespace nacre
