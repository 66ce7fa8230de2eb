#include "nacre/ir/element_type.hpp"

#include <array>

namespace nacre {
namespace {

struct TypeRow {
  ElementType type;
  std::string_view name;
  int bits;
};

constexpr std::array kTypes = {TypeRow{ElementType::float32, "float32", 32},
                               TypeRow{ElementType::uint8, "uint8", 8},
                               TypeRow{ElementType::int8, "int8", 8},
                               TypeRow{ElementType::uint16, "uint16", 16},
                               TypeRow{ElementType::int16, "int16", 16},
                               TypeRow{ElementType::int32, "int32", 32},
                               TypeRow{ElementType::int64, "int64", 64},
                               TypeRow{ElementType::string, "string", 0},
                               TypeRow{ElementType::boolean, "bool", 8},
                               TypeRow{ElementType::float16, "float16", 16},
                               TypeRow{ElementType::float64, "float64", 64},
                               TypeRow{ElementType::uint32, "uint32", 32},
                               TypeRow{ElementType::uint64, "uint64", 64},
                               TypeRow{ElementType::bfloat16, "bfloat16", 16},
                               TypeRow{ElementType::float8_e4m3fn, "float8_e4m3fn", 8},
                               TypeRow{ElementType::float8_e4m3fnuz, "float8_e4m3fnuz", 8},
                               TypeRow{ElementType::float8_e5m2, "float8_e5m2", 8},
                               TypeRow{ElementType::float8_e5m2fnuz, "float8_e5m2fnuz", 8},
                               TypeRow{ElementType::uint4, "uint4", 4},
                               TypeRow{ElementType::int4, "int4", 4},
                               TypeRow{ElementType::float4_e2m1, "float4_e2m1", 4}};

}  // namespace

int element_bits(ElementType type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row.bits;
  }
  return 0;
}

std::string_view element_type_name(ElementType type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row.name;
  }
  return "undefined";
}

ElementType element_type_from_name(std::string_view name) {
  for (const TypeRow& row : kTypes) {
    if (row.name == name) return row.type;
  }
  return ElementType::undefined;
}

bool is_floating(ElementType type) {
  switch (type) {
    case ElementType::float32:
    case ElementType::float64:
    case ElementType::float16:
    case ElementType::bfloat16:
    case ElementType::float8_e4m3fn:
    case ElementType::float8_e4m3fnuz:
    case ElementType::float8_e5m2:
    case ElementType::float8_e5m2fnuz:
    case ElementType::float4_e2m1: return true;
    default: return false;
  }
}

}  // namespace nacre
