// A tabular benchmark: the published results of every network (or many) of a real space, so that a search is judged in
// milliseconds and exactly.
//
// A benchmark is one data set of one publication: `nasbench201` with dataset cifar10. Rows are networks by the table's own
// key, columns are what was measured of them. A cell that the publication does not fill is unknown, never 0. The space
// behind it is a space of nacre: decisions build the network that the row speaks of.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/options.hpp"
#include "nacre/base/registry.hpp"
#include "nacre/design/candidate.hpp"
#include "nacre/design/metrics.hpp"
#include "nacre/space/space.hpp"

namespace nacre {

// What was measured: a metric, and at which fidelity.
struct TableColumn {
  MetricSpec metric;  // "valid_accuracy" (share, not percent), "test_accuracy", "latency_s", "energy_j", "params", ...
  double epochs = 0;  // of the training behind it; 0: no training (a cost), or the only fidelity there is
  bool quality = false;  // comes from a training; false: a cost
  bool note = false;     // neither: a mark of the row or a published score, not to be searched for
};

class TabularBenchmark {
 public:
  virtual ~TabularBenchmark() = default;

  virtual const std::string& name() const = 0;     // "nasbench201"
  virtual const std::string& dataset() const = 0;  // "cifar10"
  // Checksum of the files and version of the reading: part of the reuse key.
  virtual const std::string& identity() const = 0;
  // Real networks with the task's inputs and classes.
  virtual const Space& space() const = 0;

  virtual int64_t rows() const = 0;
  // The row of complete decisions; nothing when the table does not hold that network.
  virtual std::optional<int64_t> row_of(const Decisions& decisions) const = 0;
  virtual Decisions decisions_of(int64_t row) const = 0;
  virtual std::string key_of(int64_t row) const = 0;  // as the publication names it

  virtual const std::vector<TableColumn>& columns() const = 0;
  virtual std::optional<double> value(int64_t row, size_t column) const = 0;

  // Position of a column of that metric: of the given epochs, or (0) of the longest training. Nothing when there is none.
  std::optional<size_t> find_column(std::string_view metric, double epochs = 0) const;
  // Trainings that the table holds, shortest first; {0} when there is but one.
  std::vector<double> fidelities() const;
};

struct BenchmarkContext {
  std::filesystem::path data_folder;       // where the published tables lie; "": NACRE_DATA, else ../shared/data
  std::filesystem::path base_folder = {};  // relative files of options start here
};

using BenchmarkFactory =
    std::function<std::shared_ptr<const TabularBenchmark>(const Options& options, const BenchmarkContext& context)>;
// Every benchmark takes `dataset`; UserError names the folder and file that is missing and where it comes from.
const Registry<BenchmarkFactory>& benchmark_registry();

}  // namespace nacre
