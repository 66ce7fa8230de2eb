#include "nacre/design/accelerator.hpp"

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

int64_t product(int64_t a, int64_t b, const std::string& name) {
  int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result))
    throw UserError("accelerator '" + name + "' has more than 2^63 instances of one level; check the fan-outs");
  return result;
}

}  // namespace

int64_t AcceleratorDescription::instances(std::size_t level) const {
  int64_t result = 1;
  for (std::size_t outer = 0; outer < level; ++outer)
    result = product(result, product(levels[outer].fanout.x, levels[outer].fanout.y, name), name);
  return result;
}

int64_t AcceleratorDescription::units() const { return instances(levels.size()); }

}  // namespace nacre
