#include "nacre/design/metrics.hpp"

#include <array>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr std::array<std::string_view, 7> kOrigins = {"unknown",   "measured", "table",  "modelled",
                                                      "predicted", "counted",  "trained"};

// JSON has no infinities or NaN; they travel as words.
Json number_to_json(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double number_from_json(const Json& json) {
  if (json.is_number()) return json.get<double>();
  if (json == "inf") return INFINITY;
  if (json == "-inf") return -INFINITY;
  if (json == "nan") return NAN;
  throw UserError("a metric's value is neither a number nor inf, -inf or nan: " + json.dump());
}

}  // namespace

std::string_view origin_name(Origin origin) { return kOrigins[static_cast<size_t>(origin)]; }

Origin origin_from_name(std::string_view name) {
  for (size_t i = 0; i < kOrigins.size(); ++i) {
    if (kOrigins[i] == name) return static_cast<Origin>(i);
  }
  return Origin::unknown;
}

std::optional<double> metric_value(const Metrics& metrics, std::string_view name) {
  const auto found = metrics.find(name);
  return found == metrics.end() ? std::nullopt : found->second.value;
}

Json to_json(const Metrics& metrics) {
  Json json = Json::object();
  for (const auto& [name, metric] : metrics) {
    Json& entry = json[name] = Json::object();
    entry["value"] = metric.value.has_value() ? number_to_json(*metric.value) : Json(nullptr);
    if (!metric.unit.empty()) entry["unit"] = metric.unit;
    entry["origin"] = origin_name(metric.origin);
    if (!metric.source.empty()) entry["source"] = metric.source;
    if (metric.count != 1) entry["count"] = metric.count;
    if (metric.spread.has_value()) entry["spread"] = number_to_json(*metric.spread);
  }
  return json;
}

Metrics metrics_from_json(const Json& json) {
  Metrics metrics;
  if (!json.is_object()) throw UserError("metrics: expected an object, found " + json.dump());
  for (const auto& [name, entry] : json.items()) {
    if (!entry.is_object() || !entry.contains("value"))
      throw UserError("metric '" + name + "': expected an object with a value");
    Metric& metric = metrics[name];
    if (!entry["value"].is_null()) metric.value = number_from_json(entry["value"]);
    metric.unit = entry.value("unit", "");
    metric.origin = origin_from_name(entry.value("origin", "unknown"));
    metric.source = entry.value("source", "");
    metric.count = entry.value("count", int64_t{1});
    if (entry.contains("spread")) metric.spread = number_from_json(entry["spread"]);
  }
  return metrics;
}

}  // namespace nacre
