// Building a look-up table for a space on a target: draws the networks whose operators have to be known, measures, fits.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "nacre/hw/table_builder.hpp"
#include "nacre/space/space.hpp"

namespace nacre {

struct TableRunOptions {
  Json target;                        // kind and options of the target that measures
  std::filesystem::path base_folder;  // where its relative paths start
  Deployment deployment;
  std::filesystem::path output;  // the table's file; what it holds is not measured again
  int64_t networks = 36;         // measured whole
  int64_t kept_aside = 12;       // of them
  int64_t passes = 3;            // measurements of each, apart in time; the lowest counts
  int64_t sampled = 200;         // networks whose operators are measured, at least; every alternative is among them
  bool steady = false;           // a reference before and after each says whether the device was at its best
  bool by_blocks = false;        // measure whole blocks, not operators
  uint64_t seed = 0;
  std::function<bool()> interrupted = [] { return false; };
  std::function<void(const TableProgress&)> progress = [](const TableProgress&) {};
};

// The finished table, which is also in the file. UserError for a target that does not measure, or a file of another device;
// Interrupted with what was measured kept in the file.
CostTable run_table_building(const Space& space, const TableRunOptions& options);

}  // namespace nacre
