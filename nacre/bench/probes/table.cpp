// `table`: facts of a published table (accuracies, latencies), recomputed from its rows with nacre's own Pareto tools.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "nacre/bench/probe.hpp"
#include "nacre/bench/statistics.hpp"
#include "nacre/data/data_paths.hpp"
#include "nacre/search/pareto.hpp"
#include "nacre/tables/csv_table.hpp"

namespace nacre {
namespace {

class TableFacts {
 public:
  TableFacts(const CsvTable& table, std::vector<size_t> rows, std::vector<double> unknown)
      : table_(table), rows_(std::move(rows)), unknown_(std::move(unknown)) {}

  Json fact(const ConfigNode& node, const std::string& name) const {
    if (!node.is_map() || node.entries.size() != 1)
      throw UserError(node.position, "facts." + name + ": expected one of " + kKinds);
    const auto& [kind, body] = node.entries[0];
    if (kind == "spearman") return correlation(body);
    if (kind == "front") return front(body);
    if (kind == "best") return best(body);
    if (kind == "lost_hypervolume") return lost_hypervolume(body);
    if (kind == "additive") return additive(body);
    if (kind == "distinct") return distinct(body);
    throw UserError(body.key_position, "facts." + name + ": unknown fact '" + kind + "'; accepted: " + kKinds);
  }

 private:
  static constexpr const char* kKinds = "spearman, front, best, lost_hypervolume, additive, distinct";

  static const ConfigNode& required(const ConfigNode& map, const char* key) {
    const ConfigNode* found = map.find(key);
    if (found == nullptr) throw UserError(map.position, std::string("missing key ") + key);
    return *found;
  }
  size_t column(const ConfigNode& node) const { return table_.column(node.as_text("column")); }

  bool is_known(size_t row, size_t column) const {
    const auto value = table_.number(row, column);
    return value && std::ranges::find(unknown_, *value) == unknown_.end();
  }
  // Values of the columns, row by row, where all of them are known.
  std::vector<std::vector<double>> values(const std::vector<size_t>& columns) const {
    std::vector<std::vector<double>> result(columns.size());
    for (const size_t row : rows_) {
      if (!std::ranges::all_of(columns, [&](size_t column) { return is_known(row, column); })) continue;
      for (size_t i = 0; i < columns.size(); ++i) result[i].push_back(*table_.number(row, columns[i]));
    }
    if (result[0].size() < 2) throw UserError("fewer than two rows have all values that a fact needs");
    return result;
  }

  Json correlation(const ConfigNode& node) const {
    if (node.items.size() != 2) throw UserError(node.position, "spearman: expected two columns");
    const auto both = values({column(node.items[0]), column(node.items[1])});
    return {{"rows", both[0].size()}, {"spearman", spearman(both[0], both[1])}};
  }

  // Minimized points of the columns `maximize` and `minimize`.
  static std::vector<Point> points_of(const std::vector<double>& gain, const std::vector<double>& cost) {
    std::vector<Point> points;
    for (size_t i = 0; i < gain.size(); ++i) points.push_back({-gain[i], cost[i]});
    return points;
  }

  Json front(const ConfigNode& node) const {
    const auto both = values({column(required(node, "maximize")), column(required(node, "minimize"))});
    const std::vector<Point> points = points_of(both[0], both[1]);
    std::set<Point> members;  // equal points are one
    for (const size_t i : pareto_front(points)) members.insert(points[i]);
    return {{"rows", points.size()},
            {"size", members.size()},
            {"supported", supported_points(points).size()},
            {"best", -members.begin()->at(0)},
            {"cost_of_best", members.begin()->at(1)},
            {"least_cost", members.rbegin()->at(1)}};
  }

  Json best(const ConfigNode& node) const {
    const auto both = values({column(required(node, "maximize")), column(required(node, "limit"))});
    const double bound = required(node, "at_most").as_real("at_most");
    double most = -INFINITY;
    int64_t within = 0;
    for (size_t i = 0; i < both[0].size(); ++i) {
      if (both[1][i] > bound) continue;
      ++within;
      most = std::max(most, both[0][i]);
    }
    if (within == 0) throw UserError(node.position, "best: no row keeps the limit");
    const std::vector<Point> points = points_of(both[0], both[1]);
    const bool supported = std::ranges::any_of(supported_points(points),
                                               [&](size_t i) { return both[0][i] == most && both[1][i] <= bound; });
    return {{"rows", both[0].size()}, {"within", within}, {"best", most}, {"supported", supported}};
  }

  // What is lost when the front over a stand-in cost is taken for the front over the true one (reference: the largest true
  // cost and `floor`).
  Json lost_hypervolume(const ConfigNode& node) const {
    const auto all = values(
        {column(required(node, "maximize")), column(required(node, "stand_in")), column(required(node, "minimize"))});
    const double floor = required(node, "floor").as_real("floor");
    const Point reference = {-floor, *std::ranges::max_element(all[2])};
    const std::vector<Point> truly = points_of(all[0], all[2]);
    std::vector<Point> chosen;
    for (const size_t i : pareto_front(points_of(all[0], all[1]))) chosen.push_back(truly[i]);
    const double whole = hypervolume(truly, reference);
    if (whole <= 0) throw UserError(node.position, "lost_hypervolume: no row is above the floor");
    return {{"rows", truly.size()}, {"lost", 1 - hypervolume(chosen, reference) / whole}};
  }

  Json additive(const ConfigNode& node) const {
    const size_t code = column(required(node, "code")), cost = column(required(node, "of"));
    std::vector<std::vector<std::string>> codes;
    std::vector<double> costs;
    for (const size_t row : rows_) {
      if (!is_known(row, cost)) continue;
      codes.emplace_back(1);
      const std::string_view text = table_.text(row, code);
      const bool separated = text.find('_') != std::string::npos;
      if (!separated) codes.back().clear();
      for (const char c : text) {
        if (!separated) {
          codes.back().emplace_back(1, c);
        } else if (c == '_') {
          codes.back().emplace_back();
        } else {
          codes.back().back() += c;
        }
      }
      if (codes.back().size() != codes[0].size())
        throw UserError(fmt::format("row {}: '{}' has another number of positions than the first", row, text));
      costs.push_back(*table_.number(row, cost));
    }
    if (costs.size() < 2) throw UserError("fewer than two rows have a value");
    const AdditiveFit fit = fit_additive(codes, costs);
    return {{"rows", costs.size()},
            {"r2", fit.r2},
            {"largest_error", fit.largest_error},
            {"coefficients", fit.coefficients}};
  }

  Json distinct(const ConfigNode& node) const {
    std::set<std::string> words;
    for (const size_t row : rows_) words.emplace(table_.text(row, column(node)));
    return {{"count", words.size()}};
  }

  const CsvTable& table_;
  std::vector<size_t> rows_;
  std::vector<double> unknown_;
};

CsvTable read_tables(const Options& options, const ProbeContext& context) {
  const DataPaths paths(context.folder);
  std::optional<CsvTable> table;
  for (const std::string& file : options.texts("files")) {
    CsvTable next = read_csv_table(paths.find(file, options.position("files")));
    if (!table) {
      table.emplace(std::move(next));
    } else {
      if (!options.has("key")) throw UserError(options.position("files"), "several files need the key that joins them");
      table.emplace(table->joined(next, options.text("key")));
    }
  }
  if (!table) throw UserError(options.position("files"), "files: expected at least one");
  return std::move(*table);
}

std::vector<size_t> kept_rows(const CsvTable& table, const ConfigNode& keep) {
  std::vector<size_t> rows;
  for (size_t row = 0; row < table.rows(); ++row) {
    const bool kept = std::ranges::all_of(keep.entries, [&](const auto& entry) {
      return table.text(row, table.column(entry.first)) == entry.second.as_text(entry.first);
    });
    if (kept) rows.push_back(row);
  }
  return rows;
}

Json measure_table(const Options& options, const ProbeContext& context) {
  const CsvTable table = read_tables(options, context);
  const TableFacts facts(table, kept_rows(table, options.node("keep")), options.reals("unknown"));
  Json json = {{"rows", kept_rows(table, options.node("keep")).size()}};
  Json& results = json["facts"] = Json::object();
  for (const auto& [name, node] : options.node("facts").entries) {
    if (context.interrupted()) throw Interrupted();
    results[name] = facts.fact(node, name);
  }
  return json;
}

}  // namespace

void add_table_probe(Registry<ProbeFactory>& registry) {
  registry.add(
      {.name = "table",
       .summary = "facts of published tables: rank correlations, fronts, optima under a limit, additivity",
       .source = "",
       .parameters =
           {{.name = "files",
             .type = ParameterType::text_list,
             .description = "CSV files with a header, found like a task's data",
             .required = true},
            {.name = "key", .type = ParameterType::text, .description = "column that joins several files"},
            {.name = "keep",
             .type = ParameterType::any,
             .description = "only rows with these values, e.g. {complete: 1}",
             .default_value = Json::object()},
            {.name = "unknown",
             .type = ParameterType::real_list,
             .description = "numbers that stand for a missing value",
             .default_value = Json::array()},
            {.name = "facts",
             .type = ParameterType::any,
             .description =
                 "name: one of spearman: [a, b]; front: {maximize, minimize}; best: {maximize, limit, at_most}; "
                 "lost_hypervolume: {maximize, stand_in, minimize, floor}; additive: {of, code}; distinct: column",
             .required = true}},
       .example = "probe: table\nfiles: [nasbench201/nb201.csv.gz]\nfacts: {front: {front: {maximize: test200_c10, "
                  "minimize: macs_c10}}}\n"},
      measure_table);
}

}  // namespace nacre
