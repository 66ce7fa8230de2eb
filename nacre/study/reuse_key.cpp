#include "nacre/study/reuse_key.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/hash.hpp"
#include "nacre/base/json.hpp"

namespace nacre {

namespace {

void collect_formats(const Graph& graph, const std::string& path, std::vector<std::string>& lines) {
  for (const Value& value : graph.values()) {
    if (value.format.empty()) continue;
    std::string place = "value " + value.name;
    if (value.producer != kNone) {
      const Node& node = graph.node(value.producer);
      if (node.dead) continue;
      place = fmt::format("{} {} {}", graph.scope(node.scope), node.op, value.output_index);
    }
    lines.push_back(fmt::format("{}: {}: {}", path, place, value.format));
  }
  for (const Node& node : graph.nodes()) {
    if (node.dead) continue;
    for (const Body& body : node.bodies) {
      collect_formats(*body.graph, fmt::format("{}/{}/{}", path, graph.scope(node.scope), body.name), lines);
    }
  }
}

}  // namespace

std::string formats_text(const Design& design) {
  std::vector<std::string> lines;
  for (const auto& [task, graph] : design.graphs) collect_formats(graph, task, lines);
  std::ranges::sort(lines);
  return fmt::format("{}", fmt::join(lines, "\n"));
}

std::string reuse_key(const Design& design, const Request& request, const ReuseContext& context) {
  // JSON keeps the parts apart: no two different lists of parts give one text.
  const Json parts{{"design", context.identity_of ? context.identity_of(design) : design_identity(design)},
                   {"formats", formats_text(design)},
                   {"task", context.task_identity},
                   {"evaluator", context.evaluator_identity},
                   {"targets", context.target_identities},
                   {"want_cost", request.want_cost},
                   {"want_metrics", request.want_metrics},
                   {"epochs", request.fidelity.epochs},
                   {"data_share", request.fidelity.data_share},
                   {"resolution", request.fidelity.resolution},
                   {"seed", request.seed},
                   {"parent_checkpoint", request.parent_checkpoint}};
  return hash_text(parts.dump(-1, ' ', false, Json::error_handler_t::replace)).hex();
}

}  // namespace nacre
