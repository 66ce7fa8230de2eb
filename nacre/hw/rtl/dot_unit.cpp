#include "nacre/hw/rtl/dot_unit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "nacre/base/error.hpp"
#include "nacre/hw/rtl/float32_units.hpp"

namespace nacre {
namespace {

constexpr int kGuardBits = 8;
constexpr int kWidestAccumulator = 120;

bool both_integer(const DotUnit& unit) { return !unit.weights.floating && !unit.activations.floating; }
bool signed_product(const DotUnit& unit) { return !unit.weights.floating || !unit.activations.floating; }

// Of the two significands, before the shift.
int significand_product_bits(const DotUnit& unit) {
  const int weight = unit.weights.significand_bits(), activation = unit.activations.significand_bits();
  // A factor of one bit masks the other.
  if (unit.weights.floating && weight == 1) return activation;
  if (unit.activations.floating && activation == 1) return weight;
  return weight + activation;
}

int largest_shift(const DotUnit& unit) { return unit.weights.largest_shift() + unit.activations.largest_shift(); }

// A lane's wires as the operand's decoder names them.
struct Decoded {
  std::string significand;
  int bits = 0;
  bool is_signed = false;
  std::string shift;  // empty: none
  int shift_bits = 0;
  int excess = 0;    // what the shift is too large by, unless the significand is zero
  std::string sign;  // empty: within the significand
};

class DotUnitWriter {
 public:
  explicit DotUnitWriter(const DotUnit& unit) : unit_(unit) {}
  std::string write();
  GateCounts counts() const { return module_.counts; }

 private:
  Decoded decode(const RtlOperand& operand, const std::string& port, int lane);
  void integer_products(BitColumns& sum, const Decoded& weight, const Decoded& activation);
  std::string product(const Decoded& weight, const Decoded& activation);
  std::string floating_product(const Decoded& weight, const Decoded& activation, std::string& negative);
  std::string carry_save_dot(int width, const std::string& accumulator);
  std::string carry_chain_dot(int width, const std::string& accumulator);
  std::string chain_sum(const std::string& left, const std::string& right, int bits);
  std::string dot(int width, const std::string& accumulator);
  void fixed_point_body();
  void scaled_body();
  std::string scaled(const std::string& sum, int bits, int& wide, std::string& exponent);
  std::string ports() const;

  DotUnit unit_;
  VerilogModule module_;
};

std::string slice(const std::string& port, int lane, int bits) {
  return bits == 1 ? fmt::format("{}[{}]", port, lane)
                   : fmt::format("{}[{}:{}]", port, (lane + 1) * bits - 1, lane * bits);
}

Decoded DotUnitWriter::decode(const RtlOperand& operand, const std::string& port, int lane) {
  const std::string code = module_.wire(slice(port, lane, operand.bits), operand.bits);
  Decoded decoded;
  decoded.bits = operand.significand_bits();
  if (!operand.floating) {
    decoded.significand = code;
    decoded.is_signed = true;
    return decoded;
  }
  decoded.sign = bit_of(code, operand.bits - 1, operand.bits);
  const int mantissa = operand.mantissa_bits;
  if (operand.exponent_bits == 0) {  // binary: a sign and nothing else
    decoded.significand = module_.wire("1'b1");
    return decoded;
  }
  const std::string exponent = operand.exponent_bits == 1
                                   ? fmt::format("{}[{}]", code, mantissa)
                                   : fmt::format("{}[{}:{}]", code, mantissa + operand.exponent_bits - 1, mantissa);
  const std::string normal = module_.wire("|" + exponent);
  decoded.significand =
      mantissa == 0 ? normal : module_.wire(fmt::format("{{{}, {}[{}:0]}}", normal, code, mantissa - 1), mantissa + 1);
  if (mantissa == 0) {  // nothing is subnormal: the field itself, and one bit is dropped afterwards
    decoded.shift = module_.wire(exponent, operand.exponent_bits);
    decoded.shift_bits = operand.exponent_bits;
    decoded.excess = 1;  // also of ternary numbers, whose field is the significand
  } else if (operand.exponent_bits > 1) {
    decoded.shift = module_.wire(fmt::format("{} - {}", exponent, normal), operand.exponent_bits);
    decoded.shift_bits = operand.exponent_bits;
    module_.counts.adder_bits += operand.exponent_bits;
  }
  return decoded;
}

// Partial products of Baugh and Wooley: those with one sign bit are negative, which is their complement and a constant.
void DotUnitWriter::integer_products(BitColumns& sum, const Decoded& weight, const Decoded& activation) {
  for (int i = 0; i < weight.bits; ++i) {
    for (int j = 0; j < activation.bits; ++j) {
      const bool negative =
          (weight.is_signed && i == weight.bits - 1) != (activation.is_signed && j == activation.bits - 1);
      std::string bit = module_.and_gate(bit_of(weight.significand, i, weight.bits),
                                         bit_of(activation.significand, j, activation.bits));
      if (negative) {
        bit = module_.wire("~" + bit);
        sum.constant -= static_cast<__int128>(1) << (i + j);
      }
      sum.add(i + j, std::move(bit));
    }
  }
}

std::string DotUnitWriter::product(const Decoded& weight, const Decoded& activation) {
  const int width = significand_product_bits(unit_);
  const Decoded* mask = !weight.is_signed && weight.bits == 1           ? &weight
                        : !activation.is_signed && activation.bits == 1 ? &activation
                                                                        : nullptr;
  if (mask) {
    const Decoded& other = mask == &weight ? activation : weight;
    module_.counts.and_gates += width;
    return module_.wire(width == 1 ? fmt::format("{} & {}", mask->significand, other.significand)
                                   : fmt::format("{{{}{{{}}}}} & {}", width, mask->significand, other.significand),
                        width);
  }
  if (unit_.adders == RtlAdders::carry_chain) {
    const auto factor = [&](const Decoded& decoded) {
      return decoded.is_signed ? fmt::format("$signed({})", decoded.significand)
                               : fmt::format("$signed({{1'b0, {}}})", decoded.significand);
    };
    module_.counts.and_gates += weight.bits * activation.bits;
    module_.counts.adder_bits += weight.bits * activation.bits;
    return module_.wire(fmt::format("{} * {}", factor(weight), factor(activation)), width);
  }
  BitColumns sum(width);
  integer_products(sum, weight, activation);
  return module_.add_columns(std::move(sum));
}

// The product in its place, its sign applied by inversion: value = result + negative. One bit wider than the shifted product.
std::string DotUnitWriter::floating_product(const Decoded& weight, const Decoded& activation, std::string& negative) {
  const int width = significand_product_bits(unit_), wide = product_bits(unit_);
  std::string value = product(weight, activation);
  const bool is_signed = signed_product(unit_);
  const std::string fill = is_signed ? bit_of(value, width - 1, width) : "1'b0";
  value = module_.wire(fmt::format("{{{{{}{{{}}}}}, {}}}", wide - width, fill, value), wide);
  std::string shift = weight.shift.empty() ? activation.shift : weight.shift;
  int shift_bits = std::max(weight.shift_bits, activation.shift_bits);
  if (!weight.shift.empty() && !activation.shift.empty()) {
    module_.counts.adder_bits += shift_bits;
    shift = module_.wire(fmt::format("{{1'b0, {}}} + {{1'b0, {}}}", weight.shift, activation.shift), ++shift_bits);
  }
  if (!shift.empty()) {
    const int excess = weight.excess + activation.excess;
    module_.counts.multiplexers += static_cast<int64_t>(shift_bits) * wide;
    value = module_.wire(fmt::format("{} << {}", value, shift), wide + excess);
    if (excess > 0) value = module_.wire(fmt::format("{}[{}:{}]", value, wide + excess - 1, excess), wide);
  }
  const std::string& one = weight.sign.empty() ? activation.sign : weight.sign;
  negative = weight.sign.empty() || activation.sign.empty()
                 ? one
                 : module_.wire(fmt::format("{} ^ {}", weight.sign, activation.sign));
  module_.counts.xor_gates += wide;
  return module_.wire(fmt::format("{} ^ {{{}{{{}}}}}", value, wide, negative), wide);
}

std::string DotUnitWriter::carry_save_dot(int width, const std::string& accumulator) {
  BitColumns sum(width);
  for (int lane = 0; lane < unit_.lanes; ++lane) {
    const Decoded weight = decode(unit_.weights, "weights", lane);
    const Decoded activation = decode(unit_.activations, "activations", lane);
    if (both_integer(unit_)) {
      integer_products(sum, weight, activation);
      continue;
    }
    std::string negative;
    const std::string value = floating_product(weight, activation, negative);
    module_.add_signed(sum, value, product_bits(unit_));
    sum.add(0, negative);
  }
  if (!accumulator.empty())
    for (int bit = 0; bit < width; ++bit) sum.add(bit, bit_of(accumulator, bit, width));
  return module_.add_columns(std::move(sum));
}

// left + right as ~(~left - right): synthesis would join sums of sums to one carry-save tree, which has no use for the chains.
std::string DotUnitWriter::chain_sum(const std::string& left, const std::string& right, int bits) {
  module_.counts.adder_bits += bits;
  const std::string wide_left = module_.wire(fmt::format("$signed({})", left), bits);
  const std::string wide_right = module_.wire(fmt::format("$signed({})", right), bits);
  return module_.wire(fmt::format("~(~{} - {})", wide_left, wide_right), bits);
}

// Pairs are added with one more bit each time; the ones of the inverted lanes are counted apart and added once.
std::string DotUnitWriter::carry_chain_dot(int width, const std::string& accumulator) {
  std::vector<std::pair<std::string, int>> terms;
  std::string negatives;
  for (int lane = 0; lane < unit_.lanes; ++lane) {
    const Decoded weight = decode(unit_.weights, "weights", lane);
    const Decoded activation = decode(unit_.activations, "activations", lane);
    std::string negative;
    terms.emplace_back(
        both_integer(unit_) ? product(weight, activation) : floating_product(weight, activation, negative),
        product_bits(unit_));
    if (!negative.empty()) negatives += (negatives.empty() ? "" : " + ") + negative;
  }
  while (terms.size() > 1) {
    std::vector<std::pair<std::string, int>> sums;
    for (size_t i = 0; i + 1 < terms.size(); i += 2) {
      const int bits = std::max(terms[i].second, terms[i + 1].second) + 1;
      sums.emplace_back(chain_sum(terms[i].first, terms[i + 1].first, bits), bits);
    }
    if (terms.size() % 2 == 1) sums.push_back(terms.back());
    terms = std::move(sums);
  }
  auto [total, bits] = terms.front();
  if (!negatives.empty()) {
    const int count_bits = std::bit_width(static_cast<unsigned>(unit_.lanes));
    const std::string count = module_.wire(negatives, count_bits);
    module_.counts.full_adders += unit_.lanes;
    bits = std::min(width, std::max(bits, count_bits + 1) + 1);
    total = chain_sum(total, module_.wire(fmt::format("{{1'b0, {}}}", count), count_bits + 1), bits);
  }
  return accumulator.empty() ? module_.wire(fmt::format("$signed({})", total), width)
                             : chain_sum(total, accumulator, width);
}

std::string DotUnitWriter::dot(int width, const std::string& accumulator) {
  return unit_.adders == RtlAdders::carry_save ? carry_save_dot(width, accumulator)
                                               : carry_chain_dot(width, accumulator);
}

int sum_bits(const DotUnit& unit) { return product_bits(unit) + std::bit_width(static_cast<unsigned>(unit.lanes)); }

std::string DotUnitWriter::ports() const {
  std::string text = fmt::format("input clk, input clear,\n    input [{}:0] weights, input [{}:0] activations",
                                 unit_.lanes * unit_.weights.bits - 1, unit_.lanes * unit_.activations.bits - 1);
  if (unit_.scale != RtlScale::none) text += ",\n    input [7:0] weight_scale, input [7:0] activation_scale";
  const bool floats = unit_.float_result;
  return text + fmt::format(",\n    output [{}:0] result", floats ? 31 : unit_.accumulator_bits - 1);
}

int step_exponent(const DotUnit& unit) {
  return decode_element(unit.weights, 0).exponent + decode_element(unit.activations, 0).exponent;
}

void DotUnitWriter::fixed_point_body() {
  const int width = unit_.accumulator_bits;
  module_.line(fmt::format("reg [{}:0] accumulator;", width - 1));
  const std::string next = dot(width, "accumulator");
  module_.line(fmt::format("always @(posedge clk) if (clear) accumulator <= 0; else accumulator <= {};", next));
  if (unit_.float_result) {
    module_.line(fmt::format("fixed_to_float32 convert(.x(accumulator), .exponent(12'd{}), .y(result));",
                             static_cast<unsigned>(step_exponent(unit_)) & 0xfffU));
    module_.counts += float32_gates(width, false);
  } else {
    module_.line("assign result = accumulator;");
  }
}

// The sum times the scales' significands, and the power of two that remains.
std::string DotUnitWriter::scaled(const std::string& sum, int bits, int& wide, std::string& exponent) {
  const unsigned step = static_cast<unsigned>(step_exponent(unit_));
  if (unit_.scale == RtlScale::e8m0) {
    wide = bits;
    exponent = module_.wire(
        fmt::format("{{4'b0, weight_scale}} + {{4'b0, activation_scale}} + 12'd{}", (step - 254U) & 0xfffU), 12);
    module_.counts.adder_bits += 24;
    return sum;
  }
  const RtlOperand scale = rtl_operand("fp8_e4m3");
  const Decoded weight = decode(scale, "weight_scale", 0), activation = decode(scale, "activation_scale", 0);
  BitColumns significand(8);
  integer_products(significand, weight, activation);
  const Decoded factor = {.significand = module_.add_columns(std::move(significand)), .bits = 8};
  const Decoded value = {.significand = sum, .bits = bits, .is_signed = true};
  wide = bits + 8;
  BitColumns total(wide);
  integer_products(total, value, factor);
  exponent = module_.wire(
      fmt::format("{{8'b0, {}}} + {{8'b0, {}}} + 12'd{}", weight.shift, activation.shift, (step - 18U) & 0xfffU), 12);
  module_.counts.adder_bits += 24;
  return module_.add_columns(std::move(total));
}

void DotUnitWriter::scaled_body() {
  int wide = 0;
  std::string exponent;
  const int bits = sum_bits(unit_);
  const std::string value = scaled(dot(bits, ""), bits, wide, exponent);
  const char* nan = unit_.scale == RtlScale::e8m0 ? "wire nan = &weight_scale | &activation_scale;"
                                                  : "wire nan = &weight_scale[6:0] | &activation_scale[6:0];";
  module_.line(nan);
  module_.line("reg [31:0] accumulator;");
  module_.line("wire [31:0] term;");
  module_.line("wire [31:0] next;");
  module_.line(fmt::format("fixed_to_float32 convert(.x({}), .exponent({}), .y(term));", value, exponent));
  module_.line("float32_add add(.a(accumulator), .b(nan ? 32'h7fc00000 : term), .y(next));");
  module_.line("always @(posedge clk) if (clear) accumulator <= 0; else accumulator <= next;");
  module_.line("assign result = accumulator;");
  module_.counts += float32_gates(wide, true);
}

std::string DotUnitWriter::write() {
  const bool has_scale = unit_.scale != RtlScale::none;
  has_scale ? scaled_body() : fixed_point_body();
  std::string text = fmt::format("// {} x {}, {} lanes. Made by nacre rtl dot_unit.\nmodule dot_unit(\n    {});\n",
                                 unit_.weights.format, unit_.activations.format, unit_.lanes, ports());
  for (const std::string& line : module_.lines()) text += "  " + line + "\n";
  text += "endmodule\n";
  if (has_scale) {
    const int wide = sum_bits(unit_) + (unit_.scale == RtlScale::e4m3 ? 8 : 0);
    text += "\n" + fixed_to_float32_verilog(wide) + "\n" + float32_add_verilog();
  } else if (unit_.float_result) {
    text += "\n" + fixed_to_float32_verilog(unit_.accumulator_bits);
  }
  return text;
}

}  // namespace

int product_bits(const DotUnit& unit) {
  return significand_product_bits(unit) + largest_shift(unit) + (signed_product(unit) ? 0 : 1);
}

DotUnit checked(DotUnit unit) {
  if (unit.lanes < 1 || unit.lanes > 256) throw UserError(fmt::format("{} lanes; expected 1 .. 256", unit.lanes));
  if (unit.scale != RtlScale::none) unit.float_result = true;
  if (unit.accumulator_bits == 0) unit.accumulator_bits = product_bits(unit) + kGuardBits;
  const int least = unit.scale == RtlScale::none ? product_bits(unit) : 2;
  const int most = std::max(unit.accumulator_bits, sum_bits(unit) + (unit.scale == RtlScale::none ? 0 : 8));
  if (unit.accumulator_bits < least) {
    throw UserError(fmt::format("an accumulator of {} bits for {} x {}; one product has {}", unit.accumulator_bits,
                                unit.weights.format, unit.activations.format, least));
  }
  if (most > kWidestAccumulator) {
    throw UserError(fmt::format("exact sums of {} x {} need {} bits; units have at most {}", unit.weights.format,
                                unit.activations.format, most, kWidestAccumulator));
  }
  return unit;
}

std::string dot_unit_verilog(const DotUnit& unit) { return DotUnitWriter(checked(unit)).write(); }

GateCounts dot_unit_gates(const DotUnit& unit) {
  DotUnitWriter writer(checked(unit));
  writer.write();
  return writer.counts();
}

}  // namespace nacre
