// 128-bit content hashes (XXH3): fast, stable across machines, not cryptographic.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace nacre {

struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;

  auto operator<=>(const Hash128&) const = default;
  // 32 lower-case hexadecimal digits.
  std::string hex() const;
};

Hash128 hash_bytes(const void* data, size_t size, uint64_t seed = 0);
inline Hash128 hash_text(std::string_view text, uint64_t seed = 0) {
  return hash_bytes(text.data(), text.size(), seed);
}

// Order-dependent combination of two hashes.
Hash128 hash_combine(const Hash128& a, const Hash128& b);

}  // namespace nacre

template <>
struct std::hash<nacre::Hash128> {
  size_t operator()(const nacre::Hash128& h) const noexcept { return h.low ^ (h.high * 0x9e3779b97f4a7c15ULL); }
};
