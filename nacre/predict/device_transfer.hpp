// A cost on a device of which little is measured, from devices of which much is known: few-shot transfer (HELP, Lee et al.,
// NeurIPS 2021, names the task; nn-Meter and MultiPredict its neighbors).
//
// A network is described by what it costs on the known devices. Devices resemble each other in parts (memory-bound here, launch
// overhead there), so a new one is nearly a mixture of known ones: in logarithms a linear function of few numbers, which ten to
// twenty measurements settle. Any predictor (nacre list predictors) learns it; `ridge` is the mixture.
//
//   known table   log cost on each device, standardized ──┐
//   others        the same, predicted from decisions ─────┴─ predictor ─ log cost on the new device
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nacre/predict/predictor.hpp"

namespace nacre {

struct KnownDevices {
  FeatureMatrix networks;                  // an encoding of each
  std::vector<std::string> names;          // of the devices
  std::vector<std::vector<double>> costs;  // by device, then network; positive, NaN where not known
};

struct DeviceTransferSettings {
  std::string predictor = "ridge";  // from known devices to the new one
  // The penalty is given, since ten measurements do not choose it well: 0.1 to 0.3 are best over the devices of HELP.
  Json options = Json::object({{"penalty", 0.2}});
  std::string source_predictor = "gbdt";  // from the encoding to a known device, for networks outside of the table
  Json source_options = Json::object();
};

class DeviceTransfer {
 public:
  // UserError when a device has fewer than two known costs or one that is not positive, and for unknown predictors.
  DeviceTransfer(KnownDevices known, const DeviceTransferSettings& settings);

  size_t devices() const { return known_.names.size(); }
  // Descriptions of networks of the table, by their place there. What is not known of one is predicted.
  FeatureMatrix describe_known(std::span<const int64_t> networks) const;
  // Of any networks, by their encoding.
  FeatureMatrix describe(const FeatureMatrix& networks) const;

  // `costs`: positive, one for each description, at least two (UserError otherwise).
  void fit(const FeatureMatrix& descriptions, std::span<const double> costs, Random& random);
  // In the unit of the costs; the mean is the median of a log-normal distribution, so that ranks are those of the logarithm.
  std::vector<Prediction> predict(const FeatureMatrix& descriptions) const;
  Json statistics() const { return predictor_->statistics(); }

 private:
  void append(std::vector<double> costs, FeatureMatrix& descriptions) const;
  const Predictor& source(size_t device) const;  // learned when first asked; not from several threads

  KnownDevices known_;
  DeviceTransferSettings settings_;
  std::vector<double> means_, scales_;  // of the log costs, by device
  std::vector<double> weights_;         // of a device in a description: less for one of many that are alike
  mutable std::vector<std::unique_ptr<Predictor>> sources_;
  std::unique_ptr<Predictor> predictor_;
};

}  // namespace nacre
