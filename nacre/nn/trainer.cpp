#include "nacre/nn/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <numeric>

#include "nacre/nn/schedule.hpp"
#include "nacre/nn/torch_compat.hpp"
#include "nacre/nn/torch_types.hpp"
#include "nacre/nn/training_step.hpp"

namespace nacre {
namespace {

using Clock = std::chrono::steady_clock;

// What this process has computed so far, on all its threads: unlike time by the clock it does not grow while others compute.
double processor_s() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The samples trained on: a share of the split that is the same for every seed and trial, so that they can be compared.
std::vector<int64_t> chosen_samples(int64_t size, double share) {
  std::vector<int64_t> samples(static_cast<size_t>(size));
  std::iota(samples.begin(), samples.end(), 0);
  if (share >= 1) return samples;
  samples = Random::stream(0, "data_share").permutation(size);
  samples.resize(static_cast<size_t>(std::max<int64_t>(1, std::llround(share * static_cast<double>(size)))));
  std::ranges::sort(samples);
  return samples;
}

Metric trained_metric(double value, std::string unit, std::string source) {
  return {.value = value, .unit = std::move(unit), .origin = Origin::trained, .source = std::move(source)};
}

// Metrics of a split by the weights a training step holds.
Metrics measure_split(TrainingStep& step, const Task& task, const BatchSource& source, int64_t batch_size,
                      const std::string& origin) {
  const std::unique_ptr<MetricAccumulator> accumulator = task.accumulator();
  std::vector<int64_t> indices;
  Random unused(0);
  step.begin_evaluation();
  for (int64_t start = 0; start < source.size(); start += batch_size) {
    indices.resize(static_cast<size_t>(std::min(batch_size, source.size() - start)));
    std::iota(indices.begin(), indices.end(), start);
    Batch host;
    const TorchBatch batch = source.load_with_host(indices, unused, host);
    const std::vector<at::Tensor> outputs = step.predict(batch);
    NamedTensors predictions;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const at::Tensor output = at::isFloatingType(outputs[i].scalar_type()) ? outputs[i].to(at::kFloat) : outputs[i];
      predictions[value_text(step.graph(), step.graph().outputs[i])] = from_torch(output);
    }
    // A network with one output may call it as it likes.
    predictions.try_emplace(task.loss().prediction,
                            predictions[value_text(step.graph(), step.graph().outputs[step.output()])]);
    accumulator->add(predictions, host);
  }
  step.end_evaluation();
  Metrics metrics = accumulator->result();
  for (auto& [name, metric] : metrics) {
    metric.origin = Origin::trained;
    metric.source = origin;
  }
  return metrics;
}

class Training {
 public:
  Training(const Graph& graph, const Task& task, const Recipe& recipe, const TrainingOptions& options)
      : task_(task),
        recipe_(recipe),
        options_(options),
        samples_(chosen_samples(task.size(Split::train), options.fidelity.data_share)),
        step_(graph, task.signature(), task.loss(), recipe, options.numerics, options.seed),
        train_(task, Split::train, &recipe, options.fidelity.resolution, torch_device(options.numerics.device)),
        validation_(task, Split::validation, nullptr, options.fidelity.resolution,
                    torch_device(options.numerics.device)) {
    if (samples_.empty()) throw UserError("task " + task.name() + " has no training samples");
    batch_size_ = std::min<int64_t>(recipe.batch_size, static_cast<int64_t>(samples_.size()));
    // The last, smaller batch of an epoch is dropped: batch norm would weigh it too much. The next epoch shuffles anew.
    steps_per_epoch_ = static_cast<int64_t>(samples_.size()) / batch_size_;
    const double epochs = options.fidelity.epochs > 0 ? options.fidelity.epochs : recipe.epochs;
    total_steps_ = std::max<int64_t>(1, std::llround(epochs * static_cast<double>(steps_per_epoch_)));
    schedule_ = std::make_unique<Schedule>(recipe, steps_per_epoch_, total_steps_);
    if (options.initial != nullptr) resume(*options.initial);
  }

  TrainingResult run() {
    TrainingResult result;
    bool stopped = false;
    while (next_step_ < total_steps_ && !stopped) {
      const int64_t epoch_end = std::min((next_step_ / steps_per_epoch_ + 1) * steps_per_epoch_, total_steps_);
      const std::optional<double> loss = run_until(epoch_end, result);
      if (!loss.has_value()) return result;
      CurvePoint point = judge(*loss);
      const bool better = note_best(point);
      result.curve.push_back(point);
      if (!options_.report(point)) {
        result.status = TrialStatus::pruned;
        result.reason = "pruned after epoch " + std::to_string(epochs_done());
        break;
      }
      stopped = recipe_.patience > 0 && !better && epochs_without_gain_ >= recipe_.patience;
    }
    finish(result);
    return result;
  }

 private:
  double epoch_of(int64_t step) const { return static_cast<double>(step) / static_cast<double>(steps_per_epoch_); }
  int64_t epochs_done() const { return (next_step_ + steps_per_epoch_ - 1) / steps_per_epoch_; }

  void resume(const Weights& weights) {
    step_.store().load(weights);
    if (step_.average() != nullptr) {
      // A checkpoint has the raw weights beside; anything else starts its average at what it gives.
      step_.average()->load(step_.store(), weights, 0);
    }
    const auto steps = weights.metadata.find("training_step");
    if (steps == weights.metadata.end()) return;
    next_step_ = std::min<int64_t>(std::stoll(steps->second), total_steps_);
    step_.optimizer().load(weights);
    if (step_.average() == nullptr) return;
    Weights raw;
    for (const auto& [name, tensor] : weights.tensors) {
      if (name.starts_with("raw/")) raw.tensors.emplace_back(name.substr(4), tensor);
    }
    step_.store().load(raw);
    const auto updates = weights.metadata.find("average_updates");
    step_.average()->load(step_.store(), weights, updates == weights.metadata.end() ? 0 : std::stoll(updates->second));
  }

  // The order of an epoch depends on its number alone.
  void shuffle_for(int64_t epoch) {
    if (epoch == shuffled_epoch_) return;
    shuffled_epoch_ = epoch;
    order_ = samples_;
    Random random = Random::stream(options_.seed, "shuffle", static_cast<uint64_t>(epoch));
    random.shuffle(std::span<int64_t>(order_));
  }

  // Mean loss of the steps before `end`, or nothing when training failed (the result says why).
  std::optional<double> run_until(int64_t end, TrainingResult& result) {
    const Clock::time_point start = Clock::now();
    const double processor_start = processor_s();
    at::Tensor sum;
    int64_t count = 0;
    for (; next_step_ < end; ++next_step_) {
      if (options_.interrupted()) throw Interrupted();
      const int64_t epoch = next_step_ / steps_per_epoch_;
      shuffle_for(epoch);
      const int64_t offset = (next_step_ % steps_per_epoch_) * batch_size_;
      const std::span<const int64_t> indices(order_.data() + offset, static_cast<size_t>(batch_size_));
      Random augment = Random::stream(options_.seed, "augment", static_cast<uint64_t>(next_step_));
      step_.set_progress(static_cast<double>(next_step_) / static_cast<double>(total_steps_));
      const at::Tensor loss = step_.run(train_.load(indices, augment), next_step_, schedule_->rate(next_step_));
      sum = sum.defined() ? sum + loss : loss;
      ++count;
      result.images += batch_size_;
      // Waiting for a GPU at each step would cost more than a few wasted ones.
      if ((loss.is_cpu() || count % 32 == 0) && !std::isfinite(sum.item<double>())) return fail(result, next_step_);
    }
    const double mean = sum.item<double>() / static_cast<double>(count);
    result.time_s += seconds_since(start);
    result.processor_s += processor_s() - processor_start;
    if (!std::isfinite(mean)) return fail(result, next_step_ - 1);
    return mean;
  }

  std::optional<double> fail(TrainingResult& result, int64_t step) const {
    result.status = TrialStatus::failed;
    result.reason = "training diverged: the loss is not finite at step " + std::to_string(step + 1) + " of " +
                    std::to_string(total_steps_) + " (learning rate " + std::to_string(schedule_->rate(step)) + ")";
    return std::nullopt;
  }

  CurvePoint judge(double training_loss) {
    CurvePoint point;
    point.epoch = epoch_of(next_step_);
    if (validation_.size() > 0)
      point.metrics = measure_split(step_, task_, validation_, evaluation_batch(), validation_text());
    point.metrics["train_loss"] = trained_metric(training_loss, "", "mean of the epoch's batches, as trained");
    point.metrics["learning_rate"] = {
        .value = schedule_->rate(next_step_ - 1), .unit = "", .origin = Origin::counted, .source = "schedule"};
    return point;
  }

  int64_t evaluation_batch() const { return std::max<int64_t>(batch_size_, 256); }
  std::string validation_text() const {
    char epochs[32];
    std::snprintf(epochs, sizeof(epochs), "%g", epoch_of(next_step_));
    return std::string("validation split, ") + epochs + " epochs";
  }

  // True when the searched metric is better than in all epochs before; then the weights are kept, where the recipe stops early.
  bool note_best(const CurvePoint& point) {
    const MetricSpec& spec = task_.metrics().front();
    const std::optional<double> value = metric_value(point.metrics, spec.name);
    const double score = !value.has_value()                      ? -std::numeric_limits<double>::infinity()
                         : spec.direction == Direction::maximize ? *value
                                                                 : -*value;
    const bool better = !best_score_.has_value() || score > *best_score_;
    epochs_without_gain_ = better ? 0 : epochs_without_gain_ + 1;
    if (!better) return false;
    best_score_ = score;
    best_metrics_ = point.metrics;
    if (recipe_.patience > 0) best_weights_ = step_.final_weights();
    return true;
  }

  void finish(TrainingResult& result) {
    const bool early = recipe_.patience > 0 && !best_weights_.tensors.empty();
    result.weights = early ? best_weights_ : step_.final_weights();
    result.metrics = early ? best_metrics_ : result.curve.empty() ? Metrics() : result.curve.back().metrics;
    result.metrics.erase("learning_rate");
    result.weights.metadata["epochs"] = std::to_string(epoch_of(next_step_));
    if (options_.keep_optimizer_state && !early) {
      result.weights.metadata["training_step"] = std::to_string(next_step_);
      if (step_.average() != nullptr) {
        result.weights.metadata["average_updates"] = std::to_string(step_.average()->updates());
        for (auto& [name, tensor] : step_.store().weights().tensors)
          result.weights.tensors.emplace_back("raw/" + name, tensor);
      }
      for (auto& entry : step_.optimizer().state().tensors) result.weights.tensors.push_back(entry);
    }
    const std::string with = numerics_text(options_.numerics);
    result.metrics["train_time_s"] = {
        .value = result.time_s, .unit = "s", .origin = Origin::measured, .source = with, .count = result.images};
    result.metrics["train_processor_s"] = {
        .value = result.processor_s, .unit = "s", .origin = Origin::measured, .source = with, .count = result.images};
    if (result.time_s > 0) {
      result.metrics["train_images_per_s"] = {.value = static_cast<double>(result.images) / result.time_s,
                                              .unit = "1/s",
                                              .origin = Origin::measured,
                                              .source = with,
                                              .count = result.images};
    }
  }

  const Task& task_;
  const Recipe& recipe_;
  const TrainingOptions& options_;
  std::vector<int64_t> samples_, order_;
  TrainingStep step_;
  BatchSource train_, validation_;
  std::unique_ptr<Schedule> schedule_;
  int64_t batch_size_ = 0, steps_per_epoch_ = 0, total_steps_ = 0, next_step_ = 0, shuffled_epoch_ = -1;
  std::optional<double> best_score_;
  Metrics best_metrics_;
  Weights best_weights_;
  int64_t epochs_without_gain_ = 0;
};

}  // namespace

TrainingResult train_network(const Graph& graph, const Task& task, const Recipe& recipe,
                             const TrainingOptions& options) {
  prepare_process(options.numerics);
  try {
    return Training(graph, task, recipe, options).run();
  } catch (const c10::Error& error) {
    TrainingResult result;
    result.status = TrialStatus::failed;
    result.reason = std::string("libtorch: ") + error.what_without_backtrace();
    return result;
  }
}

Metrics evaluate_network(const Graph& graph, const Task& task, Split split, const Numerics& numerics,
                         int64_t batch_size) {
  prepare_process(numerics);
  TrainingStep step(graph, task.signature(), task.loss(), Recipe{}, numerics, 0);
  const BatchSource source(task, split, nullptr, 1, torch_device(numerics.device));
  return measure_split(step, task, source, batch_size, std::string(split_name(split)) + " split");
}

double measure_training(const Graph& graph, const TaskSignature& signature, const LossSpec& loss, const Recipe& recipe,
                        const Numerics& numerics, int warmup, int steps) {
  prepare_process(numerics);
  TrainingStep step(graph, signature, loss, recipe, numerics, 1);
  TorchBatch batch;
  batch.size = recipe.batch_size;
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(uint64_t{1});
  const at::Device device = torch_device(numerics.device);
  const auto with_batch = [&](const TensorSpec& spec) {
    std::vector<int64_t> extents = {batch.size};
    extents.insert(extents.end(), spec.extents.begin(), spec.extents.end());
    return extents;
  };
  for (const TensorSpec& spec : signature.inputs) {
    at::Tensor input = is_floating(spec.type) ? at::randn(with_batch(spec), generator)
                                              : at::zeros(with_batch(spec), at::TensorOptions(torch_type(spec.type)));
    batch.tensors[spec.name] = input.to(device);
  }
  const TensorSpec& output = signature.outputs.at(0);
  std::vector<int64_t> class_extents = with_batch(output);  // [batch, classes, ...] without its classes
  class_extents.erase(class_extents.begin() + 1);
  at::Tensor target = loss.kind == "cross_entropy"
                          ? at::randint(0, output.extents.at(0), class_extents, generator, at::TensorOptions(at::kLong))
                          : at::randn(with_batch(output), generator);
  batch.tensors[loss.target] = target.to(device);
  for (int i = 0; i < warmup; ++i) step.run(batch, i, recipe.learning_rate).item<double>();
  const Clock::time_point start = Clock::now();
  at::Tensor last;
  for (int i = 0; i < steps; ++i) last = step.run(batch, warmup + i, recipe.learning_rate);
  last.item<double>();
  return static_cast<double>(steps) * static_cast<double>(batch.size) / seconds_since(start);
}

}  // namespace nacre
