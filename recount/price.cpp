#include "recount/price.hpp"

#include <algorithm>
#include <cmath>

namespace recount {
namespace {

double transfer(const Level& level, double read, double written) {
  double cycles = 0;
  if (level.read_bits_per_cycle) cycles = std::max(cycles, read / *level.read_bits_per_cycle);
  if (level.write_bits_per_cycle) cycles = std::max(cycles, written / *level.write_bits_per_cycle);
  if (level.shared_bits_per_cycle) cycles = std::max(cycles, (read + written) / *level.shared_bits_per_cycle);
  return cycles;
}

// A level without a second buffer does not work while tiles of more than one element come and go; the levels that they come from
// may be slower still.
double stall(const Record& record, const Count& count, std::size_t index) {
  const Level& level = record.levels[index];
  if (index == 0 || level.double_buffered || !level.capacity_bits || !record.stall_on_exchange) return 0;
  std::vector<double> in(index, 0), out(index, 0);
  double read = 0, written = 0;
  for (std::size_t t = 0; t < record.tensors.size(); ++t) {
    const TensorCount& here = count.levels[index][t];
    if (!here.kept || here.tile <= 1) continue;
    read += double(here.evicted) * here.bits;
    written += double(here.fills) * here.bits;
    std::size_t parent = index - 1;
    while (!count.levels[parent][t].kept) --parent;
    const TensorCount& outer = count.levels[parent][t];
    const double share = double(count.instances[parent]);
    in[parent] += double(outer.reads - outer.evicted) * outer.bits / share;
    out[parent] += double(outer.updates) * outer.bits / share;
  }
  double cycles = transfer(level, read / double(count.instances[index]), written / double(count.instances[index]));
  for (std::size_t parent = 0; parent < index; ++parent)
    cycles = std::max(cycles, transfer(record.levels[parent], in[parent], out[parent]));
  return cycles;
}

std::string misfit_of(const Record& record, const Count& count) {
  for (std::size_t l = 0; l < record.levels.size(); ++l) {
    const Level& level = record.levels[l];
    int64_t x = 1, y = 1;
    for (const Loop& loop : record.loops)
      if (std::size_t(loop.level) == l && loop.kind != 't') (loop.kind == 'x' ? x : y) *= loop.factor;
    if (x > level.x * (l + 1 == record.levels.size() ? record.lanes : 1) || y > level.y)
      return "more children than '" + level.name + "' has";
    double bits = 0;
    for (std::size_t t = 0; t < record.tensors.size(); ++t) {
      if (!record.keeps[l][t]) continue;
      if (std::find(level.holds.begin(), level.holds.end(), record.tensors[t].name) == level.holds.end())
        return "'" + level.name + "' cannot hold '" + record.tensors[t].name + "'";
      bits += double(count.levels[l][t].tile) * count.levels[l][t].bits;
    }
    if (level.capacity_bits && bits > *level.capacity_bits / (level.double_buffered ? 2 : 1))
      return "the tiles of '" + level.name + "' do not fit";
  }
  return "";
}

}  // namespace

Price price(const Record& record, const Count& count) {
  Price result;
  const double steps = double(count.steps);
  result.cycles = record.rate == 1 ? steps : std::ceil(steps / record.rate);
  double points = 1, density = 1, stalls = 0;
  for (const int64_t size : record.sizes) points *= double(size);
  for (const Tensor& tensor : record.tensors)
    if (!tensor.output) density *= tensor.density;
  bool known = record.mac_energy_j.has_value();
  double energy = points * record.mac_energy_j.value_or(0) * density;
  for (std::size_t l = 0; l < record.levels.size(); ++l) {
    const Level& level = record.levels[l];
    double read = 0, written = 0;
    for (std::size_t t = 0; t < record.tensors.size(); ++t) {
      const TensorCount& here = count.levels[l][t];
      const double stored = double(here.fills + here.updates);
      energy += double(here.delivered + here.returned) * here.bits_below * level.wire_energy_j.value_or(0);
      if (!here.kept) continue;
      read += double(here.reads) * here.bits;
      written += stored * here.bits;
      known = known && (here.reads == 0 || level.read_energy_j) && (stored == 0 || level.write_energy_j);
      energy += (double(here.reads) * level.read_energy_j.value_or(0) + stored * level.write_energy_j.value_or(0)) *
                here.bits / level.access_bits;
    }
    const double instances = double(count.instances[l]);
    result.cycles = std::max(result.cycles, transfer(level, read / instances, written / instances));
    stalls += stall(record, count, l);
  }
  result.cycles += stalls;
  double present = 1;  // instances, working or not
  for (const Level& level : record.levels) {
    if (level.leakage_w) {
      known = known && record.clock_hz;
      energy += *level.leakage_w * present * result.cycles / record.clock_hz.value_or(1);
    }
    present *= double(level.x * level.y);
  }
  if (known) result.energy_j = energy;
  result.misfit = misfit_of(record, count);
  return result;
}

std::string difference(const Record& record, double tolerance) {
  const Count counted = count(record);
  const Price priced = price(record, counted);
  std::string result = priced.misfit;
  const auto differs = [&](const std::string& what, double claimed, double found) {
    if (std::abs(claimed - found) <= tolerance * std::max(std::abs(claimed), std::abs(found))) return;
    result +=
        (result.empty() ? "" : "; ") + what + " " + std::to_string(found) + ", claimed " + std::to_string(claimed);
  };
  for (std::size_t l = 0; l < record.levels.size(); ++l)
    for (std::size_t t = 0; t < record.tensors.size(); ++t) {
      const TensorCount& here = counted.levels[l][t];
      const auto claimed = record.traffic.find({int(l), int(t)});
      const std::string place = record.levels[l].name + " " + record.tensors[t].name + " ";
      if (here.kept != (claimed != record.traffic.end()))
        result += (result.empty() ? "" : "; ") + place + "kept or not";
      if (!here.kept || claimed == record.traffic.end()) continue;
      if (Traffic{here.reads, here.fills, here.updates} == claimed->second) continue;
      differs(place + "reads", double(claimed->second.reads), double(here.reads));
      differs(place + "fills", double(claimed->second.fills), double(here.fills));
      differs(place + "updates", double(claimed->second.updates), double(here.updates));
    }
  differs("cycles", record.cycles, priced.cycles);
  if (record.energy_j.has_value() != priced.energy_j.has_value())
    result += (result.empty() ? "" : "; ") + std::string("energy known or not");
  if (record.energy_j && priced.energy_j) differs("energy_j", *record.energy_j * 1e12, *priced.energy_j * 1e12);
  return result;
}

}  // namespace recount
