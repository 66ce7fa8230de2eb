#include "nacre/ir/small_float.hpp"

#include <array>
#include <cmath>
#include <limits>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

struct SmallFormat {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  bool unsigned_zero;  // no negative zero: its code is not-a-number (FNUZ)
  bool has_infinity;
  int largest_code;  // of the finite numbers
};

SmallFormat format_of(ElementType type) {
  switch (type) {
    case ElementType::float8_e4m3fn: return {4, 3, 7, false, false, 0x7e};
    case ElementType::float8_e4m3fnuz: return {4, 3, 8, true, false, 0x7f};
    case ElementType::float8_e5m2: return {5, 2, 15, false, true, 0x7b};
    case ElementType::float8_e5m2fnuz: return {5, 2, 16, true, false, 0x7f};
    case ElementType::float4_e2m1: return {2, 1, 1, false, false, 0x7};
    default: throw InternalError("no small floating-point type: " + std::string(element_type_name(type)));
  }
}

float magnitude(const SmallFormat& format, int code) {
  const int exponent = code >> format.mantissa_bits;
  const int mantissa = code & ((1 << format.mantissa_bits) - 1);
  if (exponent == 0) return std::ldexp(static_cast<float>(mantissa), 1 - format.bias - format.mantissa_bits);
  return std::ldexp(static_cast<float>(mantissa + (1 << format.mantissa_bits)),
                    exponent - format.bias - format.mantissa_bits);
}

}  // namespace

bool is_small_float(ElementType type) {
  return type == ElementType::float8_e4m3fn || type == ElementType::float8_e4m3fnuz ||
         type == ElementType::float8_e5m2 || type == ElementType::float8_e5m2fnuz || type == ElementType::float4_e2m1;
}

float small_float_to_float(ElementType type, uint8_t code) {
  const SmallFormat format = format_of(type);
  const int width = format.exponent_bits + format.mantissa_bits;
  const bool negative = ((code >> width) & 1) != 0;
  const int unsigned_code = code & ((1 << width) - 1);
  if (format.unsigned_zero && negative && unsigned_code == 0) return std::numeric_limits<float>::quiet_NaN();
  if (unsigned_code > format.largest_code) {
    const bool infinite = format.has_infinity && unsigned_code == format.largest_code + 1;
    const float value = infinite ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
    return negative ? -value : value;
  }
  const float value = magnitude(format, unsigned_code);
  return negative ? -value : value;
}

uint8_t float_to_small_float(ElementType type, float value, bool saturate) {
  const SmallFormat format = format_of(type);
  const int width = format.exponent_bits + format.mantissa_bits;
  const int sign = std::signbit(value) ? 1 << width : 0;
  const bool never_outside = type == ElementType::float4_e2m1;
  const int not_a_number = format.unsigned_zero ? 1 << width : (1 << width) - 1;
  if (std::isnan(value)) return static_cast<uint8_t>(never_outside ? format.largest_code : sign | not_a_number);
  const float size = std::fabs(value);
  // Between two neighbors the codes count on, through subnormals too: the nearest is found among them.
  int low = 0, high = format.largest_code;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (magnitude(format, middle) <= size)
      low = middle;
    else
      high = middle - 1;
  }
  int code = low;
  if (low < format.largest_code) {
    const float below = size - magnitude(format, low), above = magnitude(format, low + 1) - size;
    if (above < below || (above == below && low % 2 == 1)) code = low + 1;
  } else if (!saturate && !never_outside) {
    // Half a step beyond the largest number is where rounding would leave the format.
    const float largest = magnitude(format, low);
    const float half = (largest - magnitude(format, low - 1)) / 2;
    const bool outside = size > largest + half || (size == largest + half && low % 2 == 1);
    if (outside && format.has_infinity) return static_cast<uint8_t>(sign | (format.largest_code + 1));
    if (outside) return static_cast<uint8_t>(format.unsigned_zero ? not_a_number : sign | not_a_number);
  }
  if (format.unsigned_zero && code == 0) return 0;
  return static_cast<uint8_t>(sign | code);
}

}  // namespace nacre
