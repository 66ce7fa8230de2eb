// A Verilog module as it grows: wires with fresh names, and the adders of which arithmetic units are made.
//
//   VerilogModule module;
//   const std::string sum = module.wire("a ^ b");          // "wire w0 = a ^ b;"
//   BitColumns columns(8);                                 // modulo 2^8
//   ...
//   const std::string total = module.add_columns(columns); // carry-save tree, then one carry-propagating adder
//
// The tree is L. Dadda's (Alta Frequenza 34, 1965): of each column only as many bits are compressed as the next height asks.
// Explicit, because what a tool infers from `a * b` decides a comparison of formats before it begins (sheet 33, pitfalls).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nacre {

// A sum of bits, modulo 2^size: columns[i] holds the names of those that count 2^i.
struct BitColumns {
  explicit BitColumns(int size) : columns(static_cast<size_t>(size)) {}
  void add(int column, std::string bit);  // beyond the last column: nothing
  std::vector<std::vector<std::string>> columns;
  __int128 constant = 0;
};

// What a unit is made of before a tool optimizes it.
struct GateCounts {
  int64_t and_gates = 0;    // partial products, masks
  int64_t xor_gates = 0;    // conditional inversion
  int64_t full_adders = 0;  // of the trees
  int64_t half_adders = 0;
  int64_t adder_bits = 0;    // of carry-propagating adders
  int64_t multiplexers = 0;  // of shifters
  GateCounts& operator+=(const GateCounts& other);
};

class VerilogModule {
 public:
  // Declares a wire of `width` bits with that value; returns its name.
  std::string wire(const std::string& expression, int width = 1);
  std::string and_gate(const std::string& left, const std::string& right);
  // Adds a wire of `width` bits in two's complement.
  void add_signed(BitColumns& sum, const std::string& name, int width);
  // The sum as a wire.
  std::string add_columns(BitColumns sum);
  void line(std::string text) { lines_.push_back(std::move(text)); }
  const std::vector<std::string>& lines() const { return lines_; }
  GateCounts counts = {};

 private:
  void reduce(BitColumns& sum, size_t height);
  std::vector<std::string> lines_;
  int next_ = 0;
};

// "name[3]", or "name" of a single bit.
std::string bit_of(const std::string& name, int bit, int width);

}  // namespace nacre
