#include "nacre/run/codesign/outcome.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/file.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/rewrite.hpp"
#include "nacre/nn/parameter_store.hpp"
#include "nacre/nn/trained_evaluator.hpp"
#include "nacre/run/command_evaluator.hpp"
#include "nacre/run/csv_cell.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/study/artifacts.hpp"

namespace nacre {
namespace {

CodesignModel export_network(const CodesignPlan& plan, const CodesignMethod& found, size_t i, CodesignRun& run) {
  const CodesignTask& task = plan.tasks[i];
  const Trial& trial = run.networks().trial(i, found.networks[i]);
  const Numerics& numerics = run.networks().numerics()[i];
  CodesignModel model;
  model.task = task.name;
  model.file = "models/" + task.name + ".onnx";
  model.trained = !trial.weights.empty();
  model.searched = metric_value(trial.metrics, task.metric);
  Graph graph = task.plan.space->build(found.networks[i]).graph();
  if (model.trained) {
    const ArtifactFolder artifacts(artifacts_folder(plan.output_dir));
    graph = trained_network(graph, artifacts.get(trial.weights), trial.weights);
    simplify_for_deployment(graph);
  } else {
    PlainStore(graph, plan.search.seed, numerics).export_to(graph);
    graph.metadata["nacre.weights"] = fmt::format("drawn with seed {}, not trained", plan.search.seed);
  }
  graph.name = task.name;
  graph.metadata["nacre.decisions"] = task.plan.space->trace().text(found.networks[i]);
  graph.metadata["nacre.task"] = task.plan.task->identity();
  graph.metadata["nacre.space"] = task.plan.space->name();
  graph.metadata["nacre.accelerator"] = to_json(found.accelerator).dump();
  write_onnx(graph, plan.output_dir / model.file);
  if (!model.trained || task.plan.task->size(Split::validation) == 0) return model;
  const Graph exported = read_onnx(plan.output_dir / model.file);
  model.exported = metric_value(evaluate_model(exported, *task.plan.task, Split::validation, numerics), task.metric);
  if (task.plan.task->size(Split::test) > 0)
    model.test = metric_value(evaluate_model(exported, *task.plan.task, Split::test, numerics), task.metric);
  return model;
}

std::string accelerator_yaml_of(const CodesignPlan& plan, const CodesignMethod& found) {
  Json target = {{"kind", "heterogeneous"}, {"sub_accelerators", to_json(found.accelerator)}};
  if (const auto limit = plan.limit("latency_s")) target["latency_limit_s"] = *limit;
  target["clock_hz"] = plan.constants.clock_hz;
  target["element_bits"] = plan.constants.element_bits;
  target["mac_energy_j"] = plan.constants.mac_energy_j;
  target["l1_bytes"] = plan.constants.l1_bytes;
  target["l2_bytes"] = plan.constants.l2_bytes;
  return yaml_text({{"target", target}});
}

Json schedule_json(const CodesignPlan& plan, const CodesignCosts::Scheduled& scheduled) {
  const Schedule& schedule = scheduled.cost.result.schedule;
  Json json = {{"clock_hz", plan.constants.clock_hz},
               {"sub_accelerators", scheduled.problem.cores},
               {"makespan_cycles", schedule.makespan},
               {"energy_j", schedule.energy_j},
               {"layers", Json::array()}};
  for (size_t t = 0; t < schedule.tasks.size(); ++t) {
    const auto& task = scheduled.problem.tasks[t];
    json["layers"].push_back({{"name", task.name},
                              {"task", scheduled.model->networks()[static_cast<size_t>(task.network)].network},
                              {"sub_accelerator", schedule.tasks[t].core},
                              {"start_cycle", schedule.tasks[t].start},
                              {"end_cycle", schedule.tasks[t].finish}});
  }
  return json;
}

std::string designs_csv(const CodesignPlan& plan, const std::vector<Trial>& trials) {
  std::vector<std::string> metrics = {kCodesignQuality};
  for (const CodesignTask& task : plan.tasks) metrics.push_back(task.name + "_" + task.metric);
  for (const MetricSpec& spec : codesign_cost_metrics()) metrics.push_back(spec.name);
  metrics.emplace_back("penalty");
  std::string text = "trial";
  for (const std::string& metric : metrics) text += "," + metric;
  text += ",accelerator,networks\n";
  for (const Trial& trial : trials) {
    text += std::to_string(trial.number);
    for (const std::string& metric : metrics) {
      const std::optional<double> value = metric_value(trial.metrics, metric);
      text += value ? fmt::format(",{:.10g}", *value) : ",";
    }
    std::string accelerator, networks;
    const HeterogeneousAccelerator used =
        HardwareDecisions::canonical(plan.space->accelerator(trial.candidate.decisions));
    for (const SubAccelerator& one : used) accelerator += (accelerator.empty() ? "" : " + ") + text_of(one);
    for (size_t i = 0; i < plan.tasks.size(); ++i)
      networks +=
          fmt::format("{}{}: {}", i == 0 ? "" : "; ", plan.tasks[i].name,
                      plan.tasks[i].plan.space->trace().text(plan.space->network(trial.candidate.decisions, i)));
    text += fmt::format(",{},{}\n", csv_cell(accelerator), csv_cell(networks));
  }
  return text;
}

}  // namespace

CodesignFiles write_codesign(const CodesignPlan& plan, const CodesignResult& result, CodesignRun& run) {
  const CodesignMethod& found = result.methods.front();
  CodesignFiles files{.models = {}, .schedule = run.costs().scheduled(found.design)};
  const std::string fault = schedule_fault(files.schedule.problem, files.schedule.cost.result.schedule);
  NACRE_CHECK(fault.empty(), "the schedule is none: " + fault);
  std::filesystem::create_directories(models_folder(plan.output_dir));
  for (size_t i = 0; i < plan.tasks.size(); ++i) files.models.push_back(export_network(plan, found, i, run));
  write_file_atomically(plan.output_dir / "accelerator.yaml", accelerator_yaml_of(plan, found));
  write_file_atomically(plan.output_dir / "schedule.json", schedule_json(plan, files.schedule).dump(1) + "\n");
  write_file_atomically(plan.output_dir / "front.csv", designs_csv(plan, result.front));
  std::vector<Trial> pruned;
  std::ranges::copy_if(result.trials, std::back_inserter(pruned), [](const Trial& trial) {
    return trial.status == TrialStatus::infeasible && trial.cached_from < 0;
  });
  write_file_atomically(plan.output_dir / "pruned.csv", designs_csv(plan, pruned));
  write_file_atomically(configuration_file(plan.output_dir), yaml_text(plan.resolved));
  write_file_atomically(plan.output_dir / "codesign.json", to_json(plan, result, files).dump(2) + "\n");
  return files;
}

Json to_json(const CodesignPlan& plan, const CodesignResult& result, const CodesignFiles& files) {
  Json json = {{"specifications", Json::object()}, {"methods", Json::array()}, {"models", Json::array()}};
  for (const Spec& spec : result.specs)
    json["specifications"][spec.metric] = {{"limit", spec.spec}, {"bound", spec.bound}};
  for (const CodesignMethod& method : result.methods) {
    Json one = {{"name", method.name},
                {"within_limits", method.within_limits},
                {"accelerator", to_json(method.accelerator)},
                {"metrics", to_json(method.metrics)},
                {"cost_evaluations", method.cost_evaluations},
                {"network_evaluations", method.network_evaluations},
                {"statistics", method.statistics}};
    for (size_t i = 0; i < plan.tasks.size(); ++i)
      one["networks"][plan.tasks[i].name] = plan.tasks[i].plan.space->trace().text(method.networks[i]);
    json["methods"].push_back(std::move(one));
  }
  const auto number = [](const std::optional<double>& value) { return value ? Json(*value) : Json(); };
  for (const CodesignModel& model : files.models)
    json["models"].push_back({{"task", model.task},
                              {"file", model.file},
                              {"trained", model.trained},
                              {"searched", number(model.searched)},
                              {"exported", number(model.exported)},
                              {"test", number(model.test)}});
  json["front"] = result.front.size();
  json["schedule"] = {{"makespan_cycles", files.schedule.cost.result.schedule.makespan},
                      {"sub_accelerators", files.schedule.problem.cores},
                      {"utilization", core_utilization(files.schedule.problem, files.schedule.cost.result.schedule)}};
  return json;
}

}  // namespace nacre
