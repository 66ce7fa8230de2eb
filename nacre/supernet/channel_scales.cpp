#include "nacre/supernet/channel_scales.hpp"

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/supernet/sized_parameters.hpp"

namespace nacre {

ChannelScales::ChannelScales(const Space& space, const SupernetForm& form, const Supernet& whole)
    : numbers_(whole.numbers) {
  for (const OpenDecision& number : whole.numbers) {
    std::vector<int64_t> channels;  // by alternative
    std::map<std::string, std::vector<SharedStore::Scale>> rules;
    for (const SizedParameter& sized : parameters_sized_by(space, form, whole, number)) {
      for (const size_t axis : sized.read_axes()) {
        if (axis >= 2) continue;  // a kernel
        std::vector<int64_t> extents;
        for (const auto& one : sized.extents) extents.push_back(one[axis]);
        if (!channels.empty() && extents != channels)
          throw UserError("decision '" + number.key +
                          "' sets layers of different widths at once: their channels have no scales in common");
        channels = extents;
        rules[sized.name].push_back({number.key, static_cast<int64_t>(axis)});
      }
    }
    if (channels.empty()) continue;
    OpenDecision decision = number;
    decision.labels.clear();
    for (int64_t i = 0; i < *std::ranges::max_element(channels); ++i) decision.labels.push_back(std::to_string(i));
    decisions_.push_back(std::move(decision));
    channels_.push_back(std::move(channels));
    for (auto& [name, scales] : rules) rules_[name].insert(rules_[name].end(), scales.begin(), scales.end());
  }
  if (decisions_.empty())
    throw UserError("search.channel_scales: no decision of space '" + space.name() + "' sets a number of channels");
}

int64_t ChannelScales::alternative(size_t i, const std::vector<double>& scales, double threshold) const {
  const auto used = static_cast<int64_t>(std::ranges::count_if(scales, [&](double s) { return s > threshold; }));
  const std::vector<int64_t>& channels = channels_[i];
  int64_t best = std::ranges::max_element(channels) - channels.begin();
  for (size_t k = 0; k < channels.size(); ++k)
    if (channels[k] >= used && channels[k] < channels[static_cast<size_t>(best)]) best = static_cast<int64_t>(k);
  return best;
}

Decisions ChannelScales::network(const Space& space, const std::vector<std::vector<double>>& scales, Kept kept,
                                 const Deployment& deployment, Random* random) const {
  const auto sized = [&](double threshold) {
    Decisions chosen;
    for (const OpenDecision& number : numbers_)
      chosen.set(number.key, std::ranges::max_element(number.values) - number.values.begin());
    for (size_t i = 0; i < scales.size(); ++i) chosen.set(decisions_[i].key, alternative(i, scales[i], threshold));
    Decisions complete;
    space.build(chosen, nullptr, &complete);
    return complete;
  };
  const bool by_share = kept.macs_share < 1;
  if (random != nullptr) {
    kept.macs_share = std::min(1.0, kept.macs_share * (0.7 + 0.6 * random->uniform()));
    kept.threshold *= 2 * random->uniform();
  }
  if (!by_share) return sized(kept.threshold);
  const auto macs = [&](const Decisions& decisions) {
    return metric_value(counted_cost(space.build(decisions), deployment).totals, "macs").value_or(0);
  };
  std::vector<double> all = {0};
  for (const auto& one : scales) all.insert(all.end(), one.begin(), one.end());
  std::ranges::sort(all);
  const double most = kept.macs_share * macs(sized(-1));
  size_t low = 0, high = all.size() - 1;  // networks shrink as the threshold grows
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (macs(sized(all[middle])) <= most)
      high = middle;
    else
      low = middle + 1;
  }
  return sized(all[low]);
}

}  // namespace nacre
