// The time of a chip that works off commands of a host (CommandStream): Gemmini's loop instructions, and whatever is like them.
//
// Every step of the loops outside `level` is one command. A command loads its tile of each operand anew, whatever the one before
// had loaded; computes; and where its outputs are finished stores them. With double buffering the four overlap:
//
//   issue     issue_cycles (+ window_issue_cycles)
//   load      of each operand: requests * request_cycles + bytes * byte_cycles + instructions * instruction_cycles
//   compute   blocks of weights * preload_cycles + instructions * instruction_cycles + rows * row_cycles
//   store     as load, of the outputs; a tile whose sums run over several commands is stored by one of them
//   a layer   layer_cycles + sum over commands of (command_cycles + the slowest of the four, or their `overlap` norm)
//
// What is counted follows from the mapping. The block of weights that the array holds is what its spatial loops spread; a tile has
// the product of ceil(tile / block) over the dimensions of the weights. To each block the positions of the outputs that weights
// lack are streamed, at most `rows` of the innermost such dimension by one instruction. Tensors lie in the outer memory with the
// channels innermost (those that weights share with inputs, and with outputs): a request moves at most `request_bytes` of one
// position, an instruction at most `rows` positions of the innermost row. Operands are loaded with the gaps of their windows.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "nacre/hw/loopnest/nest.hpp"

namespace nacre {

// Of commands that are alike.
struct CommandGroup {
  double commands = 0;
  double rows = 0;  // all that follow: of one command
  double instructions = 0;
  double blocks = 0;
  double load_instructions = 0, load_requests = 0, load_bytes = 0;
  double store_instructions = 0, store_requests = 0, store_bytes = 0;  // of a command's share in a finished tile
};

class CommandCounter {
 public:
  // UserError when the workload is no product of inputs with weights, or the accelerator has no level of the stream's name.
  // Precondition: accelerator.commands.
  CommandCounter(const Workload& workload, const AcceleratorDescription& accelerator);

  bool windows() const { return windows_; }
  // Cycles of the whole layer; no allocation. Const and thread-safe.
  double cycles(const Nest& nest) const;
  // The same in two steps, for many constants and one mapping: `rows` and `request_bytes` count, the others do not.
  std::vector<CommandGroup> groups(const Nest& nest) const;
  static double cycles(const std::vector<CommandGroup>& groups, const CommandStream& stream, bool windows);

 private:
  struct Extents;
  template <class Visitor>
  void visit(const Nest& nest, Visitor visitor) const;
  CommandGroup group(const Nest& nest, const std::array<int64_t, kMaximumLoopDimensions>& tile) const;

  Workload workload_;
  CommandStream stream_;
  int level_ = 0;
  bool windows_ = false;
  int weights_ = -1, outputs_ = -1;                      // tensors
  uint32_t in_weights_ = 0, in_outputs_ = 0;             // dimensions, as bits
  int row_dimension_ = -1;                               // of the outputs, the innermost that weights lack; -1: none
  std::array<int, kMaximumWorkloadTensors> contiguous_;  // axis, innermost in the outer memory; -1: none
  std::array<int, kMaximumWorkloadTensors> row_axis_;    // axis along which an instruction moves rows; -1: none
};

}  // namespace nacre
