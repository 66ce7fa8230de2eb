// A map of another tool's file, read key by key: what nobody asked for is named in the warnings.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/config.hpp"

namespace nacre {

class ForeignMap {
 public:
  // `what` names the map in warnings ("level 'DRAM'"). UserError when the node is no map.
  ForeignMap(const ConfigNode& node, std::string what, std::vector<std::string>& warnings);

  const ConfigNode* take(std::string_view key);  // nullptr: absent or null
  // Under any of several spellings.
  const ConfigNode* take_any(std::initializer_list<std::string_view> keys);
  std::optional<double> number(std::string_view key);  // UserError when it is none, is negative or not finite
  std::optional<int64_t> whole(std::string_view key);  // UserError when it is none or below zero
  std::optional<std::string> text(std::string_view key);
  const ConfigNode& need(std::string_view key);               // UserError when absent
  void ignore(std::initializer_list<std::string_view> keys);  // known to change nothing that nacre models
  // Names what was not taken, in one warning.
  void finish();

 private:
  const ConfigNode& node_;
  std::string what_;
  std::vector<std::string>& warnings_;
  std::set<std::string, std::less<>> taken_;
};

// Sets the product of two factors or throws a UserError at the position.
int64_t checked_product(int64_t a, int64_t b, const SourcePosition& position);

// Value of sums, differences, products and quotients of numbers with parentheses, "1024 * 64"; nothing for anything else.
std::optional<double> arithmetic_value(std::string_view text);

}  // namespace nacre
