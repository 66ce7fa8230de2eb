// A unit that multiplies and adds numbers of two formats, as Verilog and as exact arithmetic: what a format costs in gates.
//
//   weights     -> decode -+
//                          x -> shift -> invert -+-> carry-save tree -> adder -> accumulator
//   activations -> decode -+    (floating)       |
//                             the other lanes ---+
//
// Integers are two's complement; their partial products (C. Baugh, B. Wooley, IEEE Trans. Computers 22, 1973) go into the tree
// directly. Floating elements keep their whole product: it is shifted to its place in a fixed point number wide enough for all (U.
// Kulisch's accumulator), so that sums are exact. A power of two is a floating element without mantissa, ternary one with a
// single exponent: their multiplier is a shift or a mask. Codes that a format reserves for infinities and NaN are taken for the
// finite numbers they would be.
//
// With block scales (OCP MX: E8M0; NV: E4M3) the lanes' exact sum is multiplied by both scales and added to a float32, each step
// rounded to nearest even: `result = (float)(result + (float)(dot * weight_scale * activation_scale))`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nacre/hw/rtl/verilog_module.hpp"

namespace nacre {

// What an element is to the hardware.
struct RtlOperand {
  std::string format;     // "int8", "fp4_e2m1", "pow2:3", "ternary", "binary"
  bool floating = false;  // false: two's complement
  int bits = 0;
  int exponent_bits = 0;
  int mantissa_bits = 0;
  int significand_bits() const { return floating ? mantissa_bits + 1 : bits; }
  int largest_shift() const { return exponent_bits > 0 ? (1 << exponent_bits) - 2 : 0; }
};

// UserError for a format that has no such element (named codes, 32 bits, ...).
RtlOperand rtl_operand(const std::string& format);

enum class RtlAdders {
  carry_save,   // trees of full adders: for standard cells
  carry_chain,  // binary trees of `+` no wider than the sum needs: for FPGAs, whose carry chains are fast
};

enum class RtlScale { none, e8m0, e4m3 };

struct DotUnit {
  RtlOperand weights;
  RtlOperand activations;
  int lanes = 4;
  int accumulator_bits = 0;  // 0: the products' width and 8 guard bits
  RtlAdders adders = RtlAdders::carry_save;
  RtlScale scale = RtlScale::none;
  bool float_result = false;  // the accumulator's value as a float32 at the output; always with scales
};

// Fills in the accumulator's width. UserError when that is beyond 120 bits, or a number is out of range.
DotUnit checked(DotUnit unit);
// Of one product, in two's complement.
int product_bits(const DotUnit& unit);

// Module `dot_unit` with ports clk, clear, weights, activations (lane 0 in the lowest bits), the two scales where there are, result.
std::string dot_unit_verilog(const DotUnit& unit);
GateCounts dot_unit_gates(const DotUnit& unit);

// What goes in at one clock.
struct DotUnitInput {
  bool clear = false;
  std::vector<uint32_t> weights;  // codes
  std::vector<uint32_t> activations;
  uint32_t weight_scale = 0;
  uint32_t activation_scale = 0;
};

// The same unit by integer arithmetic on the decoded numbers; knows nothing of the Verilog.
class DotUnitModel {
 public:
  explicit DotUnitModel(const DotUnit& unit) : unit_(checked(unit)) {}
  void clock(const DotUnitInput& input);
  // The bits at the output.
  unsigned __int128 result() const;
  int result_bits() const;

 private:
  DotUnit unit_;
  __int128 accumulator_ = 0;
  float float_accumulator_ = 0;
};

// Element code -> value * 2^exponent.
struct RtlNumber {
  int64_t value = 0;
  int exponent = 0;
};
// In units of the element's smallest step: 3 is 3 for integers, 2^lowest * 3 for floating ones.
RtlNumber decode_element(const RtlOperand& operand, uint32_t code);
// value * 2^exponent to nearest, ties to even, gradual underflow, infinities.
float rounded_float(__int128 value, int exponent);

// `count` inputs: corner codes in all lanes first, then random ones; a clear now and then.
std::vector<DotUnitInput> dot_unit_inputs(const DotUnit& unit, int64_t count, uint64_t seed);

struct RtlTestBench {
  std::string verilog;  // module `testbench`: reads vectors.hex, prints the mismatches and "n vectors, m mismatches"
  std::string vectors;  // for $readmemh
};
RtlTestBench dot_unit_test_bench(const DotUnit& unit, std::span<const DotUnitInput> inputs);

}  // namespace nacre
