#include "nacre/run/finalize.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "nacre/base/file.hpp"
#include "nacre/base/log.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/rewrite.hpp"
#include "nacre/ir/weights_file.hpp"
#include "nacre/nn/parameter_store.hpp"
#include "nacre/nn/trained_evaluator.hpp"
#include "nacre/run/command_evaluator.hpp"
#include "nacre/run/csv_cell.hpp"
#include "nacre/run/device_cost.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/search/pareto.hpp"
#include "nacre/space/trace.hpp"

namespace nacre {
namespace {

// One final training: which member of the front, which seed.
struct FinalTraining {
  size_t member = 0;
  int64_t seed_index = 0;
  Trial trial;
  std::string name;  // of the follow-up
};

class Finalizer {
 public:
  Finalizer(const Front& front, const FinalParts& parts) : parts_(parts), plan_(parts.plan) {
    const auto count = std::min<size_t>(front.members.size(), static_cast<size_t>(plan_.final_settings.networks));
    members_.assign(front.members.begin(), front.members.begin() + static_cast<std::ptrdiff_t>(count));
    trained_.resize(count);
  }

  std::vector<FinalNetwork> run() {
    train_all();
    std::vector<FinalNetwork> networks;
    for (size_t i = 0; i < members_.size(); ++i) {
      if (parts_.interrupted()) throw Interrupted();
      parts_.progress({static_cast<int64_t>(i), static_cast<int64_t>(members_.size()), "export"});
      networks.push_back(export_member(i));
    }
    parts_.progress({static_cast<int64_t>(members_.size()), static_cast<int64_t>(members_.size()), "export"});
    return networks;
  }

 private:
  bool needs_training(const Trial& trial) const {
    const std::string& mode = plan_.final_settings.train;
    if (mode == "always" || (trial.weights.empty() && plan_.evaluator.trains_here())) return true;
    if (mode == "never") return false;
    const Fidelity& fidelity = trial.request.fidelity;
    return (fidelity.epochs > 0 && fidelity.epochs < plan_.recipe.epochs) || fidelity.data_share < 1 ||
           plan_.final_settings.seeds > 1;
  }

  std::vector<FinalTraining> planned_trainings() const {
    std::vector<FinalTraining> planned;
    for (size_t i = 0; i < members_.size(); ++i) {
      if (!needs_training(members_[i])) continue;
      for (int64_t s = 0; s < plan_.final_settings.seeds; ++s) {
        FinalTraining training{i, s, {}, ""};
        training.trial.number = static_cast<int64_t>(planned.size());
        training.trial.candidate = members_[i].candidate;
        training.trial.request.fidelity = {};  // the whole recipe on all of the training split
        training.trial.request.seed = mix_seed(mix_seed(plan_.search.seed, 0x66696e616cULL), static_cast<uint64_t>(s));
        training.name = fmt::format("final training of trial {}, seed {}: {}", members_[i].number,
                                    training.trial.request.seed, hash_text(to_json(plan_.recipe).dump()).hex());
        planned.push_back(std::move(training));
      }
    }
    return planned;
  }

  // Runs what was not done before, as many side by side as the executor takes.
  void train_all() {
    std::vector<FinalTraining> planned = planned_trainings();
    const auto total = static_cast<int64_t>(planned.size());
    std::map<int64_t, FinalTraining> open;
    for (FinalTraining& training : planned) {
      const auto done = parts_.store.followup(training.name);
      const std::string weights = done.has_value() ? done->body.at("weights").get<std::string>() : "";
      const bool kept = weights.empty() ? !plan_.evaluator.trains_here() : parts_.artifacts.contains(weights);
      if (done.has_value() && kept) {
        keep(training, trial_from_json(done->body));
      } else {
        open.emplace(training.trial.number, std::move(training));
      }
    }
    auto next = open.begin();
    std::map<int64_t, int> attempts;
    while (!open.empty()) {
      parts_.progress({total - static_cast<int64_t>(open.size()), total, "final training"});
      while (next != open.end() && parts_.executor.running() < parts_.executor.capacity()) {
        parts_.executor.start(next->second.trial, nullptr);
        ++next;
      }
      for (TrialOutcome& outcome : parts_.executor.wait(0.5)) take(outcome, open, attempts);
      if (parts_.interrupted()) {
        parts_.executor.cancel();
        throw Interrupted();
      }
    }
    if (total > 0) parts_.progress({total, total, "final training"});
  }

  void take(TrialOutcome& outcome, std::map<int64_t, FinalTraining>& open, std::map<int64_t, int>& attempts) {
    const auto found = open.find(outcome.number);
    NACRE_CHECK(found != open.end());
    FinalTraining& training = found->second;
    if (!outcome.result.has_value() && ++attempts[outcome.number] < 3) {
      log_warning("final training of trial {} was lost ({}); trying again", members_[training.member].number,
                  outcome.reason);
      parts_.executor.start(training.trial, nullptr);
      return;
    }
    if (!outcome.result.has_value() || outcome.result->status != TrialStatus::ok) {
      const std::string reason = outcome.result.has_value() ? outcome.result->reason : outcome.reason;
      log_warning("final training of trial {} failed: {}; the weights of the search are kept",
                  members_[training.member].number, reason);
    } else {
      parts_.store.transaction([&] {
        for (const Artifact& artifact : outcome.artifacts) parts_.store.register_artifact(artifact);
        parts_.store.record_followup({training.name, members_[training.member].number, to_json(*outcome.result)});
      });
      keep(training, *outcome.result);
    }
    open.erase(found);
  }

  void keep(const FinalTraining& training, const Trial& result) {
    trained_[training.member][training.seed_index] = result;
  }

  // Mean and spread over seeds of the trained quality.
  Metrics trained_metrics(size_t member) const {
    const auto& seeds = trained_[member];
    if (seeds.empty()) return members_[member].metrics;
    Metrics metrics = seeds.begin()->second.metrics;
    for (auto& [name, metric] : metrics) {
      double sum = 0, squares = 0;
      int64_t count = 0;
      for (const auto& [seed, trial] : seeds) {
        const std::optional<double> value = metric_value(trial.metrics, name);
        if (!value.has_value()) continue;
        sum += *value;
        squares += *value * *value;
        ++count;
      }
      if (count < 2) continue;
      const double mean = sum / static_cast<double>(count);
      metric.value = mean;
      metric.count = count;
      metric.spread = std::sqrt(std::max(0.0, (squares - sum * mean) / static_cast<double>(count - 1)));
      metric.source += fmt::format(", mean of {} seeds", count);
    }
    return metrics;
  }

  Graph trained_graph(size_t member, const Trial& source) const {
    const Design design = plan_.space->build(members_[member].candidate.decisions);
    Graph graph = trained_network(design.graph(), parts_.artifacts.get(source.weights), source.weights);
    simplify_for_deployment(graph);
    return graph;
  }

  // As designed, for evaluators that judge structures: fresh weights, batch normalization not folded, ready to be trained.
  Graph untrained_graph(size_t member) const {
    Graph graph = plan_.space->build(members_[member].candidate.decisions).graph();
    PlainStore(graph, plan_.search.seed, parts_.numerics).export_to(graph);
    return graph;
  }

  void write_metadata(Graph& graph, const Trial& member, const Metrics& metrics) const {
    graph.name = fmt::format("{}_trial_{}", plan_.task->name(), member.number);
    graph.metadata["nacre.trial"] = std::to_string(member.number);
    graph.metadata["nacre.decisions"] = plan_.space->trace().text(member.candidate.decisions);
    graph.metadata["nacre.task"] = plan_.task->identity();
    graph.metadata["nacre.space"] = plan_.space->name();
    graph.metadata["nacre.target"] = plan_.target->identity();
    graph.metadata["nacre.numerics"] = numerics_text(parts_.numerics);
    graph.metadata["nacre.configuration"] = plan_.resolved.dump();
    graph.metadata["nacre.metrics"] = to_json(metrics).dump();
  }

  // Quality of the file as it will be read elsewhere; the test split is read here and nowhere before.
  void evaluate_exported(const Graph& graph, Metrics& metrics) const {
    if (plan_.task->size(Split::validation) == 0) return;  // the data are with the evaluator's program
    const Metrics validation = evaluate_model(graph, *plan_.task, Split::validation, parts_.numerics);
    for (const auto& [name, metric] : validation) metrics["exported_" + name] = metric;
    if (!plan_.final_settings.test || plan_.task->size(Split::test) == 0) return;
    for (const auto& [name, metric] : evaluate_model(graph, *plan_.task, Split::test, parts_.numerics))
      metrics["test_" + name] = metric;
  }

  Cost cost_of(const Graph& graph, const Decisions& decisions) const {
    Design design;
    design.graphs.emplace(plan_.task->name(), graph);
    design.recipe = plan_.recipe;
    design.decisions = decisions;  // by which a table answers
    Cost cost = cost_on_device(*plan_.target, design, plan_.deployment, parts_.interrupted);
    add_measured(design, cost);
    return cost;
  }

  // Beside every cost that was looked up or predicted: what the device says of this very network.
  void add_measured(const Design& design, Cost& cost) const {
    const std::shared_ptr<Target> device = plan_.target->measured();
    if (device == nullptr) return;
    try {
      const Cost measured = cost_on_device(*device, design, plan_.deployment, parts_.interrupted);
      for (const auto& [name, metric] : measured.totals) {
        if (metric.origin == Origin::measured) cost.totals["measured_" + name] = metric;
      }
    } catch (const DeviceError& error) {
      log_warning("the front is not measured again: {}", error.what());
    }
  }

  // The spread of the test metric over seeds needs each seed's own network.
  void add_test_over_seeds(size_t member, Metrics& metrics) const {
    const auto& seeds = trained_[member];
    if (!plan_.final_settings.test || seeds.size() < 2 || plan_.task->size(Split::test) == 0) return;
    std::map<std::string, std::vector<double>> values;
    for (const auto& [seed, trial] : seeds) {
      const Metrics test = evaluate_model(trained_graph(member, trial), *plan_.task, Split::test, parts_.numerics);
      for (const auto& [name, metric] : test) {
        if (metric.value.has_value()) values[name].push_back(*metric.value);
      }
    }
    for (const auto& [name, all] : values) {
      Metric& metric = metrics["test_" + name];
      double mean = 0, squares = 0;
      for (const double value : all) mean += value / static_cast<double>(all.size());
      for (const double value : all) squares += (value - mean) * (value - mean);
      metric.value = mean;
      metric.count = static_cast<int64_t>(all.size());
      metric.spread = std::sqrt(squares / static_cast<double>(all.size() - 1));
      metric.source += fmt::format(", mean of {} seeds", all.size());
    }
  }

  FinalNetwork export_member(size_t i) {
    const Trial& member = members_[i];
    const Trial& source = trained_[i].empty() ? member : trained_[i].begin()->second;
    FinalNetwork network;
    network.trial = member;
    network.metrics = trained_metrics(i);
    network.curve = source.curve;
    const bool untrained = source.weights.empty() && !plan_.evaluator.trains();
    if (source.weights.empty() && !untrained) {
      log_warning("trial {} has no weights; it is listed but not exported", member.number);
      return network;
    }
    if (untrained && plan_.space->build(member.candidate.decisions).graphs.empty())
      return network;  // decisions of a table that has no networks
    Graph graph = untrained ? untrained_graph(i) : trained_graph(i, source);
    write_metadata(graph, member, network.metrics);
    if (untrained) graph.metadata["nacre.weights"] = fmt::format("drawn with seed {}, not trained", plan_.search.seed);
    const std::string file = fmt::format("models/trial_{}.onnx", member.number);
    network.opset = write_onnx(graph, plan_.output_dir / file).opset;
    network.model_file = file;
    const Graph exported = read_onnx(plan_.output_dir / file);
    network.structure_hash = structure_hash(exported).hex();
    if (!untrained) {
      evaluate_exported(exported, network.metrics);
      add_test_over_seeds(i, network.metrics);
    }
    network.cost = cost_of(exported, member.candidate.decisions);
    for (const auto& [name, metric] : network.cost.totals) network.metrics[name] = metric;
    describe_limits(network);
    return network;
  }

  void describe_limits(FinalNetwork& network) const {
    const ObjectiveSet& objectives = plan_.objectives;
    network.within_limits = objectives.violation(network.metrics) <= 0;
    if (network.within_limits) return;
    const Limit* limit = objectives.binding_limit(network.metrics);
    if (limit == nullptr) return;
    const std::optional<double> value = metric_value(network.metrics, limit->metric);
    network.binding = fmt::format("{} {} {}: {}", limit->metric, limit->at_least ? ">=" : "<=", limit->bound,
                                  value.has_value() ? fmt::format("{:.6g}", *value) : "unknown");
  }

  const FinalParts& parts_;
  const Plan& plan_;
  std::vector<Trial> members_;
  std::vector<std::map<int64_t, Trial>> trained_;  // by member, then by seed index
};

}  // namespace

void order_networks(std::vector<FinalNetwork>& networks, const ObjectiveSet& objectives) {
  const auto rank = [&](const FinalNetwork& network) {
    std::optional<Point> point = objectives.minimized(network.metrics);
    return std::tuple(!network.within_limits, !point.has_value(), point.value_or(Point{}));
  };
  std::ranges::stable_sort(networks, {}, rank);
}

std::vector<FinalNetwork> finalize(const Front& front, const FinalParts& parts) {
  std::vector<FinalNetwork> networks = Finalizer(front, parts).run();
  if (front.limits_met) order_networks(networks, parts.plan.objectives);
  return networks;
}

Json to_json(const FinalNetwork& network) {
  Json json = {{"trial", network.trial.number},
               {"model", network.model_file},
               {"opset", network.opset},
               {"structure_hash", network.structure_hash},
               {"within_limits", network.within_limits},
               {"binding", network.binding},
               {"made_by", network.trial.candidate.made_by},
               {"decisions", to_json(network.trial.candidate)["decisions"]},
               {"metrics", to_json(network.metrics)},
               {"searched_metrics", to_json(network.trial.metrics)}};
  Json& items = json["cost_items"] = Json::array();
  for (const CostItem& item : network.cost.items) {
    items.push_back({{"node", item.node},
                     {"name", item.name},
                     {"op", item.op},
                     {"scope", item.scope},
                     {"metrics", to_json(item.metrics)}});
  }
  Json& curve = json["curve"] = Json::array();
  for (const CurvePoint& point : network.curve)
    curve.push_back({{"epoch", point.epoch}, {"metrics", to_json(point.metrics)}});
  return json;
}

FinalNetwork final_network_from_json(const Json& json, const Trial& trial) {
  FinalNetwork network;
  network.trial = trial;
  network.model_file = json.value("model", "");
  network.opset = json.value("opset", 0);
  network.structure_hash = json.value("structure_hash", "");
  network.within_limits = json.value("within_limits", true);
  network.binding = json.value("binding", "");
  network.metrics = metrics_from_json(json.at("metrics"));
  for (const Json& item : json.at("cost_items")) {
    network.cost.items.push_back({item.at("node").get<NodeId>(), item.at("name").get<std::string>(),
                                  item.at("op").get<std::string>(), item.at("scope").get<std::string>(),
                                  metrics_from_json(item.at("metrics"))});
  }
  network.cost.totals = network.metrics;
  for (const Json& point : json.at("curve")) {
    network.curve.push_back({point.at("epoch").get<double>(), metrics_from_json(point.at("metrics"))});
  }
  return network;
}

void write_front(const Plan& plan, const Front& front, const std::vector<FinalNetwork>& networks) {
  Json json = {{"limits_met", front.limits_met}, {"binding", front.binding}};
  Json& objectives = json["objectives"] = Json::array();
  for (const Objective& objective : plan.objectives.objectives) {
    objectives.push_back({{"metric", objective.metric},
                          {"direction", objective.direction == Direction::maximize ? "maximize" : "minimize"}});
  }
  json["limits"] = plan.resolved.at("limits");
  Json& rows = json["networks"] = Json::array();
  std::vector<std::string> columns;
  for (const FinalNetwork& network : networks) {
    rows.push_back(to_json(network));
    rows.back()["text"] = plan.space->trace().text(network.trial.candidate.decisions);
    for (const auto& [name, metric] : network.metrics) {
      if (std::ranges::find(columns, name) == columns.end()) columns.push_back(name);
    }
  }
  std::ranges::sort(columns);
  std::string csv = "trial,model,within_limits";
  for (const std::string& column : columns) csv += "," + csv_cell(column);
  csv += ",decisions\n";
  for (const FinalNetwork& network : networks) {
    csv += fmt::format("{},{},{}", network.trial.number, csv_cell(network.model_file), network.within_limits);
    for (const std::string& column : columns) {
      const std::optional<double> value = metric_value(network.metrics, column);
      csv += "," + (value.has_value() ? fmt::format("{}", *value) : std::string());
    }
    csv += "," + csv_cell(plan.space->trace().text(network.trial.candidate.decisions)) + "\n";
  }
  write_file_atomically(plan.output_dir / "front.csv", csv);
  write_file_atomically(plan.output_dir / "front.json", json.dump(2) + "\n");
}

}  // namespace nacre
