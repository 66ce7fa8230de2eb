// Cycles and energy of counted traffic, and whether the tiles fit.
#pragma once

#include <optional>
#include <string>

#include "recount/count.hpp"

namespace recount {

struct Price {
  double cycles = 0;
  std::optional<double> energy_j;  // unknown where the machine does not tell a part
  std::string misfit;              // empty: all tiles and loops fit
};

Price price(const Record& record, const Count& count);

// What differs between the claims of a record and the count; empty: nothing. Counts are compared exactly, cycles and energy within
// `tolerance` of themselves (sums of doubles in another order).
std::string difference(const Record& record, double tolerance = 1e-9);

}  // namespace recount
