#include "nacre/predict/stopping_epoch.hpp"

#include <fmt/format.h>

#include "nacre/base/error.hpp"
#include "nacre/base/rank_correlation.hpp"

namespace nacre {

double rank_correlation_with_end(std::span<const TrainingCurve> curves, size_t epoch) {
  NACRE_CHECK(curves.size() >= 2 && epoch >= 1 && epoch <= curves[0].size());
  std::vector<double> then, last;
  for (const TrainingCurve& curve : curves) {
    then.push_back(curve.at(epoch - 1));
    last.push_back(curve.back());
  }
  return spearman(then, last);
}

StoppingEpoch stopping_epoch(std::span<const TrainingCurve> curves, double threshold) {
  if (curves.size() < 2) throw UserError(fmt::format("expected at least two training curves, found {}", curves.size()));
  const size_t epochs = curves[0].size();
  for (const TrainingCurve& curve : curves) {
    if (curve.size() != epochs || epochs == 0)
      throw UserError(
          fmt::format("training curves of {} and {} epochs cannot be ranked together", epochs, curve.size()));
  }
  for (size_t epoch = 1; epoch < epochs; ++epoch) {
    const double correlation = rank_correlation_with_end(curves, epoch);
    if (correlation >= threshold) return {epoch, correlation};
  }
  return {epochs, 1};
}

}  // namespace nacre
