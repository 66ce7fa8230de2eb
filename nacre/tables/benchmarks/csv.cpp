// Benchmark `csv`: a table of the user's own. Decisions are columns of the file; what else stands there is said in the options.
#include <fmt/format.h>

#include "nacre/base/error.hpp"
#include "nacre/data/data_paths.hpp"
#include "nacre/tables/benchmarks/benchmarks.hpp"
#include "nacre/tables/factor_table.hpp"
#include "nacre/tables/stored_benchmark.hpp"

namespace nacre {
namespace {

constexpr int kReadingVersion = 1;

const std::vector<Parameter>& column_parameters() {
  static const std::vector<Parameter> kParameters = {
      {.name = "metric", .type = ParameterType::text, .description = "its name in nacre; left out: the column's"},
      {.name = "direction",
       .type = ParameterType::text,
       .description = "which values are better",
       .choices = {"maximize", "minimize"}},
      {.name = "epochs",
       .type = ParameterType::real,
       .description = "of the training behind it",
       .default_value = 0,
       .minimum = 0},
      {.name = "unit", .type = ParameterType::text, .description = "after dividing", .default_value = ""},
      {.name = "divide",
       .type = ParameterType::real,
       .description = "values by this: 100 for percent, 1000 for ms",
       .default_value = 1},
      {.name = "unknown",
       .type = ParameterType::real,
       .description = "a value that stands for not known, beside an empty cell"}};
  return kParameters;
}

// Columns of one option: a list of names, or a map from names to a direction or to more.
void add_columns(const Options& options, const char* option, bool quality, const CsvTable& table,
                 TableContent& content) {
  if (!options.has(option)) return;
  const ConfigNode& node = options.node(option);
  if (!node.is_map()) throw UserError(node.position, fmt::format("{}: expected a map of columns", option));
  for (const auto& [column, given] : node.entries) {
    ConfigNode map = given;
    if (given.kind == ConfigNode::Kind::scalar) {
      map = ConfigNode();
      map.kind = ConfigNode::Kind::map;
      map.position = given.position;
      map.entries.emplace_back("direction", given);
    }
    const Options own = resolve_options(map, column_parameters(), fmt::format("column {}", column));
    const std::string direction = own.has("direction") ? own.text("direction") : quality ? "maximize" : "minimize";
    if (own.real("divide") == 0) throw UserError(own.position("divide"), "divide: expected another number than 0");
    TableColumn made{.metric = {own.has("metric") ? own.text("metric") : column,
                                direction == "maximize" ? Direction::maximize : Direction::minimize, own.text("unit"),
                                "column " + column + " of " + table.origin()},
                     .epochs = own.real("epochs"),
                     .quality = quality};
    for (const TableColumn& other : content.columns) {
      if (other.metric.name == made.metric.name && other.epochs == made.epochs)
        throw UserError(given.position, fmt::format("two columns are {} of {} epochs", made.metric.name, made.epochs));
    }
    content.add(std::move(made),
                read_cells(table, column,
                           {.divide = own.real("divide"),
                            .unknown = own.has("unknown") ? std::optional(own.real("unknown")) : std::nullopt}));
  }
}

std::shared_ptr<const TabularBenchmark> make_csv(const Options& options, const BenchmarkContext& context) {
  const DataPaths paths =
      context.data_folder.empty()
          ? DataPaths(context.base_folder)
          : DataPaths::of_roots({context.data_folder, context.base_folder.empty() ? "." : context.base_folder});
  const CsvTable table = read_csv_table(paths.find(options.text("file"), options.position("file")));
  const std::vector<std::string> columns = options.texts("decisions");
  TableContent content;
  content.name = "csv";
  content.dataset = options.text("dataset");
  const auto space = decision_space_of("csv", table, columns);
  content.space = space;
  add_columns(options, "qualities", true, table, content);
  add_columns(options, "costs", false, table, content);
  if (content.columns.empty()) throw UserError(options.position("file"), "expected columns under qualities or costs");
  for (size_t row = 0; row < table.rows(); ++row) {
    std::string key;
    if (options.has("key")) {
      key = table.text(row, table.column(options.text("key")));
    } else {
      for (const std::string& column : columns)
        key += fmt::format("{}{}={}", key.empty() ? "" : " ", column, table.text(row, table.column(column)));
    }
    content.keys.push_back(std::move(key));
  }
  content.identity =
      fmt::format("csv/{}/{}/{}", kReadingVersion, table.content_hash().hex(), hash_text(options.json().dump()).hex());
  return std::make_shared<CodedBenchmark>(std::move(content), factor_decisions(*space, table, columns));
}

}  // namespace

void register_csv_benchmark(Registry<BenchmarkFactory>& registry) {
  registry.add(
      {.name = "csv",
       .summary = "a table of your own: any CSV file with a row for each network; decisions only, no networks",
       .source = "",
       .parameters =
           {{.name = "file",
             .type = ParameterType::text,
             .description = "CSV with a header, also gzipped",
             .required = true},
            {.name = "decisions",
             .type = ParameterType::text_list,
             .description = "columns that say which network it is; their values are the alternatives",
             .required = true},
            {.name = "qualities",
             .type = ParameterType::any,
             .description =
                 "columns that come from a training: {acc: maximize}, or {acc: {metric: accuracy, divide: 100, "
                 "epochs: 12, unknown: -1}}"},
            {.name = "costs",
             .type = ParameterType::any,
             .description = "columns of costs: {ms: {metric: latency_s, divide: 1000, unit: s}}; minimize unless said"},
            {.name = "key",
             .type = ParameterType::text,
             .description = "column that names a row; left out: its decisions"},
            {.name = "dataset", .type = ParameterType::text, .description = "a name for reports", .default_value = ""}},
       .example = "benchmark: csv\noptions:\n  file: mine.csv\n  decisions: [depth, width, activation]\n  qualities: "
                  "{accuracy: "
                  "maximize}\n  costs: {ms: {metric: latency_s, divide: 1000, unit: s}}\n"},
      make_csv);
}

}  // namespace nacre
