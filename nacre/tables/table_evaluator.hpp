// Evaluator that trains nothing: it reads what a benchmark's table says of the design's decisions.
//
// The table's own key is the identity of a design: cells of one function are separate rows, as in the publication, and none is
// answered by another's result.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "nacre/design/evaluator.hpp"
#include "nacre/tables/tabular_benchmark.hpp"

namespace nacre {

class TableEvaluator final : public Evaluator {
 public:
  // `epochs`: of the training that answers a request which says nothing about it; 0: the longest. UserError when the table has
  // no column for one of the task's metrics or no training of that length.
  TableEvaluator(std::shared_ptr<const TabularBenchmark> benchmark, std::vector<MetricSpec> metrics, double epochs);

  const std::string& name() const override { return name_; }
  std::string identity() const override;
  std::string identity_of(const Design& design) const override;
  // A network that the table does not hold, or not at the asked fidelity, is a failed trial. The curve has a point for each
  // shorter training in the table.
  void evaluate(const Design& design, Trial& trial, const EvaluationContext& context) override;

 private:
  Metrics metrics_at(int64_t row, double epochs) const;

  std::string name_ = "table";
  std::shared_ptr<const TabularBenchmark> benchmark_;
  std::vector<MetricSpec> metrics_;
  double epochs_;
  std::atomic<bool> checked_ = false;  // that the networks are the benchmark's
};

// Why the graph of `design` is not the network that the table speaks of, "" when it is: the space was given other options, or
// the task other images or classes.
std::string difference_from_benchmark(const TabularBenchmark& benchmark, const Design& design);

}  // namespace nacre
