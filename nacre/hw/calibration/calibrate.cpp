#include "nacre/hw/calibration/calibrate.hpp"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <set>

#include "nacre/base/random.hpp"
#include "nacre/base/rank_correlation.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/loopnest/nest_evaluator.hpp"

namespace nacre {
namespace {

constexpr double kScale = 0.05;     // c of the loss
constexpr double kSmallest = 1e-4;  // a constant below it is as good as zero
constexpr double kLargestOverlap = 64;
constexpr double kNoEffect = 1e-7;  // root mean square of d log(cycles) / d log(constant)
constexpr double kAlike = 1e-5;     // smallest singular value of the normalized derivatives
constexpr double kStep = 1e-3;      // of the derivatives, in the logarithm
constexpr int kIterations = 60;

struct Bandwidth {
  const char* key;
  std::optional<double> MemoryLevel::*place;
};
constexpr std::array<Bandwidth, 3> kBandwidths = {{{"read_bits_per_cycle", &MemoryLevel::read_bits_per_cycle},
                                                   {"write_bits_per_cycle", &MemoryLevel::write_bits_per_cycle},
                                                   {"shared_bits_per_cycle", &MemoryLevel::shared_bits_per_cycle}}};

// Precondition: one of calibratable_constants.
double& constant_of(AcceleratorDescription& accelerator, const std::string& name) {
  for (MemoryLevel& level : accelerator.levels)
    for (const Bandwidth& bandwidth : kBandwidths)
      if (name == level.name + "." + bandwidth.key) return *(level.*bandwidth.place);
  if (name == "overlap") return *accelerator.commands->overlap;
  const auto found = std::ranges::find(command_constants(), name, &CommandConstant::key);
  NACRE_CHECK(found != command_constants().end(), "a constant that exists");
  return found->value(*accelerator.commands);
}

bool is_bandwidth(const std::string& name) { return name.find('.') != std::string::npos; }

// The description of the chip that a row was measured on.
CommandStream stream_of(const CommandStream& described, const MeasuredLayer& row) {
  CommandStream stream = described;
  for (const auto& [name, value] : row.settings) {
    if (name == "rows")
      stream.rows = static_cast<int64_t>(value);
    else if (name == "request_bytes")
      stream.request_bytes = static_cast<int64_t>(value);
    else
      std::ranges::find(command_constants(), name, &CommandConstant::key)->value(stream) = value;
  }
  return stream;
}

// A row with all that does not depend on the constants of commands already counted. A chip with commands is predicted by these
// alone: a measured program moves and computes what its commands say, in their order, whatever the mapping's inner loops.
class Predictor {
 public:
  Predictor(const MeasuredLayer& row, const AcceleratorDescription& accelerator) : row_(&row) {
    if (!accelerator.commands) {
      other_ = evaluated(accelerator);
      return;
    }
    AcceleratorDescription own = accelerator;
    own.commands = stream_of(*accelerator.commands, row);
    const CommandCounter counter(row.workload, own);
    Nest nest;
    flatten_mapping(row.workload, row.mapping, nest);
    groups_ = counter.groups(nest);
    windows_ = counter.windows();
  }

  double cycles(const AcceleratorDescription& accelerator, bool bandwidths_changed) const {
    if (!accelerator.commands) return bandwidths_changed ? evaluated(accelerator) : other_;
    return CommandCounter::cycles(groups_, stream_of(*accelerator.commands, *row_), windows_);
  }

 private:
  // Whether the mapping fits is not asked: it was measured.
  double evaluated(const AcceleratorDescription& accelerator) const {
    const NestEvaluator evaluator(row_->workload, accelerator);
    Nest nest;
    NestCost cost;
    evaluator.flatten(row_->mapping, nest);
    evaluator.cost(nest, cost);
    return cost.cycles;
  }

  const MeasuredLayer* row_;
  double other_ = 0;
  std::vector<CommandGroup> groups_;
  bool windows_ = false;
};

class Fit {
 public:
  Fit(const std::vector<MeasuredLayer>& rows, const AcceleratorDescription& accelerator, std::vector<std::string> free)
      : rows_(rows), accelerator_(accelerator), free_(std::move(free)) {
    for (const MeasuredLayer& row : rows) predictors_.emplace_back(row, accelerator);
    bandwidths_ = std::ranges::any_of(free_, is_bandwidth);
    start_.resize(static_cast<Eigen::Index>(free_.size()));
    for (std::size_t i = 0; i < free_.size(); ++i) {
      const double value = constant_of(accelerator_, free_[i]);
      // From zero no step in the logarithm leads away.
      start_[static_cast<Eigen::Index>(i)] = std::log(value > 0 ? value : 1.0);
    }
  }

  const Eigen::VectorXd& start() const { return start_; }
  const std::vector<std::string>& names() const { return free_; }

  AcceleratorDescription with(const Eigen::VectorXd& constants) const {
    AcceleratorDescription result = accelerator_;
    for (std::size_t i = 0; i < free_.size(); ++i) {
      const double value = std::exp(constants[static_cast<Eigen::Index>(i)]);
      constant_of(result, free_[i]) = free_[i] == "overlap" ? std::clamp(value, 1.0, kLargestOverlap) : value;
    }
    return result;
  }

  double cycles(std::size_t row, const AcceleratorDescription& accelerator) const {
    return predictors_[row].cycles(accelerator, bandwidths_);
  }

  // log(predicted / measured) of some rows.
  Eigen::VectorXd residuals(const std::vector<std::size_t>& chosen, const Eigen::VectorXd& constants) const {
    const AcceleratorDescription accelerator = with(constants);
    Eigen::VectorXd result(static_cast<Eigen::Index>(chosen.size()));
    for (std::size_t i = 0; i < chosen.size(); ++i)
      result[static_cast<Eigen::Index>(i)] = std::log(cycles(chosen[i], accelerator) / rows_[chosen[i]].cycles);
    return result;
  }

  Eigen::MatrixXd derivatives(const std::vector<std::size_t>& chosen, const Eigen::VectorXd& constants) const {
    Eigen::MatrixXd result(static_cast<Eigen::Index>(chosen.size()), constants.size());
    for (Eigen::Index i = 0; i < constants.size(); ++i) {
      Eigen::VectorXd up = constants, down = constants;
      up[i] += kStep;
      down[i] -= kStep;
      result.col(i) = (residuals(chosen, up) - residuals(chosen, down)) / (2 * kStep);
    }
    return result;
  }

  Eigen::VectorXd run(const std::vector<std::size_t>& chosen) const {
    Eigen::VectorXd constants = start_;
    Eigen::VectorXd residual = residuals(chosen, constants);
    double value = loss(residual), damping = 1e-2;
    for (int iteration = 0; iteration < kIterations && damping < 1e8; ++iteration) {
      const Eigen::MatrixXd slope = derivatives(chosen, constants);
      const Eigen::VectorXd weight = (1 + (residual.array() / kScale).square()).rsqrt();
      const Eigen::MatrixXd normal = slope.transpose() * weight.asDiagonal() * slope;
      const Eigen::VectorXd gradient = slope.transpose() * weight.asDiagonal() * residual;
      bool better = false;
      while (!better && damping < 1e8) {
        Eigen::MatrixXd damped = normal;
        damped.diagonal().array() +=
            damping * (normal.diagonal().array() + 1e-6 * normal.diagonal().maxCoeff() + 1e-12);
        const Eigen::VectorXd step = damped.ldlt().solve(-gradient).cwiseMax(-1.0).cwiseMin(1.0);
        const Eigen::VectorXd moved = (constants + step).cwiseMax(std::log(kSmallest));
        const Eigen::VectorXd there = residuals(chosen, moved);
        const double moved_value = loss(there);
        better = moved_value < value;
        damping *= better ? 0.3 : 4;
        if (!better) continue;
        const double gain = (value - moved_value) / value;
        constants = moved;
        residual = there;
        value = moved_value;
        if (gain < 1e-6) return constants;
      }
    }
    return constants;
  }

 private:
  static double loss(const Eigen::VectorXd& residual) {
    return ((1 + (residual.array() / kScale).square()).sqrt() - 1).sum();
  }

  const std::vector<MeasuredLayer>& rows_;
  AcceleratorDescription accelerator_;
  std::vector<std::string> free_;
  std::vector<Predictor> predictors_;
  bool bandwidths_ = false;
  Eigen::VectorXd start_;
};

// Those of `free` that change some row; the others are an error where they were asked for.
std::vector<std::string> with_effect(const std::vector<MeasuredLayer>& rows, const AcceleratorDescription& accelerator,
                                     const std::vector<std::string>& free, bool asked,
                                     std::vector<std::string>& without_effect) {
  const Fit fit(rows, accelerator, free);
  std::vector<std::size_t> all(rows.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  const Eigen::MatrixXd slope = fit.derivatives(all, fit.start());
  std::vector<std::string> result;
  std::vector<Eigen::Index> columns;
  for (std::size_t i = 0; i < free.size(); ++i) {
    const auto column = static_cast<Eigen::Index>(i);
    const double effect = slope.col(column).norm() / std::sqrt(static_cast<double>(rows.size()));
    if (effect >= kNoEffect) {
      result.push_back(free[i]);
      columns.push_back(column);
    } else {
      without_effect.push_back(free[i]);
    }
  }
  if (asked && !without_effect.empty())
    throw UserError(
        fmt::format("--free: {} changes none of the {} rows; leave it out or measure layers that it matters for",
                    fmt::join(without_effect, ", "), rows.size()));
  if (result.empty()) throw UserError("no constant changes any row");
  Eigen::MatrixXd kept(slope.rows(), static_cast<Eigen::Index>(columns.size()));
  for (std::size_t i = 0; i < columns.size(); ++i)
    kept.col(static_cast<Eigen::Index>(i)) = slope.col(columns[i]).normalized();
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(kept, Eigen::ComputeThinV);
  if (svd.singularValues()[kept.cols() - 1] < kAlike) {
    std::vector<std::string> alike;
    for (Eigen::Index i = 0; i < kept.cols(); ++i)
      if (std::abs(svd.matrixV()(i, kept.cols() - 1)) > 0.1) alike.push_back(result[static_cast<std::size_t>(i)]);
    throw UserError(fmt::format("the {} rows cannot tell apart: {}; name fewer with --free or measure other layers",
                                rows.size(), fmt::join(alike, ", ")));
  }
  return result;
}

std::vector<std::string> checked_constants(const std::vector<MeasuredLayer>& rows,
                                           const AcceleratorDescription& accelerator, const CalibrationOptions& options,
                                           std::vector<std::string>& without_effect) {
  const std::vector<std::string> known = calibratable_constants(accelerator);
  std::vector<std::string> free = options.free;
  std::set<std::string> seen;
  for (const std::string& name : free) {
    if (std::ranges::find(known, name) == known.end())
      throw UserError("--free: " + unknown_name_message("constant", name, known));
    if (!seen.insert(name).second) throw UserError(fmt::format("--free: '{}' is named twice", name));
    if (std::ranges::any_of(rows, [&](const MeasuredLayer& row) { return row.settings.contains(name); }))
      throw UserError(fmt::format("--free: '{}' is a column of the file, it cannot be free too", name));
  }
  if (free.empty()) {
    free = calibratable_constants(accelerator);
    std::erase_if(free, [&](const std::string& name) { return rows.front().settings.contains(name); });
  }
  if (free.empty())
    throw UserError(fmt::format(
        "accelerator '{}' states no constant that cycles depend on: no commands and no bandwidths", accelerator.name));
  if (rows.size() < 3 * free.size())
    throw UserError(
        fmt::format("{} rows are too few for {} free constants, expected at least {}; name fewer with --free",
                    rows.size(), free.size(), 3 * free.size()));
  return with_effect(rows, accelerator, free, !options.free.empty(), without_effect);
}

// The fold of each row: layers in random order, each to the fold with the fewest rows.
std::vector<std::size_t> folds_by_layer(const std::vector<MeasuredLayer>& rows, const CalibrationOptions& options) {
  std::map<std::string, int64_t> count;
  for (const MeasuredLayer& row : rows) ++count[row.layer];
  if (options.folds < 2) throw UserError(fmt::format("--folds: expected at least 2, found {}", options.folds));
  if (static_cast<int64_t>(count.size()) < options.folds)
    throw UserError(fmt::format("{} layers are too few for {} folds that split by layer", count.size(), options.folds));
  std::vector<std::string> layers;
  for (const auto& [layer, times] : count) layers.push_back(layer);
  Random random = Random::stream(options.seed, "calibration folds");
  random.shuffle(std::span(layers));
  std::vector<int64_t> filled(static_cast<std::size_t>(options.folds), 0);
  std::map<std::string, std::size_t> fold;
  for (const std::string& layer : layers) {
    const auto least = static_cast<std::size_t>(std::ranges::min_element(filled) - filled.begin());
    fold[layer] = least;
    filled[least] += count[layer];
  }
  std::vector<std::size_t> result;
  for (const MeasuredLayer& row : rows) result.push_back(fold[row.layer]);
  return result;
}

struct Figures {
  double mean = 0, median = 0, spearman = 0;
};

Figures figures_of(const std::vector<double>& measured, const std::vector<double>& predicted) {
  std::vector<double> errors;
  double sum = 0;
  for (std::size_t i = 0; i < measured.size(); ++i) {
    errors.push_back(std::abs(predicted[i] / measured[i] - 1));
    sum += errors.back();
  }
  const auto middle = errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2);
  std::ranges::nth_element(errors, middle);
  return {sum / static_cast<double>(errors.size()), *middle, measured.size() < 2 ? 0 : spearman(measured, predicted)};
}

PredictionError::Figure interval(double value, std::vector<double> samples) {
  std::ranges::sort(samples);
  const auto quantile = [&](double share) {
    return samples[static_cast<std::size_t>(share * static_cast<double>(samples.size() - 1))];
  };
  return {value, quantile(0.025), quantile(0.975)};
}

}  // namespace

std::vector<std::string> calibratable_constants(const AcceleratorDescription& accelerator) {
  std::vector<std::string> result;
  if (accelerator.commands) {
    for (const CommandConstant& constant : command_constants()) result.push_back(constant.key);
    if (accelerator.commands->overlap) result.emplace_back("overlap");
  }
  if (accelerator.commands) return result;
  for (const MemoryLevel& level : accelerator.levels) {
    for (const Bandwidth& bandwidth : kBandwidths)
      if (level.*bandwidth.place) result.push_back(level.name + "." + bandwidth.key);
  }
  return result;
}

std::vector<double> predicted_cycles(const std::vector<MeasuredLayer>& rows,
                                     const AcceleratorDescription& accelerator) {
  std::vector<double> result;
  for (const MeasuredLayer& row : rows) result.push_back(Predictor(row, accelerator).cycles(accelerator, false));
  return result;
}

PredictionError prediction_error(const std::vector<MeasuredLayer>& rows, const std::vector<double>& predicted,
                                 const CalibrationOptions& options) {
  std::map<std::string, std::vector<std::size_t>> of_layer;
  std::vector<double> measured;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    of_layer[rows[i].layer].push_back(i);
    measured.push_back(rows[i].cycles);
  }
  std::vector<const std::vector<std::size_t>*> layers;
  for (const auto& [layer, members] : of_layer) layers.push_back(&members);
  const Figures all = figures_of(measured, predicted);
  Random random = Random::stream(options.seed, "calibration intervals");
  std::vector<double> means, medians, orders;
  for (int64_t sample = 0; sample < std::max<int64_t>(1, options.resamples); ++sample) {
    std::vector<double> some_measured, some_predicted;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      for (const std::size_t row : *layers[random.below(layers.size())]) {
        some_measured.push_back(measured[row]);
        some_predicted.push_back(predicted[row]);
      }
    }
    const Figures one = figures_of(some_measured, some_predicted);
    means.push_back(one.mean);
    medians.push_back(one.median);
    orders.push_back(one.spearman);
  }
  return {interval(all.mean, std::move(means)), interval(all.median, std::move(medians)),
          interval(all.spearman, std::move(orders))};
}

ConstantFit calibrate(const std::vector<MeasuredLayer>& rows, const AcceleratorDescription& accelerator,
                      const CalibrationOptions& options) {
  NACRE_CHECK(!rows.empty(), "rows to fit to");
  ConstantFit result;
  const std::vector<std::size_t> fold = folds_by_layer(rows, options);
  const std::vector<std::string> free = checked_constants(rows, accelerator, options, result.without_effect);
  const Fit fit(rows, accelerator, free);
  result.rows = static_cast<int64_t>(rows.size());
  std::set<std::string> layers;
  for (const MeasuredLayer& row : rows) layers.insert(row.layer);
  result.layers = static_cast<int64_t>(layers.size());
  result.before = prediction_error(rows, predicted_cycles(rows, accelerator), options);

  result.predicted.resize(rows.size());
  for (std::size_t aside = 0; aside < static_cast<std::size_t>(options.folds); ++aside) {
    std::vector<std::size_t> seen;
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (fold[i] != aside) seen.push_back(i);
    const AcceleratorDescription there = fit.with(fit.run(seen));
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (fold[i] == aside) result.predicted[i] = fit.cycles(i, there);
  }
  result.kept_aside = prediction_error(rows, result.predicted, options);

  std::vector<std::size_t> all(rows.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  result.accelerator = fit.with(fit.run(all));
  AcceleratorDescription described = accelerator;
  for (const std::string& name : free) {
    double& after = constant_of(result.accelerator, name);
    after = std::stod(fmt::format("{:.4g}", after));
    if (after <= 2 * kSmallest && !is_bandwidth(name)) after = 0;
    result.constants.push_back({name, constant_of(described, name), after});
  }
  result.fitted = prediction_error(rows, predicted_cycles(rows, result.accelerator), options);
  return result;
}

}  // namespace nacre
