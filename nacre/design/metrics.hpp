// A measured thing as nacre keeps it: a value that may be unknown, with unit, origin, count and spread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "nacre/base/json.hpp"

namespace nacre {

// Where a number comes from. Printed beside every number of a report.
enum class Origin { unknown, measured, table, modelled, predicted, counted, trained };

std::string_view origin_name(Origin origin);
Origin origin_from_name(std::string_view name);  // unknown for what is none

struct Metric {
  std::optional<double> value;  // nothing: not known. Never 0 for that
  std::string unit = "";        // "s", "B", "J", "mm2", "" for a ratio or count
  Origin origin = Origin::unknown;
  std::string source = "";  // with what: "host, 1 thread, median of 31", "validation split, 12 epochs"
  int64_t count = 1;        // samples behind the value
  std::optional<double> spread = std::nullopt;  // standard deviation, or half the interquartile range of a median

  bool operator==(const Metric&) const = default;
};

// By registered name: "accuracy", "loss", "latency_s", "params", "macs", "model_bytes", "peak_memory_bytes", "train_time_s".
using Metrics = std::map<std::string, Metric, std::less<>>;

// What a metric name means: direction and unit. Cost metrics of targets and quality metrics of tasks share one table.
enum class Direction { maximize, minimize };

struct MetricSpec {
  std::string name;
  Direction direction = Direction::maximize;
  std::string unit = "";
  std::string description = "";
};

std::optional<double> metric_value(const Metrics& metrics, std::string_view name);

Json to_json(const Metrics& metrics);
Metrics metrics_from_json(const Json& json);

}  // namespace nacre
