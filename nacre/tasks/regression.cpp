// Task `regression`: numbers per sample. Networks learn targets scaled to mean 0 and deviation 1 (statistics of the
// training split); metrics are given in the units of the data.
#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/tasks/dataset_task.hpp"
#include "nacre/tasks/task_registry.hpp"

namespace nacre {
namespace {

// y = z * deviation + mean, by output.
struct TargetScale {
  std::vector<double> mean;
  std::vector<double> deviation;
};

TargetScale measure_targets(const Dataset& pool, std::span<const int64_t> train, bool normalize) {
  const int64_t outputs = pool.labels.extents()[1];
  TargetScale scale{std::vector<double>(static_cast<size_t>(outputs), 0),
                    std::vector<double>(static_cast<size_t>(outputs), 1)};
  if (!normalize) return scale;
  const auto values = pool.labels.values<float>();
  const auto value = [&](int64_t sample, int64_t output) {
    return static_cast<double>(values[static_cast<size_t>(sample * outputs + output)]);
  };
  const auto count = static_cast<double>(train.size());
  for (int64_t k = 0; k < outputs; ++k) {
    double sum = 0;
    for (const int64_t sample : train) sum += value(sample, k);
    const double mean = sum / count;
    double squares = 0;
    for (const int64_t sample : train) squares += (value(sample, k) - mean) * (value(sample, k) - mean);
    const double deviation = std::sqrt(squares / count);
    scale.mean[static_cast<size_t>(k)] = mean;
    if (deviation > 1e-12 * std::fabs(mean)) scale.deviation[static_cast<size_t>(k)] = deviation;
  }
  return scale;
}

class RegressionAccumulator : public MetricAccumulator {
 public:
  explicit RegressionAccumulator(const TargetScale& scale)
      : scale_(scale), outputs_(scale.mean.size()), sum_(outputs_, 0), squares_(outputs_, 0) {}

  void add(const NamedTensors& predictions, const Batch& batch) override {
    const auto found = predictions.find("prediction");
    NACRE_CHECK(found != predictions.end(), "no prediction");
    const Tensor predicted = found->second.cast(ElementType::float32);
    const Tensor& target = batch.tensors.at("target");
    NACRE_CHECK(predicted.elements() == target.elements());
    for (int64_t i = 0; i < target.elements(); ++i) {
      const size_t k = static_cast<size_t>(i) % outputs_;
      const double z = target.values<float>()[static_cast<size_t>(i)];
      const double error =
          (static_cast<double>(predicted.values<float>()[static_cast<size_t>(i)]) - z) * scale_.deviation[k];
      squared_error_ += error * error;
      absolute_error_ += std::fabs(error);
      scaled_error_ += error * error / (scale_.deviation[k] * scale_.deviation[k]);
      // Spread of the targets around their mean over what is evaluated, gathered around the training mean.
      sum_[k] += z * scale_.deviation[k];
      squares_[k] += z * z * scale_.deviation[k] * scale_.deviation[k];
      ++count_;
    }
  }

  Metrics result() const override {
    const auto count = static_cast<double>(count_);
    const int64_t samples = count_ / static_cast<int64_t>(outputs_);
    double spread = 0;
    for (size_t k = 0; k < outputs_; ++k) spread += squares_[k] - sum_[k] * sum_[k] / static_cast<double>(samples);
    const auto metric = [&](double value) {
      return Metric{.value = std::isfinite(value) ? std::optional(value) : std::nullopt,
                    .origin = Origin::trained,
                    .count = samples};
    };
    return {{"rmse", metric(std::sqrt(squared_error_ / count))},
            {"mae", metric(absolute_error_ / count)},
            {"r2", metric(spread > 0 ? 1 - squared_error_ / spread : std::nan(""))},
            {"loss", metric(scaled_error_ / count)}};
  }

 private:
  TargetScale scale_;
  size_t outputs_;
  std::vector<double> sum_;
  std::vector<double> squares_;
  double squared_error_ = 0;
  double absolute_error_ = 0;
  double scaled_error_ = 0;
  int64_t count_ = 0;
};

class Regression : public DatasetTask {
 public:
  Regression(const Options& options, const std::filesystem::path& base_folder)
      : DatasetTask("regression", options, base_folder, LabelKind::numbers),
        scale_(measure_targets(pool(), split().train, options.boolean("normalize_target"))) {
    signature_.outputs = {{"prediction", ElementType::float32, {pool().labels.extents()[1]}}};
    loss_ = {"mean_squared_error", "prediction", "target"};
    set_metrics(regression_metrics(), options);
    for (const std::vector<double>* values : {&scale_.mean, &scale_.deviation}) {
      extend_identity(hash_bytes(values->data(), values->size() * sizeof(double)));
    }
  }

  std::unique_ptr<MetricAccumulator> accumulator() const override {
    return std::make_unique<RegressionAccumulator>(scale_);
  }
  Json preprocessing() const override {
    Json json = DatasetTask::preprocessing();
    json["outputs"] = Json::array({Json{{"name", "prediction"}, {"scale", scale_.deviation}, {"shift", scale_.mean}}});
    return json;
  }

 protected:
  Tensor prepare_labels(Tensor labels) const override {
    const auto values = labels.mutable_values<float>();
    for (size_t i = 0; i < values.size(); ++i) {
      const size_t k = i % scale_.mean.size();
      values[i] = static_cast<float>((static_cast<double>(values[i]) - scale_.mean[k]) / scale_.deviation[k]);
    }
    return labels;
  }

 private:
  TargetScale scale_;
};

}  // namespace

std::vector<MetricSpec> regression_metrics() {
  return {{"rmse", Direction::minimize, "", "root of the mean squared error, in units of the target"},
          {"mae", Direction::minimize, "", "mean absolute error, in units of the target"},
          {"r2", Direction::maximize, "", "share of the variance explained"},
          {"loss", Direction::minimize, "", "mean squared error of scaled targets"}};
}

void register_regression(TaskRegistry& registry) {
  std::vector<Parameter> parameters = dataset_task_parameters();
  parameters.push_back({.name = "metric",
                        .description = "what is searched for",
                        .default_value = "rmse",
                        .choices = {"rmse", "mae", "r2", "loss"}});
  parameters.push_back(
      {.name = "normalize_target",
       .type = ParameterType::boolean,
       .description = "networks learn targets of mean 0 and deviation 1; metrics stay in the data's units",
       .default_value = true});
  registry.add({.name = "regression",
                .summary = "numbers per sample, from tables or arrays",
                .source = "",
                .parameters = std::move(parameters),
                .example = "kind: regression\ndata: {format: csv, path: breast_cancer/breast_cancer.csv.gz, label: "
                           "mean_area, ignore: diagnosis}\nmetric: rmse\n"
                           "split: {validation: 0.2, test: 0.2}\n"},
               [](const Options& options, const std::filesystem::path& base_folder) -> std::unique_ptr<Task> {
                 return std::make_unique<Regression>(options, base_folder);
               });
}

}  // namespace nacre
