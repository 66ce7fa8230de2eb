#include "nacre/predict/curve_regression.hpp"

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

// Levels further out than so many deviations are taken to be there: a line learned in the crowd says nothing of outsiders.
constexpr double kFurthest = 3;
constexpr double kHuber = 1.345, kTukey = 4.685;  // 95 % efficiency on normal residuals each
constexpr double kMadToDeviation = 1.4826;
constexpr int kReweightings = 20;
constexpr double kSlopePenalty = 1;  // one curve's worth of no slope
constexpr double kBandwidth = 0.9;   // of Silverman's rule

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

double robust_deviation(const std::vector<double>& values, double center) {
  std::vector<double> distances;
  for (const double value : values) distances.push_back(std::abs(value - center));
  return kMadToDeviation * median(std::move(distances));
}

struct Line {
  double gain = 0, slope = 0;
  double at(double x) const { return gain + slope * x; }
};

// Reweighted least squares with a small penalty on the slope; `without` is left out.
Line fit(const std::vector<double>& x, const std::vector<double>& y, size_t without) {
  std::vector<double> kept;
  for (size_t i = 0; i < y.size(); ++i)
    if (i != without) kept.push_back(y[i]);
  Line line{median(kept), 0};
  for (int round = 0; round < kReweightings; ++round) {
    std::vector<double> residuals;
    for (size_t i = 0; i < y.size(); ++i)
      if (i != without) residuals.push_back(y[i] - line.at(x[i]));
    const double deviation = robust_deviation(residuals, 0);
    if (deviation <= 0) return line;
    double w = 0, wx = 0, wxx = kSlopePenalty, wy = 0, wxy = 0;
    for (size_t i = 0; i < y.size(); ++i) {
      if (i == without) continue;
      const double off = std::abs(y[i] - line.at(x[i])) / deviation;
      const double weight = off > kTukey ? 0 : off > kHuber ? kHuber / off : 1;
      w += weight;
      wx += weight * x[i];
      wxx += weight * x[i] * x[i];
      wy += weight * y[i];
      wxy += weight * x[i] * y[i];
    }
    const double determinant = w * wxx - wx * wx;
    line = {(wy * wxx - wx * wxy) / determinant, (w * wxy - wx * wy) / determinant};
  }
  return line;
}

double placed(double level, double center, double scale) {
  return std::clamp((level - center) / scale, -kFurthest, kFurthest);
}

}  // namespace

CurveRegression::CurveRegression(std::span<const double> levels, std::span<const double> ends) {
  NACRE_CHECK(levels.size() == ends.size() && levels.size() >= kFewestCurves, "enough finished curves");
  const std::vector<double> known(levels.begin(), levels.end());
  center_ = median(known);
  const double least = 1e-9 * std::max(1.0, std::abs(center_));
  scale_ = std::max(robust_deviation(known, center_), least);
  std::vector<double> x, gains;
  for (size_t i = 0; i < levels.size(); ++i) {
    x.push_back(placed(levels[i], center_, scale_));
    gains.push_back(ends[i] - levels[i]);
  }
  const Line line = fit(x, gains, gains.size());
  gain_ = line.gain;
  slope_ = line.slope;
  for (size_t i = 0; i < gains.size(); ++i) missed_.push_back(gains[i] - fit(x, gains, i).at(x[i]));
  bandwidth_ =
      std::max(kBandwidth * robust_deviation(missed_, 0) * std::pow(static_cast<double>(missed_.size()), -0.2), least);
}

CurveForecast CurveRegression::forecast(double level) const {
  CurveForecast forecast;
  const double expected = level + gain_ + slope_ * placed(level, center_, scale_);
  const double weight = 1 / static_cast<double>(missed_.size());
  double squares = 0;
  for (const double missed : missed_) {
    forecast.parts.push_back({weight, expected + missed, bandwidth_});
    forecast.mean += weight * (expected + missed);
  }
  for (const CurveForecast::Part& part : forecast.parts) squares += weight * std::pow(part.mean - forecast.mean, 2);
  forecast.deviation = std::sqrt(squares + bandwidth_ * bandwidth_);
  forecast.families = {{"regression", 1}};
  return forecast;
}

Json CurveRegression::to_json() const {
  return {{"center", center_}, {"scale", scale_},   {"gain", gain_},
          {"slope", slope_},   {"missed", missed_}, {"bandwidth", bandwidth_}};
}

CurveRegression CurveRegression::from_json(const Json& json) {
  CurveRegression regression;
  regression.center_ = json.at("center").get<double>();
  regression.scale_ = json.at("scale").get<double>();
  regression.gain_ = json.at("gain").get<double>();
  regression.slope_ = json.at("slope").get<double>();
  regression.missed_ = json.at("missed").get<std::vector<double>>();
  regression.bandwidth_ = json.at("bandwidth").get<double>();
  return regression;
}

double CurveRegression::level(std::span<const CurveObservation> curve) {
  NACRE_CHECK(!curve.empty());
  const std::span<const CurveObservation> last = curve.last(std::min<size_t>(3, curve.size()));
  double sum = 0;
  for (const CurveObservation& point : last) sum += point.value;
  return sum / static_cast<double>(last.size());
}

}  // namespace nacre
