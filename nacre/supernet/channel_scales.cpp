#include "nacre/supernet/channel_scales.hpp"

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/supernet/sized_parameters.hpp"

namespace nacre {

ChannelScales::ChannelScales(const Space& space, const SupernetForm& form, const Supernet& whole) {
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

}  // namespace nacre
