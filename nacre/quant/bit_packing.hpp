// Codes of 1 to 16 bits in bytes: a stream of bits, the lowest first. Of 4-bit codes the first is the low nibble (ONNX, OCP).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace nacre {

// Bytes of `count` codes, the last padded with zeros.
int64_t packed_code_bytes(int bits, int64_t count);
std::vector<uint8_t> pack_codes(std::span<const uint16_t> codes, int bits);
// InternalError when `bytes` is too short.
std::vector<uint16_t> unpack_codes(std::span<const uint8_t> bytes, int bits, int64_t count);

}  // namespace nacre
