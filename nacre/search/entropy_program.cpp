#include "nacre/search/entropy_program.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <unordered_set>

#include "nacre/base/error.hpp"
#include "nacre/ir/statistics.hpp"

namespace nacre {
namespace {

double spread(std::span<const int64_t> numbers, bool variance) {
  if (numbers.empty()) return 0;
  const double mean = static_cast<double>(std::accumulate(numbers.begin(), numbers.end(), int64_t{0})) /
                      static_cast<double>(numbers.size());
  double squares = 0;
  for (const int64_t number : numbers)
    squares += (static_cast<double>(number) - mean) * (static_cast<double>(number) - mean);
  squares /= static_cast<double>(numbers.size());
  return variance ? squares : std::sqrt(squares);
}

// How far channels fall from stage to stage, in sum of shares.
double falls(std::span<const int64_t> widths) {
  double sum = 0;
  for (size_t i = 1; i < widths.size(); ++i) {
    sum += std::max(0.0, 1 - static_cast<double>(widths[i]) / static_cast<double>(widths[i - 1]));
  }
  return sum;
}

bool better(const DesignedNetwork& a, const DesignedNetwork& b) {
  return a.violation != b.violation ? a.violation < b.violation : a.score > b.score;
}

}  // namespace

// The archive: the best distinct networks, best first; of equals the earlier.
class EntropyProgram::Archive {
 public:
  explicit Archive(size_t capacity) : capacity_(capacity) {}

  void insert(DesignedNetwork network) {
    if (members_.size() >= capacity_ && !better(network, members_.back())) return;
    if (!known_.insert(network.decisions.hash()).second) return;
    const auto place = std::ranges::upper_bound(members_, network, better);
    members_.insert(place, std::move(network));
    if (members_.size() <= capacity_) return;
    known_.erase(members_.back().decisions.hash());
    members_.pop_back();
  }
  const std::vector<DesignedNetwork>& members() const { return members_; }
  std::vector<DesignedNetwork> take() { return std::move(members_); }

 private:
  size_t capacity_;
  std::vector<DesignedNetwork> members_;
  std::unordered_set<Hash128> known_;
};

EntropyProgram::EntropyProgram(const Trace& trace, std::vector<Limit> limits, Summarize summarize, Build build,
                               Costs costs)
    : trace_(trace),
      limits_(std::move(limits)),
      summarize_(std::move(summarize)),
      build_(std::move(build)),
      costs_(std::move(costs)) {
  for (const Trace::Node& node : trace.nodes()) {
    if (node.decision < 0) continue;
    conditional_ =
        conditional_ || std::ranges::any_of(node.children, [&](int32_t child) { return child != node.children[0]; });
  }
}

std::optional<NetworkSummary> EntropyProgram::summary_of(const Decisions& decisions) const {
  if (summarize_) {
    if (std::optional<NetworkSummary> summary = summarize_(decisions)) return summary;
  }
  try {
    const Design design = build_(decisions);
    if (design.graphs.size() != 1) return std::nullopt;  // decisions alone, as some tables have them
    Graph graph = design.graph();
    graph.bind_symbols({{"batch", 1}});
    NetworkSummary summary;
    summary.scales = entropy_scales(graph);
    const GraphStatistics statistics = count_graph(graph);
    summary.params = statistics.parameters;
    summary.macs = statistics.macs;
    for (const EntropyScale& scale : summary.scales) summary.widths.push_back(scale.channels);
    return summary;
  } catch (const UserError&) {
    return std::nullopt;  // a network without layers, or one that cannot be built
  }
}

// Sum of the relative excesses of what is known.
double EntropyProgram::excess(const Decisions& decisions, const NetworkSummary& summary) const {
  Metrics known;
  known["params"].value = static_cast<double>(summary.params);
  known["macs"].value = static_cast<double>(summary.macs);
  const auto asks_more = [&](const Limit& limit) { return !known.contains(limit.metric); };
  if (std::ranges::any_of(limits_, asks_more) && build_ && costs_) known = costs_(build_(decisions));
  double sum = 0;
  for (const Limit& limit : limits_) {
    if (metric_value(known, limit.metric)) sum += limit.relative_excess(known);
  }
  return sum;
}

std::optional<DesignedNetwork> EntropyProgram::score(const Decisions& decisions,
                                                     const EntropyProgramSettings& settings) const {
  const std::optional<NetworkSummary> summary = summary_of(decisions);
  if (!summary) return std::nullopt;
  const Entropy entropy = entropy_of(summary->scales, settings.entropy);
  DesignedNetwork network{decisions, entropy.weighted, entropy.weighted, entropy.largest_effectiveness, 0};
  if (!summary->depths.empty()) {
    const size_t from = std::min(summary->depths.size(), static_cast<size_t>(settings.depths_from));
    network.score -= settings.beta * std::exp(spread(std::span(summary->depths).subspan(from), settings.variance));
  }
  network.violation = std::max(0.0, entropy.largest_effectiveness / settings.effectiveness - 1) +
                      (settings.rising_channels ? falls(summary->widths) : 0) + excess(decisions, *summary);
  return network;
}

// The least of every number, the first of every word.
Decisions EntropyProgram::smallest(Random& random) const {
  std::vector<Decision> items;
  for (const TraceDecision& decision : trace_.decisions()) {
    int64_t index = 0;
    if (decision.ordered) {
      index = std::ranges::min_element(decision.numbers) - decision.numbers.begin();
    }
    items.push_back({decision.key, index});
  }
  return trace_.complete(Decisions(std::move(items)), random);
}

void EntropyProgram::change(Decisions& decisions, Random& random) const {
  const Decision& item = decisions.items()[random.below(decisions.size())];
  const TraceDecision& decision = trace_.decisions()[static_cast<size_t>(trace_.find_decision(item.key).value())];
  const auto count = static_cast<int64_t>(decision.alternatives.size());
  int64_t index = item.index;
  if (!decision.ordered) {
    index = (index + 1 + static_cast<int64_t>(random.below(static_cast<uint64_t>(count - 1)))) % count;
  } else if (decision.kind == DecisionKind::repeat || count <= 8 || random.bernoulli(0.5)) {
    constexpr std::array<int64_t, 4> kSteps = {-2, -1, 1, 2};
    index = std::clamp<int64_t>(index + kSteps[random.below(kSteps.size())], 0, count - 1);
  } else {
    constexpr std::array<double, 5> kFactors = {1.5, 1.25, 0.8, 0.6, 0.5};
    const double wanted = decision.numbers[static_cast<size_t>(index)] * kFactors[random.below(kFactors.size())];
    const auto nearest =
        std::ranges::min_element(decision.numbers, {}, [wanted](double number) { return std::abs(number - wanted); });
    index = nearest - decision.numbers.begin();
  }
  decisions.set(item.key, index);
}

Decisions EntropyProgram::mutate(const Decisions& parent, Random& random) const {
  Decisions child = parent;
  change(child, random);
  change(child, random);
  return conditional_ ? trace_.complete(child, random) : child;
}

std::vector<DesignedNetwork> EntropyProgram::solve(const EntropyProgramSettings& settings, Random& random,
                                                   const std::function<bool()>& interrupted) const {
  NACRE_CHECK(settings.archive >= 1);
  Archive archive(static_cast<size_t>(settings.archive));
  if (settings.annealing) {
    anneal(settings, archive, random, interrupted);
  } else {
    evolve(settings, archive, random, interrupted);
  }
  std::vector<DesignedNetwork> found = archive.take();
  std::erase_if(found, [](const DesignedNetwork& network) { return network.violation > 0; });
  return found;
}

void EntropyProgram::anneal(const EntropyProgramSettings& settings, Archive& archive, Random& random,
                            const std::function<bool()>& interrupted) const {
  // Of the score: what a violation of 1 costs, and the temperatures at begin and end.
  constexpr double kBroken = 5, kHot = 0.05, kCold = 1e-4;
  const auto height = [](const DesignedNetwork& network) {
    return network.score - kBroken * std::abs(network.entropy) * network.violation;
  };
  std::optional<DesignedNetwork> at = score(smallest(random), settings);
  for (int64_t i = 1; i < settings.evaluations; ++i) {
    if (i % 256 == 0 && interrupted && interrupted()) throw Interrupted();
    std::optional<DesignedNetwork> next = score(at ? mutate(at->decisions, random) : trace_.sample(random), settings);
    if (!next) continue;
    archive.insert(*next);
    const double share = static_cast<double>(i) / static_cast<double>(settings.evaluations);
    const double temperature = kHot * std::pow(kCold / kHot, share) * std::max(1.0, std::abs(next->entropy));
    if (!at || random.uniform() < std::exp((height(*next) - height(*at)) / temperature)) at = std::move(next);
  }
}

void EntropyProgram::evolve(const EntropyProgramSettings& settings, Archive& archive, Random& random,
                            const std::function<bool()>& interrupted) const {
  if (std::optional<DesignedNetwork> first = score(smallest(random), settings)) archive.insert(std::move(*first));
  for (int64_t i = 1; i < settings.evaluations; ++i) {
    if (i % 256 == 0 && interrupted && interrupted()) throw Interrupted();
    const std::vector<DesignedNetwork>& parents = archive.members();
    const Decisions child = parents.empty() ? trace_.sample(random)  // the smallest has no layers
                                            : mutate(parents[random.below(parents.size())].decisions, random);
    if (std::optional<DesignedNetwork> scored = score(child, settings)) archive.insert(std::move(*scored));
  }
}

}  // namespace nacre
