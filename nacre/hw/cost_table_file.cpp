// The file of a cost table: JSON, so that it can be looked at, compared and kept under version control.
#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/hw/cost_table.hpp"

namespace nacre {
namespace {

constexpr int kForm = 3;
constexpr int kOldestForm = 2;  // without corrections
constexpr const char* kKind = "nacre cost table";

Json to_json(const Residual& residual) {
  return {{"sum", residual.sum},
          {"groups", residual.groups},
          {"bytes", residual.bytes},
          {"constant", residual.constant},
          {"call", residual.call}};
}

Residual residual_from_json(const Json& json) {
  return {json.at("sum").get<double>(), json.at("groups").get<double>(), json.at("bytes").get<double>(),
          json.at("constant").get<double>(), json.at("call").get<double>()};
}

Json to_json(const TableError& error) {
  return {{"networks", error.networks},
          {"mean_relative", error.mean_relative},
          {"largest_relative", error.largest_relative},
          {"spearman", error.spearman}};
}

TableError error_from_json(const Json& json) {
  return {json.at("networks").get<int64_t>(), json.at("mean_relative").get<double>(),
          json.at("largest_relative").get<double>(), json.at("spearman").get<double>()};
}

using Values = std::map<std::string, double, std::less<>>;

Json to_json(const Values& values) {
  Json json = Json::object();
  for (const auto& [metric, value] : values) json[metric] = value;
  return json;
}

Values values_from_json(const Json& json) {
  Values values;
  for (const auto& [metric, value] : json.items()) values[metric] = value.get<double>();
  return values;
}

// The values with the number of passes beside them.
void write_measured(Json& json, const MeasuredValues& measured) {
  json["values"] = to_json(measured.values);
  json["passes"] = measured.passes;
}

MeasuredValues measured_from_json(const Json& json) {
  return {values_from_json(json.at("values")), json.at("passes").get<int64_t>()};
}

CostTable table_from_json(const Json& json) {
  CostTable table;
  table.target = json.at("target");
  table.base_folder = json.at("base_folder").get<std::string>();
  table.identity = json.at("identity").get<std::string>();
  table.deployment.batch = json.at("batch").get<int64_t>();
  table.deployment.threads = json.at("threads").get<int64_t>();
  for (const auto& [symbol, value] : json.at("symbols").items())
    table.deployment.symbols[symbol] = value.get<int64_t>();
  table.built_with = json.at("built_with").get<std::string>();
  table.complete = json.at("complete").get<bool>();
  table.metrics = json.at("metrics").get<std::vector<std::string>>();
  table.by_blocks = json.value("groups", std::string("operators")) == "blocks";
  for (const Json& pair : json.at("fused"))
    table.fused.emplace(pair.at(0).get<std::string>(), pair.at(1).get<std::string>());
  for (const Json& row : json.at("entries")) {
    TableEntry entry;
    entry.probe = {row.at("key").get<std::string>(), row.at("text").get<std::string>(),
                   row.at("ops").get<std::string>(), row.at("flops").get<double>(), row.at("bytes").get<double>()};
    entry.measured = measured_from_json(row);
    table.entries.emplace(entry.probe.key, std::move(entry));
  }
  for (const auto& [key, row] : json.at("networks").items()) table.networks[key] = measured_from_json(row);
  for (const auto& [metric, residual] : json.at("residuals").items())
    table.residuals[metric] = residual_from_json(residual);
  if (json.contains("corrections")) {
    for (const auto& [metric, factors] : json.at("corrections").items())
      table.corrections[metric] = factors.get<std::map<std::string, double>>();
  }
  for (const auto& [metric, error] : json.at("errors").items()) table.errors[metric] = error_from_json(error);
  return table;
}

}  // namespace

CostTable read_cost_table(const std::filesystem::path& path) {
  const Json json = parse_json(read_file(path), path.string());
  if (!json.is_object() || json.value("kind", Json()) != kKind)
    throw UserError("'" + path.string() + "' is no cost table; nacre measure --build-table makes one");
  const Json form = json.value("form", Json());
  if (!form.is_number_integer() || form < kOldestForm || form > kForm) {
    throw UserError("'" + path.string() + "' has the form " + form.dump() + ", this nacre reads the forms " +
                    std::to_string(kOldestForm) + " to " + std::to_string(kForm) + "; build the table anew");
  }
  try {
    return table_from_json(json);
  } catch (const Json::exception& error) {
    throw UserError("'" + path.string() + "' is a damaged cost table: " + error.what());
  }
}

void write_cost_table(const CostTable& table, const std::filesystem::path& path) {
  Json json = {{"kind", kKind},
               {"form", kForm},
               {"target", table.target},
               {"base_folder", table.base_folder},
               {"identity", table.identity},
               {"batch", table.deployment.batch},
               {"threads", table.deployment.threads}};
  Json& symbols = json["symbols"] = Json::object();
  for (const auto& [symbol, value] : table.deployment.symbols) symbols[symbol] = value;
  json["built_with"] = table.built_with;
  json["complete"] = table.complete;
  json["metrics"] = table.metrics;
  json["groups"] = table.by_blocks ? "blocks" : "operators";
  Json& fused = json["fused"] = Json::array();
  for (const auto& [producer, consumer] : table.fused) fused.push_back({producer, consumer});
  for (const char* section : {"residuals", "corrections", "errors", "entries", "networks"})
    json[section] = Json::object();
  for (const auto& [metric, residual] : table.residuals) json["residuals"][metric] = to_json(residual);
  for (const auto& [metric, factors] : table.corrections) json["corrections"][metric] = factors;
  for (const auto& [metric, error] : table.errors) json["errors"][metric] = to_json(error);
  Json& entries = json["entries"] = Json::array();
  for (const auto& [key, entry] : table.entries) {
    entries.push_back({{"text", entry.probe.text},
                       {"ops", entry.probe.ops},
                       {"flops", entry.probe.flops},
                       {"bytes", entry.probe.bytes},
                       {"key", key}});
    write_measured(entries.back(), entry.measured);
  }
  for (const auto& [key, measured] : table.networks) write_measured(json["networks"][key], measured);
  write_file_atomically(path, json.dump(1) + "\n");
}

}  // namespace nacre
