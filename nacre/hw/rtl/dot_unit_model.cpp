// The arithmetic of a dot unit, the inputs to try it on, and the test bench that compares its Verilog with it.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"
#include "nacre/hw/rtl/dot_unit.hpp"

namespace nacre {
namespace {

constexpr int kSmallestFloatExponent = -149;
constexpr int kFloatSignificand = 24;

// Of a block, as a number and a power of two; nothing for NaN.
struct ScaleValue {
  int64_t value = 1;
  int exponent = 0;
  bool nan = false;
};

ScaleValue scale_value(RtlScale scale, uint32_t code) {
  if (scale == RtlScale::e8m0) return {.value = 1, .exponent = static_cast<int>(code) - 127, .nan = code == 0xff};
  RtlNumber number = decode_element(rtl_operand("fp8_e4m3"), code & 0x7fU);
  return {.value = number.value, .exponent = number.exponent, .nan = (code & 0x7fU) == 0x7fU};
}

unsigned __int128 low_bits(__int128 value, int bits) {
  return static_cast<unsigned __int128>(value) & ((static_cast<unsigned __int128>(1) << bits) - 1);
}

__int128 wrapped(__int128 value, int bits) {
  const auto sign = static_cast<unsigned __int128>(1) << (bits - 1);
  return static_cast<__int128>(low_bits(value, bits) ^ sign) - static_cast<__int128>(sign);
}

std::string hex(unsigned __int128 value, int bits) {
  std::string text;
  for (int digit = (bits + 3) / 4 - 1; digit >= 0; --digit)
    text += "0123456789abcdef"[static_cast<size_t>(value >> (4 * digit)) & 15U];
  return text;
}

}  // namespace

RtlNumber decode_element(const RtlOperand& operand, uint32_t code) {
  if (!operand.floating) {
    const int unused = 32 - operand.bits;
    return {.value = static_cast<int32_t>(code << unused) >> unused};
  }
  const int mantissa = operand.mantissa_bits;
  const bool negative = code >> (operand.bits - 1) & 1U;
  const int64_t field = operand.exponent_bits == 0 ? 1 : (code >> mantissa) & ((1U << operand.exponent_bits) - 1);
  int64_t value = code & ((1U << mantissa) - 1);
  if (field > 0) value = (value + (int64_t{1} << mantissa)) << (field - 1);
  const int bias = (1 << std::max(0, operand.exponent_bits - 1)) - 1;
  return {.value = negative ? -value : value, .exponent = mantissa == 0 ? 0 : 1 - bias - mantissa};
}

float rounded_float(__int128 value, int exponent) {
  const bool negative = value < 0;
  auto magnitude = static_cast<unsigned __int128>(negative ? -value : value);
  int width = 0;
  while (width < 127 && magnitude >> width) ++width;
  // The last bit that a float keeps has weight 2^drop relative to the value's.
  const int drop = std::max(width - kFloatSignificand, kSmallestFloatExponent - exponent);
  if (drop > 126) {
    magnitude = 0;
  } else if (drop > 0) {
    const unsigned __int128 half = static_cast<unsigned __int128>(1) << (drop - 1);
    const unsigned __int128 rest = magnitude & (2 * half - 1);
    magnitude >>= drop;
    if (rest > half || (rest == half && (magnitude & 1))) ++magnitude;
    magnitude <<= drop;
  }
  // Exact but for an overflow: at most 24 bits are set.
  const double scaled = std::ldexp(static_cast<double>(magnitude), exponent);
  return static_cast<float>(negative ? -scaled : scaled);
}

void DotUnitModel::clock(const DotUnitInput& input) {
  if (input.clear) {
    accumulator_ = 0;
    float_accumulator_ = 0;
    return;
  }
  __int128 dot = 0;
  int exponent = 0;
  for (size_t lane = 0; lane < input.weights.size(); ++lane) {
    const RtlNumber weight = decode_element(unit_.weights, input.weights[lane]);
    const RtlNumber activation = decode_element(unit_.activations, input.activations[lane]);
    dot += static_cast<__int128>(weight.value) * activation.value;
    exponent = weight.exponent + activation.exponent;
  }
  if (unit_.scale == RtlScale::none) {
    accumulator_ = wrapped(accumulator_ + dot, unit_.accumulator_bits);
    return;
  }
  const ScaleValue weight = scale_value(unit_.scale, input.weight_scale);
  const ScaleValue activation = scale_value(unit_.scale, input.activation_scale);
  float_accumulator_ += weight.nan || activation.nan ? std::numeric_limits<float>::quiet_NaN()
                                                     : rounded_float(dot * weight.value * activation.value,
                                                                     exponent + weight.exponent + activation.exponent);
}

int DotUnitModel::result_bits() const { return unit_.float_result ? 32 : unit_.accumulator_bits; }

unsigned __int128 DotUnitModel::result() const {
  if (!unit_.float_result) return low_bits(accumulator_, unit_.accumulator_bits);
  const int step = decode_element(unit_.weights, 0).exponent + decode_element(unit_.activations, 0).exponent;
  const float value = unit_.scale == RtlScale::none ? rounded_float(accumulator_, step) : float_accumulator_;
  return std::isnan(value) ? 0x7fc00000U : std::bit_cast<uint32_t>(value);
}

std::vector<DotUnitInput> dot_unit_inputs(const DotUnit& unit, int64_t count, uint64_t seed) {
  const DotUnit design = checked(unit);
  Random random(seed);
  const auto code = [&](int bits) { return static_cast<uint32_t>(random.below(uint64_t{1} << bits)); };
  // The smallest, the largest, all ones, one: of every pair of them all lanes get the same.
  const auto corners = [](int bits) {
    const uint32_t all = (1U << bits) - 1;
    std::vector<uint32_t> codes = {0, 1, all, all >> 1, (all >> 1) + 1, all - 1};
    for (uint32_t& corner : codes) corner &= all;
    return codes;
  };
  std::vector<DotUnitInput> inputs = {{.clear = true}};
  const auto lanes = static_cast<size_t>(design.lanes);
  const auto push = [&](DotUnitInput input) {
    if (design.scale != RtlScale::none) {
      const bool near = random.below(4) != 0;  // most sums meet others of their size
      const bool narrow = design.scale == RtlScale::e8m0 && near;
      input.weight_scale = narrow ? 120 + code(4) : code(8);
      input.activation_scale = narrow ? 120 + code(4) : code(8);
    }
    inputs.push_back(std::move(input));
  };
  for (uint32_t weight : corners(design.weights.bits)) {
    for (uint32_t activation : corners(design.activations.bits)) {
      push({.weights = std::vector<uint32_t>(lanes, weight), .activations = std::vector<uint32_t>(lanes, activation)});
    }
  }
  while (static_cast<int64_t>(inputs.size()) < count) {
    DotUnitInput input;
    input.clear = random.below(64) == 0;
    for (size_t lane = 0; lane < lanes; ++lane) {
      input.weights.push_back(code(design.weights.bits));
      input.activations.push_back(code(design.activations.bits));
    }
    push(std::move(input));
  }
  inputs.front().weights.assign(lanes, 0);
  inputs.front().activations.assign(lanes, 0);
  inputs.resize(static_cast<size_t>(count));
  return inputs;
}

// A line of vectors.hex: expected result after the clock, then the inputs, each field rounded up to whole hex digits.
RtlTestBench dot_unit_test_bench(const DotUnit& unit, std::span<const DotUnitInput> inputs) {
  const DotUnit design = checked(unit);
  DotUnitModel model(design);
  const auto digits = [](int bits) { return (bits + 3) / 4 * 4; };
  const int weights = design.lanes * design.weights.bits, activations = design.lanes * design.activations.bits;
  RtlTestBench bench;
  const auto codes = [&](const std::vector<uint32_t>& lanes, int bits) {
    std::string binary;  // most significant first
    for (auto code = lanes.rbegin(); code != lanes.rend(); ++code)
      for (int bit = bits - 1; bit >= 0; --bit) binary += (*code >> bit & 1U) ? '1' : '0';
    binary.insert(0, (4 - binary.size() % 4) % 4, '0');
    std::string text;
    for (size_t i = 0; i < binary.size(); i += 4)
      text += "0123456789abcdef"[std::stoul(binary.substr(i, 4), nullptr, 2)];
    return text;
  };
  for (const DotUnitInput& input : inputs) {
    model.clock(input);
    bench.vectors += hex(model.result(), model.result_bits()) + codes(input.weights, design.weights.bits) +
                     codes(input.activations, design.activations.bits) + hex(input.weight_scale, 8) +
                     hex(input.activation_scale, 8) + (input.clear ? "1\n" : "0\n");
  }
  const int word = digits(model.result_bits()) + digits(weights) + digits(activations) + 20;
  const int at_weights = 20 + digits(activations), at_result = at_weights + digits(weights);
  const bool scales = design.scale != RtlScale::none;
  bench.verilog = fmt::format(
      "`timescale 1ns/1ps\n"
      "module testbench;\n"
      "  reg [{0}:0] vectors [0:{1}];\n"
      "  reg [{0}:0] vector;\n"
      "  reg clk = 0;\n"
      "  wire [{2}:0] result;\n"
      "  integer i, mismatches = 0;\n"
      "  dot_unit unit(.clk(clk), .clear(vector[0]), .weights(vector[{3}:{4}]), .activations(vector[{5}:20]){6},\n"
      "                .result(result));\n"
      "  initial begin\n"
      "    $readmemh(\"vectors.hex\", vectors);\n"
      "    for (i = 0; i < {7}; i = i + 1) begin\n"
      "      vector = vectors[i];\n"
      "      #1 clk = 1;\n"
      "      #1 clk = 0;\n"
      "      if (result !== vector[{8}:{9}]) begin\n"
      "        mismatches = mismatches + 1;\n"
      "        if (mismatches <= 10) $display(\"vector %0d: %h, expected %h\", i, result, vector[{8}:{9}]);\n"
      "      end\n"
      "    end\n"
      "    $display(\"%0d vectors, %0d mismatches\", {7}, mismatches);\n"
      "    $finish;\n"
      "  end\n"
      "endmodule\n",
      word - 1, inputs.size() - 1, model.result_bits() - 1, at_weights + weights - 1, at_weights, 20 + activations - 1,
      scales ? ", .weight_scale(vector[19:12]), .activation_scale(vector[11:4])" : "", inputs.size(),
      at_result + model.result_bits() - 1, at_result);
  return bench;
}

}  // namespace nacre
