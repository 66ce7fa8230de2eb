// Transfer between devices: what a mixture of known devices costs, from few measurements.
#include "nacre/predict/device_transfer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "encoded_networks.hpp"
#include "nacre/base/rank_correlation.hpp"

namespace nacre {
namespace {

// Costs whose logarithms are sums over the code: a device is a weight for each alternative.
struct Devices {
  FeatureMatrix networks = encoded::all_one_hot_rows(6, 3);
  std::vector<std::vector<double>> weights;

  explicit Devices(size_t count) {
    Random random(3);
    for (size_t d = 0; d < count; ++d) {
      std::vector<double> of_device;
      for (size_t j = 0; j < networks.columns; ++j) of_device.push_back(0.5 * random.normal());
      weights.push_back(of_device);
    }
  }
  double cost(std::span<const double> weight, size_t network) const {
    double sum = -3;
    for (size_t j = 0; j < networks.columns; ++j) sum += weight[j] * static_cast<double>(networks.row(network)[j]);
    return std::exp(sum);
  }
  KnownDevices known() const {
    KnownDevices result;
    result.networks = networks;
    for (size_t d = 0; d < weights.size(); ++d) {
      result.names.push_back("device" + std::to_string(d));
      std::vector<double> costs;
      for (size_t i = 0; i < networks.rows(); ++i) costs.push_back(cost(weights[d], i));
      result.costs.push_back(costs);
    }
    return result;
  }
  // A new one: between the first two, twice as fast.
  double fresh(size_t network) const {
    return 0.5 * std::pow(cost(weights[0], network), 0.7) * std::pow(cost(weights[1], network), 0.3);
  }
};

std::vector<int64_t> some(int64_t count, int64_t rows) {
  Random random(5);
  std::vector<int64_t> order = random.permutation(rows);
  order.resize(static_cast<size_t>(count));
  return order;
}

TEST(DeviceTransfer, TenMeasurementsSettleAMixtureOfKnownDevices) {
  const Devices devices(4);
  DeviceTransfer transfer(devices.known(), {.options = {{"penalty", 1e-4}}});
  const std::vector<int64_t> measured = some(10, 729);
  std::vector<double> costs, truth, said;
  for (const int64_t i : measured) costs.push_back(devices.fresh(static_cast<size_t>(i)));
  Random random(1);
  transfer.fit(transfer.describe_known(measured), costs, random);
  std::vector<int64_t> all(729);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  const std::vector<Prediction> answers = transfer.predict(transfer.describe_known(all));
  for (size_t i = 0; i < answers.size(); ++i) EXPECT_NEAR(answers[i].mean / devices.fresh(i), 1, 0.02) << i;
}

// Networks that the table lacks: what they cost on known devices is predicted from their code.
TEST(DeviceTransfer, AnswersAboutNetworksThatNoTableHolds) {
  const Devices devices(4);
  KnownDevices known = devices.known();
  const std::vector<int64_t> order = some(729, 729);
  const std::vector<size_t> held(order.begin(), order.begin() + 400), others(order.begin() + 400, order.end());
  known.networks = devices.networks.pick(held);
  for (std::vector<double>& costs : known.costs) {
    std::vector<double> kept;
    for (const size_t i : held) kept.push_back(costs[i]);
    costs = kept;
  }
  DeviceTransfer transfer(std::move(known), {.source_predictor = "ridge"});
  std::vector<double> costs, truth, said;
  std::vector<int64_t> measured;
  for (int64_t i = 0; i < 12; ++i) {
    measured.push_back(i);
    costs.push_back(devices.fresh(held[static_cast<size_t>(i)]));
  }
  Random random(1);
  transfer.fit(transfer.describe_known(measured), costs, random);
  for (const Prediction& answer : transfer.predict(transfer.describe(devices.networks.pick(others))))
    said.push_back(answer.mean);
  for (const size_t i : others) truth.push_back(devices.fresh(i));
  EXPECT_GT(spearman(said, truth), 0.97);
}

// What is not known of a network is filled in by the prediction for it.
TEST(DeviceTransfer, UnknownCostsOfKnownDevicesArePredicted) {
  const Devices devices(3);
  KnownDevices known = devices.known();
  for (size_t i = 0; i < 50; ++i) known.costs[1][i] = std::nan("");
  const DeviceTransfer transfer(std::move(known), {.source_predictor = "ridge"});
  const FeatureMatrix whole = DeviceTransfer(devices.known(), {}).describe_known(std::vector<int64_t>{7, 400});
  const FeatureMatrix filled = transfer.describe_known(std::vector<int64_t>{7, 400});
  for (size_t j = 0; j < whole.values.size(); ++j) {
    ASSERT_TRUE(std::isfinite(filled.values[j]));
    EXPECT_NEAR(filled.values[j], whole.values[j], 0.2);
  }
}

// The same device under three names says no more than under one.
TEST(DeviceTransfer, DevicesThatAreAlikeCountAsOne) {
  const Devices devices(2);
  KnownDevices twice = devices.known();
  for (int copy = 0; copy < 2; ++copy) {
    twice.names.push_back("copy" + std::to_string(copy));
    twice.costs.push_back(twice.costs[0]);
  }
  const FeatureMatrix once = DeviceTransfer(devices.known(), {}).describe_known(std::vector<int64_t>{3, 99, 500});
  const FeatureMatrix copied = DeviceTransfer(std::move(twice), {}).describe_known(std::vector<int64_t>{3, 99, 500});
  for (size_t i = 0; i < 3; ++i) {
    double sum_once = 0, sum_copied = 0;
    for (size_t j = 1; j < once.columns; ++j) sum_once += std::pow(once.row(i)[j], 2);
    for (size_t j = 1; j < copied.columns; ++j) sum_copied += std::pow(copied.row(i)[j], 2);
    EXPECT_NEAR(sum_copied, sum_once, 0.1 * sum_once);
  }
}

TEST(DeviceTransfer, MisuseIsNamed) {
  const Devices devices(2);
  const auto message = [&](const auto& action) -> std::string {
    try {
      action();
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message([&] {
                KnownDevices known = devices.known();
                known.costs[1][3] = 0;
                DeviceTransfer(std::move(known), {});
              }),
              testing::HasSubstr("known device device1: cost 0 is not positive"));
  EXPECT_THAT(message([&] { DeviceTransfer(devices.known(), {.predictor = "rigde"}); }), testing::HasSubstr("ridge"));
  EXPECT_THAT(message([&] {
                DeviceTransfer transfer(devices.known(), {});
                Random random(1);
                transfer.fit(transfer.describe_known(std::vector<int64_t>{1, 2}), std::vector<double>{1, -1}, random);
              }),
              testing::HasSubstr("expected a positive number"));
}

}  // namespace
}  // namespace nacre
