// nacre coverage: the checklist of the survey of hardware-aware search (app/coverage.hpp), filled or not.
#include <fmt/format.h>

#include <iostream>

#include "nacre/app/coverage.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"

namespace nacre {
namespace {

Json to_json(const std::vector<CoverageCell>& cells) {
  Json json = {{"source", "Benmeziane et al., arXiv 2101.09336"}, {"cells", Json::array()}};
  for (const CoverageCell& cell : cells) {
    Json slots = Json::array();
    for (const CoverageSlot& slot : cell.slots) {
      Json entries = Json::array();
      for (const CoverageEntry& entry : slot.entries)
        entries.push_back(
            {{"kind", entry.kind}, {"name", entry.name}, {"summary", entry.summary}, {"source", entry.source}});
      slots.push_back({{"name", slot.name}, {"entries", std::move(entries)}});
    }
    json["cells"].push_back({{"number", cell.number},
                             {"title", cell.title},
                             {"where", cell.where},
                             {"empty_slots", cell.empty_slots()},
                             {"slots", std::move(slots)}});
  }
  return json;
}

void print(const std::vector<CoverageCell>& cells) {
  size_t slots = 0, empty = 0;
  for (const CoverageCell& cell : cells) {
    std::cout << fmt::format("{}  {} ({})\n", cell.number, cell.title, cell.where);
    TextTable table({"  slot", "filled by", "what", "source"});
    for (const CoverageSlot& slot : cell.slots) {
      ++slots;
      if (slot.entries.empty()) {
        ++empty;
        table.add({"  " + slot.name, "(empty)", "", ""});
      }
      std::string name = slot.name;
      for (const CoverageEntry& entry : slot.entries) {
        table.add({"  " + name, entry.kind + " " + entry.name, entry.summary, entry.source});
        name.clear();
      }
    }
    std::cout << table.text() << "\n";
  }
  std::cout << fmt::format("{} of {} slots are filled, {} are empty\n", slots - empty, slots, empty);
}

void run(bool require_complete, Session& session) {
  const std::vector<CoverageCell> cells = coverage(catalogue());
  if (session.json) {
    std::cout << to_json(cells).dump(2) << "\n";
  } else {
    print(cells);
  }
  for (const CoverageCell& cell : cells) {
    if (require_complete && cell.empty_slots() > 0) session.exit_code = kExitLimitsNotMet;
  }
}

}  // namespace

void add_coverage(Command& program, Session& session) {
  Command verb = program.add_verb(
      "coverage", "what a complete hardware-aware search must offer (a survey's checklist), and what fills it");
  auto require_complete = std::make_shared<bool>(false);
  verb.add_flag("--require-complete", *require_complete, "exit code 3 while a slot is empty");
  verb.on_run([require_complete, &session] { run(*require_complete, session); });
}

}  // namespace nacre
