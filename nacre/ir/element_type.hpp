// Element types of tensors: ONNX's, by ONNX's numbers, so that no table stands between a file and the Graph.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nacre {

// Values are those of onnx.TensorProto.DataType.
enum class ElementType : uint8_t {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  string = 8,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
  bfloat16 = 16,
  float8_e4m3fn = 17,
  float8_e4m3fnuz = 18,
  float8_e5m2 = 19,
  float8_e5m2fnuz = 20,
  uint4 = 21,
  int4 = 22,
  float4_e2m1 = 23,
};

// Bits of one element; 0 for undefined and string. int4, uint4 and float4 are packed two to a byte.
int element_bits(ElementType type);
// "float32", "int4", ... as in the text form; "undefined" for what is none.
std::string_view element_type_name(ElementType type);
// The type of that name; undefined when there is none.
ElementType element_type_from_name(std::string_view name);
bool is_floating(ElementType type);

// Bytes of `elements` elements, packed.
inline int64_t packed_bytes(ElementType type, int64_t elements) { return (elements * element_bits(type) + 7) / 8; }

}  // namespace nacre
