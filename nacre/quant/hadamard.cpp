#include "nacre/quant/hadamard.hpp"

#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"

namespace nacre {
namespace {

// The unnormalized fast Walsh-Hadamard transform; its own transpose.
void transform(std::span<float> block) {
  for (size_t half = 1; half < block.size(); half *= 2)
    for (size_t begin = 0; begin < block.size(); begin += 2 * half)
      for (size_t i = begin; i < begin + half; ++i) {
        const float a = block[i], b = block[i + half];
        block[i] = a + b;
        block[i + half] = a - b;
      }
}

void rotate(std::span<float> values, std::span<const float> before, std::span<const float> after) {
  const size_t size = before.size();
  for (size_t begin = 0; begin + size <= values.size(); begin += size) {
    const std::span<float> block = values.subspan(begin, size);
    for (size_t i = 0; i < size; ++i) block[i] *= before[i];
    transform(block);
    for (size_t i = 0; i < size; ++i) block[i] *= after[i];
  }
}

}  // namespace

void check_hadamard_size(int64_t size) {
  if (size < 2 || size > 4096 || (size & (size - 1)) != 0)
    throw UserError("rotate=hadamard:" + std::to_string(size) + ": expected a power of two from 2 to 4096");
}

HadamardRotation::HadamardRotation(int64_t size, uint64_t seed) {
  check_hadamard_size(size);
  Random random = Random::stream(seed, "hadamard");
  const auto norm = static_cast<float>(1 / std::sqrt(static_cast<double>(size)));
  for (int64_t i = 0; i < size; ++i) {
    before_.push_back(random.bernoulli(0.5) ? 1.0f : -1.0f);
    after_.push_back(random.bernoulli(0.5) ? norm : -norm);
  }
}

void HadamardRotation::apply(std::span<float> values) const { rotate(values, before_, after_); }
void HadamardRotation::undo(std::span<float> values) const { rotate(values, after_, before_); }

}  // namespace nacre
