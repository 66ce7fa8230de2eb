// The best mappings of every layer of ResNet-50 and of a BERT-base encoder (128 tokens) in the full space, on accelerators that come
// with nacre: a table of what was proved and what remains open.
//
//   mapper_table [--accelerator NAME]... [--method NAME]... [--objective NAME] [--time SECONDS] [--network resnet50|bert]
//                [--layer TEXT] [--exact-factors] [--keep-all] [--records FILE]
//
// `--records` writes the mappings as lines for nacre_recount.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/loopnest/network_workloads.hpp"
#include "nacre/hw/mapper/mapper.hpp"
#include "nacre/hw/mapper/mapping_record.hpp"

namespace {

using namespace nacre;

TensorAxis axis(int dimension) { return {{{dimension, 1}}}; }

void set_formats(Workload& workload, const AcceleratorDescription& accelerator) {
  for (WorkloadTensor& tensor : workload.tensors) {
    tensor.format = tensor.role == TensorRole::weights ? accelerator.native.weights : accelerator.native.activations;
    tensor.bits = format_bits(tensor.format);
  }
  workload.partial_sum_bits = format_bits(accelerator.native.partial_sums);
}

Workload convolution(std::string name, int64_t k, int64_t c, int64_t p, int64_t r, int64_t stride) {
  enum { K, C, P, Q, R, S };
  Workload result{.name = std::move(name)};
  result.dimensions = {{"K", k}, {"C", c}, {"P", p}, {"Q", p}, {"R", r}, {"S", r}};
  result.tensors = {{.name = "Weights", .role = TensorRole::weights, .axes = {axis(K), axis(C), axis(R), axis(S)}},
                    {.name = "Inputs",
                     .role = TensorRole::inputs,
                     .axes = {axis(C), TensorAxis{{{P, stride}, {R, 1}}}, TensorAxis{{{Q, stride}, {S, 1}}}}},
                    {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(K), axis(P), axis(Q)}}};
  return result;
}

Workload product(std::string name, int64_t groups, int64_t rows, int64_t columns, int64_t inner) {
  enum { G, P, K, C };
  Workload result{.name = std::move(name)};
  result.dimensions = {{"G", groups}, {"P", rows}, {"K", columns}, {"C", inner}};
  result.tensors = {{.name = "Weights", .role = TensorRole::weights, .axes = {axis(G), axis(K), axis(C)}},
                    {.name = "Inputs", .role = TensorRole::inputs, .axes = {axis(G), axis(P), axis(C)}},
                    {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(G), axis(P), axis(K)}}};
  return result;
}

// v1.5 (the stride in the 3x3), 224 x 224: every shape once.
std::vector<Workload> resnet50() {
  std::vector<Workload> layers = {convolution("conv1", 64, 3, 112, 7, 2)};
  const auto add = [&](const std::string& name, int64_t k, int64_t c, int64_t p, int64_t r, int64_t stride) {
    Workload made = convolution(name, k, c, p, r, stride);
    for (const Workload& known : layers) {
      bool same = known.tensors[1].axes[1].terms[0].coefficient == stride;
      for (std::size_t d = 0; d < made.dimensions.size(); ++d)
        same = same && made.dimensions[d].size == known.dimensions[d].size;
      if (same) return;
    }
    layers.push_back(made);
  };
  const int64_t blocks[] = {3, 4, 6, 3}, widths[] = {64, 128, 256, 512};
  int64_t in = 64, size = 56;
  for (int stage = 0; stage < 4; ++stage)
    for (int64_t block = 0; block < blocks[stage]; ++block) {
      const int64_t stride = stage > 0 && block == 0 ? 2 : 1, width = widths[stage];
      const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(block);
      add(name + ".conv1", width, in, size, 1, 1);
      size /= stride;
      add(name + ".conv2", width, width, size, 3, stride);
      add(name + ".conv3", 4 * width, width, size, 1, 1);
      if (block == 0) add(name + ".downsample", 4 * width, in, size, 1, stride);
      in = 4 * width;
    }
  layers.push_back(convolution("fc", 1000, 2048, 1, 1, 1));
  return layers;
}

std::vector<Workload> bert() {
  return {product("qkv", 1, 128, 768, 768), product("scores", 12, 128, 128, 64), product("context", 12, 128, 64, 128),
          product("ffn1", 1, 128, 3072, 768), product("ffn2", 1, 128, 768, 3072)};
}

struct Request {
  std::vector<std::string> accelerators, methods;
  std::string network, layer, records;
  MapperOptions options;
};

Request request(int count, char** arguments) {
  Request result;
  result.options.evaluations = 20000;
  for (int i = 1; i < count; ++i) {
    const std::string word = arguments[i];
    if (word == "--exact-factors") {
      result.options.constraints.factors = FactorRule::exact;
      continue;
    }
    if (word == "--keep-all") {
      result.options.constraints.free_bypass = false;
      continue;
    }
    if (i + 1 == count) throw std::runtime_error("'" + word + "' needs a value, or is none of mapper_table's options");
    const std::string value = arguments[++i];
    if (word == "--accelerator") {
      result.accelerators.push_back(value);
    } else if (word == "--method") {
      result.methods.push_back(value);
    } else if (word == "--objective") {
      result.options.objective = mapping_objective(value);
    } else if (word == "--time") {
      result.options.time_s = std::stod(value);
    } else if (word == "--network") {
      result.network = value;
    } else if (word == "--layer") {
      result.layer = value;
    } else if (word == "--records") {
      result.records = value;
    } else {
      throw std::runtime_error("unknown option '" + word + "'");
    }
  }
  if (result.accelerators.empty()) result.accelerators = {"eyeriss", "nvdla_large", "gemmini"};
  if (result.methods.empty()) result.methods = {"exact"};
  return result;
}

void print(const std::string& accelerator, const Workload& layer, const MappingResult& found) {
  std::printf("| %s | %s | %s | %s | %.4g | %s | %.4g | %.4g | %.3f | %.1f |\n", accelerator.c_str(),
              layer.name.c_str(), found.method.c_str(), count_text(found.mapspace).c_str(), found.objective,
              found.proved ? "proved"
              : found.gap  ? (std::to_string(*found.gap * 100).substr(0, 4) + " %").c_str()
                           : "-",
              found.cost.cycles, found.cost.energy_j.value_or(0), found.cost.utilization, found.seconds);
  std::fflush(stdout);
}

void run(const Request& asked) {
  std::vector<Workload> layers;
  if (asked.network != "bert") layers = resnet50();
  if (asked.network != "resnet50")
    for (const Workload& layer : bert()) layers.push_back(layer);
  std::ofstream records;
  if (!asked.records.empty()) records.open(asked.records);
  std::printf("| accelerator | layer | method | points | %s | gap | cycles | energy (J) | utilization | seconds |\n",
              std::string(mapping_objective_name(asked.options.objective)).c_str());
  std::printf("|---|---|---|---|---|---|---|---|---|---|\n");
  for (const std::string& name : asked.accelerators) {
    const AcceleratorDescription accelerator = load_accelerator(name);
    for (Workload layer : layers) {
      if (layer.name.find(asked.layer) == std::string::npos) continue;
      set_formats(layer, accelerator);
      for (const std::string& method : asked.methods) {
        MapperOptions options = asked.options;
        options.method = method;
        if (method != "exact") options.evaluations = int64_t{1} << 40;  // the time ends it
        const MappingResult found = find_mapping(layer, accelerator, options);
        print(name, layer, found);
        if (records.is_open())
          records << mapping_record(layer, accelerator, found.mapping, found.cost, options.rules) << "\n";
      }
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  try {
    run(request(count, arguments));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mapper_table: %s\n", error.what());
    return 2;
  }
}
