// Which training samples the weights of a supernet see and which the architecture, and in which order. Includes libtorch.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"
#include "nacre/nn/batch_source.hpp"

namespace nacre {

// The samples of the split in two parts that are the same for every seed: of the weights, of the architecture.
inline std::pair<std::vector<int64_t>, std::vector<int64_t>> divided_samples(int64_t size, double architecture_share) {
  std::vector<int64_t> order = Random::stream(0, "architecture split").permutation(size);
  const auto count = static_cast<size_t>(std::llround(architecture_share * static_cast<double>(size)));
  std::vector<int64_t> architecture(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count));
  std::vector<int64_t> weights(order.begin() + static_cast<std::ptrdiff_t>(count), order.end());
  std::ranges::sort(architecture);
  std::ranges::sort(weights);
  if (count == 0) architecture = weights;
  return {weights, architecture};
}

// Batches of a set of samples, shuffled anew each epoch; the last, smaller one of an epoch is dropped.
class Batches {
 public:
  Batches(const BatchSource& source, std::vector<int64_t> samples, int64_t batch_size, uint64_t seed,
          std::string purpose)
      : source_(source), samples_(std::move(samples)), seed_(seed), purpose_(std::move(purpose)) {
    if (samples_.empty()) throw UserError("a supernet needs training samples for weights and for the architecture");
    size_ = std::min<int64_t>(batch_size, static_cast<int64_t>(samples_.size()));
  }
  int64_t per_epoch() const { return static_cast<int64_t>(samples_.size()) / size_; }
  int64_t size() const { return size_; }

  // `view`: the same samples, augmented by another draw.
  TorchBatch load(int64_t step, uint64_t view = 0) {
    const int64_t epoch = step / per_epoch();
    if (epoch != shuffled_) {
      shuffled_ = epoch;
      order_ = samples_;
      Random random = Random::stream(seed_, purpose_ + " order", static_cast<uint64_t>(epoch));
      random.shuffle(std::span<int64_t>(order_));
    }
    const auto draw = static_cast<uint64_t>(step);
    Random augment = Random::stream(seed_, purpose_ + " augment", view == 0 ? draw : mix_seed(draw, view));
    const auto offset = static_cast<size_t>((step % per_epoch()) * size_);
    return source_.load(std::span<const int64_t>(order_).subspan(offset, static_cast<size_t>(size_)), augment);
  }

 private:
  const BatchSource& source_;
  std::vector<int64_t> samples_, order_;
  uint64_t seed_;
  std::string purpose_;
  int64_t size_ = 0, shuffled_ = -1;
};

}  // namespace nacre
