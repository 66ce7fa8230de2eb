// Where a training curve will end, from its beginning: a Bayesian mixture of curve families (the families of Domhan, Springenberg
// and Hutter, IJCAI 2015, which samples them by Markov chains; here everything but their shape is integrated exactly).
//
// Every family is written with the value at the horizon T as a parameter:
//
//   y(t) = v - r psi(t) + noise,   psi(first point) = 1, psi(T) = 0, falling between
//     power        psi ~ t^-p                  (pow3)
//     exponential  psi ~ exp(-p t / T)         (exp3)
//     logarithm    psi ~ 1 / log(t + p)        (ilog2)
//     janoschek    psi ~ exp(-p (t / T)^q)
//
// For a shape (p, q) and a noise the posterior of v and r is Gaussian in closed form, and so is the evidence; shapes, noises and
// families are weighed by it on a grid. Deterministic.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nacre {

struct CurveObservation {
  double time = 0;   // epochs, positive
  double value = 0;  // larger or smaller may be better
};

struct CurveForecast {
  double mean = 0;       // of the value at the horizon
  double deviation = 0;  // of it, the noise of one more observation included

  // That the value at the horizon is above `value`: of the mixture, not of a Gaussian of this mean and deviation.
  double probability_above(double value) const;

  struct Part {
    double weight, mean, deviation;
  };
  std::vector<Part> parts;
  std::vector<std::pair<std::string, double>> families;  // posterior weights
};

// At least three observations in ascending time (InternalError otherwise); `horizon` beyond or at the last one.
CurveForecast forecast_curve(std::span<const CurveObservation> curve, double horizon);

// Learned from curves that ran to their end: how far forecasts made at `time` were off, and by how many of their deviations. A
// schedule that ends in small steps lifts all curves alike, which no family of curves foresees.
class CurveCalibration {
 public:
  // `finished`: whole curves; those without three observations up to `time` or without one at the horizon are left out.
  CurveCalibration(std::span<const std::vector<CurveObservation>> finished, double time, double horizon);

  // What another object learned.
  CurveCalibration(int64_t curves, double shift, double stretch) : curves_(curves), shift_(shift), stretch_(stretch) {}

  int64_t curves() const { return curves_; }
  double shift() const { return shift_; }
  double stretch() const { return stretch_; }
  // The forecast shifted by the median of what was missed, its deviations widened or narrowed so that nine of ten of the curves
  // lie where nine of ten normal ones would (a network that learned nothing is off by thousands of its tiny deviations). Less
  // than five curves change nothing.
  CurveForecast corrected(CurveForecast forecast) const;

 private:
  int64_t curves_ = 0;
  double shift_ = 0, stretch_ = 1;
};

}  // namespace nacre
