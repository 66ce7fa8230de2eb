// The golden counts of cells, the published tables, and that cells of one class are one function.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <unordered_set>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/random.hpp"
#include "nacre/space/cells/nasbench101_cells.hpp"
#include "nacre/space/cells/nasbench201_classes.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

std::filesystem::path data_folder() {
  if (const char* folder = std::getenv("NACRE_DATA")) return folder;
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  return std::filesystem::path(source == nullptr ? "." : source) / ".." / "shared" / "data";
}

// Rows of a CSV file as name -> text.
std::vector<std::map<std::string, std::string>> read_rows(const std::filesystem::path& file) {
  std::istringstream lines(read_possibly_gzipped_file(file));
  std::string line;
  std::getline(lines, line);
  const auto cells_of = [](const std::string& text) {
    std::vector<std::string> cells;
    std::istringstream stream(text);
    for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
    return cells;
  };
  const std::vector<std::string> header = cells_of(line);
  std::vector<std::map<std::string, std::string>> rows;
  while (std::getline(lines, line)) {
    const std::vector<std::string> cells = cells_of(line);
    auto& row = rows.emplace_back();
    for (size_t i = 0; i < cells.size() && i < header.size(); ++i) row[header[i]] = cells[i];
  }
  return rows;
}

// --- NAS-Bench-101 ------------------------------------------------------------------------------------------------

const std::unordered_set<Hash128>& all_nasbench101_hashes() {
  static const std::unordered_set<Hash128> hashes = [] {
    std::unordered_set<Hash128> set;
    for_each_nasbench101_cell([&](const Nasbench101Cell&, const Hash128& hash) { set.insert(hash); });
    return set;
  }();
  return hashes;
}

TEST(Nasbench101Cells, AreExactly423624) {
  int64_t visited = 0;
  std::map<int, int64_t> by_vertices;
  for_each_nasbench101_cell([&](const Nasbench101Cell& cell, const Hash128&) {
    ++visited;
    ++by_vertices[cell.vertices];
  });
  EXPECT_EQ(visited, 423624);
  EXPECT_EQ(all_nasbench101_hashes().size(), 423624U);
  // Small ones by hand: the edge alone; one operator with and without the edge beside it.
  EXPECT_EQ(by_vertices[2], 1);
  EXPECT_EQ(by_vertices[3], 6);
}

TEST(Nasbench101Cells, RandomCellsAreAmongThem) {
  Random random(1);
  int valid = 0;
  for (int i = 0; i < 20000; ++i) {
    Nasbench101Cell cell;
    cell.vertices = static_cast<int>(random.integer(2, 7));
    const int pairs = cell.vertices * (cell.vertices - 1) / 2;
    for (int edge = 0; edge < Nasbench101Cell::kMaximumEdges; ++edge)
      cell.edges |= 1U << random.below(static_cast<uint64_t>(pairs));
    for (int v = 0; v < cell.vertices - 2; ++v) cell.operators.push_back(static_cast<uint8_t>(random.below(3)));
    const std::optional<Nasbench101Cell> kept = pruned(cell);
    if (!kept.has_value()) continue;
    ++valid;
    EXPECT_TRUE(all_nasbench101_hashes().contains(canonical_hash(*kept)));
    EXPECT_EQ(pruned(*kept)->edges, kept->edges);
    const Nasbench101Cell read = nasbench101_cell(kept->edge_text(), kept->operator_text());
    EXPECT_EQ(read.edges, kept->edges);
    EXPECT_EQ(read.operators, kept->operators);
  }
  EXPECT_GT(valid, 5000);
}

// The inner vertices of a cell in an order that keeps edges pointing forward, drawn at random.
Nasbench101Cell reordered(const Nasbench101Cell& cell, Random& random) {
  std::vector<int> order = {0};
  std::vector<int> left;
  for (int v = 1; v + 1 < cell.vertices; ++v) left.push_back(v);
  while (!left.empty()) {
    std::vector<size_t> ready;
    for (size_t i = 0; i < left.size(); ++i) {
      if (std::ranges::none_of(left, [&](int v) { return cell.has_edge(v, left[i]); })) ready.push_back(i);
    }
    const size_t chosen = ready[random.below(ready.size())];
    order.push_back(left[chosen]);
    left.erase(left.begin() + static_cast<ptrdiff_t>(chosen));
  }
  order.push_back(cell.vertices - 1);
  std::string edges, operators;
  for (size_t from = 0; from < order.size(); ++from) {
    if (from > 0 && from + 1 < order.size())
      operators += static_cast<char>('0' + cell.operators[static_cast<size_t>(order[from] - 1)]);
    for (size_t to = from + 1; to < order.size(); ++to) edges += cell.has_edge(order[from], order[to]) ? '1' : '0';
  }
  return nasbench101_cell(edges, operators);
}

// So a look-up by the quick hash gives what one by the canonical form gives, for every cell of the benchmark.
TEST(Nasbench101Cells, QuickHashesTellApartExactlyTheClasses) {
  Random random(2);
  std::unordered_set<uint64_t> distinct;
  int64_t moved = 0;
  for_each_nasbench101_cell([&](const Nasbench101Cell& cell, const Hash128& hash) {
    distinct.insert(quick_hash(cell));
    if (hash.low % 8 != 0) return;
    const Nasbench101Cell other = reordered(cell, random);
    moved += other.edges != cell.edges || other.operators != cell.operators;
    EXPECT_EQ(quick_hash(other), quick_hash(cell)) << cell.edge_text() << " " << cell.operator_text();
    EXPECT_EQ(canonical_hash(other), hash);
  });
  EXPECT_EQ(distinct.size(), 423624U);
  EXPECT_GT(moved, 10000);
}

TEST(Nasbench101Cells, HoldThePublishedOnesEachOnce) {
  const std::filesystem::path file = data_folder() / "nasbench101" / "nb101_sample.csv.gz";
  if (!std::filesystem::exists(file))
    GTEST_SKIP() << "no " << file << "; set NACRE_DATA to the folder that has nasbench101/nb101_sample.csv.gz";
  const auto rows = read_rows(file);
  ASSERT_EQ(rows.size(), 30001U);
  std::unordered_set<Hash128> found;
  for (const auto& row : rows) {
    const Hash128 hash = canonical_hash(nasbench101_cell(row.at("adj"), row.at("ops")));
    EXPECT_TRUE(all_nasbench101_hashes().contains(hash)) << row.at("hash");
    found.insert(hash);
  }
  // The benchmark's hash tells apart exactly what ours does.
  EXPECT_EQ(found.size(), rows.size());
}

TEST(Nasbench101Cells, MalformedTextsAreErrors) {
  const auto message = [](const std::string& edges, const std::string& operators) {
    try {
      nasbench101_cell(edges, operators);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(message("1", "012012"), HasSubstr("at most 5 operators"));
  EXPECT_THAT(message("111", "3"), HasSubstr("is 0, 1 or 2"));
  EXPECT_THAT(message("11", "0"), HasSubstr("3 pairs of vertices"));
  EXPECT_THAT(message("1x1", "0"), HasSubstr("written as 0 and 1"));
}

// --- NAS-Bench-201 ------------------------------------------------------------------------------------------------

size_t classes(CellRule rule) {
  std::set<std::string> found;
  for (const std::string& code : nasbench201_codes()) found.insert(nasbench201_class(code, rule));
  return found.size();
}

TEST(Nasbench201Classes, HaveTheGoldenCounts) {
  EXPECT_EQ(nasbench201_codes().size(), 15625U);
  EXPECT_EQ(classes(CellRule::benchmark_string), 6466U);
  EXPECT_EQ(classes(CellRule::exact), 5425U);
  EXPECT_EQ(classes(CellRule::exact_shared_pools), 5260U);
}

// The rules differ in both directions, by the reasons that docs/cell_classes.md gives.
TEST(Nasbench201Classes, DifferForTheStatedReasons) {
  const auto same = [](const char* a, const char* b, CellRule rule) {
    return nasbench201_class(a, rule) == nasbench201_class(b, rule);
  };
  // The text keeps a sum of zeros as "#+#" and '#' beside other summands; exactly it is nothing. Edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3.
  EXPECT_FALSE(same("000100", "000101", CellRule::benchmark_string));
  EXPECT_TRUE(same("000100", "000101", CellRule::exact));
  // One convolution read twice and two convolutions have one text, but not one function of their weights.
  EXPECT_TRUE(same("301011", "330011", CellRule::benchmark_string));
  EXPECT_FALSE(same("301011", "330011", CellRule::exact));
  // Two pools of the input are one pool added twice, when a pool has nothing of its own.
  EXPECT_FALSE(same("401011", "440011", CellRule::exact));
  EXPECT_TRUE(same("401011", "440011", CellRule::exact_shared_pools));
}

// A cell as a function of one number: convolutions are nonlinear functions with parameters of their own, given out along the
// canonical order, so that cells of one class get the same ones.
double evaluate(const std::string& code, const std::map<int, double>& parameter_of_edge) {
  constexpr std::array<std::pair<int, int>, 6> kEdges = {{{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}}};
  std::array<double, 4> nodes = {0.37, 0, 0, 0};
  for (size_t e = 0; e < kEdges.size(); ++e) {
    const double x = nodes[static_cast<size_t>(kEdges[e].first)];
    const auto parameter = parameter_of_edge.find(static_cast<int>(e));
    const double factor = parameter == parameter_of_edge.end() ? 1.0 : parameter->second;
    double& y = nodes[static_cast<size_t>(kEdges[e].second)];
    switch (code[e]) {
      case '0': break;
      case '1': y += x; break;
      case '4': y += std::sinh(0.8 * x); break;  // without parameters
      default: y += std::tanh(factor * x) + (code[e] == '2' ? factor * x * x : 0);
    }
  }
  return nodes[3];
}

TEST(Nasbench201Classes, CellsOfOneClassAreOneFunction) {
  for (const bool share_pools : {false, true}) {
    const CellRule rule = share_pools ? CellRule::exact_shared_pools : CellRule::exact;
    std::map<std::string, double> value_of_class;
    std::set<double> values;
    for (const std::string& code : nasbench201_codes()) {
      const CellNetwork network = nasbench201_network(code, share_pools);
      const std::vector<int> order = canonical_operator_order(network);
      std::map<int, double> parameters;
      for (size_t i = 0; i < order.size(); ++i) {
        Random random = Random::stream(7, "cell", static_cast<uint64_t>(order[i]));
        parameters[network.operators[i].edge] = random.uniform(0.5, 2.0);
      }
      const double value = evaluate(code, parameters);
      const auto [entry, is_new] = value_of_class.try_emplace(nasbench201_class(code, rule), value);
      ASSERT_NEAR(entry->second, value, 1e-12) << code;
      if (is_new) values.insert(std::round(value * 1e10));
    }
    // Other classes are other functions. (With pools of their own two classes may differ by nothing but shared pools.)
    if (share_pools) {
      EXPECT_EQ(values.size(), value_of_class.size());
    }
  }
}

TEST(Nasbench201Classes, AreThoseOfAPublishedTable) {
  const std::filesystem::path cells = data_folder() / "nasbench201" / "nb201.csv.gz";
  const std::filesystem::path measured = data_folder() / "hwnb360" / "hwnb360_measurements.csv.gz";
  if (!std::filesystem::exists(cells) || !std::filesystem::exists(measured))
    GTEST_SKIP() << "no " << cells << " or " << measured << "; set NACRE_DATA to the folder that has both";
  // The table has one row a class, named by its smallest index.
  std::set<std::string> seen;
  std::set<std::string> first_of_class;
  for (const auto& row : read_rows(cells)) {
    if (seen.insert(nasbench201_class(row.at("code"), CellRule::benchmark_string)).second)
      first_of_class.insert(row.at("idx"));
  }
  std::set<std::string> published;
  for (const auto& row : read_rows(measured)) published.insert(row.at("rep_idx"));
  EXPECT_EQ(first_of_class, published);
}

TEST(Nasbench201Classes, MalformedCodesAreErrors) {
  EXPECT_THROW(nasbench201_class("12345", CellRule::exact), UserError);
  EXPECT_THROW(nasbench201_class("123450", CellRule::exact), UserError);
}

}  // namespace
}  // namespace nacre
