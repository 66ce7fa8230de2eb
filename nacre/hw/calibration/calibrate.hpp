// A description's constants fitted to measured cycles: those that no data sheet states.
//
// Minimized is the sum over rows of sqrt(1 + (r / c)^2) - 1 with r = log(predicted / measured) and c = 0.05: squares near zero, absolute
// values far out, so that a few rows that the model cannot explain do not bend the rest. Levenberg and Marquardt in the logarithms
// of the constants, each step reweighted (Huber, Robust Statistics, 1981, section 7.8). How good the fit is on layers it has not
// seen is measured by folds that split by layer; the interval resamples layers, not rows (cluster bootstrap).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nacre/hw/calibration/measured_layers.hpp"

namespace nacre {

// Constants that can be free: of `commands` by key ("issue_cycles", "overlap"), and bandwidths as "LEVEL.read_bits_per_cycle",
// where the description states them. A chip with commands is predicted by its commands alone; there bandwidths are not free.
std::vector<std::string> calibratable_constants(const AcceleratorDescription& accelerator);

struct CalibrationOptions {
  std::vector<std::string> free = {};  // empty: all of `commands`; of a description without commands all bandwidths
  int64_t folds = 5;
  uint64_t seed = 0;
  int64_t resamples = 500;  // of the intervals
};

// Of some rows: of |predicted / measured - 1|, and of the order. Intervals hold 95 %.
struct PredictionError {
  struct Figure {
    double value = 0, low = 0, high = 0;
  };
  Figure mean, median, spearman;
};

struct CalibratedConstant {
  std::string name;
  double before = 0;
  double after = 0;
};

struct ConstantFit {
  AcceleratorDescription accelerator;  // with the constants fitted to all rows
  std::vector<CalibratedConstant> constants;
  std::vector<std::string> without_effect;  // taken from the default list, changes none of the rows
  int64_t rows = 0, layers = 0;
  PredictionError before;         // as described
  PredictionError kept_aside;     // each row by a fit that saw no row of its layer
  PredictionError fitted;         // by the fit to all rows
  std::vector<double> predicted;  // cycles, kept aside, a row
};

// Cycles of each row as the description stands.
std::vector<double> predicted_cycles(const std::vector<MeasuredLayer>& rows, const AcceleratorDescription& accelerator);

PredictionError prediction_error(const std::vector<MeasuredLayer>& rows, const std::vector<double>& predicted,
                                 const CalibrationOptions& options);

// UserError: constants that do not exist, fewer than three rows a constant, fewer layers than folds, constants without effect
// (when asked for by name) or that the rows cannot tell apart.
ConstantFit calibrate(const std::vector<MeasuredLayer>& rows, const AcceleratorDescription& accelerator,
                      const CalibrationOptions& options);

}  // namespace nacre
