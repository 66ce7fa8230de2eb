// A found mapping as one line of JSON that says everything needed to count it again: layer, machine, rules, mapping, and what is
// claimed. `nacre_recount` (recount/) reads it; it shares no source with nacre.
//
//   {"layer": {"name", "dimensions": {"K": 64, ...}, "tensors": [{"name", "role", "bits", "density",
//              "axes": [{"P": 2, "R": 1}, ...]}], "partial_sum_bits"},
//    "machine": {"lanes", "rate", "mac_energy_j", "clock_hz", "levels": [{"name", "capacity_bits", ...}]},   null: not known
//    "rules": {"keep_halos", "zero_first_reads", "read_when_evicted", "stall_on_exchange"},
//    "mapping": "DRAM[WIO] K4 | ...", "keeps": [["Weights", "Inputs", "Outputs"], ...],
//    "claimed": {"cycles", "energy_j", "traffic": [{"level", "tensor", "reads", "fills", "updates"}]}}     elements; joules
#pragma once

#include <string>

#include "nacre/hw/loopnest/evaluate.hpp"

namespace nacre {

// Without a line break. InternalError for Timeloop's rules, which the recounter does not know.
std::string mapping_record(const Workload& workload, const AcceleratorDescription& accelerator, const Mapping& mapping,
                           const MappingCost& cost, const CountingRules& rules = {});

}  // namespace nacre
