#include "nacre/hw/loopnest/workload.hpp"

#include "nacre/base/error.hpp"

namespace nacre {

int64_t Workload::points() const {
  int64_t result = 1;
  for (const LoopDimension& dimension : dimensions)
    if (__builtin_mul_overflow(result, dimension.size, &result))
      throw UserError("workload '" + name + "' has more than 2^63 multiply-accumulates");
  return result;
}

}  // namespace nacre
