// `strategy_course`: what a strategy proposes in the course of a search, on a published table or on a planted reward: means in
// windows of proposals, of the first ones and of all, sums, the best of each metric, the volume of the front, the strategy's own
// counters and processor time; and for comparison a quantile of random decisions.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <numeric>

#include "nacre/bench/probe.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/search/early_exit.hpp"
#include "nacre/search/lagrangian.hpp"
#include "nacre/search/pareto.hpp"
#include "nacre/space/trace_builder.hpp"
#include "nacre/tables/open_benchmark.hpp"

namespace nacre {
namespace {

using Values = std::map<std::string, double>;

// What is searched: decisions and what is known of them.
class Ground {
 public:
  virtual ~Ground() = default;
  virtual const Trace& trace() const = 0;
  virtual Direction direction(const std::string& metric) const = 0;
  virtual std::optional<Values> values(const Decisions& decisions) const = 0;  // nothing: not known
  virtual void equip(StrategyContext& /*context*/) const {}
  virtual std::pair<double, double> range(const std::string& /*metric*/) const { return {0, 1}; }
};

class TableGround final : public Ground {
 public:
  TableGround(const Options& options, const std::filesystem::path& folder)
      : table_(open_benchmark(options, {.data_folder = "", .base_folder = folder})) {
    for (const TableColumn& column : table_->columns())
      if (!column.note) columns_[column.metric.name] = *table_->find_column(column.metric.name);
  }

  const Trace& trace() const override { return table_->space().trace(); }

  Direction direction(const std::string& metric) const override {
    return table_->columns()[column(metric)].metric.direction;
  }

  std::optional<Values> values(const Decisions& decisions) const override {
    const std::optional<int64_t> row = table_->row_of(decisions);
    if (!row) return std::nullopt;
    Values result;
    for (const auto& [name, at] : columns_)
      if (const auto value = table_->value(*row, at)) result[name] = *value;
    return result;
  }

  void equip(StrategyContext& context) const override {
    context.build = [table = table_](const Decisions& decisions) { return table->space().build(decisions); };
    context.costs = [](const Design& design) { return counted_cost(design, {}).totals; };
    context.identify = [table = table_](const Decisions& decisions) { return table->space().identity_of(decisions); };
    context.cell = [table = table_](const Decisions& decisions) { return table->space().cell_of(decisions); };
  }

  std::pair<double, double> range(const std::string& metric) const override {
    double low = INFINITY, high = -INFINITY;
    for (int64_t row = 0; row < table_->rows(); ++row) {
      const auto value = table_->value(row, column(metric));
      if (value) low = std::min(low, *value), high = std::max(high, *value);
    }
    return {low, high};
  }

 private:
  size_t column(const std::string& metric) const {
    const auto found = columns_.find(metric);
    if (found != columns_.end()) return found->second;
    std::vector<std::string> names;
    for (const auto& [name, at] : columns_) names.push_back(name);
    throw UserError(unknown_name_message("metric of the table", metric, names));
  }

  std::shared_ptr<const TabularBenchmark> table_;
  std::map<std::string, size_t> columns_;
};

// A sum over decisions of what the chosen alternative is worth, and over pairs of decisions of what the two are worth together.
class PlantedGround final : public Ground {
 public:
  PlantedGround(const ConfigNode& node, uint64_t seed) {
    const Options options = resolve_options(node,
                                            {{.name = "decisions",
                                              .type = ParameterType::integer,
                                              .description = "how many",
                                              .default_value = 50,
                                              .minimum = 2,
                                              .maximum = 1000},
                                             {.name = "alternatives",
                                              .type = ParameterType::integer,
                                              .description = "of each",
                                              .default_value = 5,
                                              .minimum = 2,
                                              .maximum = 100},
                                             {.name = "pairs",
                                              .type = ParameterType::integer,
                                              .description = "of decisions that interact",
                                              .default_value = 50,
                                              .minimum = 0,
                                              .maximum = 100000}},
                                            "planted");
    const int64_t count = options.integer("decisions"), alternatives = options.integer("alternatives");
    Random random = Random::stream(seed, "planted");
    TraceBuilder builder;
    std::vector<int64_t> numbers(static_cast<size_t>(alternatives));
    std::iota(numbers.begin(), numbers.end(), 0);
    std::vector<int32_t> parts;
    for (int64_t i = 0; i < count; ++i) {
      keys_.push_back(fmt::format("d{:03}", i));
      const int32_t decision =
          builder.declare(keys_.back(), {.kind = DecisionKind::number, .count = alternatives, .integers = numbers});
      parts.push_back(
          builder.decide(decision, std::vector<int32_t>(static_cast<size_t>(alternatives), builder.nothing())));
      single_.push_back(draws(alternatives, random));
    }
    trace_ = builder.finish(builder.all(parts));
    for (int64_t i = 0; i < options.integer("pairs"); ++i) {
      const uint64_t a = random.below(static_cast<uint64_t>(count));
      const uint64_t b = (a + 1 + random.below(static_cast<uint64_t>(count - 1))) % static_cast<uint64_t>(count);
      pairs_.push_back({a, b, draws(alternatives * alternatives, random)});
    }
    alternatives_ = static_cast<size_t>(alternatives);
  }

  const Trace& trace() const override { return trace_; }
  Direction direction(const std::string&) const override { return Direction::maximize; }

  std::optional<Values> values(const Decisions& decisions) const override {
    std::vector<size_t> chosen;
    for (const std::string& key : keys_) chosen.push_back(static_cast<size_t>(*decisions.find(key)));
    double sum = 0;
    for (size_t i = 0; i < chosen.size(); ++i) sum += single_[i][chosen[i]];
    for (const Pair& pair : pairs_) sum += pair.worth[chosen[pair.a] * alternatives_ + chosen[pair.b]];
    return Values{{"reward", sum / static_cast<double>(chosen.size() + pairs_.size())}};
  }

 private:
  struct Pair {
    size_t a, b;
    std::vector<double> worth;
  };
  static std::vector<double> draws(int64_t count, Random& random) {
    std::vector<double> result;
    for (int64_t i = 0; i < count; ++i) result.push_back(random.uniform(0, 1));
    return result;
  }

  Trace trace_;
  std::vector<std::string> keys_;
  std::vector<std::vector<double>> single_;
  std::vector<Pair> pairs_;
  size_t alternatives_ = 0;
};

// Proposals of one run in order: what is known of each, and the strategy's counters now and then.
struct Course {
  std::vector<Values> proposals;
  std::vector<Json> statistics;  // after each window
  Json last_statistics;          // after the last proposal
};

class CourseRunner {
 public:
  CourseRunner(const Options& options, const Ground& ground, const ProbeContext& context)
      : options_(options), ground_(ground), context_(context), window_(static_cast<size_t>(options.integer("window"))) {
    const ConfigNode& node = options.node("strategy");
    name_ = node.is_map() ? node.at("strategy").as_text("strategy") : node.as_text("strategy");
    const auto& entry = strategy_registry().get(name_, node.position);
    own_ = resolve_options(node.is_map() ? node : ConfigNode{}, entry.parameters, "strategy " + name_, {"strategy"});
    if (EarlyExit::asks_for_size(own_))
      throw UserError(node.position, "exit_space: the networks of a table have one size");
    for (const std::string& metric : options.texts("objectives"))
      objectives_.objectives.push_back({metric, ground.direction(metric)});
    if (objectives_.objectives.empty())
      throw UserError(options.position("objectives"), "objectives: expected at least one");
  }

  const ObjectiveSet& objectives() const { return objectives_; }

  Course run(int64_t number) const {
    const auto trials = static_cast<size_t>(options_.integer("trials"));
    StrategyContext context{ground_.trace(), objectives_, static_cast<int64_t>(trials), context_.folder,
                            context_.interrupted};
    ground_.equip(context);
    const auto strategy = make_strategy(name_, own_, context);
    const uint64_t seed = mix_seed(context_.seed, static_cast<uint64_t>(number) + 1);
    Course course;
    for (size_t n = 0; course.proposals.size() < trials; ++n) {
      if (context_.interrupted()) throw Interrupted();
      Random random = Random::stream(seed, "ask", n);
      std::optional<Proposal> proposal = strategy->ask(static_cast<int64_t>(n), random);
      if (!proposal) break;
      Trial trial;
      trial.number = static_cast<int64_t>(n);
      trial.candidate = std::move(proposal->candidate);
      const std::optional<Values> values = ground_.values(trial.candidate.decisions);
      trial.status = values ? TrialStatus::ok : TrialStatus::failed;
      if (values) {
        for (const auto& [metric, value] : *values) trial.metrics[metric].value = value;
        course.proposals.push_back(*values);
        if (course.proposals.size() % window_ == 0) course.statistics.push_back(strategy->statistics());
      }
      strategy->tell(trial);
      if (n > 20 * trials) throw UserError("the table holds too few of the proposed networks");
    }
    course.last_statistics = strategy->statistics();
    return course;
  }

 private:
  const Options& options_;
  const Ground& ground_;
  const ProbeContext& context_;
  const size_t window_;
  std::string name_;
  Options own_;
  ObjectiveSet objectives_;
};

// Means over the proposals first .. last - 1 of a run, of every metric.
Values means(const Course& course, size_t first, size_t last) {
  Values sums;
  last = std::min(last, course.proposals.size());
  for (size_t i = first; i < last; ++i)
    for (const auto& [metric, value] : course.proposals[i]) sums[metric] += value / static_cast<double>(last - first);
  return sums;
}

void add(Json& json, const Values& values, double share) {
  for (const auto& [metric, value] : values) json[metric] = json.value(metric, 0.0) + value * share;
}

// Of the objectives, each brought to 0 (best of the table) to 1 (worst).
double front_volume(const Course& course, const ObjectiveSet& objectives, const Ground& ground) {
  std::vector<Point> points;
  std::vector<std::pair<double, double>> ranges;
  for (const Objective& objective : objectives.objectives) ranges.push_back(ground.range(objective.metric));
  for (const Values& values : course.proposals) {
    Point point;
    for (size_t i = 0; i < ranges.size(); ++i) {
      const Objective& objective = objectives.objectives[i];
      const double share = (values.at(objective.metric) - ranges[i].first) / (ranges[i].second - ranges[i].first);
      point.push_back(objective.direction == Direction::maximize ? 1 - share : share);
    }
    points.push_back(std::move(point));
  }
  return hypervolume(points, Point(ranges.size(), 1.0));
}

double random_quantile(const Ground& ground, const std::string& metric, double quantile, int64_t count, uint64_t seed) {
  Random random = Random::stream(seed, "random quantile");
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) {
    const auto known = ground.values(ground.trace().sample(random));
    if (known) values.push_back(known->at(metric));
  }
  std::ranges::sort(values);
  return values.at(static_cast<size_t>(quantile * static_cast<double>(values.size() - 1)));
}

Json measure_course(const Options& options, const ProbeContext& context) {
  const bool planted = !options.node("planted").is_null();
  if (planted == options.has("benchmark"))
    throw UserError(options.position("benchmark"), "expected a benchmark or a planted reward, one of them");
  std::unique_ptr<Ground> ground;
  if (planted)
    ground = std::make_unique<PlantedGround>(options.node("planted"), context.seed);
  else
    ground = std::make_unique<TableGround>(options, context.folder);
  const CourseRunner runner(options, *ground, context);
  const auto runs = options.integer("runs");
  const auto window = static_cast<size_t>(options.integer("window"));
  const auto first = static_cast<size_t>(options.integer("first"));
  const std::string main = runner.objectives().objectives[0].metric;
  const double share = 1 / static_cast<double>(runs);
  Json json = {{"runs", runs}, {"windows", Json::array()}, {"first", Json::object()}, {"sums", Json::object()}};
  std::vector<double> last_means;
  double volume = 0;
  const std::clock_t begun = std::clock();
  for (int64_t run = 0; run < runs; ++run) {
    const Course course = runner.run(run);
    const size_t count = course.proposals.size();
    if (count == 0) throw UserError("no proposal of the strategy is known");
    json["statistics"] = course.last_statistics;
    for (size_t i = 0; (i + 1) * window <= count; ++i) {
      if (json["windows"].size() <= i) json["windows"].push_back({{"to", (i + 1) * window}});
      add(json["windows"][i], means(course, i * window, (i + 1) * window), share);
      const Json& statistics = course.statistics[i];
      if (statistics.contains("entropy"))
        add(json["windows"][i], {{"entropy", statistics.at("entropy").get<double>()}}, share);
    }
    add(json["first"], means(course, 0, first), share);
    Values all = means(course, 0, count);
    for (auto& [metric, value] : all) value *= static_cast<double>(count);
    add(json["sums"], all, share);
    Values best;
    for (const Values& values : course.proposals) {
      for (const auto& [metric, value] : values) {
        const bool more = ground->direction(metric) == Direction::maximize;
        const auto [entry, fresh] = best.try_emplace(metric, value);
        if (!fresh) entry->second = more ? std::max(entry->second, value) : std::min(entry->second, value);
      }
    }
    if (!json.contains("best")) json["best"] = Json::object();
    add(json["best"], best, share);
    last_means.push_back(means(course, count < window ? 0 : count - window, count).at(main));
    if (!planted) volume += front_volume(course, runner.objectives(), *ground) * share;
  }
  json["processor_s"] = static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC;
  json["hypervolume"] = planted ? Json(nullptr) : Json(volume);
  int64_t falls = 0;  // windows whose mean is below the one before
  for (size_t i = 1; i < json["windows"].size(); ++i)
    falls += json["windows"][i][main].get<double>() < json["windows"][i - 1][main].get<double>() ? 1 : 0;
  json["falls"] = falls;
  if (!json["windows"].empty())
    json["rise"] = json["windows"].back()[main].get<double>() - json["windows"].front()[main].get<double>();
  if (!json["windows"].empty() && json["windows"].front().contains("entropy")) {
    json["entropy_lost"] =
        json["windows"].front()["entropy"].get<double>() - json["windows"].back()["entropy"].get<double>();
  }
  if (options.integer("random_samples") > 0) {
    const double quantile =
        random_quantile(*ground, main, options.real("quantile"), options.integer("random_samples"), context.seed);
    json["random_quantile"] = quantile;
    json["runs_above_quantile"] = std::ranges::count_if(last_means, [&](double mean) { return mean > quantile; });
    json["least_last_window"] = *std::ranges::min_element(last_means);
  }
  return json;
}

}  // namespace

void add_strategy_course_probe(Registry<ProbeFactory>& registry) {
  std::vector<Parameter> parameters = benchmark_parameters();
  for (Parameter& parameter : parameters) parameter.required = false;
  parameters.insert(
      parameters.end(),
      {{.name = "planted",
        .type = ParameterType::any,
        .description =
            "instead of a benchmark: {decisions, alternatives, pairs} of a random additive and pairwise reward"},
       {.name = "strategy",
        .type = ParameterType::any,
        .description = "name, or a map with its keys",
        .required = true},
       {.name = "objectives",
        .type = ParameterType::text_list,
        .description = "metrics that it sees, the main one first; `reward` of a planted one",
        .default_value = {"reward"}},
       {.name = "trials",
        .type = ParameterType::integer,
        .description = "proposals of a run",
        .default_value = 1000,
        .minimum = 1,
        .maximum = 1e7},
       {.name = "runs",
        .type = ParameterType::integer,
        .description = "with streams of their own",
        .default_value = 1,
        .minimum = 1,
        .maximum = 1e5},
       {.name = "window",
        .type = ParameterType::integer,
        .description = "proposals in a window",
        .default_value = 200,
        .minimum = 1,
        .maximum = 1e7},
       {.name = "first",
        .type = ParameterType::integer,
        .description = "proposals that `first` is the mean of",
        .default_value = 40,
        .minimum = 1,
        .maximum = 1e7},
       {.name = "quantile",
        .type = ParameterType::real,
        .description = "of random samples",
        .default_value = 0.999,
        .minimum = 0,
        .maximum = 1},
       {.name = "random_samples",
        .type = ParameterType::integer,
        .description = "for the quantile; 0: none",
        .default_value = 0,
        .minimum = 0,
        .maximum = 1e8}});
  registry.add(
      {.name = "strategy_course",
       .summary = "what a strategy proposes in the course of a search: means, sums, best, front volume",
       .source = "",
       .parameters = std::move(parameters),
       .example =
           "probe: strategy_course\nplanted: {decisions: 10}\nstrategy: rnn_controller\ntrials: 100\nwindow: 20\n"},
      measure_course);
}

}  // namespace nacre
