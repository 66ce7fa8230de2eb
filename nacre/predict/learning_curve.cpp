#include "nacre/predict/learning_curve.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr int64_t kFewestCurves = 5;
// Deviations of v from the last value and of r from the rise seen so far, and the noise, in units of that rise.
constexpr double kEndDeviation = 0.5, kRiseDeviation = 1.5;
constexpr std::array kNoises = {0.01, 0.02, 0.04, 0.08, 0.16, 0.32};

struct Shape {
  const char* family;
  std::function<double(double share)> psi;  // of t / T, before scaling
};

std::vector<Shape> shapes(double horizon) {
  std::vector<Shape> result;
  for (const double p : {0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0})
    result.push_back({"power", [p](double x) { return std::pow(x, -p); }});
  for (const double p : {0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0})
    result.push_back({"exponential", [p](double x) { return std::exp(-p * x); }});
  for (const double p : {1.0, 2.0, 5.0})
    result.push_back({"logarithm", [p, horizon](double x) { return 1 / std::log(x * horizon + p + 0.1); }});
  for (const double p : {2.0, 4.0, 8.0, 16.0}) {
    for (const double q : {0.3, 0.5, 0.75, 1.5})
      result.push_back({"janoschek", [p, q](double x) { return std::exp(-p * std::pow(x, q)); }});
  }
  return result;
}

struct Fit {
  double log_evidence = 0, mean = 0, deviation = 0;
};

// y = v - r psi, Gaussian priors, noise known: the posterior of v and the evidence. With A = noise^-2 X'X + P^-1, X = (1, -psi).
Fit fit(std::span<const double> psi, std::span<const double> y, double last, double rise, double noise) {
  const double precision = 1 / (noise * noise);
  const double prior_v = 1 / std::pow(kEndDeviation * rise, 2), prior_r = 1 / std::pow(kRiseDeviation * rise, 2);
  double a = prior_v, b = 0, c = prior_r;  // A = [a b; b c]
  double f = prior_v * last, g = prior_r * rise, squares = prior_v * last * last + prior_r * rise * rise;
  for (size_t i = 0; i < y.size(); ++i) {
    a += precision;
    b -= precision * psi[i];
    c += precision * psi[i] * psi[i];
    f += precision * y[i];
    g -= precision * psi[i] * y[i];
    squares += precision * y[i] * y[i];
  }
  const double determinant = a * c - b * b;
  const double v = (c * f - b * g) / determinant, r = (a * g - b * f) / determinant;
  Fit result;
  result.mean = v;
  result.deviation = std::sqrt(c / determinant + noise * noise);
  const double n = static_cast<double>(y.size());
  result.log_evidence = 0.5 * (std::log(prior_v) + std::log(prior_r) - std::log(determinant) + n * std::log(precision) -
                               n * std::log(2 * std::numbers::pi) - (squares - v * f - r * g));
  return result;
}

}  // namespace

double CurveForecast::probability_above(double value) const {
  double probability = 0;
  for (const Part& part : parts)
    probability += part.weight * 0.5 * std::erfc((value - part.mean) / (part.deviation * std::numbers::sqrt2));
  return probability;
}

namespace {

void summarize(CurveForecast& forecast) {
  forecast.mean = 0;
  for (const auto& part : forecast.parts) forecast.mean += part.weight * part.mean;
  double variance = 0;
  for (const auto& part : forecast.parts)
    variance += part.weight * (part.deviation * part.deviation + std::pow(part.mean - forecast.mean, 2));
  forecast.deviation = std::sqrt(variance);
}

}  // namespace

CurveForecast forecast_curve(std::span<const CurveObservation> curve, double horizon) {
  NACRE_CHECK(curve.size() >= 3, "at least three observations");
  NACRE_CHECK(curve.front().time > 0 && horizon >= curve.back().time, "positive times up to the horizon");
  std::vector<double> y;
  double low = curve[0].value, high = low;
  for (size_t i = 0; i < curve.size(); ++i) {
    NACRE_CHECK(std::isfinite(curve[i].value) && (i == 0 || curve[i].time > curve[i - 1].time), "ascending times");
    y.push_back(curve[i].value);
    low = std::min(low, curve[i].value);
    high = std::max(high, curve[i].value);
  }
  const double last = y.back();
  const double unit = std::max(high - low, 1e-9 * std::max(1.0, std::abs(last)));
  const double rise = last >= y.front() ? unit : -unit;  // a loss falls
  CurveForecast forecast;
  std::vector<double> evidences;
  std::vector<const char*> families;
  std::vector<double> psi(y.size());
  for (const Shape& shape : shapes(horizon)) {
    const double end = shape.psi(1), begin = shape.psi(curve.front().time / horizon);
    for (size_t i = 0; i < y.size(); ++i)
      psi[i] = begin == end ? 0 : (shape.psi(curve[i].time / horizon) - end) / (begin - end);
    for (const double noise : kNoises) {
      const Fit found = fit(psi, y, last, rise, noise * unit);
      forecast.parts.push_back({0, found.mean, found.deviation});
      evidences.push_back(found.log_evidence);
      families.push_back(shape.family);
    }
  }
  // Families alike beforehand, however many shapes stand for one.
  double total = 0;
  const double largest = *std::ranges::max_element(evidences);
  for (size_t i = 0; i < evidences.size(); ++i) {
    const auto shapes_of_family = static_cast<double>(std::ranges::count(families, families[i]));
    forecast.parts[i].weight = std::exp(evidences[i] - largest) / shapes_of_family;
    total += forecast.parts[i].weight;
  }
  for (size_t i = 0; i < evidences.size(); ++i) {
    forecast.parts[i].weight /= total;
    if (forecast.families.empty() || forecast.families.back().first != families[i])
      forecast.families.push_back({families[i], 0});
    forecast.families.back().second += forecast.parts[i].weight;
  }
  std::erase_if(forecast.parts, [](const CurveForecast::Part& part) { return part.weight < 1e-9; });
  summarize(forecast);
  return forecast;
}

CurveCalibration::CurveCalibration(std::span<const std::vector<CurveObservation>> finished, double time,
                                   double horizon) {
  std::vector<double> missed, sizes;
  for (const std::vector<CurveObservation>& curve : finished) {
    const auto begun = std::ranges::upper_bound(curve, time, {}, &CurveObservation::time) - curve.begin();
    const auto end = std::ranges::find(curve, horizon, &CurveObservation::time);
    if (begun < 3 || end == curve.end()) continue;
    const CurveForecast forecast = forecast_curve(std::span(curve).first(static_cast<size_t>(begun)), horizon);
    missed.push_back(end->value - forecast.mean);
    sizes.push_back(forecast.deviation);
  }
  curves_ = static_cast<int64_t>(missed.size());
  if (curves_ < kFewestCurves) return;
  const auto median = [](std::vector<double> values) {
    const auto half = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, half);
    return *half;
  };
  shift_ = median(missed);
  std::vector<double> off;
  for (size_t i = 0; i < missed.size(); ++i) off.push_back(std::abs(missed[i] - shift_) / sizes[i]);
  std::ranges::sort(off);
  constexpr double kShare = 0.9, kNormal = 1.645;  // of absolute values below which deviation
  const double place = kShare * static_cast<double>(off.size() - 1);
  const auto low = static_cast<size_t>(place);
  const double above = low + 1 < off.size() ? off[low + 1] : off[low];
  stretch_ = (off[low] + (place - static_cast<double>(low)) * (above - off[low])) / kNormal;
}

CurveForecast CurveCalibration::corrected(CurveForecast forecast) const {
  if (curves_ < kFewestCurves) return forecast;
  const double center = forecast.mean;
  for (CurveForecast::Part& part : forecast.parts) {
    part.mean = center + shift_ + stretch_ * (part.mean - center);
    part.deviation *= stretch_;
  }
  summarize(forecast);
  return forecast;
}

}  // namespace nacre
