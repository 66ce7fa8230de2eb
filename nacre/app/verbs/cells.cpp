// nacre cells KIND: the cells of a tabular benchmark up to renaming, counted and, with --output, listed with their classes:
// what a split of a table needs so that one network does not stand on both sides.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <unordered_set>

#include "nacre/app/interrupt.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/json.hpp"
#include "nacre/space/cells/nasbench101_cells.hpp"
#include "nacre/space/cells/nasbench201_classes.hpp"
#include "nacre/space/spaces/nasbench201.hpp"

namespace nacre {
namespace {

struct CellsOptions {
  std::string benchmark;
  std::string output;
};

void print(const std::string& benchmark, const std::vector<std::array<std::string, 3>>& rows, const Session& session) {
  if (session.json) {
    Json json = {{"benchmark", benchmark}};
    for (const auto& [rule, count, what] : rows) json["classes"][rule] = std::stoll(count);
    std::cout << json.dump(2) << "\n";
    return;
  }
  TextTable table({"rule", ">classes", "one cell is"});
  for (const auto& [rule, count, what] : rows) table.add({rule, count, what});
  std::cout << table.text();
}

void nasbench101(const CellsOptions& options, const Session& session) {
  std::string csv = "hash,vertices,edges,operators\n";
  std::unordered_set<Hash128> hashes;
  std::map<int, int64_t> by_vertices;
  for_each_nasbench101_cell([&](const Nasbench101Cell& cell, const Hash128& hash) {
    if (interrupt_requested()) throw Interrupted();
    hashes.insert(hash);
    ++by_vertices[cell.vertices];
    if (!options.output.empty())
      csv += fmt::format("{},{},{},{}\n", hash.hex(), cell.vertices, cell.edge_text(), cell.operator_text());
  });
  std::vector<std::array<std::string, 3>> rows;
  for (const auto& [vertices, count] : by_vertices)
    rows.push_back(
        {fmt::format("{}_vertices", vertices), std::to_string(count), "one labeled graph up to the order of vertices"});
  rows.push_back({"all", std::to_string(hashes.size()), "the same, all sizes; at most 9 edges"});
  if (!options.output.empty()) write_file_atomically(options.output, csv);
  print(options.benchmark, rows, session);
}

// By rule: the number of the first code of each code's class.
std::string nasbench201_csv(const std::vector<std::string>& codes) {
  std::string csv = "code,architecture";
  for (const CellRule rule : kCellRules) csv += "," + cell_rule_name(rule);
  csv += "\n";
  std::array<std::map<std::string, std::string>, kCellRules.size()> first;
  for (const std::string& code : codes) {
    csv += code + "," + nasbench201_architecture(nasbench201_decisions(code));
    for (size_t i = 0; i < kCellRules.size(); ++i)
      csv += "," + first[i].try_emplace(nasbench201_class(code, kCellRules[i]), code).first->second;
    csv += "\n";
  }
  return csv;
}

void nasbench201(const CellsOptions& options, const Session& session) {
  const std::vector<std::string> codes = nasbench201_codes();
  std::vector<std::array<std::string, 3>> rows;
  rows.push_back({"code", std::to_string(codes.size()), "one code of six digits"});
  for (const CellRule rule : kCellRules) {
    std::unordered_set<std::string> classes;
    for (const std::string& code : codes) classes.insert(nasbench201_class(code, rule));
    rows.push_back({cell_rule_name(rule), std::to_string(classes.size()), cell_rule_summary(rule)});
  }
  if (!options.output.empty()) write_file_atomically(options.output, nasbench201_csv(codes));
  print(options.benchmark, rows, session);
}

void cells(const CellsOptions& options, const Session& session) {
  install_interrupt_handlers();
  if (options.benchmark == "nasbench101") return nasbench101(options, session);
  if (options.benchmark == "nasbench201") return nasbench201(options, session);
  const std::vector<std::string> known = {"nasbench101", "nasbench201"};
  throw UserError(unknown_name_message("benchmark of cells", options.benchmark, known));
}

}  // namespace

void add_cells(Command& program, Session& session) {
  Command verb = program.add_verb("cells", "count and list the different cells of nasbench101 or nasbench201");
  auto options = std::make_shared<CellsOptions>();
  verb.add_option("benchmark", options->benchmark, "nasbench101 or nasbench201").required();
  verb.add_option("-o,--output", options->output,
                  "CSV file to write: every cell (nasbench201: every code) and its class");
  verb.on_run([options, &session] { cells(*options, session); });
}

}  // namespace nacre
