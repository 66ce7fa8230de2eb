#include "nacre/run/codesign/networks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/run/search_run.hpp"

namespace nacre {

CodesignNetworks::CodesignNetworks(const CodesignPlan& plan, std::vector<Numerics> numerics,
                                   std::filesystem::path artifacts, Store& store, std::function<bool()> interrupted)
    : plan_(plan),
      numerics_(std::move(numerics)),
      artifacts_(std::move(artifacts)),
      store_(store),
      interrupted_(std::move(interrupted)) {
  for (size_t i = 0; i < plan.tasks.size(); ++i)
    evaluators_.push_back(make_evaluator(plan.tasks[i].plan, numerics_.at(i)));
  for (const Followup& followup : store_.followups()) {
    if (!followup.name.starts_with("network ")) continue;
    known_.emplace(followup.name, trial_from_json(followup.body));
    ++evaluated_;
  }
}

const Trial& CodesignNetworks::trial(size_t task, const Decisions& network) {
  const CodesignTask& own = plan_.tasks[task];
  const std::string name = fmt::format("network {} {}", own.name, plan_.space->network_identity(network, task).hex());
  if (const auto known = known_.find(name); known != known_.end()) return known->second;
  Trial trial;
  trial.number = evaluated_;
  trial.candidate.decisions = network;
  trial.request.seed = plan_.search.seed;
  const Design design = own.plan.space->build(network);
  EvaluationContext context;
  context.artifacts = artifacts_;
  context.interrupted = interrupted_;
  evaluators_[task]->evaluate(design, trial, context);
  const std::optional<double> quality = metric_value(trial.metrics, own.metric);
  if (trial.status == TrialStatus::ok && !quality) {
    trial.status = TrialStatus::failed;
    trial.reason = own.metric + " is not known";
  }
  if (!trial.weights.empty())
    store_.register_artifact({trial.weights, trial.weights.ends_with(".onnx") ? "model" : "weights", -1,
                              static_cast<uint64_t>(std::filesystem::file_size(artifacts_ / trial.weights))});
  store_.record_followup({name, -1, to_json(trial)});
  ++evaluated_;
  return known_.emplace(name, std::move(trial)).first->second;
}

void CodesignNetworks::evaluate(const Decisions& joint, Trial& result) {
  std::vector<double> qualities;
  result.status = TrialStatus::ok;
  for (size_t i = 0; i < plan_.tasks.size(); ++i) {
    const CodesignTask& task = plan_.tasks[i];
    const Trial& own = trial(i, plan_.space->network(joint, i));
    if (own.status != TrialStatus::ok) {
      result.status = TrialStatus::failed;
      result.reason = fmt::format("{}: {}", task.name, own.reason);
      return;
    }
    for (const MetricSpec& spec : task.plan.task->metrics()) {
      const auto found = own.metrics.find(spec.name);
      if (found != own.metrics.end()) result.metrics[task.name + "_" + spec.name] = found->second;
    }
    qualities.push_back(*metric_value(own.metrics, task.metric));
  }
  Metric& quality = result.metrics[kCodesignQuality];
  quality = result.metrics.at(plan_.tasks[0].name + "_" + plan_.tasks[0].metric);
  quality.value = combined_quality(plan_, qualities);
  if (plan_.tasks.size() > 1) quality.source = plan_.search.worst_task ? "the worst task" : "weighted over the tasks";
}

double combined_quality(const CodesignPlan& plan, const std::vector<double>& qualities) {
  if (plan.search.worst_task) return *std::ranges::min_element(qualities);
  double sum = 0;
  for (size_t i = 0; i < qualities.size(); ++i) sum += plan.tasks[i].weight * qualities[i];
  return sum;
}

}  // namespace nacre
