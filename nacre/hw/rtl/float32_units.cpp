#include "nacre/hw/rtl/float32_units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace nacre {
namespace {

constexpr int kSignificand = 24;
constexpr int kLeast = kSignificand + 2;  // with a guard and a sticky bit

// Wires n<k> .. n0: `name` without its leading zeros, found in steps of 2^k, and the count of them, `zeros`.
std::string normalizer(const std::string& name, int width, bool shifted) {
  std::string text, zeros;
  std::string value = name;
  for (int k = std::bit_width(static_cast<unsigned>(width - 1)) - 1; k >= 0; --k) {
    const int step = 1 << k;
    text += fmt::format("  wire z{0} = ~|{1}[{2}:{3}];\n  wire [{2}:0] n{0} = z{0} ? {1} << {4} : {1};\n", k, value,
                        width - 1, std::max(0, width - step), step);
    value = fmt::format("n{}", k);
    zeros += (zeros.empty() ? "" : ", ") + fmt::format("z{}", k);
  }
  text += fmt::format("  wire [{}:0] zeros = {{{}}};\n", std::bit_width(static_cast<unsigned>(width - 1)) - 1, zeros);
  if (shifted) text += fmt::format("  wire [{}:0] normal = {};\n", width - 1, value);
  return text;
}

}  // namespace

std::string fixed_to_float32_verilog(int width) {
  const int wide = std::max(width, kLeast);
  std::string text = fmt::format(
      "module fixed_to_float32(input [{0}:0] x, input [11:0] exponent, output [31:0] y);\n"
      "  wire sign = x[{0}];\n"
      "  wire [{0}:0] magnitude = (x ^ {{{1}{{sign}}}}) + sign;\n",
      width - 1, width);
  text += wide > width ? fmt::format("  wire [{}:0] value = {{magnitude, {}'b0}};\n", wide - 1, wide - width)
                       : fmt::format("  wire [{}:0] value = magnitude;\n", wide - 1);
  text += normalizer("value", wide, true);
  text += fmt::format(
      "  wire signed [13:0] biased = $signed(exponent) + 14'sd{0} - $signed({{1'b0, zeros}});\n"
      "  wire tiny = biased < 1;\n"
      "  wire [13:0] below = 14'sd1 - biased;\n"
      "  wire [4:0] right = !tiny ? 5'd0 : below > 26 ? 5'd26 : below[4:0];\n"
      "  wire [51:0] spread = {{normal[{1}:{2}], {3}, 26'b0}} >> right;\n"
      "  wire [23:0] significand = spread[51:28];\n"
      "  wire up = spread[27] & (significand[0] | |spread[26:0]);\n"
      "  wire [30:0] packed_value = {{tiny ? 8'd0 : biased[7:0], significand[22:0]}} + up;\n"
      "  wire too_large = biased > 254;\n"
      "  assign y = {{sign, x == 0 ? 31'd0 : too_large ? 31'h7f800000 : packed_value}};\n"
      "endmodule\n",
      127 + width - 1, wide - 1, wide - kSignificand - 1,
      wide == kLeast ? std::string("normal[0]") : fmt::format("|normal[{}:0]", wide - kLeast));
  return text;
}

std::string float32_add_verilog() {
  std::string text =
      "module float32_add(input [31:0] a, input [31:0] b, output [31:0] y);\n"
      "  wire swap = b[30:0] > a[30:0];\n"
      "  wire [31:0] larger = swap ? b : a;\n"
      "  wire [31:0] smaller = swap ? a : b;\n"
      "  wire [7:0] large_exponent = larger[30:23] | {7'd0, ~|larger[30:23]};\n"
      "  wire [7:0] small_exponent = smaller[30:23] | {7'd0, ~|smaller[30:23]};\n"
      "  wire [7:0] distance = large_exponent - small_exponent;\n"
      "  wire [4:0] right = distance > 27 ? 5'd27 : distance[4:0];\n"
      "  wire [26:0] large_value = {|larger[30:23], larger[22:0], 3'd0};\n"
      "  wire [53:0] spread = {|smaller[30:23], smaller[22:0], 30'd0} >> right;\n"
      "  wire [26:0] aligned = {spread[53:28], |spread[27:0]};\n"
      "  wire subtract = larger[31] ^ smaller[31];\n"
      "  wire [27:0] total = {1'b0, large_value} + ({1'b0, aligned} ^ {28{subtract}}) + subtract;\n";
  text += normalizer("total", 28, false);
  text +=
      "  wire [7:0] left = zeros < large_exponent ? {3'd0, zeros} : large_exponent;\n"
      "  wire [27:0] value = total << left[4:0];\n"
      "  wire [8:0] exponent = {1'b0, large_exponent} + 9'd1 - {1'b0, left};\n"
      "  wire [8:0] biased = value[27] ? exponent : 9'd0;\n"
      "  wire up = value[3] & (value[4] | |value[2:0]);\n"
      "  wire [30:0] packed_value = {biased[7:0], value[26:4]} + up;\n"
      "  wire infinite = &larger[30:23];\n"
      "  wire nan = infinite & (|larger[22:0] | (&smaller[30:23] & (subtract | |smaller[22:0])));\n"
      "  assign y = nan ? 32'h7fc00000 : infinite ? larger\n"
      "      : total == 0 ? {larger[31] & smaller[31], 31'd0}\n"
      "      : {larger[31], biased > 254 ? 31'h7f800000 : packed_value};\n"
      "endmodule\n";
  return text;
}

GateCounts float32_gates(int width, bool adder) {
  const int wide = std::max(width, kLeast);
  const int stages = std::bit_width(static_cast<unsigned>(wide - 1));
  GateCounts counts;
  counts.xor_gates = width;
  counts.adder_bits = width + 14 * 3 + 31;
  counts.multiplexers = static_cast<int64_t>(stages) * wide + 5 * 52 + 31;
  if (adder) {
    counts.adder_bits += 28 + 8 * 3 + 31 + 31;
    counts.multiplexers += 5 * 54 + 2 * 5 * 28 + 64 + 62;
    counts.xor_gates += 28;
  }
  return counts;
}

}  // namespace nacre
