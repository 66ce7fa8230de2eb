#include "nacre/data/normalization.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

struct ChannelStatistics {
  double mean = 0;
  double deviation = 0;
  double smallest = 0;
  double largest = 0;
};

struct Layout {
  int64_t channels = 1;
  int64_t channel_elements = 1;  // of one sample
};

Layout layout_of(const Dataset& dataset) {
  const std::vector<int64_t> extents = dataset.sample_extents();
  Layout layout;
  if (!extents.empty()) layout.channels = extents[0];
  for (size_t axis = 1; axis < extents.size(); ++axis) layout.channel_elements *= extents[axis];
  return layout;
}

// One histogram per channel gives every moment exactly.
std::vector<ChannelStatistics> measure_bytes(const Dataset& dataset, std::span<const int64_t> train,
                                             const Layout& layout) {
  std::vector<std::array<int64_t, 256>> histograms(static_cast<size_t>(layout.channels), std::array<int64_t, 256>{});
  const auto values = dataset.features.values<uint8_t>();
  for (const int64_t sample : train) {
    const uint8_t* from = values.data() + sample * layout.channels * layout.channel_elements;
    for (auto& histogram : histograms) {
      for (int64_t i = 0; i < layout.channel_elements; ++i) ++histogram[*from++];
    }
  }
  std::vector<ChannelStatistics> result;
  for (const auto& histogram : histograms) {
    int64_t count = 0;
    int64_t sum = 0;
    ChannelStatistics statistics{0, 0, 255, 0};
    for (int64_t value = 0; value < 256; ++value) {
      const int64_t times = histogram[static_cast<size_t>(value)];
      if (times == 0) continue;
      count += times;
      sum += times * value;
      statistics.smallest = std::min(statistics.smallest, static_cast<double>(value));
      statistics.largest = static_cast<double>(value);
    }
    statistics.mean = static_cast<double>(sum) / static_cast<double>(count);
    double squares = 0;
    for (int64_t value = 0; value < 256; ++value) {
      const double distance = static_cast<double>(value) - statistics.mean;
      squares += static_cast<double>(histogram[static_cast<size_t>(value)]) * distance * distance;
    }
    statistics.deviation = std::sqrt(squares / static_cast<double>(count));
    result.push_back(statistics);
  }
  return result;
}

// Two passes: the mean first, then squared distances from it. Missing values are left out.
std::vector<ChannelStatistics> measure_floats(const Dataset& dataset, std::span<const int64_t> train,
                                              const Layout& layout) {
  const auto channels = static_cast<size_t>(layout.channels);
  std::vector<ChannelStatistics> result(
      channels, {0, 0, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()});
  std::vector<int64_t> counts(channels, 0);
  const auto values = dataset.features.values<float>();
  const auto visit = [&](const auto& use) {
    for (const int64_t sample : train) {
      const float* from = values.data() + sample * layout.channels * layout.channel_elements;
      for (size_t c = 0; c < channels; ++c) {
        for (int64_t i = 0; i < layout.channel_elements; ++i) {
          const auto value = static_cast<double>(*from++);
          if (!std::isnan(value)) use(c, value);
        }
      }
    }
  };
  visit([&](size_t c, double value) {
    ++counts[c];
    result[c].mean += value;
    result[c].smallest = std::min(result[c].smallest, value);
    result[c].largest = std::max(result[c].largest, value);
  });
  for (size_t c = 0; c < channels; ++c) {
    if (counts[c] == 0) {  // never known in training: nothing can be learned from it
      result[c] = {0, 0, 0, 0};
    } else {
      result[c].mean /= static_cast<double>(counts[c]);
    }
  }
  visit([&](size_t c, double value) { result[c].deviation += (value - result[c].mean) * (value - result[c].mean); });
  for (size_t c = 0; c < channels; ++c)
    result[c].deviation = std::sqrt(result[c].deviation / static_cast<double>(std::max<int64_t>(1, counts[c])));
  return result;
}

}  // namespace

Hash128 Normalization::hash() const {
  Hash128 hash;
  for (const std::vector<float>* values : {&scale, &shift, &fill}) {
    hash = hash_combine(hash, hash_bytes(values->data(), values->size() * sizeof(float)));
  }
  return hash;
}

Normalization measure_normalization(const Dataset& dataset, std::span<const int64_t> train, NormalizationKind kind) {
  NACRE_CHECK(!train.empty());
  const Layout layout = layout_of(dataset);
  const bool bytes = dataset.features.type() == ElementType::uint8;
  Normalization result;
  if (kind == NormalizationKind::none && !dataset.has_missing) {
    result.scale.assign(static_cast<size_t>(layout.channels), 1.0F);
    result.shift.assign(static_cast<size_t>(layout.channels), 0.0F);
    result.fill = result.shift;
    return result;
  }
  for (const ChannelStatistics& s :
       bytes ? measure_bytes(dataset, train, layout) : measure_floats(dataset, train, layout)) {
    double scale = 1;
    double shift = 0;
    if (kind == NormalizationKind::standard) {
      // Rounding may leave a constant column a deviation of some units in the last place: that is no variation.
      if (s.largest > s.smallest && s.deviation > 1e-12 * std::fabs(s.mean)) scale = 1 / s.deviation;
      shift = -s.mean * scale;
    } else if (kind == NormalizationKind::range) {
      if (s.largest > s.smallest) scale = 1 / (s.largest - s.smallest);
      shift = -s.smallest * scale;
    }
    result.scale.push_back(static_cast<float>(scale));
    result.shift.push_back(static_cast<float>(shift));
    result.fill.push_back(static_cast<float>(s.mean * scale + shift));
  }
  return result;
}

}  // namespace nacre
