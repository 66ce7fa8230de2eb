// nacre proxies: zero-cost proxies of a model, or of networks drawn from the space of a configuration on its data. Nothing is
// trained.
#include <fmt/format.h>

#include <iostream>

#include "nacre/app/plan_source.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/nn/trained_evaluator.hpp"
#include "nacre/predict/proxies/zero_cost.hpp"
#include "nacre/space/network_text.hpp"

namespace nacre {
namespace {

struct ProxiesOptions {
  std::string subject;
  std::vector<std::string> overrides, names, networks;
  int64_t count = 10, batch = 32, repeats = 1, seed = 0;
};

struct Scored {
  std::string what;
  std::map<std::string, ZeroCostScore> scores;
};

Json scores_json(const Scored& scored) {
  Json json = {{"network", scored.what}};
  Json& values = json["proxies"] = Json::object();
  for (const auto& [name, score] : scored.scores) {
    values[name] = {{"value", score.value ? Json(*score.value) : Json(nullptr)}, {"time_s", score.time_s}};
    if (!score.value) values[name]["reason"] = score.reason;
  }
  return json;
}

std::vector<Scored> score_all(const ProxiesOptions& options) {
  ZeroCostOptions zero_cost;
  zero_cost.proxies = options.names;
  zero_cost.repeats = options.repeats;
  zero_cost.seed = static_cast<uint64_t>(options.seed);
  std::vector<Scored> all;
  if (options.subject.ends_with(".onnx")) {
    const Graph graph = read_onnx(options.subject);
    all.push_back(
        {options.subject, zero_cost_scores(graph, noise_batch(graph, options.batch, zero_cost.seed), zero_cost)});
    return all;
  }
  const Plan plan = plan_from({.configuration = options.subject, .study = "", .overrides = options.overrides});
  const ProxyBatch batch = task_batch(*plan.task, options.batch, zero_cost.seed);
  const Trace& trace = plan.space->trace();
  std::vector<Decisions> networks;
  for (const std::string& text : options.networks) networks.push_back(decisions_from_text(*plan.space, text));
  Random random = Random::stream(zero_cost.seed, "networks");
  for (int64_t i = 0; networks.empty() || (options.networks.empty() && i < options.count); ++i)
    networks.push_back(trace.sample(random));
  for (const Decisions& decisions : networks) {
    const Design design = plan.space->build(decisions);
    all.push_back({trace.text(decisions), zero_cost_scores(graph_for_task(design, *plan.task), batch, zero_cost)});
  }
  return all;
}

void proxies(const ProxiesOptions& options, const Session& session) {
  const std::vector<Scored> all = score_all(options);
  if (session.json) {
    Json json = Json::array();
    for (const Scored& scored : all) json.push_back(scores_json(scored));
    std::cout << json.dump(2) << "\n";
    return;
  }
  const std::vector<std::string> names = options.names.empty() ? zero_cost_registry().names() : options.names;
  std::vector<std::string> headers;
  for (const std::string& name : names) headers.push_back(">" + name);
  headers.push_back("network");
  TextTable table(headers);
  for (const Scored& scored : all) {
    std::vector<std::string> cells;
    for (const std::string& name : names) {
      const ZeroCostScore& score = scored.scores.at(name);
      cells.push_back(score.value ? fmt::format("{:.6g}", *score.value) : "-");
    }
    cells.push_back(scored.what);
    table.add(std::move(cells));
  }
  std::cout << table.text();
}

}  // namespace

void add_proxies(Command& program, Session& session) {
  Command verb =
      program.add_verb("proxies", "zero-cost proxies of a model or of networks of a space, without training");
  auto options = std::make_shared<ProxiesOptions>();
  verb.add_option("subject", options->subject,
                  "ONNX model (scored on noise, with its weights) or configuration (its space, on its data)")
      .required();
  verb.add_option("--set", options->overrides, "override a key of the configuration: section.key=value");
  verb.add_option("--proxy", options->names, "only these (nacre list proxies)");
  verb.add_option("--network", options->networks, "networks of the space as text, instead of drawn ones");
  verb.add_option("--count", options->count, "networks drawn from the space").non_negative();
  verb.add_option("--batch", options->batch, "samples shown to each network").non_negative();
  verb.add_option("--repeats", options->repeats, "weights drawn; the mean counts").non_negative();
  verb.add_option("--seed", options->seed, "of networks, batch and weights").non_negative();
  verb.on_run([options, &session] { proxies(*options, session); });
}

}  // namespace nacre
