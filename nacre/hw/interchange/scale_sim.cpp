#include "nacre/hw/interchange/scale_sim.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "nacre/base/error.hpp"
#include "nacre/hw/accelerator/description_file.hpp"

namespace nacre {
namespace {

constexpr int64_t kWordBits = 8;
constexpr int64_t kLargest = int64_t{1} << 31;

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r' || text.back() == '\t')) text.pop_back();
  const size_t first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first);
}

int64_t whole(const std::string& text, int64_t least, const SourcePosition& position, const std::string& what) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > kLargest) {
    throw UserError(position,
                    fmt::format("{}: expected a whole number from {} to {}, found '{}'", what, least, kLargest, text));
  }
  return value;
}

struct Entry {
  std::string value;
  SourcePosition position;
};

Workload convolution(const std::string& name, const std::vector<int64_t>& v, const SourcePosition& position) {
  const int64_t stride = v[6];
  if (v[2] > v[0] || v[3] > v[1])
    throw UserError(position, fmt::format("layer '{}': the kernel is larger than its input", name));
  Workload workload;
  workload.name = name;
  workload.dimensions = {{"N", 1},
                         {"K", v[5]},
                         {"C", v[4]},
                         {"P", (v[0] - v[2] + stride) / stride},
                         {"Q", (v[1] - v[3] + stride) / stride},
                         {"R", v[2]},
                         {"S", v[3]}};
  workload.tensors = {
      {"Weights", TensorRole::weights, {{{{1, 1}}}, {{{2, 1}}}, {{{5, 1}}}, {{{6, 1}}}}, kWordBits, "int8"},
      {"Inputs",
       TensorRole::inputs,
       {{{{0, 1}}}, {{{2, 1}}}, {{{3, stride}, {5, 1}}}, {{{4, stride}, {6, 1}}}},
       kWordBits,
       "int8"},
      {"Outputs", TensorRole::outputs, {{{{0, 1}}}, {{{1, 1}}}, {{{3, 1}}}, {{{4, 1}}}}, kWordBits, "int8"}};
  workload.partial_sum_bits = kWordBits;
  workload.points();
  return workload;
}

}  // namespace

Imported read_scale_sim_configuration(const std::string& text, const std::string& origin) {
  Imported imported;
  imported.kind = "scale_sim";
  std::map<std::string, Entry, std::less<>> entries;
  std::istringstream stream(text);
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    line = trimmed(line);
    if (line.empty() || line[0] == '#' || line[0] == ';' || line[0] == '[') continue;
    const size_t separator = line.find_first_of(":=");
    if (separator == std::string::npos)
      throw UserError({origin, number, 1}, fmt::format("expected 'key: value', found '{}'", line.substr(0, 60)));
    const std::string key = trimmed(line.substr(0, separator));
    if (!entries.emplace(key, Entry{trimmed(line.substr(separator + 1)), {origin, number, 1}}).second)
      throw UserError({origin, number, 1}, fmt::format("'{}' stands here twice", key));
  }
  const auto take = [&](const std::string& key) {
    const auto found = entries.find(key);
    if (found == entries.end()) throw UserError({origin, 0, 0}, fmt::format("'{}' is missing", key));
    Entry entry = found->second;
    entries.erase(found);
    return entry;
  };
  const auto number_of = [&](const std::string& key) {
    const Entry entry = take(key);
    return whole(entry.value, 1, entry.position, key);
  };
  AcceleratorDescription accelerator;
  accelerator.name = entries.contains("run_name") ? take("run_name").value : "scale_sim";
  MemoryLevel dram;
  dram.name = "DRAM";
  dram.access_bits = kWordBits;
  dram.source = "SCALE-Sim";
  const std::string interface =
      entries.contains("InterfaceBandwidth") ? take("InterfaceBandwidth").value : std::string("USER");
  const int64_t bandwidth = entries.contains("Bandwidth") ? number_of("Bandwidth") : 0;
  if (interface == "CALC") {
    if (bandwidth > 0)
      imported.warnings.push_back(
          fmt::format("Bandwidth {} has no effect: InterfaceBandwidth CALC lets no memory stall", bandwidth));
  } else if (bandwidth > 0) {
    dram.shared_bits_per_cycle = static_cast<double>(bandwidth * kWordBits);
  }
  accelerator.levels.push_back(dram);
  const std::pair<const char*, TensorRole> memories[] = {{"FilterSramSzkB", TensorRole::weights},
                                                         {"IfmapSramSzkB", TensorRole::inputs},
                                                         {"OfmapSramSzkB", TensorRole::outputs}};
  const char* names[] = {"filter_sram", "ifmap_sram", "ofmap_sram"};
  const int64_t banks = entries.contains("MemoryBanks") ? number_of("MemoryBanks") : 1;
  for (size_t i = 0; i < 3; ++i) {
    MemoryLevel level;
    level.name = names[i];
    level.capacity_bits = number_of(memories[i].first) * 8192;
    level.access_bits = kWordBits;
    level.banks = banks;
    level.double_buffered = true;
    level.holds = {memories[i].second};
    level.source = "SCALE-Sim";
    accelerator.levels.push_back(level);
  }
  Fanout& fanout = accelerator.levels.back().fanout;
  fanout.x = number_of("ArrayWidth");
  fanout.y = number_of("ArrayHeight");
  accelerator.not_modelled.push_back("inputs that neighbors hand on to each other");
  const Entry dataflow = take("Dataflow");
  const std::map<std::string, const char*> kinds = {
      {"os", "output_stationary"}, {"ws", "systolic"}, {"is", "input_stationary"}};
  if (!kinds.contains(dataflow.value))
    throw UserError(dataflow.position, fmt::format("Dataflow '{}': expected os, ws or is", dataflow.value));
  imported.dataflows.push_back(load_dataflow(kinds.at(dataflow.value)));
  for (const char* offset : {"IfmapOffset", "FilterOffset", "OfmapOffset"}) entries.erase(offset);
  for (const auto& [key, entry] : entries) imported.warnings.push_back(fmt::format("not modelled: {}", key));
  imported.warnings.push_back(
      "filling and draining of the array are not part of the accelerator (see its closed forms)");
  accelerator.not_modelled = imported.warnings;
  check_accelerator(accelerator, {origin, 0, 0});
  imported.accelerators.push_back(std::move(accelerator));
  return imported;
}

Imported read_scale_sim_topology(const std::string& text, const std::string& origin) {
  Imported imported;
  imported.kind = "scale_sim";
  std::istringstream stream(text);
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    line = trimmed(line);
    if (line.empty()) continue;
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(trimmed(cell));
    while (!cells.empty() && cells.back().empty()) cells.pop_back();
    const SourcePosition position{origin, number, 1};
    if (number == 1 && cells.size() > 1 && cells[1].find_first_of("0123456789") == std::string::npos) {
      if (cells.size() != 8)
        throw UserError(position,
                        fmt::format("{} columns; expected the 8 of a topology of convolutions", cells.size()));
      continue;
    }
    if (cells.size() != 8) throw UserError(position, fmt::format("{} cells; expected 8", cells.size()));
    const char* columns[] = {"IFMAP Height", "IFMAP Width", "Filter Height", "Filter Width",
                             "Channels",     "Num Filter",  "Strides"};
    std::vector<int64_t> values;
    for (size_t i = 0; i < 7; ++i) values.push_back(whole(cells[i + 1], 1, position, columns[i]));
    imported.workloads.push_back(convolution(cells[0], values, position));
  }
  if (imported.workloads.empty()) throw UserError({origin, 0, 0}, "a topology without layers");
  return imported;
}

}  // namespace nacre
