#include "nacre/hw/accelerator/template_cost.hpp"

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr int64_t kClusterLanes = 64;  // of dla: PEs that share an output channel
constexpr int64_t kChannelsInPe = 4;   // of rs: input channels summed within a PE
constexpr int64_t kOutputsInPe = 2;    // of rs: output channels that share an input row within a PE

// MAESTRO's area database and scaling coefficients at 28 nm; the multiplier of its 8-bit set.
constexpr double kMacUm2 = 283;
constexpr double kSmallSramUm2 = 4505.1889, kSmallSramBytes = 64;
constexpr double kLargeSramUm2 = 4161.536, kLargeSramBytes = 32768;
constexpr double kBusUm2 = 101.7938, kBusPerPe = 14.662, kBusBase = 28.895;
constexpr double kArbiterUm2 = 395.473, kArbiterSquare = 1.2886, kArbiterLinear = 5.5814, kArbiterBase = -23.711;
constexpr double kMm2PerUm2 = 1e-6;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t window(int64_t positions, int64_t taps, int64_t stride, int64_t dilation) {
  return (positions - 1) * stride + (taps - 1) * dilation + 1;
}
double real(int64_t value) { return static_cast<double>(value); }

struct Work {
  double cycles = 0;
  TemplateTraffic traffic;
};

// A tile is an output channel in each cluster and 64 input channels: its weights stay while all positions pass by.
Work dla(const LayerShape& s, int64_t pe) {
  const int64_t lanes = std::min(kClusterLanes, pe), clusters = std::max<int64_t>(1, pe / kClusterLanes);
  const int64_t output_tiles = ceil_div(s.outputs, clusters), input_tiles = ceil_div(s.inputs, lanes);
  const double images = real(s.batch * s.groups), positions = real(s.height * s.width), macs = real(s.macs());
  Work work;
  work.cycles = images * real(output_tiles * input_tiles * s.rows * s.columns) * positions;
  // A row of windows slides along the columns: of each row of outputs the kernel's rows come anew.
  const double input =
      real(s.inputs * s.height * s.rows) * real(window(s.width, s.columns, s.stride_columns, s.dilation_columns));
  TemplateTraffic& t = work.traffic;
  t.weight_reads = real(s.groups * s.outputs * s.inputs) * real(s.rows * s.columns);
  t.input_reads = images * input * real(output_tiles);
  t.output_writes = images * real(s.outputs * input_tiles) * positions;
  t.partial_sum_reads = images * real(s.outputs * (input_tiles - 1)) * positions;
  // The lanes of a cluster are added on the way: one partial sum for all of them.
  const double sums = macs / real(std::min(lanes, s.inputs));
  t.l1_reads = 2 * macs + sums;
  t.l1_writes = sums + t.weight_reads + t.input_reads * real(std::min(clusters, s.outputs));
  return work;
}

struct Arrangement {
  int64_t y = 1, x = 1, folds = 1;
};

Arrangement arrangement(const LayerShape& s, int64_t pe) {
  Arrangement best{.y = 1, .x = pe, .folds = s.height * ceil_div(s.width, pe)};
  for (int64_t y = 2; y <= std::min(pe, s.height); ++y) {
    const int64_t x = pe / y, folds = ceil_div(s.height, y) * ceil_div(s.width, x);
    if (folds < best.folds) best = {y, x, folds};
  }
  best.x = std::min(best.x, s.width);
  return best;
}

// Inputs of all tiles of an axis, overlaps included.
int64_t tiled_extent(int64_t positions, int64_t tile, int64_t taps, int64_t stride, int64_t dilation) {
  const int64_t tiles = ceil_div(positions, tile);
  return (positions - tiles) * stride + tiles * ((taps - 1) * dilation + 1);
}

// A tile of outputs stays until it is finished: for each output channel and input channel in turn the tile's inputs come, which
// neighbors pass on, and every weight for all.
Work shi(const LayerShape& s, int64_t pe) {
  const Arrangement tile = arrangement(s, pe);
  const double images = real(s.batch * s.groups), macs = real(s.macs());
  const double filters = real(s.outputs * s.inputs) * real(s.rows * s.columns);
  Work work;
  work.cycles = images * real(tile.folds) * filters;
  const double input = real(tiled_extent(s.height, tile.y, s.rows, s.stride_rows, s.dilation_rows)) *
                       real(tiled_extent(s.width, tile.x, s.columns, s.stride_columns, s.dilation_columns));
  TemplateTraffic& t = work.traffic;
  t.weight_reads = images * real(tile.folds) * filters;
  t.input_reads = images * real(s.outputs * s.inputs) * input;
  t.output_writes = images * real(s.outputs * s.height * s.width);
  t.l1_reads = 3 * macs;
  t.l1_writes = macs + macs + t.input_reads;  // partial sums; a weight for each multiplication of a PE
  return work;
}

// A set of PEs holds the rows of a filter for all output rows; sets side by side take other pairs of channels.
Work rs(const LayerShape& s, int64_t pe) {
  const int64_t set = s.rows * s.height;
  const int64_t sets = std::max<int64_t>(1, pe / set), folds = std::max<int64_t>(1, ceil_div(set, pe));
  const double images = real(s.batch * s.groups), macs = real(s.macs());
  Work work;
  work.cycles = images * real(ceil_div(s.outputs * s.inputs, sets) * folds) * real(s.columns * s.width);
  const int64_t sharing =
      std::min(s.outputs, std::max(sets, kOutputsInPe));  // output channels that read an input at once
  const int64_t passes = ceil_div(s.inputs, kChannelsInPe);
  const double rows = real(window(s.height, s.rows, s.stride_rows, s.dilation_rows) + (folds - 1) * (s.rows - 1));
  const double positions = real(s.height * s.width);
  TemplateTraffic& t = work.traffic;
  t.weight_reads = real(s.groups * s.outputs * s.inputs) * real(s.rows * s.columns * folds);
  t.input_reads = images * real(s.inputs * ceil_div(s.outputs, sharing)) * rows *
                  real(window(s.width, s.columns, s.stride_columns, s.dilation_columns));
  t.output_writes = images * real(s.outputs * passes) * positions;
  t.partial_sum_reads = images * real(s.outputs * (passes - 1)) * positions;
  t.l1_reads = 3 * macs;
  t.l1_writes = macs + t.weight_reads * real(std::min(s.height, pe)) + t.input_reads * real(std::min(s.rows, pe));
  return work;
}

struct Template {
  const char* name;
  Work (*work)(const LayerShape&, int64_t pe);
};
constexpr Template kTemplates[] = {{"dla", dla}, {"shi", shi}, {"rs", rs}};

}  // namespace

const std::vector<std::string>& template_names() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (const Template& one : kTemplates) names.emplace_back(one.name);
    return names;
  }();
  return kNames;
}

LayerShape layer_shape(const Workload& workload) {
  LayerShape shape;
  const bool has_outputs =
      std::ranges::find(workload.dimensions, "K", &LoopDimension::name) != workload.dimensions.end();
  for (const LoopDimension& dimension : workload.dimensions) {
    const std::string& name = dimension.name;
    if (name == "N" || name == "U")
      shape.batch *= dimension.size;
    else if (name == "G" || (name == "C" && !has_outputs))  // depthwise: the channels are in all tensors
      shape.groups *= dimension.size;
    else if (name == "K")
      shape.outputs = dimension.size;
    else if (name == "C")
      shape.inputs = dimension.size;
    else if (name == "P")
      shape.height = dimension.size;
    else if (name == "Q")
      shape.width = dimension.size;
    else if (name == "R")
      shape.rows *= dimension.size;
    else if (name == "S")
      shape.columns = dimension.size;
    else if (name == "V")
      shape.rows *= dimension.size;
    else
      throw UserError("'" + workload.name + "' has a dimension '" + name + "' that the dataflow templates do not know");
  }
  for (const WorkloadTensor& tensor : workload.tensors) {
    for (const TensorAxis& axis : tensor.axes) {
      if (axis.terms.size() != 2) continue;
      const auto name = [&](size_t i) {
        return workload.dimensions[static_cast<size_t>(axis.terms[i].dimension)].name;
      };
      if (name(0) == "P" && name(1) == "R") {
        shape.stride_rows = axis.terms[0].coefficient;
        shape.dilation_rows = axis.terms[1].coefficient;
      } else if (name(0) == "Q" && name(1) == "S") {
        shape.stride_columns = axis.terms[0].coefficient;
        shape.dilation_columns = axis.terms[1].coefficient;
      }
    }
  }
  return shape;
}

std::optional<TemplateCost> template_cost(const LayerShape& shape, const SubAccelerator& instance,
                                          const TemplateConstants& constants) {
  const auto* const found =
      std::ranges::find_if(kTemplates, [&](const Template& one) { return instance.dataflow == one.name; });
  if (found == std::end(kTemplates))
    throw UserError(unknown_name_message("dataflow", instance.dataflow, template_names()));
  if (!instance.used()) return std::nullopt;
  const Work work = found->work(shape, instance.pe);
  TemplateCost cost;
  cost.traffic = work.traffic;
  cost.compute_cycles = work.cycles;
  const double bytes_per_cycle = instance.bandwidth_gb_per_s * 1e9 / constants.clock_hz;
  cost.transfer_cycles = work.traffic.l2() * real(constants.element_bits) / 8 / bytes_per_cycle;
  cost.cycles = std::ceil(std::max(cost.compute_cycles, cost.transfer_cycles));
  const double macs = real(shape.macs());
  const double l1 = work.traffic.l1_reads + work.traffic.l1_writes;
  cost.energy_j = constants.mac_energy_j * (macs + constants.l1_access * l1 + constants.l2_access * work.traffic.l2());
  cost.utilization = macs / (cost.compute_cycles * real(instance.pe));
  return cost;
}

TemplateArea template_area(const SubAccelerator& instance, const TemplateConstants& constants) {
  TemplateArea area;
  if (!instance.used()) return area;
  const double pe = real(instance.pe);
  const double l1 = std::ceil(real(constants.l1_bytes) / kSmallSramBytes) * kSmallSramUm2;
  area.pe_mm2 = kMm2PerUm2 * pe * (kMacUm2 + l1);
  area.l2_mm2 = kMm2PerUm2 * std::ceil(real(constants.l2_bytes) / kLargeSramBytes) * kLargeSramUm2;
  area.bus_mm2 = kMm2PerUm2 * kBusUm2 * (kBusPerPe * pe + kBusBase) * instance.bandwidth_gb_per_s;
  const double connections = kArbiterSquare * pe * pe + kArbiterLinear * pe + kArbiterBase;
  area.arbiter_mm2 = kMm2PerUm2 * kArbiterUm2 * std::max(1.0, connections);
  return area;
}

}  // namespace nacre
