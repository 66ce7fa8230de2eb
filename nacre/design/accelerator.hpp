// What a chip is: a hierarchy of memories with fan-outs between them, an array of multipliers, a clock. Plain values.
//
//   levels[0]  DRAM            1 instance
//                | fan-out x*y
//   levels[1]  global buffer   fan-out of the level above, times its instances
//                | ...
//   levels[n-1] registers
//                | fan-out
//   compute    multiply-accumulate units
//
// "Not known" is nullopt, never zero: a cost that needs it is unknown too. Bandwidths are bits a cycle of one instance, energies
// joules of one access of `access_bits`, areas square millimeters of one instance. `source` says where a constant comes from.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nacre {

// The part that a tensor plays in an operator; a memory says which it may hold.
enum class TensorRole { weights, inputs, outputs };

// Children below one instance of a level, and what the wires to them can do.
struct Fanout {
  int64_t x = 1;
  int64_t y = 1;
  bool multicast = true;  // one read serves all children that want the same element
  bool reduction = true;  // partial sums of children are added on the way up; otherwise each is an update above
  std::optional<double> energy_per_bit_j = {};  // of one bit to one child
  int64_t count() const { return x * y; }
};

struct MemoryLevel {
  std::string name;
  std::optional<int64_t> capacity_bits = {};       // of one instance; nothing: unlimited
  int64_t access_bits = 16;                        // width of one access: what the energies count
  std::optional<double> read_bits_per_cycle = {};  // nothing: not limited
  std::optional<double> write_bits_per_cycle = {};
  std::optional<double> shared_bits_per_cycle = {};  // reads and writes together
  int64_t banks = 1;
  bool double_buffered = false;  // true: a tile may use half, and transfers overlap with work
  std::optional<double> read_energy_j = {};
  std::optional<double> write_energy_j = {};
  std::optional<double> leakage_w = {};
  std::optional<double> area_mm2 = {};
  std::vector<TensorRole> holds = {TensorRole::weights, TensorRole::inputs,
                                   TensorRole::outputs};  // empty: fan-out only
  Fanout fanout = {};
  std::string source = {};
};

struct ComputeArray {
  std::string name = "mac";
  int64_t lanes = 1;  // multiply-accumulates a unit does a cycle, along the innermost spatial loop
  std::map<std::string, double, std::less<>> energy_j =
      {};  // of one multiply-accumulate, by format name ("int8", "fp16")
  std::map<std::string, double, std::less<>> rate =
      {};                               // multiply-accumulates of a lane and cycle by format; absent: 1
  std::optional<double> area_mm2 = {};  // of one unit
  std::string source = {};
};

// Element-wise operators, pooling, normalization and softmax run here.
struct VectorUnit {
  int64_t lanes = 1;                    // operations a cycle
  std::optional<double> energy_j = {};  // of one operation
  std::optional<double> area_mm2 = {};
  std::string source = {};
};

// How long moving a tile takes one instruction, one request to the outer memory and one byte.
struct CommandTransfer {
  double instruction_cycles = 0;
  double request_cycles = 0;
  double byte_cycles = 0;
};

// A chip that works off commands of a host: one command a tile of `level`, which loads the tile's operands anew, computes on a
// systolic array whose weights stay, and stores finished outputs (hw/loopnest/command_time.hpp). All in cycles of the clock.
struct CommandStream {
  std::string level;               // whose tiles commands work off
  int64_t rows = 1;                // rows of inputs that an instruction streams at most
  int64_t request_bytes = 64;      // that a request to the outer memory moves at most
  double issue_cycles = 0;         // of the host between two commands
  double window_issue_cycles = 0;  // the same more where inputs are read through windows (convolutions)
  double command_cycles = 0;       // of each command, overlapping with nothing
  double layer_cycles = 0;         // of each layer: first load, last store
  double row_cycles = 1;           // of the array for each row
  double instruction_cycles = 0;   // of the array for each instruction, beside its rows
  double preload_cycles = 0;       // of the array for each block of weights
  CommandTransfer load = {};
  CommandTransfer store = {};
  std::optional<double> overlap = {};  // nothing: the slowest of issue, load, compute and store; p: (sum of t^p)^(1/p)
  std::string source = {};
};

// Number formats by name ("int8", "fp16"). Empty: that of the value's element type; of partial sums: at least 32 bits for integers,
// the outputs' own format for floats.
struct OperandFormats {
  std::string weights = {};
  std::string activations = {};
  std::string partial_sums = {};
};

struct AcceleratorDescription {
  std::string name;
  std::string source = {};  // of the whole; levels and units have theirs
  std::string summary = {};
  std::optional<double> clock_hz = {};
  std::optional<double> node_nm = {};
  std::optional<double> voltage_v = {};
  std::vector<MemoryLevel> levels = {};  // outermost first
  ComputeArray compute = {};
  OperandFormats native = {};  // what it computes with when nobody asks for other formats
  std::optional<VectorUnit> vector_unit = {};
  std::optional<CommandStream> commands = {};  // nothing: work is never short of commands
  std::optional<double> other_area_mm2 = {};   // control, pads, whatever no level holds
  std::vector<std::string> not_modelled = {};  // what an imported file says and nacre does not model

  int64_t instances(std::size_t level) const;  // of that level in the whole chip
  int64_t units() const;                       // multipliers in the whole chip
};

}  // namespace nacre
