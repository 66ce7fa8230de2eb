#include "nacre/base/hash.hpp"

#include <xxhash.h>

#include <array>
#include <cstdio>

namespace nacre {

std::string Hash128::hex() const {
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx", static_cast<unsigned long long>(high),
                static_cast<unsigned long long>(low));
  return std::string(text.data(), 32);
}

Hash128 hash_bytes(const void* data, size_t size, uint64_t seed) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(data, size, seed);
  return {hash.high64, hash.low64};
}

Hash128 hash_combine(const Hash128& a, const Hash128& b) {
  const std::array<uint64_t, 4> words{a.high, a.low, b.high, b.low};
  return hash_bytes(words.data(), sizeof words);
}

}  // namespace nacre
