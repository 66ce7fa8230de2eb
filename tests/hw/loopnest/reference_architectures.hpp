// The three accelerators of 256 multipliers on which the reference data of other cost models were made, and their layers.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "nacre/design/accelerator.hpp"
#include "nacre/hw/loopnest/workload.hpp"

namespace nacre::reference {

using Row = std::map<std::string, std::string>;

inline std::filesystem::path folder(const std::string& name) {
  const char* data = std::getenv("NACRE_DATA");
  return std::filesystem::path(data ? data : "../shared/data") / name;
}

inline std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> result(1);
  for (const char c : line) {
    if (c == separator)
      result.emplace_back();
    else if (c != '\r')
      result.back() += c;
  }
  return result;
}

// Of files without quotes; empty when there is no such file.
inline std::vector<Row> read_rows(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::vector<Row> rows;
  if (!std::getline(file, line)) return rows;
  const std::vector<std::string> names = split(line, ',');
  while (std::getline(file, line)) {
    const std::vector<std::string> values = split(line, ',');
    Row& row = rows.emplace_back();
    for (std::size_t i = 0; i < names.size() && i < values.size(); ++i) row[names[i]] = values[i];
  }
  return rows;
}

// Energies in multipliers' (joules, so to speak), bandwidth in words of 16 bits.
inline MemoryLevel memory(const std::string& name, std::optional<int64_t> words, double read, double write,
                          double energy) {
  return {.name = name,
          .capacity_bits = words ? std::optional<int64_t>(*words * 16) : std::nullopt,
          .read_bits_per_cycle = read * 16,
          .write_bits_per_cycle = write * 16,
          .read_energy_j = energy,
          .write_energy_j = energy};
}

inline AcceleratorDescription architecture(const std::string& name) {
  AcceleratorDescription result{.name = name};
  result.compute.energy_j = {{"int16", 1.0}};
  result.levels.push_back(memory("DRAM", std::nullopt, 8, 8, 200));
  if (name == "eyeriss_rs_256") {
    result.levels.push_back(memory("GlobalBuffer", 65536, 16, 16, 6));
    result.levels.back().fanout.x = 16;
    result.levels.push_back({.name = "DummyBuffer", .holds = {}});
    result.levels.back().fanout.y = 16;
    result.levels.push_back(memory("InputRF", 12, 2, 2, 1));
    result.levels.push_back(memory("WeightRF", 192, 2, 2, 1));
    result.levels.push_back(memory("PsumRF", 16, 2, 2, 1));
  } else if (name == "nvdla_ws_256") {
    result.levels.push_back(memory("GlobalBuffer", 65536, 32, 32, 6));
    result.levels.back().fanout.x = 16;
    result.levels.push_back(memory("AccumBuffer", 256, 2, 2, 1));
    result.levels.back().fanout.y = 16;
    result.levels.push_back(memory("WeightReg", 1, 2, 2, 1));
  } else {
    result.levels.push_back(memory("GlobalBuffer", 65536, 256, 256, 6));
    result.levels.back().fanout.x = 16;
    result.levels.back().fanout.y = 16;
    result.levels.push_back(memory("PsumReg", 1, 2, 2, 1));
  }
  return result;
}

inline Workload layer(const Row& row) {
  const bool depthwise = row.at("type") == "dwconv";
  const auto number = [&](const char* key) { return std::stoll(row.at(key)); };
  Workload result{.name = row.at("layer")};
  result.dimensions = {{"R", number("R")}, {"S", number("S")}, {"P", number("P")},
                       {"Q", number("Q")}, {"C", number("C")}, {"N", number("N")}};
  if (!depthwise) result.dimensions.push_back({"K", number("K")});
  enum { R, S, P, Q, C, N, K };
  const auto axis = [](int dimension) { return TensorAxis{{{dimension, 1}}}; };
  const int out = depthwise ? C : K;
  result.tensors.push_back({.name = "Weights", .role = TensorRole::weights, .axes = {axis(C), axis(R), axis(S)}});
  if (!depthwise) result.tensors.back().axes.push_back(axis(K));
  result.tensors.push_back({.name = "Inputs",
                            .role = TensorRole::inputs,
                            .axes = {axis(N), axis(C), TensorAxis{{{P, number("stride")}, {R, 1}}},
                                     TensorAxis{{{Q, number("stride")}, {S, 1}}}}});
  result.tensors.push_back(
      {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(N), axis(out), axis(P), axis(Q)}});
  return result;
}

// By network and name.
inline std::map<std::pair<std::string, std::string>, Workload> layers() {
  std::map<std::pair<std::string, std::string>, Workload> result;
  for (const Row& row : read_rows(folder("hw-reference") / "layers.csv"))
    result.emplace(std::pair(row.at("network"), row.at("layer")), layer(row));
  return result;
}

}  // namespace nacre::reference
