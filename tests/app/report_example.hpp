// A made-up study for tests of the report: plausible numbers from a seed, no networks.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nacre/app/report/report_data.hpp"
#include "nacre/base/random.hpp"
#include "nacre/search/pareto.hpp"

namespace nacre::example {

inline Metric metric(double value, std::string unit, Origin origin, std::string source,
                     std::optional<double> spread = std::nullopt, int64_t count = 1) {
  return {value, std::move(unit), origin, std::move(source), count, spread};
}

// The bigger the better up to a point, with diminishing returns and noise; latency follows MACs loosely.
inline Trial trial(int64_t number, Random& random, double size) {
  Trial trial;
  trial.number = number;
  trial.status = TrialStatus::ok;
  trial.candidate.made_by =
      number < 16 ? "random"
                  : fmt::format("mutation of {}", random.integer(std::max<int64_t>(0, number - 16), number - 1));
  const double params = 1500 * std::exp(3.2 * size) * (1 + 0.2 * random.uniform());
  const double macs = params * (8 + 30 * random.uniform());
  const double latency = 4e-5 + macs * 2.4e-10 * (1 + 0.3 * random.uniform());
  const double accuracy = random.bernoulli(0.04) ? 0.1 + 0.3 * random.uniform()
                                                 : 0.985 - 0.09 * std::exp(-3 * size) - 0.02 * random.uniform();
  trial.metrics["latency_s"] =
      metric(latency, "s", Origin::measured, "host, 1 thread, median of 31", latency * 0.02, 31);
  trial.metrics["macs"] = metric(std::round(macs), "", Origin::counted, "graph");
  trial.metrics["params"] = metric(std::round(params), "", Origin::counted, "graph");
  trial.metrics["model_bytes"] = metric(std::round(params) * 4, "B", Origin::counted, "graph");
  trial.time_s = 1 + params * 4e-4 * (1 + random.uniform());
  if (params > 20000) {
    trial.status = TrialStatus::infeasible;
    trial.reason = "params <= 20000: is " + std::to_string(static_cast<int64_t>(params));
    trial.time_s = 0.01;
    return trial;
  }
  trial.metrics["accuracy"] = metric(accuracy, "", Origin::trained, "validation split, 12 epochs");
  trial.metrics["loss"] = metric(1.2 - accuracy, "", Origin::trained, "validation split, 12 epochs");
  for (int epoch = 1; epoch <= 12; ++epoch) {
    CurvePoint point;
    point.epoch = epoch;
    const double learned = 1 - std::exp(-epoch / (1.5 + 2 * random.uniform()));
    point.metrics["accuracy"].value = 0.1 + (accuracy - 0.1) * learned;
    point.metrics["loss"].value = 2.3 - (1.1 + accuracy) * learned;
    trial.curve.push_back(point);
  }
  return trial;
}

// A stem, two residual blocks, pooling and a linear layer.
inline NetworkDrawing drawing(Random& random) {
  using Kind = DrawnLayer::Kind;
  NetworkDrawing network;
  const auto add = [&](Kind kind, int64_t kernel, int64_t channels, int64_t side, std::vector<int32_t> from) {
    network.layers.push_back({kind, "Conv", fmt::format("stage{}/0", network.layers.size()), kernel, 1, channels, side,
                              random.integer(1, 100000), random.integer(1, 5000), std::move(from)});
    return static_cast<int32_t>(network.layers.size()) - 1;
  };
  int32_t last = add(Kind::convolution, 3, 16, 8, {-1});
  for (const int64_t channels : {24, 32}) {
    const int32_t before = last;
    last = add(Kind::pointwise, 1, 3 * channels, 8, {last});
    last = add(Kind::depthwise, 5, 3 * channels, 8, {last});
    last = add(Kind::pointwise, 1, channels, 8, {last});
    last = add(Kind::join, 1, channels, 8, {before, last});
  }
  add(Kind::linear, 1, 10, 0, {add(Kind::pool, 8, 32, 1, {last})});
  return network;
}

inline Cost layer_costs(const Trial& trial, Random& random) {
  Cost cost;
  cost.totals = trial.metrics;
  const char* ops[] = {"Conv", "Relu", "Conv", "Relu", "Conv", "Add", "Conv", "Relu", "GlobalAveragePool", "Gemm"};
  for (int i = 0; i < 22; ++i) {
    CostItem item;
    item.node = i;
    item.name = fmt::format("node_{}", i);
    item.op = ops[i % 10];
    item.scope = fmt::format("stage{}/{}/{}", 1 + i / 8, i % 8 / 4, item.op == std::string("Conv") ? "expand" : "act");
    const double share = item.op == std::string("Conv") ? 1 + random.uniform() : 0.1 * random.uniform();
    item.metrics["latency_s"] = metric(*trial.metrics.at("latency_s").value * share / 14, "s", Origin::measured,
                                       "host, 1 thread, median of 31");
    item.metrics["macs"] =
        metric(item.op == std::string("Conv") ? std::round(*trial.metrics.at("macs").value * share / 14) : 0, "",
               Origin::counted, "graph");
    item.metrics["params"] =
        metric(item.op == std::string("Conv") ? std::round(*trial.metrics.at("params").value * share / 14) : 0, "",
               Origin::counted, "graph");
    cost.items.push_back(item);
  }
  return cost;
}

inline std::vector<MetricSpec> metric_specs() {
  return {{"accuracy", Direction::maximize, "", "share of validation samples classified correctly"},
          {"loss", Direction::minimize, "", "cross entropy"},
          {"latency_s", Direction::minimize, "s", "one run of the deployed network, median"},
          {"macs", Direction::minimize, "", "multiply-accumulate operations of one run"},
          {"params", Direction::minimize, "", "trainable parameters"},
          {"model_bytes", Direction::minimize, "B", "size of all initializers"}};
}

inline ReportData base_data() {
  ReportData data;
  data.study = "digits on one CPU thread";
  data.made_at = "2024-05-01 12:00 UTC";
  data.task = "digits: 1,797 images of 8x8, 10 classes; split 1,149 / 288 / 360";
  data.space = "mbconv tiny: 1.05e12 networks";
  data.target = "host: 1 thread, batch 1";
  data.strategy = "regularized_evolution, population 16, sample 4, seed 0, lookahead 8";
  data.metrics = metric_specs();
  data.quality = data.metrics[0];
  data.costs = {data.metrics[2], data.metrics[3], data.metrics[4], data.metrics[5]};
  data.objectives = {{{"accuracy", Direction::maximize}, {"latency_s", Direction::minimize}},
                     {{"params", 20000}, {"latency_s", 2e-4}}};
  data.stop_reason = "All planned trials were evaluated.";
  data.configuration = {{"task", {{"kind", "digits"}}},
                        {"limits", {{"params", 20000}, {"latency_s", 2e-4}}},
                        {"search", {{"strategy", "regularized_evolution"}, {"trials", 96}}}};
  data.machine = {{"cpu_model", "AMD EPYC"},
                  {"logical_cpus", "2"},
                  {"blas", "OpenBLAS 0.3.21"},
                  {"threads_per_trial", "1 (decided by measurement)"}};
  data.versions = {{"nacre", "0.1.0"}, {"libtorch", "1.13.0"}};
  return data;
}

inline ReportData study(int64_t trials = 96, uint64_t seed = 1) {
  ReportData data = base_data();
  Random random(seed), drawn(seed + 1);
  std::vector<Point> points;
  for (int64_t number = 0; number < trials; ++number) {
    const double progress = static_cast<double>(number) / static_cast<double>(trials);
    const double size =
        number < 16 ? random.uniform() : std::clamp(0.15 + 0.6 * random.uniform() + 0.2 * progress, 0.0, 1.0);
    ReportTrial row;
    row.trial = trial(number, random, size);
    if (number >= 16 && row.trial.status == TrialStatus::ok && *row.trial.metrics["accuracy"].value > 0.5) {
      double& accuracy = *row.trial.metrics["accuracy"].value;
      accuracy += 0.012 * std::min(1.0, 2 * progress) * (0.99 - accuracy) / 0.05;
    }
    if (number % 2 == 0 && number < 200) row.drawing = drawing(drawn);
    row.text = fmt::format("stage1/op=k3_e{} stage1/width={} stage2/0/op=k5_e6 stage2/1/op=skip stage3/width=32",
                           random.integer(1, 6), 8 * random.integer(1, 4));
    if (number == 40) {
      row.trial.status = TrialStatus::failed;
      row.trial.reason = "loss is not finite after 3 epochs";
      row.trial.metrics.erase("accuracy");
      row.trial.curve.clear();
    }
    if (number == 60 || number == 75) {
      row.trial = data.trials[number == 60 ? 33 : 52].trial;
      row.trial.number = number;
      row.trial.cached_from = number == 60 ? 33 : 52;
      row.trial.time_s = 0;
    }
    const bool feasible =
        row.trial.status == TrialStatus::ok && data.objectives.feasible(row.trial.metrics) && row.trial.cached_from < 0;
    points.push_back(feasible ? *data.objectives.minimized(row.trial.metrics) : Point{});
    data.spent_s += row.trial.time_s / 2;
    data.trials.push_back(std::move(row));
  }
  std::vector<size_t> front = pareto_front(points);
  std::ranges::sort(front, {}, [&](size_t i) { return points[i]; });
  for (const size_t i : front) {
    const Trial& trial = data.trials[i].trial;
    ReportNetwork network;
    network.trial = trial.number;
    network.model_file = fmt::format("models/network_{}.onnx", data.front.size() + 1);
    network.final_metrics["test_accuracy"] = metric(*trial.metrics.at("accuracy").value - 0.002, "", Origin::trained,
                                                    "test split, 30 epochs, 3 seeds", 0.0012, 3);
    network.cost = layer_costs(trial, random);
    network.facts = {{"structure hash", "9d1c5a0e77aa4b52"}, {"nodes", "22"}};
    for (int epoch = 1; epoch <= 30; ++epoch) {
      CurvePoint point;
      point.epoch = epoch;
      point.metrics["accuracy"].value =
          0.1 + (*trial.metrics.at("accuracy").value - 0.1) * (1 - std::exp(-epoch / 4.0));
      point.metrics["loss"].value = 2.3 - 2.1 * (1 - std::exp(-epoch / 4.0));
      network.final_curve.push_back(point);
    }
    data.front.push_back(std::move(network));
  }
  data.strategy_statistics = {{"repeats_avoided", 7}};
  for (int64_t number = 0; number < 12; ++number)
    data.random.push_back({trial(number, random, random.uniform()), "stage1/op=k3_e1"});
  return data;
}

}  // namespace nacre::example
