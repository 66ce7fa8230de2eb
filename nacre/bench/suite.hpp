// A comparison of strategies on tabular benchmarks, declared so that anybody can run it again: benchmarks/suites/NAME.yaml.
//
//   title: ...
//   benchmarks:
//     - kind: nasbench201               a table (nacre list benchmarks) and its keys
//       dataset: cifar10
//       name: cifar10                   in results; left out: kind and data set
//       objectives: [valid_accuracy]    what strategies see, the main one first
//       judge: [test_accuracy]          what they are judged by, one for each objective; left out: the same
//       limits: {...}                   what must hold, as in a configuration
//       reference: {...}                one bound per judged metric: hypervolume ratios are reported, too
//   strategies:
//     - local_search                    by name, or a map with the keys of the strategy and of the formulation
//     - {strategy: nsga2, name: nsga2_10, population_size: 10, objectives: [valid_accuracy, latency_s]}
//   budgets: [50, 100, 200, 300]        queries after which results are stated
//   seeds: 200                          or a list
//
// Random search is always among the strategies. `kind: predictors` compares predictors instead: the same benchmarks, with
// `predictors` and `train_sizes` in the place of strategies and budgets.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nacre/base/config.hpp"
#include "nacre/base/options.hpp"

namespace nacre {

struct SuiteBenchmark {
  std::string name;
  std::string kind;
  SourcePosition position;
  Options options;   // of the table
  Options settings;  // objectives, judge, limits, reference, epochs, identity
};

struct SuiteStrategy {
  std::string name;
  std::string strategy;
  SourcePosition position;
  Options options;      // of the strategy
  Options formulation;  // run/formulation.hpp; objectives left out: the benchmark's
};

struct SuitePredictor {
  std::string name;
  std::string predictor;
  SourcePosition position;
  Options options;
};

struct Suite {
  enum class Kind { strategies, predictors };

  std::string name;  // of its file
  std::string title;
  std::string about;
  Kind kind = Kind::strategies;
  std::filesystem::path base_folder;  // relative files of tables and strategies start here
  std::vector<SuiteBenchmark> benchmarks;
  std::vector<SuiteStrategy> strategies;
  std::vector<SuitePredictor> predictors;
  std::vector<double> budgets;         // queries, ascending
  std::vector<double> time_budgets_s;  // simulated training time, ascending
  std::vector<double> goals;           // regrets in points
  std::vector<int64_t> train_sizes;    // of predictors
  int64_t test_size = 0;               // of predictors; 0: all other rows
  std::vector<uint64_t> seeds;
  int64_t lookahead = 1;
  int64_t workers = 0;  // simulated ones; 0: strict order, one after the other
};

// The keys of a suite, of its benchmarks and of its strategies, for checking and for the reference.
const std::vector<Parameter>& suite_parameters();
const std::vector<Parameter>& suite_benchmark_parameters();

// UserError with the position for whatever is missing, unknown or contradictory. Tables are not read here.
Suite read_suite(const ConfigNode& root, const std::string& name, const std::filesystem::path& base_folder);

}  // namespace nacre
