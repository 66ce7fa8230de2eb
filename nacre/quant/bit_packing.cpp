#include "nacre/quant/bit_packing.hpp"

#include "nacre/base/error.hpp"

namespace nacre {

int64_t packed_code_bytes(int bits, int64_t count) {
  return count / 8 * bits + (count % 8 * bits + 7) / 8;  // no overflow for any count
}

std::vector<uint8_t> pack_codes(std::span<const uint16_t> codes, int bits) {
  std::vector<uint8_t> bytes;
  bytes.reserve(static_cast<size_t>(packed_code_bytes(bits, static_cast<int64_t>(codes.size()))));
  uint32_t pending = 0;
  int held = 0;
  for (const uint16_t code : codes) {
    pending |= static_cast<uint32_t>(code) << held;
    for (held += bits; held >= 8; held -= 8, pending >>= 8) bytes.push_back(static_cast<uint8_t>(pending));
  }
  if (held > 0) bytes.push_back(static_cast<uint8_t>(pending));
  return bytes;
}

std::vector<uint16_t> unpack_codes(std::span<const uint8_t> bytes, int bits, int64_t count) {
  NACRE_CHECK(static_cast<int64_t>(bytes.size()) >= packed_code_bytes(bits, count));
  std::vector<uint16_t> codes;
  codes.reserve(static_cast<size_t>(count));
  uint32_t pending = 0;
  int held = 0;
  auto next = bytes.begin();
  for (int64_t i = 0; i < count; ++i) {
    for (; held < bits; held += 8) pending |= static_cast<uint32_t>(*next++) << held;
    codes.push_back(static_cast<uint16_t>(pending & ((1u << bits) - 1)));
    pending >>= bits;
    held -= bits;
  }
  return codes;
}

}  // namespace nacre
