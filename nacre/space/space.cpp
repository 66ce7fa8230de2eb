#include "nacre/space/space.hpp"

#include "nacre/space/cell_graph.hpp"
#include "nacre/space/direct_chooser.hpp"
#include "nacre/space/trace_chooser.hpp"

namespace nacre {

std::optional<Hash128> Space::identity_of(const Decisions&) const { return std::nullopt; }

std::optional<CellGraph> Space::cell_of(const Decisions&) const { return std::nullopt; }

const Trace& Space::trace() const {
  const std::lock_guard lock(trace_mutex_);
  if (trace_ == nullptr) {
    TraceChooser chooser;
    trace_ =
        std::make_unique<const Trace>(chooser.trace([this](Chooser& choose) { static_cast<void>(build(choose)); }));
  }
  return *trace_;
}

Design Space::build(const Decisions& decisions, Random* random, Decisions* resolved) const {
  ReplayChooser chooser(decisions, random);
  Design design = build(chooser);
  design.decisions = chooser.resolved();
  if (resolved != nullptr) *resolved = design.decisions;
  return design;
}

}  // namespace nacre
