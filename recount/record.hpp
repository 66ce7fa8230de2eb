// What the recounter judges: one line of JSON that holds a machine, a layer, a mapping and what is claimed of it. Plain values of the
// recounter's own: it shares no source with the cost engine that it checks (nacre/hw), only the format of the line, which
// nacre/hw/mapper/mapping_record.hpp writes and describes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace recount {

struct Term {
  int dimension = 0;
  int64_t coefficient = 1;
};

struct Tensor {
  std::string name;
  bool output = false;
  double bits = 0;     // of an element
  double density = 1;  // share that is stored and moved
  std::vector<std::vector<Term>> axes;
};

struct Level {
  std::string name;
  std::optional<double> capacity_bits;
  double access_bits = 1;
  std::optional<double> read_bits_per_cycle, write_bits_per_cycle, shared_bits_per_cycle;
  std::optional<double> read_energy_j, write_energy_j, leakage_w;
  bool double_buffered = false;
  std::vector<std::string> holds;  // names of tensors
  int64_t x = 1, y = 1;            // children of one instance
  bool multicast = true, reduction = true;
  std::optional<double> wire_energy_j;  // of one bit to one child
};

struct Loop {
  int dimension = 0;
  int level = 0;
  char kind = 't';  // t in time, x or y spread over children
  int64_t factor = 1;
  int64_t step = 1;  // of the coordinate: product of the factors inside
};

struct Traffic {  // elements, all instances of the level together
  int64_t reads = 0, fills = 0, updates = 0;
  bool operator==(const Traffic&) const = default;
};

struct Record {
  std::string name;
  std::vector<std::string> dimensions;
  std::vector<int64_t> sizes;
  std::vector<Tensor> tensors;
  double partial_sum_bits = 0;
  std::vector<Level> levels;  // outermost first
  int64_t lanes = 1;          // multipliers of a unit, along the innermost x
  double rate = 1;            // multiply-accumulates of a lane and cycle
  std::optional<double> mac_energy_j, clock_hz;
  bool keep_halos = true, zero_first_reads = true, read_when_evicted = true, stall_on_exchange = true;
  std::vector<Loop> loops;               // from outer to inner
  std::vector<std::vector<bool>> keeps;  // by level and tensor
  // Claimed.
  double cycles = 0;
  std::optional<double> energy_j;
  std::map<std::pair<int, int>, Traffic> traffic;  // by level and tensor, of what a level keeps
};

// std::runtime_error with what is wrong.
Record read_record(const std::string& line);

}  // namespace recount
