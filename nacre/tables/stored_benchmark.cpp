#include "nacre/tables/stored_benchmark.hpp"

#include <fmt/format.h>

#include <cmath>
#include <unordered_map>

#include "nacre/base/error.hpp"
#include "nacre/data/data_paths.hpp"

namespace nacre {

void TableContent::add(TableColumn column, std::vector<double> cells) {
  columns.push_back(std::move(column));
  values.push_back(std::move(cells));
}

TableColumn quality_column(std::string metric, std::string description, double epochs, Direction direction) {
  return {.metric = {std::move(metric), direction, "", std::move(description)}, .epochs = epochs, .quality = true};
}

TableColumn cost_column(std::string metric, std::string unit, std::string description, Direction direction) {
  return {.metric = {std::move(metric), direction, std::move(unit), std::move(description)}};
}

TableColumn note_column(std::string name, std::string description) {
  return {.metric = {std::move(name), Direction::maximize, "", std::move(description)}, .note = true};
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

std::vector<Decisions> merge_repeated_rows(TableContent& content, const std::vector<Decisions>& rows) {
  std::unordered_map<Hash128, size_t> first;  // position among those that are left
  std::vector<std::vector<size_t>> members;
  std::vector<Decisions> left;
  for (size_t row = 0; row < rows.size(); ++row) {
    const auto [found, is_new] = first.emplace(rows[row].hash(), left.size());
    if (is_new) {
      left.push_back(rows[row]);
      members.emplace_back();
    }
    members[found->second].push_back(row);
  }
  std::vector<std::string> keys;
  for (const auto& group : members) keys.push_back(std::move(content.keys[group[0]]));
  content.keys = std::move(keys);
  for (std::vector<double>& cells : content.values) {
    std::vector<double> means;
    for (const auto& group : members) {
      double sum = 0;
      int known = 0;
      for (const size_t row : group) {
        if (std::isnan(cells[row])) continue;
        sum += cells[row];
        ++known;
      }
      means.push_back(known == 0 ? kUnknownCell : sum / known);
    }
    cells = std::move(means);
  }
  return left;
}

Parameter dataset_parameter(std::string description, std::vector<std::string> names) {
  return {.name = "dataset",
          .type = ParameterType::text,
          .description = std::move(description),
          .default_value = names.at(0),
          .choices = std::move(names)};
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
