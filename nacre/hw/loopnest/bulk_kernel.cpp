#include "nacre/hw/loopnest/bulk_kernel.hpp"

#include <cmath>
#include <numeric>

// Vectors are passed between inlined functions only.
#pragma GCC diagnostic ignored "-Wpsabi"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define NACRE_BULK_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define NACRE_BULK_CLONES
#endif
#define NACRE_INLINE inline __attribute__((always_inline))

namespace nacre {

using Vector = double __attribute__((vector_size(kBulkLanes * sizeof(double))));
using Mask = int64_t __attribute__((vector_size(kBulkLanes * sizeof(int64_t))));

namespace {

NACRE_INLINE std::size_t at(int index) { return static_cast<std::size_t>(index); }
NACRE_INLINE Vector all(double value) { return Vector{} + value; }
NACRE_INLINE Vector larger(const Vector& a, const Vector& b) { return a > b ? a : b; }
NACRE_INLINE Vector smaller(const Vector& a, const Vector& b) { return a < b ? a : b; }
NACRE_INLINE Vector absolute(const Vector& a) { return a < 0.0 ? -a : a; }
NACRE_INLINE Vector whole_part(const Vector& a) {  // of values that an int64 holds
  return __builtin_convertvector(__builtin_convertvector(a, Mask), Vector);
}
NACRE_INLINE Vector upward(const Vector& a) {
  const Vector low = whole_part(a);
  return low < a ? low + 1.0 : low;
}

struct WindowTerm {
  Vector first, second, divisor;  // coefficients, and their greatest common divisor
};

struct Scratch {
  Vector bound[kMaximumNestLoops], step[kMaximumNestLoops], before[kMaximumNestLoops];
  Vector tile[kMaximumMemoryLevels + 1][kMaximumLoopDimensions];
  WindowTerm window[kMaximumWorkloadTensors][kMaximumLoopDimensions];
  Vector whole[kMaximumLoopDimensions], count[kMaximumLoopDimensions], spacing[kMaximumLoopDimensions];
  Vector shift_sum[kMaximumLoopDimensions], reset[kMaximumLoopDimensions];
  Vector tensor_tile[kMaximumMemoryLevels][kMaximumWorkloadTensors],
      bits[kMaximumMemoryLevels][kMaximumWorkloadTensors];
  Vector reads[kMaximumMemoryLevels][kMaximumWorkloadTensors], fills[kMaximumMemoryLevels][kMaximumWorkloadTensors];
  Vector updates[kMaximumMemoryLevels][kMaximumWorkloadTensors], evicted[kMaximumMemoryLevels][kMaximumWorkloadTensors];
  Vector instances[kMaximumMemoryLevels + 1];
};

}  // namespace

// Has access to what the evaluator derived.
struct BulkKernel {
  const BulkEvaluator& evaluator;
  Scratch& s;
  Mask gaps;  // lanes with windows that are no progression

  NACRE_INLINE void load(std::span<const int64_t> bounds, std::span<const int64_t> coefficients, std::size_t rows) {
    const std::size_t loops = evaluator.loops_.size(), dimensions = evaluator.workload_.dimensions.size();
    for (std::size_t i = 0; i < loops; ++i)
      for (std::size_t lane = 0; lane < kBulkLanes; ++lane)
        s.bound[i][lane] = static_cast<double>(bounds[(lane < rows ? lane : 0) * loops + i]);
    Vector inside[kMaximumLoopDimensions];
    for (std::size_t d = 0; d < dimensions; ++d) inside[d] = all(1);
    const int levels = static_cast<int>(evaluator.level_end_.size());
    for (std::size_t d = 0; d < dimensions; ++d) s.tile[levels][d] = inside[d];
    for (int level = levels - 1; level >= 0; --level) {
      const int begin = level == 0 ? 0 : evaluator.level_end_[at(level - 1)];
      for (int i = evaluator.level_end_[at(level)] - 1; i >= begin; --i) {
        const auto d = at(evaluator.loops_[at(i)].dimension);
        s.step[i] = inside[d];
        inside[d] *= s.bound[i];
      }
      for (std::size_t d = 0; d < dimensions; ++d) s.tile[level][d] = inside[d];
    }
    Vector times = all(1), instances = all(1);
    for (int level = 0, i = 0; level < levels; ++level) {
      s.instances[level] = instances;
      for (; i < evaluator.level_end_[at(level)]; ++i) {
        s.before[i] = times;
        (evaluator.loops_[at(i)].spatial ? instances : times) *= s.bound[i];
      }
    }
    s.instances[levels] = instances;
    steps = times;
    load_windows(coefficients, rows);
  }

  NACRE_INLINE void load_windows(std::span<const int64_t> coefficients, std::size_t rows) {
    const std::size_t dimensions = evaluator.workload_.dimensions.size();
    for (std::size_t t = 0; t < evaluator.workload_.tensors.size(); ++t) {
      const CountedTensor& tensor = evaluator.counter_.tensor(static_cast<int>(t));
      for (int k = 0; k < tensor.axis_count; ++k) {
        const CountedAxis& axis = tensor.axes[at(k)];
        if (axis.terms == 1) continue;
        WindowTerm& window = s.window[t][k];
        for (std::size_t lane = 0; lane < kBulkLanes; ++lane) {
          int64_t c[2];
          for (int term = 0; term < 2; ++term)
            c[term] = coefficients.empty()
                          ? axis.coefficients[at(term)]
                          : coefficients[(lane < rows ? lane : 0) * dimensions + at(axis.dimensions[at(term)])];
          window.first[lane] = static_cast<double>(c[0]);
          window.second[lane] = static_cast<double>(c[1]);
          window.divisor[lane] = static_cast<double>(std::gcd(c[0], c[1]));
        }
      }
    }
  }

  // Of a dimension in a tensor: how far one step of 1 goes along its axis.
  NACRE_INLINE Vector coefficient(const CountedTensor& tensor, std::size_t t, int axis, int dimension) const {
    const CountedAxis& here = tensor.axes[at(axis)];
    if (here.terms == 1) return all(static_cast<double>(here.coefficients[0]));
    return here.dimensions[0] == dimension ? s.window[t][axis].first : s.window[t][axis].second;
  }

  // The elements of a window's tile, and their spacing.
  NACRE_INLINE void window_tile(std::size_t t, const CountedAxis& axis, int index, int level, Vector& count,
                                Vector& spacing) {
    const WindowTerm& window = s.window[t][index];
    const Vector n1 = s.tile[level][axis.dimensions[0]], n2 = s.tile[level][axis.dimensions[1]];
    if (!evaluator.rules_.exact_windows) {
      count = window.first * (n1 - 1.0) + window.second * (n2 - 1.0) + 1.0;
      spacing = all(1);
      return;
    }
    const Vector c1 = window.first / window.divisor, c2 = window.second / window.divisor;
    count = n1 * n2 - larger(all(0), n1 - c2) * larger(all(0), n2 - c1);
    spacing = n1 == 1.0 ? window.second : n2 == 1.0 ? window.first : window.divisor;
    const Mask progression = (n1 == 1.0) | (n2 == 1.0) | ((c1 == 1.0) & (n1 >= c2)) | ((c2 == 1.0) & (n2 >= c1));
    gaps |= ~progression;
  }

  struct Solid {  // `count` elements at a distance of `spacing`, or (not solid) as many with gaps
    Vector count, spacing;
    Mask solid;
  };

  // Tiles joined over the children of one fan-out loop.
  NACRE_INLINE void join(Solid& tile, const Vector& offset, const Vector& children) {
    const Mask many = children > 1.0, single = tile.count == 1.0;
    const Vector ratio = offset / tile.spacing;
    gaps |= many & ~single & ((whole_part(ratio) != ratio) | ~tile.solid);
    const Mask touching = ratio <= tile.count;
    const Vector together = tile.count + (children - 1.0) * (touching ? ratio : tile.count);
    tile.spacing = many & single ? offset : tile.spacing;
    tile.solid &= ~many | single | touching;
    tile.count = many ? (single ? children : together) : tile.count;
  }

  NACRE_INLINE Vector joined(const Vector& count, const Vector& spacing, const CountedTensor& tensor, std::size_t t,
                             int axis, const std::array<int, 2>& loops) {
    if (loops[0] < 0) return count;
    if (!evaluator.rules_.exact_windows)
      return loops[1] < 0 ? count * s.bound[loops[0]] : count * s.bound[loops[0]] * s.bound[loops[1]];
    Solid tile{count, spacing, Mask{} == 0};
    const Vector first = coefficient(tensor, t, axis, evaluator.loops_[at(loops[0])].dimension) * s.step[loops[0]];
    if (loops[1] < 0) {
      join(tile, first, s.bound[loops[0]]);
      return tile.count;
    }
    // The nearer children first.
    const Vector second = coefficient(tensor, t, axis, evaluator.loops_[at(loops[1])].dimension) * s.step[loops[1]];
    const Mask swapped = second < first;
    const Vector &b1 = s.bound[loops[0]], &b2 = s.bound[loops[1]];
    join(tile, swapped ? second : first, swapped ? b2 : b1);
    join(tile, swapped ? first : second, swapped ? b1 : b2);
    return tile.count;
  }

  NACRE_INLINE Vector moved(const BulkEvaluator::Boundary& boundary, const BulkEvaluator::Node& node) {
    const auto t = at(boundary.tensor);
    const CountedTensor& tensor = evaluator.counter_.tensor(boundary.tensor);
    const int levels = static_cast<int>(evaluator.level_end_.size());
    Vector instances = all(1), whole = all(1);
    for (const int loop : node.labels) instances *= s.bound[loop];
    for (int k = 0; k < tensor.axis_count; ++k) {
      const CountedAxis& axis = tensor.axes[at(k)];
      if (axis.terms == 1) {
        s.whole[k] = s.count[k] = s.tile[boundary.child][axis.dimensions[0]];
      } else {
        window_tile(t, axis, k, boundary.child, s.count[k], s.spacing[k]);
        s.whole[k] = joined(s.count[k], s.spacing[k], tensor, t, k, node.spread[at(k)]);
      }
      whole *= s.whole[k];
    }
    if (boundary.child == levels) return instances * steps * whole;
    return instances * (whole + arriving_in_steps(boundary, node, tensor, whole));
  }

  NACRE_INLINE Vector arriving_on(const BulkEvaluator::Node& node, const CountedTensor& tensor, std::size_t t, int axis,
                                  const Vector& shift) {
    const Vector ratio = absolute(shift) / s.spacing[axis];
    const Vector fresh = whole_part(ratio) == ratio ? smaller(s.count[axis], ratio) : s.count[axis];
    // A tile of one element has no spacing.
    const Vector count = s.count[axis] == 1.0 ? s.count[axis] : fresh;
    return joined(count, s.spacing[axis], tensor, t, axis, node.spread[at(axis)]);
  }

  NACRE_INLINE Vector arriving_in_steps(const BulkEvaluator::Boundary& boundary, const BulkEvaluator::Node& node,
                                        const CountedTensor& tensor, const Vector& whole) {
    const auto t = at(boundary.tensor);
    const HaloRule rule = evaluator.rules_.halos;
    const bool by_direction = rule == HaloRule::timeloop_3_0 || rule == HaloRule::timeloop_head;
    for (int k = 0; k < tensor.axis_count; ++k) s.reset[k] = s.shift_sum[k] = all(0);
    Vector main_axis = all(-2), main_shift = all(0), main_arriving = all(0), result = all(0);
    for (int i = evaluator.level_end_[at(boundary.child - 1)] - 1; i >= 0; --i) {
      const BulkEvaluator::Loop& loop = evaluator.loops_[at(i)];
      if (loop.spatial) continue;
      const int axis = tensor.axis_of[at(loop.dimension)];
      const Vector own = axis < 0 ? all(0) : coefficient(tensor, t, axis, loop.dimension) * s.step[i];
      const Vector& bound = s.bound[i];
      // What comes when this loop advances and all inside start over.
      Vector axes_moved = all(0), partial = whole;
      Mask same = Mask{} == 0, still = Mask{} == 0;
      for (int k = 0; k < tensor.axis_count; ++k) {
        const Vector shift = k == axis ? own - s.reset[k] : -s.reset[k];
        axes_moved += shift != 0.0 ? all(1) : all(0);
        if (tensor.axes[at(k)].terms > 1 && rule != HaloRule::discarded)
          partial = shift != 0.0 ? whole / s.whole[k] * arriving_on(node, tensor, t, k, shift) : partial;
        if (!by_direction) continue;
        const Vector directed = k == axis ? own - s.shift_sum[k] : -s.shift_sum[k];
        still &= directed == 0.0;
        same &= directed == (main_axis == static_cast<double>(k) ? main_shift : all(0));
      }
      Vector arriving = axes_moved == 0.0 ? all(0) : axes_moved == 1.0 ? partial : whole;
      if (by_direction) {
        const Mask becomes = (main_axis == -2.0) & (bound > 1.0);
        if (axis >= 0 || rule == HaloRule::timeloop_3_0) {
          main_axis = becomes ? all(axis) : main_axis;
          main_shift = becomes ? own : main_shift;
          main_arriving = becomes ? arriving : main_arriving;
          Vector later = same ? main_arriving : whole;
          if (rule == HaloRule::timeloop_head) later = still ? all(0) : later;
          arriving = becomes ? arriving : later;
        } else {  // the head passes over loops that do not move the tile, until one does
          const Vector later = still ? all(0) : same ? main_arriving : whole;
          arriving = main_axis == -2.0 ? all(0) : later;
        }
      }
      result += s.before[i] * (bound - 1.0) * arriving;
      if (axis < 0) continue;
      s.reset[axis] += (bound - 1.0) * own;
      s.shift_sum[axis] += bound > 1.0 ? own : all(0);
    }
    return result;
  }

  NACRE_INLINE Vector distinct(const CountedTensor& tensor, const std::vector<int>& labels) const {
    Vector result = all(1);
    for (int k = 0; k < tensor.axis_count; ++k) result *= s.tile[0][tensor.axes[at(k)].dimensions[0]];
    for (const int loop : labels) result *= s.bound[loop];
    return result;
  }

  NACRE_INLINE void count(Vector& network_energy) {
    const int levels = static_cast<int>(evaluator.level_end_.size());
    const auto& described = evaluator.workload_.tensors;
    for (int level = 0; level < levels; ++level)
      for (std::size_t t = 0; t < described.size(); ++t)
        s.reads[level][t] = s.fills[level][t] = s.updates[level][t] = s.evicted[level][t] = s.tensor_tile[level][t] =
            s.bits[level][t] = all(0);
    points = all(1);
    for (std::size_t d = 0; d < evaluator.workload_.dimensions.size(); ++d) points *= s.tile[0][d];
    for (const BulkEvaluator::Boundary& boundary : evaluator.boundaries_) {
      const auto t = at(boundary.tensor);
      const int parent = boundary.parent, child = boundary.child;
      const CountedTensor& tensor = evaluator.counter_.tensor(boundary.tensor);
      const int nodes = child - parent;
      Vector through[kMaximumMemoryLevels + 1];
      through[nodes] = child == levels ? points : moved(boundary, boundary.nodes[at(nodes)]);
      for (int n = nodes - 1; n >= 0; --n) {
        const int level = parent + n;
        const int begin = level == 0 ? 0 : evaluator.level_end_[at(level - 1)];
        bool spreads = false;
        for (int i = begin; i < evaluator.level_end_[at(level)]; ++i) spreads |= evaluator.loops_[at(i)].spatial;
        through[n] = spreads ? moved(boundary, boundary.nodes[at(n)]) : through[n + 1];
      }
      Vector tile = all(1);
      for (int k = 0; k < tensor.axis_count; ++k) {
        const CountedAxis& axis = tensor.axes[at(k)];
        Vector here = s.tile[parent][axis.dimensions[0]], spacing;
        if (axis.terms > 1) window_tile(t, axis, k, parent, here, spacing);
        tile *= here;
      }
      s.tensor_tile[parent][t] = tile;
      Vector bits = all(static_cast<double>(described[t].bits) * described[t].density);
      if (tensor.output) {
        const Vector below = distinct(tensor, boundary.nodes[at(nodes)].absent_labels);
        const Vector above = distinct(tensor, boundary.nodes[0].all_absent_labels_parent);
        bits = through[nodes] > below ? all(static_cast<double>(evaluator.workload_.partial_sum_bits))
                                      : all(static_cast<double>(described[t].bits));
        const bool zero = evaluator.rules_.zero_first_reads;
        s.updates[parent][t] = through[0];
        s.reads[parent][t] += zero ? through[0] - above : through[0];
        if (boundary.inner_kept) {
          s.fills[child][t] = zero ? through[nodes] - below : through[nodes];
          if (evaluator.rules_.read_when_evicted) {
            s.reads[child][t] += through[nodes];
            s.evicted[child][t] = through[nodes];
          }
        }
      } else {
        s.reads[parent][t] = through[0];
        if (boundary.inner_kept) s.fills[child][t] = through[nodes];
      }
      s.bits[parent][t] = bits;
      for (int n = 0; n < nodes; ++n) {
        const auto& wire = evaluator.accelerator_.levels[at(parent + n)].fanout.energy_per_bit_j;
        if (!wire) continue;
        Vector elements = through[n + 1];
        if (tensor.output && boundary.inner_kept && evaluator.rules_.zero_first_reads)
          elements += through[n + 1] - distinct(tensor, boundary.nodes[at(n + 1)].absent_labels);
        network_energy += elements * bits * *wire;
      }
    }
  }

  NACRE_INLINE static Vector transfer(const MemoryLevel& level, const Vector& read, const Vector& written) {
    Vector cycles = all(0);
    if (level.read_bits_per_cycle) cycles = larger(cycles, read / *level.read_bits_per_cycle);
    if (level.write_bits_per_cycle) cycles = larger(cycles, written / *level.write_bits_per_cycle);
    if (level.shared_bits_per_cycle) cycles = larger(cycles, (read + written) / *level.shared_bits_per_cycle);
    return cycles;
  }

  // As nest_evaluator.cpp, in the same order of operations.
  NACRE_INLINE Vector timeloop_cycles(const MemoryLevel& level, int index, const Vector& compute) const {
    Vector read = all(0), written = all(0), bits = all(1);
    for (std::size_t t = 0; t < evaluator.workload_.tensors.size(); ++t) {
      bits = s.bits[index][t] != 0.0 ? s.bits[index][t] : bits;
      read += whole_part(s.reads[index][t] / s.instances[index]) / compute;
      written +=
          (whole_part(s.fills[index][t] / s.instances[index]) + whole_part(s.updates[index][t] / s.instances[index])) /
          compute;
    }
    Vector slowdown = all(1);
    const auto limit = [&](const std::optional<double>& bandwidth, const Vector& wanted)
        __attribute__((always_inline)) {
      if (!bandwidth) return;
      const Vector words = all(*bandwidth) / bits;
      slowdown = words < wanted ? smaller(slowdown, words / wanted) : slowdown;
    };
    limit(level.read_bits_per_cycle, read);
    limit(level.write_bits_per_cycle, written);
    limit(level.shared_bits_per_cycle, read + written);
    return upward(compute / slowdown);
  }

  NACRE_INLINE Vector time(const Vector& compute) const {
    const auto& levels = evaluator.accelerator_.levels;
    const std::size_t tensors = evaluator.workload_.tensors.size();
    const HaloRule rule = evaluator.rules_.halos;
    const bool timeloop = rule == HaloRule::timeloop_3_0 || rule == HaloRule::timeloop_head;
    Vector cycles = compute, stalls = all(0);
    for (int i = 0; i < static_cast<int>(levels.size()); ++i) {
      const MemoryLevel& level = levels[at(i)];
      if (timeloop) {
        cycles = larger(cycles, timeloop_cycles(level, i, compute));
        continue;
      }
      Vector read = all(0), written = all(0), going = all(0), coming = all(0);
      for (std::size_t t = 0; t < tensors; ++t) {
        const Vector& bits = s.bits[i][t];
        read += s.reads[i][t] * bits;
        written += (s.fills[i][t] + s.updates[i][t]) * bits;
        going += s.tensor_tile[i][t] <= 1.0 ? all(0) : s.evicted[i][t] * bits;
        coming += s.tensor_tile[i][t] <= 1.0 ? all(0) : s.fills[i][t] * bits;
      }
      cycles = larger(cycles, transfer(level, read / s.instances[i], written / s.instances[i]));
      if (i == 0 || level.double_buffered || !level.capacity_bits || !evaluator.rules_.stall_on_exchange) continue;
      Vector stall = transfer(level, going / s.instances[i], coming / s.instances[i]);
      for (int parent = 0; parent < i; ++parent) {
        Vector out = all(0), in = all(0);
        for (const BulkEvaluator::Boundary& boundary : evaluator.boundaries_) {
          if (boundary.parent != parent || boundary.child != i) continue;
          const auto t = at(boundary.tensor);
          const Mask small = s.tensor_tile[i][t] <= 1.0;
          out += small ? all(0) : (s.reads[parent][t] - s.evicted[parent][t]) * s.bits[parent][t] / s.instances[parent];
          in += small ? all(0) : s.updates[parent][t] * s.bits[parent][t] / s.instances[parent];
        }
        stall = larger(stall, transfer(levels[at(parent)], out, in));
      }
      stalls += stall;
    }
    return cycles + stalls;
  }

  NACRE_INLINE Vector energy(const Vector& cycles, bool& known) const {
    const auto& accelerator = evaluator.accelerator_;
    const std::optional<double> one = evaluator.single_.energy_of_one();
    known = one.has_value();
    Vector result = points * one.value_or(0);
    for (int i = 0; i < static_cast<int>(accelerator.levels.size()); ++i) {
      const MemoryLevel& level = accelerator.levels[at(i)];
      for (std::size_t t = 0; t < evaluator.workload_.tensors.size(); ++t) {
        const Vector written = s.fills[i][t] + s.updates[i][t];
        for (std::size_t lane = 0; lane < kBulkLanes && !(level.read_energy_j && level.write_energy_j); ++lane) {
          known &= level.read_energy_j || s.reads[i][t][lane] == 0;
          known &= level.write_energy_j || written[lane] == 0;
        }
        result += (s.reads[i][t] * level.read_energy_j.value_or(0) + written * level.write_energy_j.value_or(0)) *
                  (s.bits[i][t] / static_cast<double>(level.access_bits));
      }
      if (!level.leakage_w) continue;
      known &= accelerator.clock_hz.has_value();
      if (accelerator.clock_hz)
        result +=
            cycles * (*level.leakage_w * static_cast<double>(accelerator.instances(at(i))) / *accelerator.clock_hz);
    }
    return result;
  }

  NACRE_INLINE Mask fits() const {
    Mask result = Mask{} == 0;
    const auto& accelerator = evaluator.accelerator_;
    const int levels = static_cast<int>(accelerator.levels.size());
    for (int i = 0; i < levels; ++i) {
      const MemoryLevel& level = accelerator.levels[at(i)];
      Vector bits = all(0), x = all(1), y = all(1);
      for (std::size_t t = 0; t < evaluator.workload_.tensors.size(); ++t) {
        bits += s.tensor_tile[i][t] * s.bits[i][t];
        if (!evaluator.mapping_.levels[at(i)].keeps[t]) continue;
        bool held = false;
        for (const TensorRole role : level.holds) held |= role == evaluator.workload_.tensors[t].role;
        if (!held) return Mask{};
      }
      for (int loop = i == 0 ? 0 : evaluator.level_end_[at(i - 1)]; loop < evaluator.level_end_[at(i)]; ++loop)
        if (evaluator.loops_[at(loop)].spatial) (evaluator.loops_[at(loop)].along_x ? x : y) *= s.bound[loop];
      const int64_t lanes = i + 1 == levels ? accelerator.compute.lanes : 1;
      result &= x <= static_cast<double>(level.fanout.x * lanes);
      result &= y <= static_cast<double>(level.fanout.y);
      if (level.capacity_bits)
        result &= bits <= static_cast<double>(level.double_buffered ? *level.capacity_bits / 2 : *level.capacity_bits);
    }
    return result;
  }

  Vector steps, points;
};

NACRE_BULK_CLONES
void bulk_kernel(const BulkEvaluator& evaluator, std::span<const int64_t> bounds, std::span<const int64_t> coefficients,
                 std::span<BulkCost> results, unsigned& alone) {
  thread_local Scratch scratch;
  BulkKernel kernel{.evaluator = evaluator, .s = scratch, .gaps = Mask{}, .steps = {}, .points = {}};
  kernel.load(bounds, coefficients, results.size());
  Vector network_energy = all(0);
  kernel.count(network_energy);
  const double rate = kernel.evaluator.rate();
  const Vector compute = rate == 1 ? kernel.steps : upward(kernel.steps / rate);
  const Vector cycles = kernel.time(compute);
  bool known = true;
  const Vector energy = kernel.energy(cycles, known) + network_energy;
  const Mask fits = kernel.fits();
  alone = 0;
  for (std::size_t lane = 0; lane < results.size(); ++lane) {
    if (kernel.gaps[lane]) alone |= 1u << lane;
    results[lane] = {.cycles = cycles[lane],
                     .compute_cycles = compute[lane],
                     .energy_j = energy[lane],
                     .energy_known = known,
                     .fits = fits[lane] != 0};
  }
}

}  // namespace nacre
