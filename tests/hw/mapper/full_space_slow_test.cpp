// The full space, no constraints: order, uneven factors, bypass and spreading, for layers of ResNet-50 and products of a BERT-base
// encoder on the reference machines.
#include <gtest/gtest.h>

#include "nacre/hw/mapper/mapper.hpp"
#include "reference_machines.hpp"

namespace nacre {
namespace {

Workload product(const std::string& name, int64_t rows, int64_t columns, int64_t inner, int64_t groups = 1) {
  auto axis = [](int d) { return TensorAxis{{{d, 1}}}; };
  Workload w;
  w.name = name;
  w.dimensions = {{"G", groups}, {"P", rows}, {"K", columns}, {"C", inner}};
  w.tensors = {{.name = "Weights", .role = TensorRole::weights, .axes = {axis(0), axis(2), axis(3)}},
               {.name = "Inputs", .role = TensorRole::inputs, .axes = {axis(0), axis(1), axis(3)}},
               {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(0), axis(1), axis(2)}}};
  return w;
}

std::vector<Workload> layers() {
  std::vector<Workload> result;
  for (const auto& row : reference::table("layers.csv"))
    if (row.at("network") == "resnet50" && row.at("layer") == row.at("same_shape_as"))
      result.push_back(reference::layer("resnet50", row.at("layer")));
  result.push_back(reference::convolution(
      "layer1.0.conv2",
      {{"depthwise", 0}, {"K", 64}, {"C", 64}, {"P", 56}, {"Q", 56}, {"R", 3}, {"S", 3}, {"stride", 1}}));
  for (const Workload& w : {product("attention projection", 128, 768, 768), product("scores", 128, 128, 64, 12),
                            product("context", 128, 64, 128, 12), product("intermediate", 128, 3072, 768),
                            product("output", 128, 768, 3072)})
    result.push_back(w);
  return result;
}

class FullSpace : public testing::TestWithParam<std::string> {};

TEST_P(FullSpace, IsProvedOrTheGapIsPrinted) {
  NACRE_NEED_REFERENCE_DATA();
  const auto machine = reference::machine(GetParam());
  int number = 0;
  for (const Workload& workload : layers()) {
    ++number;
    for (const MappingObjective objective :
         {MappingObjective::edp, MappingObjective::energy, MappingObjective::latency}) {
      if (number > 3 && objective != MappingObjective::edp) continue;
      MapperOptions options;
      options.objective = objective;
      options.time_s = 8;
      const MappingResult r = find_mapping(workload, machine, options);
      std::printf("%-20s %-7s %9lld nodes %7lld evals %6.2f s %s gap %.4f of %s, utilization %.3f: %s\n",
                  workload.name.c_str(), std::string(mapping_objective_name(objective)).c_str(), (long long)r.nodes,
                  (long long)r.evaluations, r.seconds, r.proved ? "proved" : "OPEN  ", *r.gap,
                  count_text(r.mapspace).c_str(), r.cost.utilization,
                  mapping_text(r.mapping, workload, machine).c_str());
      std::fflush(stdout);
      EXPECT_LT(r.seconds, 10) << workload.name;
      EXPECT_LE(*r.bound, r.objective * (1 + 1e-9));
    }
  }
}

// Exact factors, every tensor kept where it may be; orders and spreading free.
TEST_P(FullSpace, ExactFactorsAreProvedOrTheGapIsPrinted) {
  NACRE_NEED_REFERENCE_DATA();
  const auto machine = reference::machine(GetParam());
  for (const Workload& workload : layers()) {
    MapperOptions options;
    options.time_s = 8;
    options.rules = CountingRules::timeloop();
    options.constraints.factors = FactorRule::exact;
    options.constraints.free_bypass = false;
    const MappingResult r = find_mapping(workload, machine, options);
    std::printf("%-20s exact %9lld nodes %6.2f s %s gap %.4f of %s, utilization %.3f\n", workload.name.c_str(),
                (long long)r.nodes, r.seconds, r.proved ? "proved" : "OPEN  ", *r.gap, count_text(r.mapspace).c_str(),
                r.cost.utilization);
    std::fflush(stdout);
    EXPECT_LT(r.seconds, 10) << workload.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, FullSpace, testing::Values("nvdla_ws_256", "shidiannao_os_256", "eyeriss_rs_256"));

}  // namespace
}  // namespace nacre
