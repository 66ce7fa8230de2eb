#include "nacre/hw/loopnest/systolic.hpp"

#include <array>
#include <string>

#include <fmt/format.h>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

struct Overflow {};

int64_t product_of(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) throw Overflow{};
  return result;
}

int64_t parts(int64_t size, int64_t part) { return (size - 1) / part + 1; }

}  // namespace

SystolicDataflow systolic_dataflow(std::string_view name) {
  if (name == "os" || name == "output_stationary") return SystolicDataflow::output_stationary;
  if (name == "ws" || name == "weight_stationary") return SystolicDataflow::weight_stationary;
  if (name == "is" || name == "input_stationary") return SystolicDataflow::input_stationary;
  const std::array<std::string, 6> names = {
      "os", "ws", "is", "output_stationary", "weight_stationary", "input_stationary"};
  throw UserError(unknown_name_message("systolic dataflow", name, names));
}

MatrixProduct matrix_product(const Workload& workload) {
  std::array<uint32_t, 2> operands = {};
  uint32_t output = 0;
  std::size_t count = 0;
  bool weights_known = false;
  for (const WorkloadTensor& tensor : workload.tensors) {
    uint32_t dimensions = 0;
    for (const TensorAxis& axis : tensor.axes)
      for (const ProjectionTerm& term : axis.terms) dimensions |= 1u << term.dimension;
    if (tensor.role == TensorRole::outputs) {
      output = dimensions;
      continue;
    }
    if (count == 2) throw UserError(fmt::format("'{}' has more than two operands: no matrix product", workload.name));
    const std::size_t place = count++;
    operands[place] = dimensions;
    if (tensor.role == TensorRole::weights && !weights_known) {
      std::swap(operands[0], operands[place]);  // weights first
      weights_known = true;
    }
  }
  if (count != 2) throw UserError(fmt::format("'{}' has {} operands: no matrix product", workload.name, count));
  if (!weights_known) std::swap(operands[0], operands[1]);  // of two activations the second is the filter
  MatrixProduct result;
  for (std::size_t d = 0; d < workload.dimensions.size(); ++d) {
    const uint32_t bit = 1u << d;
    const int64_t size = workload.dimensions[d].size;
    const bool weights = operands[0] & bit, inputs = operands[1] & bit, outputs = output & bit;
    if (!outputs)
      result.t *= size;
    else if (weights && inputs)
      result.times *= size;
    else if (weights)
      result.n *= size;
    else
      result.m *= size;
  }
  return result;
}

SystolicCost systolic_cost(const MatrixProduct& product, const SystolicArray& array, SystolicDataflow dataflow) {
  if (product.m < 1 || product.n < 1 || product.t < 1 || product.times < 1)
    throw UserError(fmt::format("a product of {} x {} by {} x {} matrices, {} times", product.m, product.t, product.t,
                                product.n, product.times));
  if (array.rows < 1 || array.columns < 1)
    throw UserError(fmt::format("a systolic array of {} x {} multipliers", array.rows, array.columns));
  const int64_t r = array.rows, c = array.columns;
  // What lies along rows and columns, and how long a fold takes: fill, stream, drain.
  int64_t along_rows = product.m, along_columns = product.n, fold = 0;
  switch (dataflow) {
    case SystolicDataflow::output_stationary: fold = product.t + r + c - 2; break;
    case SystolicDataflow::weight_stationary:
      along_rows = product.t;
      fold = product.m + 2 * r + c - 2;
      break;
    case SystolicDataflow::input_stationary:
      along_rows = product.t;
      along_columns = product.m;
      fold = product.n + 2 * r + c - 2;
      break;
  }
  try {
    SystolicCost result;
    const int64_t folds = product_of(parts(along_rows, r), parts(along_columns, c));
    result.folds = product_of(folds, product.times);
    // Each product ends one cycle before its last drain would: the first result leaves with the last operand.
    result.cycles = product_of(product_of(folds, fold) - 1, product.times);
    result.multiply_accumulates = product_of(product_of(product_of(product.m, product.n), product.t), product.times);
    const auto multipliers = static_cast<double>(product_of(r, c));
    result.utilization =
        static_cast<double>(result.multiply_accumulates) / (multipliers * static_cast<double>(result.cycles));
    result.mapping_efficiency = static_cast<double>(along_rows) * static_cast<double>(along_columns) /
                                (multipliers * static_cast<double>(folds));
    return result;
  } catch (const Overflow&) {
    throw UserError("a matrix product of more than 2^63 cycles");
  }
}

}  // namespace nacre
