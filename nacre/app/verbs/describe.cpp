// nacre describe: one registered thing in full, or the space of a configuration.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "nacre/app/catalogue.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/count.hpp"
#include "nacre/run/plan.hpp"
#include "nacre/space/trace.hpp"

namespace nacre {
namespace {

Json parameter_json(const Parameter& parameter) {
  Json json = {{"name", parameter.name},
               {"type", parameter_type_name(parameter.type)},
               {"description", parameter.description},
               {"required", parameter.required},
               {"default", parameter.default_value}};
  if (std::isfinite(parameter.minimum)) json["minimum"] = parameter.minimum;
  if (std::isfinite(parameter.maximum)) json["maximum"] = parameter.maximum;
  if (!parameter.choices.empty()) json["choices"] = parameter.choices;
  if (!parameter.unit.empty()) json["unit"] = parameter.unit;
  return json;
}

std::string default_text(const Parameter& parameter) {
  if (parameter.required) return "required";
  if (parameter.default_value.is_null()) return "no default";
  return "default " + parameter.default_value.dump();
}

void print_record(const CatalogueKind& kind, const RegistryRecord& record) {
  std::cout << record.name << " (" << kind.kind << "): " << record.summary << "\n";
  if (!record.source.empty()) std::cout << "source: " << record.source << "\n";
  if (!record.parameters.empty()) std::cout << "\nkeys\n";
  for (const Parameter& parameter : record.parameters) {
    std::cout << fmt::format("  {}: {} ({}{}, {})\n", parameter.name, parameter.description,
                             parameter_type_name(parameter.type), parameter.unit.empty() ? "" : " in " + parameter.unit,
                             default_text(parameter));
    if (!parameter.choices.empty()) std::cout << fmt::format("      one of: {}\n", fmt::join(parameter.choices, ", "));
  }
  if (!record.example.empty())
    std::cout << "\nexample\n" << record.example << (record.example.ends_with('\n') ? "" : "\n");
}

void describe_record(const CatalogueKind& kind, const RegistryRecord& record, const Session& session) {
  if (!session.json) return print_record(kind, record);
  Json json = {{"kind", kind.kind}, {"name", record.name}, {"summary", record.summary}, {"source", record.source}};
  Json& parameters = json["parameters"] = Json::array();
  for (const Parameter& parameter : record.parameters) parameters.push_back(parameter_json(parameter));
  json["example"] = record.example;
  std::cout << json.dump(2) << "\n";
}

void describe_configuration(const std::string& path, const Session& session) {
  const Plan plan = make_plan(load_config(path), {.base_folder = std::filesystem::path(path).parent_path()});
  const Trace& trace = plan.space->trace();
  if (session.json) {
    Json json = {{"space", plan.space->name()}, {"networks", trace.count().get_str()}};
    Json& decisions = json["decisions"] = Json::array();
    for (const TraceDecision& decision : trace.decisions()) {
      decisions.push_back({{"key", decision.key}, {"alternatives", decision.alternatives}});
    }
    std::cout << json.dump(2) << "\n";
    return;
  }
  std::cout << fmt::format("space {}: {} decision sets, {} decisions\n", plan.space->name(), count_text(trace.count()),
                           trace.decisions().size())
            << trace.describe();
}

void describe(const std::vector<std::string>& words, const Session& session) {
  if (words.size() == 1 && std::filesystem::exists(words[0])) return describe_configuration(words[0], session);
  if (words.size() >= 2) {
    const std::string name = words.size() == 2 ? words[1] : words[1] + " " + words[2];  // verb repro run
    const CatalogueKind kind = catalogue_kind(words[0]);
    std::vector<std::string> names;
    for (const RegistryRecord& record : kind.records) {
      if (record.name == name) return describe_record(kind, record, session);
      names.push_back(record.name);
    }
    throw UserError(unknown_name_message(kind.kind, name, names, "nacre list " + kind.plural));
  }
  std::vector<std::string> names;
  bool found = false;
  for (const CatalogueKind& kind : catalogue()) {
    for (const RegistryRecord& record : kind.records) {
      names.push_back(record.name);
      if (record.name != words[0]) continue;
      if (found) std::cout << "\n";
      describe_record(kind, record, session);
      found = true;
    }
  }
  if (!found) throw UserError(unknown_name_message("name", words[0], names, "nacre list"));
}

}  // namespace

void add_describe(Command& program, Session& session) {
  Command verb =
      program.add_verb("describe", "one thing in full: keys, defaults, example; or the space of a configuration file");
  auto words = std::make_shared<std::vector<std::string>>();
  verb.add_option("what", *words, "[kind] name, e.g. space mbconv; or a configuration file").required().expected(1, 3);
  verb.on_run([words, &session] { describe(*words, session); });
}

}  // namespace nacre
