#include "nacre/hw/rtl/verilog_module.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nacre {

GateCounts& GateCounts::operator+=(const GateCounts& other) {
  and_gates += other.and_gates;
  xor_gates += other.xor_gates;
  full_adders += other.full_adders;
  half_adders += other.half_adders;
  adder_bits += other.adder_bits;
  multiplexers += other.multiplexers;
  return *this;
}

std::string bit_of(const std::string& name, int bit, int width) {
  return width == 1 ? name : fmt::format("{}[{}]", name, bit);
}

std::string VerilogModule::wire(const std::string& expression, int width) {
  const std::string name = fmt::format("w{}", next_++);
  lines_.push_back(width == 1 ? fmt::format("wire {} = {};", name, expression)
                              : fmt::format("wire [{}:0] {} = {};", width - 1, name, expression));
  return name;
}

std::string VerilogModule::and_gate(const std::string& left, const std::string& right) {
  ++counts.and_gates;
  return wire(fmt::format("{} & {}", left, right));
}

void BitColumns::add(int column, std::string bit) {
  if (static_cast<size_t>(column) < columns.size()) columns[static_cast<size_t>(column)].push_back(std::move(bit));
}

// -s 2^n = (1 - s) 2^n - 2^n: the sign goes in inverted, and the constant takes it back.
void VerilogModule::add_signed(BitColumns& sum, const std::string& name, int width) {
  const int last = width - 1;
  for (int bit = 0; bit < last; ++bit) sum.add(bit, bit_of(name, bit, width));
  if (static_cast<size_t>(last) + 1 >= sum.columns.size()) {
    sum.add(last, bit_of(name, last, width));
    return;
  }
  sum.add(last, wire("~" + bit_of(name, last, width)));
  sum.constant -= static_cast<__int128>(1) << last;
}

// Full and half adders until no column is higher than `height`.
void VerilogModule::reduce(BitColumns& sum, size_t height) {
  auto& columns = sum.columns;
  const auto carry_to = [&](size_t column, std::string carry) {
    if (column < columns.size()) columns[column].push_back(std::move(carry));
  };
  for (size_t i = 0; i < columns.size(); ++i) {
    while (columns[i].size() > height) {
      auto& column = columns[i];
      const bool half = column.size() == height + 1;
      const std::vector<std::string> in(column.begin(), column.begin() + (half ? 2 : 3));
      column.erase(column.begin(), column.begin() + (half ? 2 : 3));
      if (half) {
        ++counts.half_adders;
        column.push_back(wire(fmt::format("{} ^ {}", in[0], in[1])));
        carry_to(i + 1, wire(fmt::format("{} & {}", in[0], in[1])));
      } else {
        ++counts.full_adders;
        column.push_back(wire(fmt::format("{} ^ {} ^ {}", in[0], in[1], in[2])));
        carry_to(i + 1, wire(fmt::format("({0} & {1}) | ({0} & {2}) | ({1} & {2})", in[0], in[1], in[2])));
      }
    }
  }
}

std::string VerilogModule::add_columns(BitColumns sum) {
  size_t highest = 0;
  for (auto& column : sum.columns) {
    if (sum.constant & 1) column.emplace_back("1'b1");
    sum.constant >>= 1;
    highest = std::max(highest, column.size());
  }
  std::vector<size_t> heights = {2};
  while (heights.back() < highest) heights.push_back(heights.back() * 3 / 2);
  for (auto height = heights.rbegin(); height != heights.rend(); ++height)
    if (*height < highest) reduce(sum, *height);
  std::string left, right;
  for (auto column = sum.columns.rbegin(); column != sum.columns.rend(); ++column) {
    const char* separator = left.empty() ? "" : ", ";
    left += separator + (column->empty() ? std::string("1'b0") : column->front());
    right += separator + (column->size() < 2 ? std::string("1'b0") : column->back());
    if (column->size() == 2) ++counts.adder_bits;
  }
  return wire(fmt::format("{{{}}} + {{{}}}", left, right), static_cast<int>(sum.columns.size()));
}

}  // namespace nacre
