#include "nacre/app/study_report.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "nacre/app/report/report.hpp"
#include "nacre/base/count.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/log.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/run/search_run.hpp"
#include "nacre/space/trace.hpp"
#include "nacre/study/sqlite_store.hpp"

namespace nacre {
namespace {

constexpr size_t kDrawnTrials = 200;  // beside the front

std::vector<ReportFact> machine_facts(const MachineFacts& machine) {
  std::vector<ReportFact> facts = {{"processor", machine.cpu_model},
                                   {"vector extension", machine.cpu_capability},
                                   {"logical processors", std::to_string(machine.logical_cpus)},
                                   {"operating system", machine.operating_system}};
  if (machine.memory_bytes > 0)
    facts.push_back({"memory", fmt::format("{:.1f} GiB", static_cast<double>(machine.memory_bytes) / (1 << 30))});
  for (const auto& [name, value] : machine.numerics)
    facts.push_back({name == "class" ? "class of equal numbers" : name, value});
  for (const auto& [name, value] : machine.decisions) {
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (name == "numerics") text = numerics_text(numerics_from_json(value));
    facts.push_back({"decided: " + name, text});
  }
  return facts;
}

ReportNetwork network_of(const Json& body, const Trial& trial) {
  const FinalNetwork final_network = final_network_from_json(body, trial);
  ReportNetwork network;
  network.trial = trial.number;
  network.model_file = final_network.model_file;
  network.final_metrics = final_network.metrics;
  network.final_curve = final_network.curve;
  network.facts = {{"structure hash", final_network.structure_hash},
                   {"ONNX opset", std::to_string(final_network.opset)}};
  if (!final_network.within_limits)
    network.facts.push_back({"limit missed by the exported model", final_network.binding});
  network.cost = final_network.cost;
  return network;
}

// A network that was searched and not exported (yet): what follows from its graph.
ReportNetwork searched_network(const Plan& plan, const Trial& trial) {
  ReportNetwork network;
  network.trial = trial.number;
  const Design design = plan.space->build(trial.candidate.decisions);
  if (design.graphs.empty()) return network;  // decisions of a table, without a network
  network.facts = {{"structure hash", structure_hash(design.graph()).hex()}};
  network.cost = counted_cost(design, plan.deployment);
  return network;
}

// Drawings of the front and of some other trials, evenly spread: what a mark shows when it is pointed at.
void add_drawings(ReportData& data, const Plan& plan) {
  std::vector<ReportTrial*> others;
  const auto draw = [&](ReportTrial& row) {
    const Design design = plan.space->build(row.trial.candidate.decisions);
    if (!design.graphs.empty()) row.drawing = draw_network(design.graph());
  };
  for (ReportTrial& row : data.trials) {
    if (std::ranges::find(data.front, row.trial.number, &ReportNetwork::trial) != data.front.end()) {
      draw(row);
    } else if (row.trial.is_complete() && metric_value(row.trial.metrics, data.quality.name)) {
      others.push_back(&row);
    }
  }
  for (ReportTrial& row : data.random) {
    if (metric_value(row.trial.metrics, data.quality.name)) others.push_back(&row);
  }
  const size_t step = (others.size() + kDrawnTrials - 1) / kDrawnTrials;
  for (size_t i = 0; i < others.size(); i += std::max<size_t>(1, step)) draw(*others[i]);
}

// Why the search ended; or that it did not.
std::string stop_sentence(Store& store) {
  const std::vector<Sitting> sittings = store.sittings();
  const bool stopped = sittings.empty() || !sittings.back().ended_s || sittings.back().reason == "interrupted" ||
                       sittings.back().reason == "failed";
  const auto reason = store.followup("stop reason");
  if (stopped || !reason) return "The search was stopped before its end; nacre resume goes on with it.";
  return reason->body.get<std::string>();
}

Plan plan_of(const StoredStudy& stored, const std::string& version, const std::filesystem::path& output_dir) {
  try {
    Plan plan = make_plan_from_json(stored.configuration, stored.base_folder);
    plan.output_dir = output_dir;
    return plan;
  } catch (const UserError& error) {
    if (version == NACRE_VERSION) throw;
    throw UserError(fmt::format("the study in '{}' was made by nacre {}, this is {}, which cannot read it: {}",
                                output_dir.string(), version, NACRE_VERSION, error.what()));
  }
}

std::vector<MetricSpec> cost_specs(const Plan& plan) {
  std::vector<MetricSpec> costs;
  const auto add = [&](const std::optional<MetricSpec>& spec) {
    if (spec.has_value() && std::ranges::find(costs, spec->name, &MetricSpec::name) == costs.end())
      costs.push_back(*spec);
  };
  for (size_t i = 1; i < plan.objectives.objectives.size(); ++i) add(plan.metric(plan.objectives.objectives[i].metric));
  for (const Limit& limit : plan.objectives.limits) {
    if (!limit.at_least) add(plan.metric(limit.metric));
  }
  for (const MetricSpec& spec : plan.target->metrics()) add(spec);
  return costs;
}

}  // namespace

ReportData gather_report(const std::filesystem::path& output_dir) {
  const auto store = open_sqlite_store(study_file(output_dir), StoreMode::read_only);
  const StoredStudy stored = read_stored_study(*store, output_dir);
  Plan plan = plan_of(stored, store->study()->version, output_dir);
  ReportData data;
  data.study =
      output_dir.filename().empty() ? output_dir.parent_path().filename().string() : output_dir.filename().string();
  data.made_at = fmt::format("{:%Y-%m-%d %H:%M}", fmt::localtime(std::time(nullptr)));
  data.task =
      fmt::format("{} ({} training, {} validation, {} test samples)", plan.task->name(), plan.task->size(Split::train),
                  plan.task->size(Split::validation), plan.task->size(Split::test));
  data.space = fmt::format("{} ({} decision sets)", plan.space->name(), count_text(plan.space->trace().count()));
  data.target = fmt::format("{} (batch {}, {} {})", plan.target->name(), plan.deployment.batch, plan.deployment.threads,
                            plan.deployment.threads == 1 ? "thread" : "threads");
  data.strategy =
      fmt::format("{}, seed {}, lookahead {}", plan.search.strategy, plan.search.seed, plan.search.lookahead);
  data.quality = plan.metric(plan.objectives.objectives.at(0).metric).value();
  data.costs = cost_specs(plan);
  data.metrics = plan.metrics();
  data.objectives = plan.objectives;
  std::vector<Trial> trials = store->trials();
  for (const Trial& trial : trials) data.trials.push_back({trial, plan.space->trace().text(trial.candidate.decisions)});
  const Front front = extract_front(trials, plan.objectives);
  data.limits_met = front.limits_met;
  data.binding = front.binding;
  for (const Trial& member : front.members) {
    const auto followup = store->followup(fmt::format("network of trial {}", member.number));
    data.front.push_back(followup ? network_of(followup->body, member) : searched_network(plan, member));
  }
  data.stop_reason = stop_sentence(*store);
  if (const auto statistics = store->followup("strategy statistics")) data.strategy_statistics = statistics->body;
  data.spent_s = store->spent_s();
  for (Trial& trial : read_baseline(output_dir, stored)) {
    std::string text = plan.space->trace().text(trial.candidate.decisions);
    data.random.push_back({std::move(trial), std::move(text)});
  }
  if (const auto file = supernet_folder(output_dir) / "supernet.json"; std::filesystem::exists(file))
    data.supernet = parse_json(read_file(file), file.string());
  add_drawings(data, plan);
  data.configuration = stored.configuration;
  data.machine = machine_facts(stored.machine);
  data.versions = {{"nacre", store->study()->version}};
  return data;
}

std::filesystem::path write_study_report(const std::filesystem::path& output_dir) {
  write_file_atomically(report_file(output_dir), render_report(gather_report(output_dir)));
  return report_file(output_dir);
}

}  // namespace nacre
