// What a network is worth before it is trained: one interface for everything that learns from evaluated networks.
//
// A predictor sees networks as examples: features of fixed length (an encoding of decisions, statistics, proxies), and for
// those that read graphs the graph itself. It answers with a mean and how sure it is. How good the answers are is judged
// alike for all (judgement.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "nacre/base/json.hpp"
#include "nacre/base/options.hpp"
#include "nacre/base/random.hpp"
#include "nacre/base/registry.hpp"
#include "nacre/ir/graph.hpp"

namespace nacre {

// Row-major [rows, columns].
struct FeatureMatrix {
  size_t columns = 0;
  std::vector<float> values;

  size_t rows() const { return columns == 0 ? 0 : values.size() / columns; }
  std::span<const float> row(size_t index) const { return {values.data() + index * columns, columns}; }
  // All rows have one length (InternalError otherwise).
  void add(std::span<const float> row) {
    NACRE_CHECK(columns == 0 || row.size() == columns, "rows of one length");
    columns = row.size();
    values.insert(values.end(), row.begin(), row.end());
  }
  FeatureMatrix pick(std::span<const size_t> rows) const;
};

struct Examples {
  FeatureMatrix features;
  std::vector<std::shared_ptr<const Graph>> graphs = {};  // empty, or one per row, for predictors that read graphs

  size_t size() const { return graphs.empty() ? features.rows() : graphs.size(); }
  Examples pick(std::span<const size_t> rows) const;
};

struct Prediction {
  double mean = 0;
  double deviation = 0;  // standard deviation of the network's value; 0: the predictor does not know
  double noise = 0;      // standard deviation of one measurement around that value; 0: not known, or none

  // Of a new measurement: both together.
  double total_deviation() const;
};

class Predictor {
 public:
  virtual ~Predictor() = default;
  // Learns from scratch. `values` has one finite number per example (InternalError otherwise), at least one. Deterministic
  // in (examples, values, stream).
  virtual void fit(const Examples& examples, std::span<const double> values, Random& random) = 0;
  // After fit, with as many features as there; InternalError otherwise. May be called from several threads.
  virtual std::vector<Prediction> predict(const Examples& examples) const = 0;
  // Its means only order networks and have another unit than the values (a ranking objective).
  virtual bool only_ranks() const { return false; }
  virtual bool reads_graphs() const { return false; }
  // What it has to say about itself after fitting: rounds, hyper-parameters chosen, training error.
  virtual Json statistics() const { return Json::object(); }
};

using PredictorFactory = std::function<std::unique_ptr<Predictor>(const Options& options)>;
const Registry<PredictorFactory>& predictor_registry();

// By name, with the given options (an object) and defaults for the others. UserError for unknown names and keys.
std::unique_ptr<Predictor> make_predictor(std::string_view name, const Json& options = Json::object());

}  // namespace nacre
