#include "nacre/bench/suite.hpp"

#include <algorithm>
#include <set>

#include "nacre/predict/predictor.hpp"
#include "nacre/run/formulation.hpp"
#include "nacre/search/strategy.hpp"
#include "nacre/tables/tabular_benchmark.hpp"

namespace nacre {
namespace {

std::vector<std::string> names_of(const std::vector<Parameter>& parameters) {
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters) names.push_back(parameter.name);
  return names;
}

std::vector<std::string> joined(std::vector<std::string> first, const std::vector<std::string>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

const ConfigNode& list_of(const ConfigNode& root, const char* key, const char* what) {
  const ConfigNode* node = root.find(key);
  if (node == nullptr || node->kind != ConfigNode::Kind::sequence || node->items.empty())
    throw UserError(node == nullptr ? root.position : node->position,
                    std::string(key) + ": expected a list of " + what);
  return *node;
}

// A name becomes a folder and a key of JSON.
std::string checked_name(const std::string& name, const SourcePosition& position) {
  const bool plain = !name.empty() && name.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_-.") == std::string::npos;
  if (!plain || name.starts_with('.'))
    throw UserError(position,
                    "name '" + name + "': expected letters, digits, '_', '-' and '.', not beginning with '.'");
  return name;
}

template <class Items>
void check_distinct(const Items& items, const char* what) {
  std::set<std::string> seen;
  for (const auto& item : items) {
    if (!seen.insert(item.name).second)
      throw UserError(item.position,
                      std::string("two ") + what + " are called '" + item.name + "'; give one of them another `name`");
  }
}

std::vector<double> ascending(const Options& options, const char* key) {
  std::vector<double> values = options.reals(key);
  if (!std::ranges::is_sorted(values) || std::ranges::adjacent_find(values) != values.end())
    throw UserError(options.position(key), std::string(key) + ": expected ascending numbers");
  return values;
}

constexpr int64_t kSeeds = 10;

std::vector<uint64_t> read_seeds(const ConfigNode& node) {
  std::vector<uint64_t> seeds;
  const auto add = [&](const ConfigNode& item) {
    const int64_t seed = item.as_integer("seeds");
    if (seed < 0) throw UserError(item.position, "seeds: expected numbers >= 0");
    seeds.push_back(static_cast<uint64_t>(seed));
  };
  if (node.kind == ConfigNode::Kind::sequence) {
    for (const ConfigNode& item : node.items) add(item);
  } else {
    const int64_t count = node.is_null() ? kSeeds : node.as_integer("seeds");
    if (count < 1 || count > 1000000)
      throw UserError(node.position, "seeds: expected 1 to 1000000, or a list of seeds");
    for (int64_t seed = 0; seed < count; ++seed) seeds.push_back(static_cast<uint64_t>(seed));
  }
  if (seeds.empty() || std::set<uint64_t>(seeds.begin(), seeds.end()).size() != seeds.size())
    throw UserError(node.position, "seeds: expected a number of seeds or a list of different ones");
  return seeds;
}

SuiteBenchmark read_benchmark(const ConfigNode& node) {
  if (!node.is_map() || node.find("kind") == nullptr)
    throw UserError(node.position, "benchmark: expected a map with kind (nacre list benchmarks) and objectives");
  const ConfigNode& kind = node.at("kind");
  const auto& entry = benchmark_registry().get(kind.as_text("kind"), kind.position);
  SuiteBenchmark benchmark;
  benchmark.kind = entry.name;
  benchmark.position = node.position;
  benchmark.options = resolve_options(node, entry.parameters, "benchmark " + entry.name,
                                      joined({"kind"}, names_of(suite_benchmark_parameters())));
  benchmark.settings = resolve_options(node, suite_benchmark_parameters(), "benchmark " + entry.name,
                                       joined({"kind"}, names_of(entry.parameters)));
  std::string name = entry.name;
  const bool has_dataset = std::ranges::find(entry.parameters, "dataset", &Parameter::name) != entry.parameters.end();
  if (has_dataset && benchmark.options.has("dataset")) name += "_" + benchmark.options.text("dataset");
  if (benchmark.settings.has("name")) name = benchmark.settings.text("name");
  benchmark.name = checked_name(name, node.position);
  if (benchmark.settings.texts("objectives").empty())
    throw UserError(benchmark.settings.position("objectives"), "objectives: expected at least one metric");
  const size_t judged = benchmark.settings.texts("judge").size();
  if (judged != 0 && judged != benchmark.settings.texts("objectives").size())
    throw UserError(benchmark.settings.position("judge"), "judge: expected one metric for each objective");
  return benchmark;
}

SuiteStrategy read_strategy(const ConfigNode& node) {
  static const std::vector<std::string> kOwn = {"strategy", "name"};
  ConfigNode map = node;
  if (node.kind == ConfigNode::Kind::scalar) {
    map = ConfigNode{};
    map.kind = ConfigNode::Kind::map;
    map.position = node.position;
    map.entries.emplace_back("strategy", node);
  }
  if (!map.is_map() || map.find("strategy") == nullptr)
    throw UserError(node.position, "strategies: expected a strategy's name or a map with `strategy`");
  const ConfigNode& word = map.at("strategy");
  const auto& entry = strategy_registry().get(word.as_text("strategy"), word.position);
  SuiteStrategy strategy;
  strategy.strategy = entry.name;
  strategy.position = node.position;
  strategy.options = resolve_options(map, entry.parameters, "strategy " + entry.name,
                                     joined(kOwn, names_of(formulation_parameters())));
  strategy.formulation = resolve_options(map, formulation_parameters(), "strategy " + entry.name,
                                         joined(kOwn, names_of(entry.parameters)));
  const ConfigNode* name = map.find("name");
  strategy.name = checked_name(name == nullptr ? entry.name : name->as_text("name"), node.position);
  return strategy;
}

SuitePredictor read_predictor(const ConfigNode& node) {
  ConfigNode map = node;
  if (node.kind == ConfigNode::Kind::scalar) {
    map = ConfigNode{};
    map.kind = ConfigNode::Kind::map;
    map.position = node.position;
    map.entries.emplace_back("predictor", node);
  }
  if (!map.is_map() || map.find("predictor") == nullptr)
    throw UserError(node.position, "predictors: expected a predictor's name or a map with `predictor`");
  const ConfigNode& word = map.at("predictor");
  const auto& entry = predictor_registry().get(word.as_text("predictor"), word.position);
  SuitePredictor predictor;
  predictor.predictor = entry.name;
  predictor.position = node.position;
  predictor.options = resolve_options(map, entry.parameters, "predictor " + entry.name, {"predictor", "name"});
  const ConfigNode* name = map.find("name");
  predictor.name = checked_name(name == nullptr ? entry.name : name->as_text("name"), node.position);
  return predictor;
}

void read_strategies(const ConfigNode& root, const Options& options, Suite& suite) {
  for (const char* key : {"predictors", "train_sizes", "test_size"}) {
    if (options.given(key))
      throw UserError(options.position(key), std::string(key) + " belongs to a suite of kind predictors");
  }
  for (const ConfigNode& node : list_of(root, "strategies", "strategies").items)
    suite.strategies.push_back(read_strategy(node));
  const bool has_random =
      std::ranges::find(suite.strategies, "random", &SuiteStrategy::strategy) != suite.strategies.end();
  if (!has_random) {
    ConfigNode random;
    random.kind = ConfigNode::Kind::scalar;
    random.scalar = "random";
    random.position = options.position("strategies");
    suite.strategies.push_back(read_strategy(random));
  }
  check_distinct(suite.strategies, "strategies");
  suite.budgets = ascending(options, "budgets");
  if (suite.budgets.empty())
    throw UserError(options.position("budgets"), "budgets: expected at least one number of queries");
  suite.time_budgets_s = ascending(options, "time_budgets_s");
  suite.goals = options.reals("goals");
  suite.lookahead = options.integer("lookahead");
  suite.workers = options.integer("workers");
  if (suite.workers > 0 && options.given("lookahead"))
    throw UserError(
        options.position("lookahead"),
        "lookahead: with simulated workers a proposal sees what has finished by then; leave one of both out");
}

void read_predictors(const ConfigNode& root, const Options& options, Suite& suite) {
  for (const char* key : {"strategies", "budgets", "time_budgets_s", "goals", "lookahead", "workers"}) {
    if (options.given(key))
      throw UserError(options.position(key), std::string(key) + " belongs to a suite of kind strategies");
  }
  for (const ConfigNode& node : list_of(root, "predictors", "predictors").items)
    suite.predictors.push_back(read_predictor(node));
  check_distinct(suite.predictors, "predictors");
  suite.train_sizes = options.integers("train_sizes");
  if (suite.train_sizes.empty())
    throw UserError(options.position("train_sizes"), "train_sizes: expected at least one number of networks");
  suite.test_size = options.integer("test_size");
}

}  // namespace

const std::vector<Parameter>& suite_parameters() {
  static const std::vector<Parameter> kParameters = {
      {.name = "title", .type = ParameterType::text, .description = "what is compared, one line", .required = true},
      {.name = "about", .type = ParameterType::text, .description = "a paragraph for readers", .default_value = ""},
      {.name = "kind",
       .type = ParameterType::text,
       .description = "what is compared",
       .default_value = "strategies",
       .choices = {"strategies", "predictors"}},
      {.name = "benchmarks", .type = ParameterType::any, .description = "a list of tables", .required = true},
      {.name = "strategies", .type = ParameterType::any, .description = "a list; random search is added"},
      {.name = "budgets",
       .type = ParameterType::real_list,
       .description = "numbers of queries after which results are stated; a shorter training counts for its share",
       .default_value = Json::array(),
       .minimum = 0.001,
       .maximum = 1e7},
      {.name = "time_budgets_s",
       .type = ParameterType::real_list,
       .description = "simulated seconds after which results are stated, by the table's training times",
       .default_value = Json::array(),
       .minimum = 0,
       .unit = "s"},
      {.name = "goals",
       .type = ParameterType::real_list,
       .description = "regrets, in points of a share or the unit of the metric: the queries to reach them are stated",
       .default_value = Json::array(),
       .minimum = 0},
      {.name = "seeds",
       .type = ParameterType::any,
       .description = "how many repetitions, or a list of seeds",
       .default_value = kSeeds},
      {.name = "lookahead",
       .type = ParameterType::integer,
       .description = "ask n sees the results of asks 0 .. n - lookahead",
       .default_value = 1,
       .minimum = 1,
       .maximum = 4096},
      {.name = "workers",
       .type = ParameterType::integer,
       .description = "simulated workers that train side by side for the table's times, each proposal seeing what has "
                      "finished by then; 0: strict order",
       .default_value = 0,
       .minimum = 0,
       .maximum = 4096},
      {.name = "predictors", .type = ParameterType::any, .description = "a list, of kind predictors"},
      {.name = "train_sizes",
       .type = ParameterType::integer_list,
       .description = "numbers of networks that a predictor learns from",
       .default_value = Json::array(),
       .minimum = 2,
       .maximum = 1e7},
      {.name = "test_size",
       .type = ParameterType::integer,
       .description = "networks that a predictor is judged on; 0: all others",
       .default_value = 0,
       .minimum = 0,
       .maximum = 1e7}};
  return kParameters;
}

const std::vector<Parameter>& suite_benchmark_parameters() {
  static const std::vector<Parameter> kParameters = {
      {.name = "name", .type = ParameterType::text, .description = "in results; else the table and its data set"},
      {.name = "objectives",
       .type = ParameterType::text_list,
       .description = "metrics that strategies see, the main one first",
       .required = true},
      {.name = "judge",
       .type = ParameterType::text_list,
       .description = "metrics that they are judged by, one for each objective; empty: the same",
       .default_value = Json::array()},
      {.name = "epochs",
       .type = ParameterType::real,
       .description = "of the training that counts as one query; 0: the longest of the table",
       .default_value = 0.0,
       .minimum = 0},
      {.name = "limits",
       .type = ParameterType::any,
       .description = "metric: bound, or {at_least: bound}",
       .default_value = Json::object()},
      {.name = "keep",
       .type = ParameterType::any,
       .description = "only rows with these values, metric: number; the others are as if the table did not hold them",
       .default_value = Json::object()},
      {.name = "reference",
       .type = ParameterType::any,
       .description = "of the hypervolume, judged metric: number or {percentile: p} of the table's values",
       .default_value = Json::object()},
      {.name = "identity",
       .type = ParameterType::text,
       .description =
           "table: a network is its row; structure: rows of equal structure are one network, whose first result "
           "answers again at no cost",
       .default_value = "table",
       .choices = {"table", "structure"}},
      {.name = "propose",
       .type = ParameterType::text,
       .description = "any: every network of the space, also what the table does not hold; held: only rows, a wish is "
                      "moved to the "
                      "nearest row not asked for: for tables that are a small sample of a space",
       .default_value = "any",
       .choices = {"any", "held"}}};
  return kParameters;
}

Suite read_suite(const ConfigNode& root, const std::string& name, const std::filesystem::path& base_folder) {
  if (!root.is_map()) throw UserError(root.position, "expected a map with title, benchmarks, strategies and budgets");
  const Options options = resolve_options(root, suite_parameters(), "suite");
  Suite suite;
  suite.name = name;
  suite.base_folder = base_folder;
  suite.title = options.text("title");
  suite.about = options.text("about");
  suite.kind = options.text("kind") == "predictors" ? Suite::Kind::predictors : Suite::Kind::strategies;
  for (const ConfigNode& node : list_of(root, "benchmarks", "tables").items)
    suite.benchmarks.push_back(read_benchmark(node));
  check_distinct(suite.benchmarks, "benchmarks");
  suite.seeds = read_seeds(options.node("seeds"));
  if (suite.kind == Suite::Kind::strategies) {
    read_strategies(root, options, suite);
  } else {
    read_predictors(root, options, suite);
  }
  return suite;
}

}  // namespace nacre
