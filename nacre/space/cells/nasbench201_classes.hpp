// Which cells of NAS-Bench-201 (Dong and Yang, arXiv 2001.00326) are one network: the 15,625 codes fall into classes by three
// rules. docs/cell_classes.md explains why their numbers differ.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "nacre/base/hash.hpp"

namespace nacre {

enum class CellRule {
  benchmark_string,    // the benchmark's own: a text in which skips vanish and what a zeroed edge feeds is '#'; 6,466
  exact,               // one network of operators with weights of their own; 5,425
  exact_shared_pools,  // and an average pool has no weights, so that two on one value are one; 5,260
};

inline constexpr std::array<CellRule, 3> kCellRules = {CellRule::benchmark_string, CellRule::exact,
                                                       CellRule::exact_shared_pools};
std::string cell_rule_name(CellRule rule);     // "benchmark_string"
std::string cell_rule_summary(CellRule rule);  // one line

// A network as what the last node of the cell sums: operators and how often each value is added.
struct CellNetwork {
  static constexpr int kInput = -1;
  struct Summand {
    int value = kInput;  // an operator, or the cell's input
    int count = 1;
    auto operator<=>(const Summand&) const = default;
  };
  struct Operator {
    int kind = 0;              // as a digit of the code: 2 nor_conv_1x1, 3 nor_conv_3x3, 4 avg_pool_3x3
    int edge = 0;              // the first edge it stands on
    std::vector<Summand> sum;  // what it reads
  };
  std::vector<Operator> operators;  // those the output depends on, each after what it reads
  std::vector<Summand> output;
};

// The cell of six digits without zeroed edges, skips, and operators that see nothing but zero or reach no output. UserError
// when the code is malformed.
CellNetwork nasbench201_network(const std::string& code, bool share_pools);

// The place of each operator among the operators in the canonical order: operators of two networks of one class that
// have one place do the same.
std::vector<int> canonical_operator_order(const CellNetwork& network);

// The same text exactly for codes of one class.
std::string nasbench201_class(const std::string& code, CellRule rule);

// All 15,625 codes in numerical order.
std::vector<std::string> nasbench201_codes();

}  // namespace nacre
