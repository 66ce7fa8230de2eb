#include <iostream>

#include "nacre/app/catalogue.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"

namespace nacre {
namespace {

Json record_json(const RegistryRecord& record) {
  return {{"name", record.name}, {"summary", record.summary}, {"source", record.source}};
}

void list(const std::string& word, const Session& session) {
  std::vector<CatalogueKind> kinds;
  if (word.empty()) {
    kinds = catalogue();
  } else {
    kinds.push_back(catalogue_kind(word));
  }
  if (session.json) {
    Json json = Json::object();
    for (const CatalogueKind& kind : kinds) {
      Json& rows = json[kind.plural] = Json::array();
      for (const RegistryRecord& record : kind.records) rows.push_back(record_json(record));
    }
    std::cout << json.dump(2) << "\n";
    return;
  }
  for (const CatalogueKind& kind : kinds) {
    if (kinds.size() > 1) std::cout << kind.plural << "\n";
    TextTable table({"name", "what", "source"});
    for (const RegistryRecord& record : kind.records) table.add({record.name, record.summary, record.source});
    std::cout << table.text() << (kinds.size() > 1 ? "\n" : "");
  }
}

}  // namespace

void add_list(Command& program, Session& session) {
  Command verb = program.add_verb("list", "what there is: spaces, strategies, targets, tasks, operators, ...");
  auto kind = std::make_shared<std::string>();
  verb.add_option("kind", *kind, "one kind only, e.g. strategies");
  verb.on_run([kind, &session] { list(*kind, session); });
}

}  // namespace nacre
