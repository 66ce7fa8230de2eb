#include "nacre/predict/predictor.hpp"

#include <cmath>

namespace nacre {

FeatureMatrix FeatureMatrix::pick(std::span<const size_t> rows) const {
  FeatureMatrix result;
  result.columns = columns;
  result.values.reserve(rows.size() * columns);
  for (const size_t index : rows) {
    const std::span<const float> values_of_row = row(index);
    result.values.insert(result.values.end(), values_of_row.begin(), values_of_row.end());
  }
  return result;
}

Examples Examples::pick(std::span<const size_t> rows) const {
  Examples result;
  result.features = features.pick(rows);
  if (!graphs.empty()) {
    for (const size_t index : rows) result.graphs.push_back(graphs[index]);
  }
  return result;
}

double Prediction::total_deviation() const { return std::hypot(deviation, noise); }

std::unique_ptr<Predictor> make_predictor(std::string_view name, const Json& options) {
  const auto& entry = predictor_registry().get(name);
  return entry.make(options_from_json(options, entry.parameters, "predictor " + entry.name));
}

}  // namespace nacre
