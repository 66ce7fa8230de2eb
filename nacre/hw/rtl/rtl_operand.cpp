// Which formats a dot unit can be made for.
#include <fmt/format.h>

#include <regex>

#include "nacre/base/error.hpp"
#include "nacre/hw/rtl/dot_unit.hpp"

namespace nacre {
namespace {

constexpr int kWidestInteger = 16;

RtlOperand floating(const std::string& format, int exponent_bits, int mantissa_bits) {
  return {.format = format,
          .floating = true,
          .bits = 1 + exponent_bits + mantissa_bits,
          .exponent_bits = exponent_bits,
          .mantissa_bits = mantissa_bits};
}

}  // namespace

RtlOperand rtl_operand(const std::string& format) {
  static const std::regex integer("int([0-9]{1,2})"), float_element("fp([0-9]{1,2})_e([0-9])m([0-9]{1,2})"),
      power("pow2:([0-9])");
  std::smatch match;
  const auto number = [&](size_t i) { return std::stoi(match[i]); };
  if (std::regex_match(format, match, integer) && number(1) >= 2 && number(1) <= kWidestInteger)
    return {.format = format, .bits = number(1)};
  if (std::regex_match(format, match, float_element)) {
    const int exponent = number(2), mantissa = number(3);
    if (exponent >= 1 && exponent <= 6 && mantissa >= 1 && mantissa <= 15 && number(1) == 1 + exponent + mantissa)
      return floating(format, exponent, mantissa);
  }
  if (std::regex_match(format, match, power) && number(1) >= 2 && number(1) <= 5)
    return floating(format, number(1) - 1, 0);
  if (format == "ternary") return floating(format, 1, 0);
  if (format == "binary") return floating(format, 0, 0);
  throw UserError(fmt::format(
      "no dot unit for format '{}'; expected int2 .. int16, fp<bits>_e<exponent>m<mantissa> (fp8_e4m3), pow2:2 .. "
      "pow2:5, ternary or binary",
      format));
}

}  // namespace nacre
