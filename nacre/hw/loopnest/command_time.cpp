#include "nacre/hw/loopnest/command_time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

int64_t ceil_div(int64_t value, int64_t by) { return (value + by - 1) / by; }

// The tiles of one dimension that commands get: a size and how often.
struct TileSizes {
  struct Entry {
    int64_t size;
    double times;
  };
  std::array<Entry, kMaximumChain + 1> entries;
  int count = 0;

  void add(int64_t size, double times) {
    for (int i = 0; i < count; ++i) {
      if (entries[at(i)].size != size) continue;
      entries[at(i)].times += times;
      return;
    }
    NACRE_CHECK(count <= kMaximumChain, "as many sizes as loops, and one");
    entries[at(count++)] = {size, times};
  }
};

// Of each extent that comes from outside: full steps of `step`, and the rest.
TileSizes split(const TileSizes& from, int64_t step) {
  TileSizes result;
  for (int i = 0; i < from.count; ++i) {
    const auto [size, times] = from.entries[at(i)];
    if (size / step > 0) result.add(step, times * static_cast<double>(size / step));
    if (size % step > 0) result.add(size % step, times);
  }
  return result;
}

double combined(const std::array<double, 4>& parts, const std::optional<double>& overlap) {
  const double slowest = *std::ranges::max_element(parts);
  if (!overlap || slowest <= 0) return slowest;
  double sum = 0;
  for (const double part : parts) sum += std::pow(part / slowest, *overlap);
  return slowest * std::pow(sum, 1 / *overlap);
}

double transfer(const CommandTransfer& cost, double instructions, double requests, double bytes) {
  return cost.instruction_cycles * instructions + cost.request_cycles * requests + cost.byte_cycles * bytes;
}

double group_cycles(const CommandGroup& group, const CommandStream& stream, bool windows) {
  const std::array<double, 4> parts = {
      stream.issue_cycles + (windows ? stream.window_issue_cycles : 0.0),
      transfer(stream.load, group.load_instructions, group.load_requests, group.load_bytes),
      stream.row_cycles * group.rows + stream.instruction_cycles * group.instructions +
          stream.preload_cycles * group.blocks,
      transfer(stream.store, group.store_instructions, group.store_requests, group.store_bytes)};
  return group.commands * (stream.command_cycles + combined(parts, stream.overlap));
}

uint32_t dimensions_of(const WorkloadTensor& tensor) {
  uint32_t result = 0;
  for (const TensorAxis& axis : tensor.axes)
    for (const ProjectionTerm& term : axis.terms) result |= 1u << term.dimension;
  return result;
}

// The last axis whose dimensions are all among `wanted`.
int last_axis(const WorkloadTensor& tensor, uint32_t wanted) {
  for (int i = static_cast<int>(tensor.axes.size()); i-- > 0;) {
    uint32_t own = 0;
    for (const ProjectionTerm& term : tensor.axes[at(i)].terms) own |= 1u << term.dimension;
    if (own != 0 && (own & ~wanted) == 0) return i;
  }
  return -1;
}

int axis_with(const WorkloadTensor& tensor, int dimension) {
  for (int i = 0; i < static_cast<int>(tensor.axes.size()); ++i)
    for (const ProjectionTerm& term : tensor.axes[at(i)].terms)
      if (term.dimension == dimension) return i;
  return -1;
}

}  // namespace

CommandCounter::CommandCounter(const Workload& workload, const AcceleratorDescription& accelerator)
    : workload_(workload), stream_(*accelerator.commands) {
  const auto level = std::ranges::find(accelerator.levels, stream_.level, &MemoryLevel::name);
  if (level == accelerator.levels.end())
    throw UserError(
        fmt::format("accelerator '{}': commands.level '{}' is none of its levels", accelerator.name, stream_.level));
  level_ = static_cast<int>(level - accelerator.levels.begin());
  for (int i = 0; i < static_cast<int>(workload.tensors.size()); ++i) {
    if (workload.tensors[at(i)].role == TensorRole::weights) weights_ = i;
    if (workload.tensors[at(i)].role == TensorRole::outputs) outputs_ = i;
  }
  if (outputs_ < 0) throw UserError(fmt::format("workload '{}' has no outputs", workload.name));
  // A product of two activations: the second operand stays in the array.
  for (int i = 0; weights_ < 0 && i < static_cast<int>(workload.tensors.size()); ++i)
    if (i != outputs_ && i > 0) weights_ = i;
  in_outputs_ = dimensions_of(workload.tensors[at(outputs_)]);
  in_weights_ = weights_ < 0 ? 0 : dimensions_of(workload.tensors[at(weights_)]);
  for (int d = static_cast<int>(workload.dimensions.size()); d-- > 0 && row_dimension_ < 0;) {
    const bool streams = (in_outputs_ & ~in_weights_) >> d & 1u;
    if (streams && workload.dimensions[at(d)].size > 1) row_dimension_ = d;
  }
  for (int i = 0; i < static_cast<int>(workload.tensors.size()); ++i) {
    const WorkloadTensor& tensor = workload.tensors[at(i)];
    const uint32_t with = i == weights_ ? in_outputs_ : in_weights_;
    contiguous_[at(i)] = last_axis(tensor, with);
    row_axis_[at(i)] = row_dimension_ < 0 ? -1 : axis_with(tensor, row_dimension_);
    if (i == weights_) row_axis_[at(i)] = last_axis(tensor, in_weights_ & ~in_outputs_);
    if (i == weights_) {
      // Rows of weights are the summed channels, those that inputs read without a window.
      for (int other = 0; other < static_cast<int>(workload.tensors.size()); ++other) {
        if (other == weights_ || other == outputs_) continue;
        const WorkloadTensor& inputs = workload.tensors[at(other)];
        for (const TensorAxis& axis : inputs.axes) {
          if (axis.terms.size() != 1) continue;
          const int d = axis.terms[0].dimension;
          if ((in_weights_ & ~in_outputs_) >> d & 1u) row_axis_[at(i)] = axis_with(tensor, d);
        }
      }
    }
    if (i == outputs_) continue;
    for (const TensorAxis& axis : tensor.axes) windows_ |= axis.terms.size() > 1;
  }
}

CommandGroup CommandCounter::group(const Nest& nest, const std::array<int64_t, kMaximumLoopDimensions>& tile) const {
  std::array<int64_t, kMaximumLoopDimensions> block;
  block.fill(1);
  for (int i = nest.level_begin[at(level_)]; i < nest.loop_count; ++i)
    if (nest.loops[at(i)].spatial) block[at(nest.loops[at(i)].dimension)] *= nest.loops[at(i)].factor;

  CommandGroup result;
  result.blocks = 1;
  double positions = 1, instructions = 1, finished = 1;
  for (int d = 0; d < nest.dimension_count; ++d) {
    const int64_t size = tile[at(d)];
    if (in_weights_ >> d & 1u) {
      result.blocks *= static_cast<double>(ceil_div(size, block[at(d)]));
    } else {
      positions *= static_cast<double>(size);
      instructions *= static_cast<double>(d == row_dimension_ ? ceil_div(size, stream_.rows) : size);
    }
    if (!(in_outputs_ >> d & 1u))
      finished /= static_cast<double>(ceil_div(nest.dimensions[at(d)].size, nest.tile[at(level_)][at(d)]));
  }
  result.rows = result.blocks * positions;
  result.instructions = result.blocks * instructions;

  for (int i = 0; i < static_cast<int>(workload_.tensors.size()); ++i) {
    const WorkloadTensor& tensor = workload_.tensors[at(i)];
    double rows = 1, moved = 1, bytes = static_cast<double>(tensor.bits) * tensor.density / 8;
    for (int a = 0; a < static_cast<int>(tensor.axes.size()); ++a) {
      int64_t extent = 1;
      for (const ProjectionTerm& term : tensor.axes[at(a)].terms)
        extent += term.coefficient * (tile[at(term.dimension)] - 1);
      bytes *= static_cast<double>(extent);
      if (a == contiguous_[at(i)]) {
        const int64_t wide = extent * tensor.bits;
        int64_t parts = ceil_div(wide, 8 * stream_.request_bytes);
        if (i == outputs_) {  // leaves the array a block of channels at a time
          parts = 1;
          for (const ProjectionTerm& term : tensor.axes[at(a)].terms)
            parts *= ceil_div(tile[at(term.dimension)], block[at(term.dimension)]);
        }
        rows *= static_cast<double>(parts);
        moved *= static_cast<double>(parts);
      } else {
        rows *= static_cast<double>(extent);
        moved *= static_cast<double>(a == row_axis_[at(i)] ? ceil_div(extent, stream_.rows) : extent);
      }
    }
    if (i == outputs_) {
      result.store_instructions = moved * finished;
      result.store_requests = rows * finished;
      result.store_bytes = bytes * finished;
    } else {
      result.load_instructions += moved;
      result.load_requests += rows;
      result.load_bytes += bytes;
    }
  }
  return result;
}

template <class Visitor>
void CommandCounter::visit(const Nest& nest, Visitor visitor) const {
  std::array<TileSizes, kMaximumLoopDimensions> sizes;
  for (int d = 0; d < nest.dimension_count; ++d) {
    const NestDimension& dimension = nest.dimensions[at(d)];
    sizes[at(d)].add(dimension.size, 1);
    for (int i = 0; i < dimension.outside[at(level_)]; ++i)
      sizes[at(d)] = split(sizes[at(d)], nest.loops[at(dimension.loops[at(i)])].step);
  }
  std::array<int, kMaximumLoopDimensions> place = {};
  std::array<int64_t, kMaximumLoopDimensions> tile;
  while (true) {
    double commands = 1;
    for (int d = 0; d < nest.dimension_count; ++d) {
      const TileSizes::Entry& entry = sizes[at(d)].entries[at(place[at(d)])];
      tile[at(d)] = entry.size;
      commands *= entry.times;
    }
    CommandGroup one = group(nest, tile);
    one.commands = commands;
    visitor(one);
    int d = 0;
    while (d < nest.dimension_count && ++place[at(d)] == sizes[at(d)].count) place[at(d++)] = 0;
    if (d == nest.dimension_count) return;
  }
}

double CommandCounter::cycles(const Nest& nest) const {
  double result = stream_.layer_cycles;
  visit(nest, [&](const CommandGroup& group) { result += group_cycles(group, stream_, windows_); });
  return result;
}

std::vector<CommandGroup> CommandCounter::groups(const Nest& nest) const {
  std::vector<CommandGroup> result;
  visit(nest, [&](const CommandGroup& group) { result.push_back(group); });
  return result;
}

double CommandCounter::cycles(const std::vector<CommandGroup>& groups, const CommandStream& stream, bool windows) {
  double result = stream.layer_cycles;
  for (const CommandGroup& group : groups) result += group_cycles(group, stream, windows);
  return result;
}

}  // namespace nacre
