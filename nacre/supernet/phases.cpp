// The phases of progressive shrinking (supernet_training.hpp).
#include <algorithm>
#include <limits>

#include "nacre/supernet/policies.hpp"
#include "nacre/supernet/supernet_training.hpp"

namespace nacre {

std::string last_word(const std::string& key) {
  const size_t slash = key.rfind('/');
  return slash == std::string::npos ? key : key.substr(slash + 1);
}

std::vector<SupernetPhase> progressive_phases(const Trace& trace, double epochs) {
  // Words of ordered decisions in three groups, with the largest number of alternatives of each.
  std::map<std::string, int64_t> kernels, depths, others;
  for (const TraceDecision& decision : trace.decisions()) {
    if (!decision.ordered || decision.kind == DecisionKind::real) continue;
    const std::string word = last_word(decision.key);
    if (word == "resolution") continue;  // elastic throughout
    auto& group = decision.kind == DecisionKind::repeat ? depths : word.starts_with("kernel") ? kernels : others;
    int64_t& count = group[word];
    count = std::max(count, static_cast<int64_t>(decision.alternatives.size()));
  }
  SupernetPhase phase{.epochs = 180, .largest = {}};
  for (const auto* group : {&kernels, &depths, &others})
    for (const auto& [word, count] : *group) phase.largest[word] = 1;
  std::vector<SupernetPhase> phases = {phase};
  // The paper's rates: 2.6 for the largest network, then 0.96, 0.08 and 0.24.
  const auto open = [&](const std::map<std::string, int64_t>& group, int64_t most, double share, double rate,
                        int64_t networks, bool sort) {
    bool changed = false;
    for (const auto& [word, count] : group) {
      const int64_t allowed = std::min(most, count);
      changed = changed || phase.largest[word] < allowed;
      phase.largest[word] = allowed;
    }
    if (!changed) return;
    phase.epochs = share;
    phase.rate_factor = rate;
    phase.networks_per_step = networks;
    phase.sort_channels = sort;
    phases.push_back(phase);
  };
  constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
  open(kernels, kAll, 120, 0.37, 1, false);
  open(depths, 2, 25, 0.03, 2, false);
  open(depths, kAll, 120, 0.09, 2, false);
  open(others, 2, 25, 0.03, 4, true);
  open(others, kAll, 120, 0.09, 4, false);
  double sum = 0;
  for (const SupernetPhase& one : phases) sum += one.epochs;
  for (SupernetPhase& one : phases) one.epochs *= epochs / sum;
  return phases;
}

}  // namespace nacre
