#include "nacre/nn/throughput_probe.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "nacre/nn/torch_compat.hpp"
#include "nacre/nn/trainer.hpp"

namespace nacre {
namespace {

constexpr double kGainForBf16 = 1.1;

Device decided_device(const std::string& word) {
  if (word == "auto") return device_available(Device::cuda) ? Device::cuda : Device::cpu;
  const Device device = device_from_name(word);
  if (!device_available(device))
    throw UserError("train.device is " + word + ", which this libtorch cannot use; expected cpu or auto");
  return device;
}

std::string rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.0f", value);
  return text;
}

class Prober {
 public:
  explicit Prober(const ProbeRequest& request)
      : request_(request),
        cores_(request.cores > 0 ? request.cores : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))) {
  }

  ProbeDecision decide() {
    decision_.numerics.device = decided_device(request_.device);
    decision_.numerics.threads = 1;
    decide_arithmetic();
    decide_workers();
    return decision_;
  }

 private:
  struct Setting {
    Numerics numerics;
    int workers = 1;
  };

  // Images per second of both: the median of rounds in which they take turns, so that what else the machine does weighs on
  // both alike.
  std::pair<double, double> compare(const Setting& first, const Setting& second) {
    constexpr int kRounds = 3;
    std::vector<double> rates_first, rates_second;
    for (int round = 0; round < kRounds; ++round) {
      const double time_s = request_.time_s / (4 * kRounds);
      rates_first.push_back(measure_side_by_side(request_, first.numerics, first.workers, time_s));
      rates_second.push_back(measure_side_by_side(request_, second.numerics, second.workers, time_s));
    }
    return {record(first, rates_first), record(second, rates_second)};
  }

  double record(const Setting& setting, std::vector<double>& rates) {
    std::ranges::sort(rates);
    const double median = rates[rates.size() / 2];
    decision_.measurements.push_back({setting.numerics, setting.workers, median});
    return median;
  }

  void decide_arithmetic() {
    Numerics& numerics = decision_.numerics;
    if (request_.precision != "auto") {
      numerics.arithmetic = arithmetic_from_name(request_.precision);
      decision_.reason = "train.precision is " + request_.precision;
      return;
    }
    numerics.arithmetic = Arithmetic::fp32;
    if (!has_fast_bf16(numerics.device)) {
      decision_.reason = "fp32: this processor has no bfloat16 arithmetic";
      return;
    }
    Numerics other = numerics;
    other.arithmetic = Arithmetic::bf16;
    const auto [fp32, bf16] = compare({numerics, 1}, {other, 1});
    if (bf16 >= kGainForBf16 * fp32) numerics.arithmetic = Arithmetic::bf16;
    decision_.reason = std::string(arithmetic_name(numerics.arithmetic)) + ": bf16 trains " + rounded(bf16) +
                       " images/s, fp32 " + rounded(fp32);
  }

  void decide_workers() {
    if (decision_.numerics.device == Device::cuda) {
      decision_.workers = std::max(1, request_.workers);
      return;
    }
    if (request_.workers > 0) {
      // One thread each, however many there are: the order of sums, and with it every result, must not depend on the number
      // of workers.
      decision_.workers = request_.workers;
      return;
    }
    if (cores_ == 1) return;
    Numerics all = decision_.numerics;
    all.threads = cores_;
    const auto [together, apart] = compare({all, 1}, {decision_.numerics, cores_});
    if (together > apart) {
      decision_.numerics.threads = cores_;
    } else {
      decision_.workers = cores_;
    }
    decision_.reason += "; " + std::to_string(cores_) + " workers of one thread train " + rounded(apart) +
                        " images/s, one worker of " + std::to_string(cores_) + " threads " + rounded(together);
  }

  const ProbeRequest& request_;
  int cores_;
  ProbeDecision decision_;
};

}  // namespace

double measure_side_by_side(const ProbeRequest& request, const Numerics& numerics, int workers, double time_s) {
  constexpr int kWarmup = 2;
  const auto train = [&](int steps) {
    return measure_training(request.graph, request.signature, request.loss, request.recipe, numerics, kWarmup, steps);
  };
  // How many steps fit: from a first, short run.
  const double rate = train(2);
  const double steps_fitting = time_s * rate / static_cast<double>(request.recipe.batch_size);
  const int steps = std::clamp(static_cast<int>(steps_fitting), 2, 2000);
  if (workers == 1) return train(steps);
  std::vector<double> rates(static_cast<size_t>(workers), 0);
  std::vector<std::exception_ptr> errors(rates.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < rates.size(); ++i) {
    threads.emplace_back([&, i] {
      try {
        rates[i] = train(steps);
      } catch (...) {
        errors[i] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  double sum = 0;
  for (size_t i = 0; i < rates.size(); ++i) {
    if (errors[i] != nullptr) std::rethrow_exception(errors[i]);
    sum += rates[i];
  }
  return sum;
}

ProbeDecision probe_throughput(const ProbeRequest& request) { return Prober(request).decide(); }

Json to_json(const ProbeDecision& decision) {
  Json measurements = Json::array();
  for (const ProbeMeasurement& m : decision.measurements) {
    measurements.push_back(
        {{"numerics", to_json(m.numerics)}, {"workers", m.workers}, {"images_per_s", m.images_per_s}});
  }
  return {{"numerics", to_json(decision.numerics)},
          {"workers", decision.workers},
          {"reason", decision.reason},
          {"measurements", std::move(measurements)}};
}

ProbeDecision probe_decision_from_json(const Json& json) {
  ProbeDecision decision;
  try {
    decision.numerics = numerics_from_json(json.at("numerics"));
    decision.workers = json.at("workers").get<int>();
    decision.reason = json.at("reason").get<std::string>();
    for (const Json& m : json.at("measurements")) {
      decision.measurements.push_back(
          {numerics_from_json(m.at("numerics")), m.at("workers").get<int>(), m.at("images_per_s").get<double>()});
    }
  } catch (const Json::exception& error) {
    throw UserError("malformed probe decision: " + std::string(error.what()));
  }
  return decision;
}

}  // namespace nacre
