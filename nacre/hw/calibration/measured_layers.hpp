// Cycles measured on a chip (or on its RTL), from a CSV file: a layer a row.
//
//   cycles       measured; required (`rtl_cycles` is taken too)
//   N C K P Q R S, h_stride w_stride h_dilation w_dilation
//                the layer; a column that is missing means 1. With Q = R = S = 1 a matrix product of P x C with C x K
//   mapping      in nacre's notation or DOSA's; empty or missing: that of a dataflow
//   layer        rows of one layer go to one side of a split; missing: by shape
//   a constant   a column with the name of a constant of `commands` (issue_cycles, ...), rows or request_bytes sets it for
//                the row: several sizes of one chip
//
// Other columns are not read; `where` chooses rows by them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "nacre/base/error.hpp"
#include "nacre/hw/accelerator/dataflow.hpp"
#include "nacre/hw/loopnest/mapping.hpp"

namespace nacre {

struct MeasuredLayer {
  SourcePosition position;  // of its row
  std::string layer;
  Workload workload;
  Mapping mapping;
  std::map<std::string, double, std::less<>> settings = {};  // constants of this row
  double cycles = 0;
};

struct MeasuredLayerOptions {
  std::map<std::string, std::string, std::less<>> where = {};  // column and text: rows that are taken
  Dataflow dataflow = {};                                      // of rows without a mapping
};

// UserError with file, line and column for columns that stand twice or are missing, rows of another length, numbers that are none or
// not above 0, mappings that are none of the layer and the accelerator, no rows.
std::vector<MeasuredLayer> read_measured_layers(const std::filesystem::path& path,
                                                const AcceleratorDescription& accelerator,
                                                const MeasuredLayerOptions& options);

}  // namespace nacre
