#include "nacre/predict/device_transfer.hpp"

#include <fmt/format.h>

#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

// How much less the mean of all devices is shrunk than what sets a device apart from it: with hardly any measurements the new
// device is like the mean one.
constexpr double kMeanDevice = 3;

}  // namespace

DeviceTransfer::DeviceTransfer(KnownDevices known, const DeviceTransferSettings& settings)
    : known_(std::move(known)), settings_(settings), predictor_(make_predictor(settings.predictor, settings.options)) {
  NACRE_CHECK(known_.costs.size() == known_.names.size());
  if (make_predictor(settings.source_predictor, settings.source_options)->only_ranks() || predictor_->only_ranks())
    throw UserError("transfer between devices needs predictors that give values, not only ranks");
  if (predictor_->reads_graphs())
    throw UserError(fmt::format(
        "transfer between devices: predictor '{}' reads graphs; expected one that reads features", settings.predictor));
  if (known_.names.empty()) throw UserError("transfer between devices needs at least one known device");
  for (size_t d = 0; d < devices(); ++d) {
    NACRE_CHECK(known_.costs[d].size() == known_.networks.rows());
    double sum = 0, squares = 0, count = 0;
    for (double& cost : known_.costs[d]) {
      if (std::isnan(cost)) continue;
      if (!(cost > 0) || !std::isfinite(cost))
        throw UserError(fmt::format("known device {}: cost {} is not positive", known_.names[d], cost));
      cost = std::log(cost);
      ++count;
      sum += cost;
      squares += cost * cost;
    }
    if (count < 2) throw UserError(fmt::format("known device {} has fewer than two known costs", known_.names[d]));
    means_.push_back(sum / count);
    const double deviation = std::sqrt(std::max(0.0, squares / count - means_[d] * means_[d]));
    scales_.push_back(deviation > 1e-9 ? deviation : 1);
    for (double& cost : known_.costs[d]) cost = (cost - means_[d]) / scales_[d];
  }
  sources_.resize(devices());
  // Columns that say the same (one processor at three batch sizes) count as one together.
  for (size_t a = 0; a < devices(); ++a) {
    double likeness = 0;
    for (size_t b = 0; b < devices(); ++b) {
      double product = 0, squares_a = 0, squares_b = 0;
      for (size_t i = 0; i < known_.networks.rows(); ++i) {
        const double x = known_.costs[a][i], y = known_.costs[b][i];
        if (std::isnan(x) || std::isnan(y)) continue;
        product += x * y;
        squares_a += x * x;
        squares_b += y * y;
      }
      if (squares_a * squares_b > 0) likeness += product * product / (squares_a * squares_b);
    }
    weights_.push_back(1 / std::sqrt(std::max(1.0, likeness)));
  }
}

const Predictor& DeviceTransfer::source(size_t device) const {
  std::unique_ptr<Predictor>& learned = sources_[device];
  if (!learned) {
    std::vector<size_t> rows;
    std::vector<double> values;
    for (size_t i = 0; i < known_.costs[device].size(); ++i) {
      if (std::isnan(known_.costs[device][i])) continue;
      rows.push_back(i);
      values.push_back(known_.costs[device][i]);
    }
    learned = make_predictor(settings_.source_predictor, settings_.source_options);
    Random random = Random::stream(0, "known device", device);
    learned->fit({known_.networks.pick(rows)}, values, random);
  }
  return *learned;
}

// The mean device, then each with its weight.
void DeviceTransfer::append(std::vector<double> costs, FeatureMatrix& descriptions) const {
  std::vector<float> row(devices() + 1);
  double mean = 0, weight = 0;
  for (size_t d = 0; d < devices(); ++d) {
    mean += weights_[d] * weights_[d] * costs[d];
    weight += weights_[d] * weights_[d];
    row[d + 1] = static_cast<float>(weights_[d] * costs[d]);
  }
  row[0] = static_cast<float>(kMeanDevice * mean / weight);
  descriptions.add(row);
}

FeatureMatrix DeviceTransfer::describe(const FeatureMatrix& networks) const {
  std::vector<std::vector<Prediction>> answers;
  for (size_t d = 0; d < devices(); ++d) answers.push_back(source(d).predict({networks}));
  FeatureMatrix result;
  std::vector<double> costs(devices());
  for (size_t i = 0; i < networks.rows(); ++i) {
    for (size_t d = 0; d < devices(); ++d) costs[d] = answers[d][i].mean;
    append(costs, result);
  }
  return result;
}

FeatureMatrix DeviceTransfer::describe_known(std::span<const int64_t> networks) const {
  FeatureMatrix result;
  std::vector<double> costs(devices());
  for (const int64_t network : networks) {
    for (size_t d = 0; d < devices(); ++d) {
      costs[d] = known_.costs[d].at(static_cast<size_t>(network));
      if (!std::isnan(costs[d])) continue;
      const std::vector<size_t> alone = {static_cast<size_t>(network)};
      costs[d] = source(d).predict({known_.networks.pick(alone)})[0].mean;
    }
    append(costs, result);
  }
  return result;
}

void DeviceTransfer::fit(const FeatureMatrix& descriptions, std::span<const double> costs, Random& random) {
  NACRE_CHECK(descriptions.rows() == costs.size());
  if (costs.size() < 2)
    throw UserError(
        fmt::format("transfer to a new device needs at least two measured networks, found {}", costs.size()));
  std::vector<double> logs;
  for (const double cost : costs) {
    if (!(cost > 0) || !std::isfinite(cost))
      throw UserError(fmt::format("a measured cost of {}: expected a positive number", cost));
    logs.push_back(std::log(cost));
  }
  predictor_->fit({descriptions}, logs, random);
}

std::vector<Prediction> DeviceTransfer::predict(const FeatureMatrix& descriptions) const {
  std::vector<Prediction> result = predictor_->predict({descriptions});
  for (Prediction& answer : result) {
    answer.mean = std::exp(answer.mean);
    // Of a log-normal distribution whose median is the mean given here.
    const auto spread = [&](double deviation) {
      const double factor = std::exp(deviation * deviation);
      return answer.mean * std::sqrt(factor * (factor - 1));
    };
    answer.deviation = spread(answer.deviation);
    answer.noise = spread(answer.noise);
  }
  return result;
}

}  // namespace nacre
