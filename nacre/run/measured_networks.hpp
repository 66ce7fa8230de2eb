// A few networks of a space measured on a device, as a file that people can read, fill in and carry from one machine to another:
// what a new device is known by (target `transfer`).
//
//   edge0to1,edge0to2,...,model,latency_s        a column for each decision with the alternative's text, empty where the
//   nor_conv_3x3,skip_connect,...,net_00.onnx,0.0123    decision does not arise; then the model's file and the costs
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nacre/design/target.hpp"
#include "nacre/space/space.hpp"

namespace nacre {

struct MeasuredNetwork {
  Decisions decisions;
  std::optional<double> cost;  // nothing: not filled in
};

// Networks and one cost column of a file. UserError with the row for decisions that are none of the space, a cost that is no
// positive number, or no row at all with a cost.
std::vector<MeasuredNetwork> read_measured_networks(const std::filesystem::path& file, const Trace& trace,
                                                    const std::string& metric);

struct MeasureNetworksOptions {
  Target* target = nullptr;  // null: nothing is measured, the cost columns stay empty
  Deployment deployment;
  std::vector<std::string> metrics;  // columns; empty: those that the target measures, or latency_s
  int64_t networks = 20;             // different ones, drawn at random
  uint64_t seed = 0;
  std::filesystem::path output;       // the file; rows that it holds with all costs are not measured again
  std::filesystem::path models = {};  // where each network is left as ONNX; empty: nowhere
  std::function<bool()> interrupted = [] { return false; };
  std::function<void(int64_t done)> progress = [](int64_t) {};
};

// Returns the number of networks in the file. Throws Interrupted, with what was measured in the file.
int64_t measure_networks(const Space& space, const MeasureNetworksOptions& options);

}  // namespace nacre
