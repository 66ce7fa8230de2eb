// What a network is worth before it is trained: one interface for everything that learns from evaluated networks.
//
// A predictor sees networks as examples: features of fixed length (an encoding of decisions, statistics, proxies), and for
// those that read graphs the graph itself. It answers with a mean and how sure it is.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
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
  void add(std::span<const float> row) {
    columns = row.size();
    values.insert(values.end(), row.begin(), row.end());
  }
};

struct Examples {
  FeatureMatrix features;
  std::vector<std::shared_ptr<const Graph>> graphs;  // empty, or one per row, for predictors that read graphs

  size_t size() const { return graphs.empty() ? features.rows() : graphs.size(); }
};

struct Prediction {
  double mean = 0;
  double deviation = 0;  // standard deviation of the prediction; 0: the predictor does not know
};

class Predictor {
 public:
  virtual ~Predictor() = default;
  // Learns from scratch. `values` has one finite number per example. Deterministic in (examples, values, stream).
  virtual void fit(const Examples& examples, std::span<const double> values, Random& random) = 0;
  // After fit; InternalError before.
  virtual std::vector<Prediction> predict(const Examples& examples) const = 0;
  virtual bool reads_graphs() const { return false; }
  // What it has to say about itself after fitting: rounds, hyper-parameters chosen, training error.
  virtual Json statistics() const { return Json::object(); }
};

using PredictorFactory = std::function<std::unique_ptr<Predictor>(const Options& options)>;
const Registry<PredictorFactory>& predictor_registry();

}  // namespace nacre
