// The vector part of bulk_evaluator.hpp, compiled for several instruction sets.
#pragma once

#include <span>

#include "nacre/hw/loopnest/bulk_evaluator.hpp"

namespace nacre {

inline constexpr std::size_t kBulkLanes = 8;

// Up to kBulkLanes rows. `alone`: lanes whose windows have gaps that only sets count.
void bulk_kernel(const BulkEvaluator& evaluator, std::span<const int64_t> bounds, std::span<const int64_t> coefficients,
                 std::span<BulkCost> results, unsigned& alone);

}  // namespace nacre
