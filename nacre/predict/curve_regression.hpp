// Where a training curve will end, from curves of the same schedule that ran to their end: what is gained from here on is regressed
// on the level reached so far (the regression of learning curves of Baker, Gupta, Raskar and Naik, Accelerating neural
// architecture search using performance prediction, ICLR workshop 2018, with the level as its only feature).
//
// A schedule lifts all its curves alike, and more so those that lag behind; a line, fitted robustly (Huber's weights, Tukey's cut),
// says by how much. The distribution around it is that of the finished curves themselves: each is forecast from the others, and
// what that missed by, smoothed by a Gaussian, is one part of the mixture. Deterministic.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/base/json.hpp"
#include "nacre/predict/learning_curve.hpp"

namespace nacre {

class CurveRegression {
 public:
  static constexpr size_t kFewestCurves = 5;

  // `levels`: of finished curves, at one epoch; `ends`: their values at the end. At least kFewestCurves (InternalError).
  CurveRegression(std::span<const double> levels, std::span<const double> ends);

  CurveForecast forecast(double level) const;

  Json to_json() const;
  static CurveRegression from_json(const Json& json);

  // The level of a curve at its last observation: the mean of the last three values (of as many as there are).
  static double level(std::span<const CurveObservation> curve);

 private:
  CurveRegression() = default;

  double center_ = 0, scale_ = 1;    // of levels
  double gain_ = 0, slope_ = 0;      // at the center; per scale
  std::vector<double> missed_ = {};  // of each finished curve, forecast from the others
  double bandwidth_ = 0;
};

}  // namespace nacre
