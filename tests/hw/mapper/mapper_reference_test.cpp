#include <gtest/gtest.h>

#include "nacre/hw/mapper/mapper.hpp"
#include "reference_machines.hpp"

namespace nacre {
namespace {

MapperOptions reference_options(const std::string& arch, const Workload& workload, bool pinned) {
  MapperOptions options;
  options.rules = CountingRules::timeloop();
  options.constraints = reference::constraints(reference::constraint_file(arch, workload));
  if (pinned) reference::pin_spatial(arch, workload, options.constraints);
  return options;
}

TEST(MapperReference, EqualsTheExhaustiveOptima) {
  NACRE_NEED_REFERENCE_DATA();
  int rows = 0;
  for (const auto& row : reference::table("timeloop_exhaustive.csv")) {
    const Workload workload = reference::layer(row.at("network"), row.at("layer"));
    const auto machine = reference::machine(row.at("arch"));
    const MappingResult result =
        find_mapping(workload, machine, reference_options(row.at("arch"), workload, row.at("spatial_free") == "0"));
    EXPECT_TRUE(result.proved);
    EXPECT_DOUBLE_EQ(result.objective, std::stod(row.at("edp")))
        << row.at("layer") << " " << mapping_text(result.mapping, workload, machine) << "\n"
        << row.at("mapping");
    EXPECT_LT(result.seconds, 1);
    RecordProperty(row.at("layer") + row.at("spatial_free"), std::to_string(result.seconds));
    std::printf("%-22s free %s: %8lld nodes %6lld evaluations %.4f s\n", row.at("layer").c_str(),
                row.at("spatial_free").c_str(), (long long)result.nodes, (long long)result.evaluations, result.seconds);
    ++rows;
  }
  EXPECT_GT(rows, 20);
}

TEST(MapperReference, IsNeverWorseThanASearchedRow) {
  NACRE_NEED_REFERENCE_DATA();
  std::map<std::string, std::pair<MappingResult, Workload>> found;
  for (const char* file : {"timeloop_mapper.csv", "timeloop_model.csv"})
    for (const auto& row : reference::table(file)) {
      const std::string key = row.at("network") + row.at("layer") + row.at("arch");
      if (!found.contains(key)) {
        const Workload workload = reference::layer(row.at("network"), row.at("layer"));
        auto options = reference_options(row.at("arch"), workload, true);
        found[key] = {find_mapping(workload, reference::machine(row.at("arch")), options), workload};
        const MappingResult& r = found[key].first;
        std::printf("%-22s %-18s: %8lld nodes %6lld evaluations %.3f s, proved %d, gap %.4f of %s points\n",
                    row.at("layer").c_str(), row.at("arch").c_str(), (long long)r.nodes, (long long)r.evaluations,
                    r.seconds, int(r.proved), *r.gap, count_text(r.mapspace).c_str());
      }
      const double edp = std::stod(row.at("cycles")) * std::stod(row.at("energy_total"));
      EXPECT_LE(found[key].first.objective, edp * (1 + 1e-9)) << key << " " << row.at("mapping");
    }
}

// Timeloop's mapper stops at 0.25 of the array for such a layer by its defaults; all of it can work.
TEST(MapperReference, FindsTheWholeArrayUnaided) {
  NACRE_NEED_REFERENCE_DATA();
  const Workload workload = reference::convolution(
      "layer1.0.conv2",
      {{"depthwise", 0}, {"K", 64}, {"C", 64}, {"P", 56}, {"Q", 56}, {"R", 3}, {"S", 3}, {"stride", 1}});
  MapperOptions options;
  options.rules = CountingRules::timeloop();
  options.time_s = 3;
  const MappingResult r = find_mapping(workload, reference::machine("nvdla_ws_256"), options);
  std::printf("%s\ngap %.3f, %s points, %.2f s\n",
              mapping_text(r.mapping, workload, reference::machine("nvdla_ws_256")).c_str(), *r.gap,
              count_text(r.mapspace).c_str(), r.seconds);
  EXPECT_DOUBLE_EQ(r.cost.utilization, 1.0);
}

}  // namespace
}  // namespace nacre
