// `search`: runs a search as the verb does (and goes on with one that was stopped), then looks into its study: what was tried, in
// order, the first trials and all of them together, the volume of the front, and the networks that were exported.
//
//   trials      all that were asked for;  evaluated: those with results of their own, in order of asking, which the rest counts
//   course      of each: number, epochs, values of its metrics
//   first, all  means and sums of each metric over the first `first` and over all
//   best        the trial with the best main objective: values of its metrics; ranked: that objective of all, the best first
//   hypervolume of the points in `ranges`, each metric brought to 0 (its best) and 1 (its worst)
//   supernet    where one was trained: seconds of its epochs, counted memory, how well shared weights ranked (null: not known)
//   networks    of the exported ones: trial, values of their metrics, those of the test split among them
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "nacre/base/file.hpp"
#include "nacre/base/json.hpp"
#include "nacre/bench/probe.hpp"
#include "nacre/bench/searched_study.hpp"
#include "nacre/search/pareto.hpp"

namespace nacre {
namespace {

Json values_of(const Metrics& metrics) {
  Json json = Json::object();
  for (const auto& [name, metric] : metrics)
    if (metric.value) json[name] = *metric.value;
  return json;
}

// Means and sums of each metric over those of the trials that know it.
Json together(std::span<const Trial> trials) {
  std::map<std::string, std::pair<double, int64_t>> sums;
  for (const Trial& trial : trials) {
    for (const auto& [name, metric] : trial.metrics) {
      if (!metric.value) continue;
      sums[name].first += *metric.value;
      ++sums[name].second;
    }
  }
  Json json = {{"count", trials.size()}, {"means", Json::object()}, {"sums", Json::object()}};
  for (const auto& [name, sum] : sums) {
    json["means"][name] = sum.first / static_cast<double>(sum.second);
    json["sums"][name] = sum.first;
  }
  return json;
}

struct Range {
  std::string metric;
  double best = 0, worst = 1;
};

std::vector<Range> ranges_of(const Options& options) {
  std::vector<Range> ranges;
  const ConfigNode& node = options.node("ranges");
  if (node.is_null()) return ranges;
  if (!node.is_map()) throw UserError(node.position, "ranges: expected a map of metrics to [best, worst]");
  for (const auto& [metric, bounds] : node.entries) {
    const Json pair = bounds.as_json();
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number() || !pair[1].is_number() || pair[0] == pair[1])
      throw UserError(bounds.position, fmt::format("ranges.{}: expected two different numbers [best, worst]", metric));
    ranges.push_back({metric, pair[0].get<double>(), pair[1].get<double>()});
  }
  return ranges;
}

double volume(std::span<const Trial> trials, const std::vector<Range>& ranges) {
  std::vector<Point> points;
  for (const Trial& trial : trials) {
    Point point;
    for (const Range& range : ranges) {
      const std::optional<double> value = metric_value(trial.metrics, range.metric);
      if (!value) throw UserError(fmt::format("trial {} has no metric '{}'", trial.number, range.metric));
      point.push_back((*value - range.best) / (range.worst - range.best));
    }
    points.push_back(std::move(point));
  }
  return hypervolume(points, Point(ranges.size(), 1.0));
}

Json look_into(const SearchedStudy& searched, const Options& options, const std::vector<Range>& ranges) {
  const std::vector<Trial> evaluated = searched.evaluated();
  if (evaluated.empty()) throw UserError("no trial of the search has a result");
  Json json = {{"trials", searched.trials.size()}, {"evaluated", evaluated.size()}, {"course", Json::array()}};
  for (const Trial& trial : evaluated) {
    Json row = values_of(trial.metrics);
    row["number"] = trial.number;
    row["epochs"] = trial.request.fidelity.epochs;
    json["course"].push_back(std::move(row));
  }
  const auto first = std::min(static_cast<size_t>(options.integer("first")), evaluated.size());
  json["first"] = together(std::span(evaluated).first(first));
  json["all"] = together(evaluated);
  const std::string metric = options.text("best_of");
  const bool more = options.boolean("maximize");
  const Trial* best = nullptr;
  for (const Trial& trial : evaluated) {
    const std::optional<double> value = metric_value(trial.metrics, metric);
    if (!value)
      throw UserError(options.position("best_of"), fmt::format("best_of: no metric '{}' in the trials", metric));
    const double other = best == nullptr ? 0 : *metric_value(best->metrics, metric);
    if (best == nullptr || (more ? *value > other : *value < other)) best = &trial;
  }
  json["best"] = values_of(best->metrics);
  std::vector<double> ranked;
  for (const Trial& trial : evaluated) ranked.push_back(*metric_value(trial.metrics, metric));
  std::ranges::sort(ranked);
  if (more) std::ranges::reverse(ranked);
  json["ranked"] = ranked;
  json["hypervolume"] = ranges.empty() ? Json(nullptr) : Json(volume(evaluated, ranges));
  return json;
}

Json supernet_of(const std::filesystem::path& study) {
  const std::filesystem::path file = study / "supernet" / "supernet.json";
  if (!std::filesystem::exists(file)) return nullptr;
  const Json record = parse_json(read_file(file), file.string());
  Json json = record.value("memory", Json::object());
  double seconds = 0;
  for (const Json& epoch : record.at("epochs")) seconds += epoch.at("time_s").get<double>();
  json["seconds"] = seconds;
  json["parameters"] = record.at("parameters");
  for (const char* rank : {"kendall", "spearman"})
    json[rank] = record.contains("ranking") ? record["ranking"].at(rank) : Json();
  return json;
}

Json measure_search(const Options& options, const ProbeContext& context) {
  const std::vector<Range> ranges = ranges_of(options);
  const SearchedStudy searched =
      run_search_in(context.output / "study", options.text("configuration"), options.texts("set"), context);
  const Json& said = searched.said;
  Json json = look_into(searched, options, ranges);
  json["supernet"] = supernet_of(context.output / "study");
  json["limits_met"] = said.value("limits_met", true);
  json["networks"] = Json::array();
  for (const Json& network : said.at("networks")) {
    Json row = {{"trial", network.at("trial")}};
    for (const auto& [name, metric] : network.at("metrics").items())
      if (metric.contains("value") && metric["value"].is_number()) row[name] = metric["value"];
    json["networks"].push_back(std::move(row));
  }
  return json;
}

}  // namespace

void add_search_probe(Registry<ProbeFactory>& registry) {
  registry.add(
      {.name = "search",
       .summary = "what a search of a configuration tried, in order, and what it exported; it goes on where it stopped",
       .source = "",
       .parameters = {{.name = "configuration",
                       .type = ParameterType::text,
                       .description = "file of the search; {seed}, {output}, {root} (the folder that holds repro and "
                                      "examples) and {experiment} are put in",
                       .required = true},
                      {.name = "set",
                       .type = ParameterType::text_list,
                       .description = "keys that differ, as with --set; search.seed and output_dir are set already",
                       .default_value = Json::array()},
                      {.name = "first",
                       .type = ParameterType::integer,
                       .description = "trials with results that `first` counts: a first generation",
                       .default_value = 12,
                       .minimum = 1,
                       .maximum = 1e6},
                      {.name = "best_of",
                       .type = ParameterType::text,
                       .description = "metric of the trial that `best` shows",
                       .default_value = "accuracy"},
                      {.name = "maximize",
                       .type = ParameterType::boolean,
                       .description = "more of it is better",
                       .default_value = true},
                      {.name = "ranges",
                       .type = ParameterType::any,
                       .description =
                           "for the hypervolume: {metric: [best, worst], ...}; what is worse counts nothing"}},
       .example =
           "probe: search\nconfiguration: \"{root}/examples/eeea.yaml\"\nset: [search.trials=24, train.epochs=1]\n"
           "ranges: {accuracy: [1, 0], params: [0, 40000]}\n"},
      measure_search);
}

}  // namespace nacre
