// The three machines of the reference data, its layers, its constraints and its tables.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "nacre/base/config.hpp"
#include "nacre/base/error.hpp"
#include "nacre/design/accelerator.hpp"
#include "nacre/hw/loopnest/workload.hpp"
#include "nacre/hw/mapper/mapspace.hpp"

namespace nacre::reference {

inline std::filesystem::path folder() {
  const char* data = std::getenv("NACRE_DATA");
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  const std::filesystem::path root = data != nullptr
                                         ? std::filesystem::path(data)
                                         : std::filesystem::path(source == nullptr ? "." : source) / "../shared/data";
  return root / "hw-reference";
}

#define NACRE_NEED_REFERENCE_DATA()                                 \
  if (!std::filesystem::is_directory(::nacre::reference::folder())) \
  GTEST_SKIP() << "no " << ::nacre::reference::folder() << " (set NACRE_DATA)"

using Row = std::map<std::string, std::string>;

inline std::vector<Row> table(const std::string& name) {
  std::ifstream file(folder() / name);
  std::string line;
  std::vector<std::string> header;
  std::vector<Row> rows;
  while (std::getline(file, line)) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    std::vector<std::string> cells;
    std::stringstream stream(line);
    for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
    if (header.empty()) {
      header = cells;
      continue;
    }
    Row row;
    for (std::size_t i = 0; i < header.size() && i < cells.size(); ++i) row[header[i]] = cells[i];
    rows.push_back(row);
  }
  return rows;
}

inline Workload convolution(const std::string& name, const std::map<std::string, int64_t>& s) {
  const bool depthwise = s.at("depthwise") == 1;
  Workload workload;
  workload.name = name;
  workload.dimensions = {{"N", 1},         {"C", s.at("C")}, {"P", s.at("P")},
                         {"Q", s.at("Q")}, {"R", s.at("R")}, {"S", s.at("S")}};
  if (!depthwise) workload.dimensions.push_back({"K", s.at("K")});
  const int n = 0, c = 1, p = 2, q = 3, r = 4, t = 5, k = depthwise ? 1 : 6;
  const int64_t stride = s.at("stride");
  auto axis = [](int d) { return TensorAxis{{{d, 1}}}; };
  WorkloadTensor weights{.name = "Weights", .role = TensorRole::weights, .axes = {axis(c), axis(r), axis(t)}};
  if (!depthwise) weights.axes.push_back(axis(k));
  const WorkloadTensor inputs{.name = "Inputs",
                              .role = TensorRole::inputs,
                              .axes = {axis(n), axis(c), {{{p, stride}, {r, 1}}}, {{{q, stride}, {t, 1}}}}};
  const WorkloadTensor outputs{
      .name = "Outputs", .role = TensorRole::outputs, .axes = {axis(n), axis(k), axis(p), axis(q)}};
  workload.tensors = {weights, inputs, outputs};
  return workload;
}

// The layer of layers.csv, or the first of its shape.
inline Workload layer(const std::string& network, const std::string& name) {
  for (const Row& row : table("layers.csv")) {
    if (row.at("network") != network || row.at("layer") != name) continue;
    auto number = [&](const char* column) { return int64_t{std::stoll(row.at(column))}; };
    return convolution(name, {{"depthwise", number("groups") > 1 ? 1 : 0},
                              {"K", number("K")},
                              {"C", number("groups") > 1 ? number("K") : number("C")},
                              {"P", number("P")},
                              {"Q", number("Q")},
                              {"R", number("R")},
                              {"S", number("S")},
                              {"stride", number("stride")}});
  }
  throw InternalError("no layer " + name);
}

inline MemoryLevel level(const std::string& name, std::optional<int64_t> words, double energy, double bandwidth,
                         std::vector<TensorRole> holds, int64_t x = 1, int64_t y = 1) {
  MemoryLevel result;
  result.name = name;
  if (words) result.capacity_bits = *words * 16;
  result.access_bits = 16;
  if (bandwidth > 0) result.read_bits_per_cycle = result.write_bits_per_cycle = bandwidth * 16;
  result.read_energy_j = result.write_energy_j = energy;  // in units of one multiply-accumulate
  result.holds = std::move(holds);
  result.fanout.x = x;
  result.fanout.y = y;
  return result;
}

inline AcceleratorDescription machine(const std::string& arch) {
  const auto W = TensorRole::weights, I = TensorRole::inputs, O = TensorRole::outputs;
  AcceleratorDescription result;
  result.name = arch;
  result.compute.energy_j["int16"] = 1;
  const MemoryLevel dram = level("DRAM", std::nullopt, 200, 8, {W, I, O});
  if (arch == "eyeriss_rs_256") {
    MemoryLevel dummy = level("DummyBuffer", std::nullopt, 0, 0, {}, 1, 16);
    result.levels = {dram,
                     level("GlobalBuffer", 65536, 6, 16, {I, O}, 16, 1),
                     dummy,
                     level("InputRF", 12, 1, 2, {I}),
                     level("WeightRF", 192, 1, 2, {W}),
                     level("PsumRF", 16, 1, 2, {O})};
  } else if (arch == "nvdla_ws_256") {
    result.levels = {dram, level("GlobalBuffer", 65536, 6, 32, {W, I, O}, 16, 1),
                     level("AccumBuffer", 256, 1, 2, {O}, 1, 16), level("WeightReg", 1, 1, 2, {W})};
  } else {
    result.levels = {dram, level("GlobalBuffer", 65536, 6, 256, {W, I, O}, 16, 16), level("PsumReg", 1, 1, 2, {O})};
  }
  return result;
}

// A constraint file of the reference. Timeloop's orders run from inner to outer; `split` is the number of dimensions, from inside,
// that go along x.
inline MappingConstraints constraints(const std::string& file) {
  const ConfigNode root = load_config(folder() / "inputs" / file);
  std::map<std::string, LevelConstraint> levels;
  for (const ConfigNode& item : root.at("mapspace").at("constraints").items) {
    const std::string target = item.at("target").as_text("target"), type = item.at("type").as_text("type");
    LevelConstraint& level = levels[target];
    level.level = target;
    if (type == "datatype") {
      for (const char* key : {"keep", "bypass"})
        if (const ConfigNode* names = item.find(key))
          for (const ConfigNode& name : names->items)
            (key[0] == 'k' ? level.keep : level.bypass).push_back(name.as_text("tensor"));
      continue;
    }
    std::stringstream factors(item.at("factors").as_text("factors"));
    for (std::string word; factors >> word;)
      (type == "temporal" ? level.temporal : level.spatial)[word.substr(0, 1)] = std::stoll(word.substr(1));
    const std::string order = item.at("permutation").as_text("permutation");
    if (type == "temporal") {
      for (std::size_t i = order.size(); i-- > 0;) level.order.push_back(order.substr(i, 1));
    } else {
      const int64_t split = item.at("split").as_integer("split");
      for (std::size_t i = 0; i < order.size(); ++i)
        level.axis[order.substr(i, 1)] = int64_t(i) < split ? LoopKind::spatial_x : LoopKind::spatial_y;
    }
  }
  MappingConstraints result;
  result.factors = FactorRule::exact;
  result.free_bypass = false;
  for (auto& [name, level] : levels) result.levels.push_back(level);
  return result;
}

inline std::string constraint_file(const std::string& arch, const Workload& workload) {
  return "cons_" + arch.substr(0, arch.find('_')) + (workload.dimensions.size() == 6 ? "_dw" : "") + ".yaml";
}

// As above, with the spatial factors of the tables: "the largest divisor that fits".
inline void pin_spatial(const std::string& arch, const Workload& workload, MappingConstraints& constraints) {
  std::map<std::string, int64_t> size;
  for (const LoopDimension& d : workload.dimensions) size[d.name] = d.size;
  auto largest = [](int64_t number, int64_t limit) {
    int64_t best = 1;
    for (int64_t f : divisors(number)) best = f <= limit ? f : best;
    return best;
  };
  std::map<std::string, std::map<std::string, int64_t>> pinned;
  const bool depthwise = !size.contains("K");
  if (arch == "nvdla_ws_256") {
    pinned["GlobalBuffer"][depthwise ? "C" : "K"] = largest(size[depthwise ? "C" : "K"], 16);
    pinned["AccumBuffer"]["C"] = depthwise ? 1 : largest(size["C"], 16);
  } else if (arch == "shidiannao_os_256") {
    pinned["GlobalBuffer"] = {{"P", largest(size["P"], 16)}, {"Q", largest(size["Q"], 16)}};
  } else {
    const int64_t q = largest(size["Q"], 16), s = size["S"];
    const int64_t c = largest(size["C"], 16 / s);
    pinned["GlobalBuffer"]["Q"] = q;
    pinned["DummyBuffer"] = {{"S", s}, {"C", c}};
    if (!depthwise) {
      const int64_t k = largest(size["K"], 16 / q);
      pinned["GlobalBuffer"]["K"] = k;
      pinned["DummyBuffer"]["K"] = largest(size["K"] / k, 16 / (s * c));
    }
  }
  for (LevelConstraint& level : constraints.levels)
    for (const auto& [name, factor] : pinned[level.level]) level.spatial[name] = factor;
}

}  // namespace nacre::reference
