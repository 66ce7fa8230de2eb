// The trace for people: the tree of decisions, and one decision set in a line.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "nacre/space/trace.hpp"

namespace nacre {
namespace {

constexpr size_t kShownAlternatives = 12;
constexpr size_t kDescriptionBytes = 200'000;  // a grammar's tree can be longer than anybody reads

std::string alternatives_text(const TraceDecision& decision) {
  const std::vector<std::string>& texts = decision.alternatives;
  if (texts.size() <= kShownAlternatives) return fmt::format("{}", fmt::join(texts, ", "));
  return fmt::format("{}, ... ({} alternatives)", fmt::join(texts.begin(), texts.begin() + kShownAlternatives, ", "),
                     texts.size());
}

}  // namespace

void Trace::describe_parts(const std::vector<int32_t>& parts, int depth, std::string& text) const {
  for (const int32_t part : parts) describe_node(part, depth, text);
}

void Trace::describe_node(int32_t id, int depth, std::string& text) const {
  if (text.size() > kDescriptionBytes) return;
  const Node& node = nodes_[static_cast<size_t>(id)];
  if (node.decision < 0) return describe_parts(node.children, depth, text);
  const TraceDecision& decision = decisions_[static_cast<size_t>(node.decision)];
  text += fmt::format("{:{}}{}: {}{}\n", "", depth * 2, decision.key, alternatives_text(decision),
                      decision.structural ? "  (structural)" : "");

  // Parts that several alternatives have in common (body 0 of a repeat) are shown once, below all of them.
  struct Group {
    std::vector<size_t> alternatives;
    std::vector<int32_t> parts;
  };
  std::vector<std::pair<int32_t, std::vector<size_t>>> users;
  for (size_t alternative = 0; alternative < node.children.size(); ++alternative) {
    const Node& child = nodes_[static_cast<size_t>(node.children[alternative])];
    const std::vector<int32_t> alone{node.children[alternative]};
    for (const int32_t part : child.decision < 0 ? child.children : alone) {
      const auto known = std::ranges::find(users, part, &std::pair<int32_t, std::vector<size_t>>::first);
      if (known != users.end())
        known->second.push_back(alternative);
      else
        users.push_back({part, {alternative}});
    }
  }
  std::vector<Group> groups;
  for (const auto& [part, alternatives] : users) {
    const auto known = std::ranges::find(groups, alternatives, &Group::alternatives);
    if (known != groups.end())
      known->parts.push_back(part);
    else
      groups.push_back({alternatives, {part}});
  }
  for (const Group& group : groups) {
    std::vector<std::string> labels;
    for (const size_t alternative : group.alternatives) labels.push_back(decision.alternatives[alternative]);
    const bool always = labels.size() == decision.alternatives.size();
    text += fmt::format("{:{}}{}:\n", "", depth * 2 + 2,
                        always ? "always" : fmt::format("if {}", fmt::join(labels, " or ")));
    describe_parts(group.parts, depth + 2, text);
  }
}

std::string Trace::describe() const {
  std::string text = fmt::format("{} decision sets, {} decisions\n", count_text(count()), decisions_.size());
  describe_node(0, 0, text);
  if (text.size() > kDescriptionBytes) text += "... (more than fits here)\n";
  return text;
}

std::string Trace::text(const Decisions& decisions) const {
  const std::vector<int64_t> indices = encode_indices(decisions);
  std::string text;
  for (size_t id = 0; id < indices.size(); ++id) {
    if (indices[id] < 0) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", decisions_[id].key,
                        decisions_[id].alternatives[static_cast<size_t>(indices[id])]);
  }
  return text;
}

}  // namespace nacre
