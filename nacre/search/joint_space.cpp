#include "nacre/search/joint_space.hpp"

#include <algorithm>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

Trace joined_trace(const std::vector<JointSpace::Part>& parts, const HardwareDecisions& hardware) {
  TraceBuilder builder;
  std::vector<int32_t> nodes;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string& name = parts[i].name;
    if (name.empty() || name == hardware.scope() || name.find('/') != std::string::npos)
      throw UserError("a task cannot be named '" + name + "'");
    for (size_t other = 0; other < i; ++other)
      if (parts[other].name == name) throw UserError("two tasks are named '" + name + "'");
    nodes.push_back(builder.graft(parts[i].space->trace(), name + "/"));
  }
  nodes.push_back(hardware.add_to(builder));
  return builder.finish(builder.all(nodes));
}

}  // namespace

JointSpace::JointSpace(std::vector<Part> parts, HardwareBudget budget)
    : parts_(std::move(parts)), hardware_(std::move(budget), kHardwareScope) {
  if (parts_.empty()) throw UserError("expected at least one task");
  trace_ = joined_trace(parts_, hardware_);
}

Decisions JointSpace::network(const Decisions& joint, size_t part) const {
  const std::string prefix = parts_[part].name + "/";
  std::vector<Decision> own;
  for (const Decision& decision : joint.items())
    if (decision.key.starts_with(prefix)) own.push_back({decision.key.substr(prefix.size()), decision.index});
  return Decisions(std::move(own));
}

Decisions JointSpace::join(const std::vector<Decisions>& networks, const HeterogeneousAccelerator& accelerator) const {
  NACRE_CHECK(networks.size() == parts_.size(), "a network for every task");
  std::vector<Decision> all = hardware_.decisions_of(accelerator);
  for (size_t i = 0; i < networks.size(); ++i)
    for (const Decision& decision : networks[i].items())
      all.push_back({parts_[i].name + "/" + decision.key, decision.index});
  return Decisions(std::move(all));
}

Hash128 JointSpace::network_identity(const Decisions& network, size_t part) const {
  const std::optional<Hash128> own = parts_[part].space->identity_of(network);
  return own ? *own : network.hash();
}

Hash128 JointSpace::identity(const Decisions& joint) const {
  std::string text;
  for (size_t i = 0; i < parts_.size(); ++i) text += network_identity(network(joint, i), i).hex() + " ";
  return hash_text(text + HardwareDecisions::identity(accelerator(joint)).hex());
}

}  // namespace nacre
