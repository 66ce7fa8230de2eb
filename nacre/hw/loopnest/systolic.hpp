// Cycles of a systolic array in closed form: a product of M x T by T x N matrices on rows x columns multipliers, one operand fixed
// in place, the others pushed through with one cycle of delay for each neighbor. Exactly the count of SCALE-Sim (Samajdar et al.,
// ISPASS 2020) when memory never stalls. A convolution is the product with M = P Q output positions, N = K filters and T = C R S.
#pragma once

#include <cstdint>
#include <string_view>

#include "nacre/hw/loopnest/workload.hpp"

namespace nacre {

enum class SystolicDataflow { output_stationary, weight_stationary, input_stationary };

// UserError for other names than "os", "ws", "is" and the long ones.
SystolicDataflow systolic_dataflow(std::string_view name);

struct SystolicArray {
  int64_t rows = 1;
  int64_t columns = 1;
};

struct MatrixProduct {
  int64_t m = 1;      // rows of the result: inputs have one for each
  int64_t n = 1;      // columns of the result: filters
  int64_t t = 1;      // summed over
  int64_t times = 1;  // independent products, one after another (groups)
};

struct SystolicCost {
  int64_t cycles = 0;
  int64_t folds = 0;  // how often the array is loaded anew, all products
  int64_t multiply_accumulates = 0;
  double utilization = 0;         // multiply-accumulates over multipliers * cycles
  double mapping_efficiency = 0;  // of the multipliers, those with work in a mean fold
};

// M of dimensions that weights lack, N of those that inputs lack, T of those that the outputs lack; dimensions that all three have
// (groups) repeat the product. UserError when the workload is no product of two operands.
MatrixProduct matrix_product(const Workload& workload);

// UserError for sizes below 1 and overflow.
SystolicCost systolic_cost(const MatrixProduct& product, const SystolicArray& array, SystolicDataflow dataflow);

}  // namespace nacre
