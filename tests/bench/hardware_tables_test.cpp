// What the tables say of costs (Benmeziane et al., arXiv 2101.09336: MACs are not latency), through the benchmark's own columns:
// rank correlations, fronts, and the volume that a front over MACs loses on the device. The expected figures were computed from the
// same files by other means.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "nacre/base/rank_correlation.hpp"
#include "nacre/search/pareto.hpp"
#include "nacre/tables/open_benchmark.hpp"

namespace nacre {
namespace {

class HardwareTables : public testing::Test {
 protected:
  void SetUp() override {
    const char* given = std::getenv("NACRE_DATA");
    const char* source = std::getenv("NACRE_SOURCE_DIR");
    const std::filesystem::path folder =
        given != nullptr ? std::filesystem::path(given)
                         : std::filesystem::path(source == nullptr ? "." : source) / ".." / "shared" / "data";
    if (!std::filesystem::is_directory(folder / "hwnasbench"))
      GTEST_SKIP() << "nasbench201 and hwnasbench are not in NACRE_DATA or ../shared/data";
    table_ = open_benchmark("nasbench201", parse_config("costs: [hw_nas_bench]", "test"), {.data_folder = folder});
    for (int64_t row = 0; row < table_->rows(); ++row) {
      if (value(row, "hw_nas_bench_complete") == 1) complete_.push_back(row);
    }
    ASSERT_EQ(complete_.size(), 12555U);
  }

  std::optional<double> value(int64_t row, const std::string& metric) const {
    return table_->value(row, table_->find_column(metric).value());
  }

  // Of the complete rows where both are known.
  double rank_correlation(const std::string& x, const std::string& y) const {
    std::vector<double> left, right;
    for (const int64_t row : complete_) {
      const std::optional<double> a = value(row, x), b = value(row, y);
      if (!a || !b) continue;
      left.push_back(*a);
      right.push_back(*b);
    }
    return spearman(left, right);
  }

  // Error and cost of the complete rows.
  std::vector<Point> points(const std::string& cost) const {
    std::vector<Point> all;
    for (const int64_t row : complete_) all.push_back({1 - *value(row, "test_accuracy"), *value(row, cost)});
    return all;
  }

  std::shared_ptr<const TabularBenchmark> table_;
  std::vector<int64_t> complete_;
};

TEST_F(HardwareTables, MacsOrderSomeDevicesAndNotOthers) {
  const std::map<std::string, double> published = {{"latency_s_edgegpu", 0.489}, {"energy_j_edgegpu", 0.548},
                                                   {"latency_s_raspi4", 0.873},  {"latency_s_pixel3", 0.841},
                                                   {"latency_s_eyeriss", 0.543}, {"energy_j_eyeriss", 0.671},
                                                   {"latency_s_fpga", 0.939},    {"latency_s_edgetpu", 0.291}};
  for (const auto& [cost, figure] : published) EXPECT_NEAR(rank_correlation("macs", cost), figure, 5e-4) << cost;
}

TEST_F(HardwareTables, DevicesDisagree) {
  const auto between = [&](const std::string& a, const std::string& b) {
    return rank_correlation("latency_s_" + a, "latency_s_" + b);
  };
  EXPECT_NEAR(between("raspi4", "pixel3"), 0.967, 5e-4);
  EXPECT_NEAR(between("raspi4", "fpga"), 0.889, 5e-4);
  EXPECT_NEAR(between("edgegpu", "eyeriss"), 0.504, 5e-4);
  EXPECT_NEAR(between("edgegpu", "raspi4"), 0.649, 5e-4);
  EXPECT_NEAR(between("raspi4", "edgetpu"), 0.583, 5e-4);
}

TEST_F(HardwareTables, FrontsEndAtTheMostAccurateNetwork) {
  const std::map<std::string, size_t> published = {
      {"raspi4", 37}, {"pixel3", 40}, {"edgegpu", 24}, {"eyeriss", 15}, {"fpga", 12}};
  for (const auto& [device, size] : published) {
    const std::vector<Point> all = points("latency_s_" + device);
    const std::vector<size_t> front = pareto_front(all);
    std::set<Point> distinct;  // a front holds every copy of equal points
    for (const size_t i : front) distinct.insert(all[i]);
    EXPECT_EQ(distinct.size(), size) << device;
    const size_t best = *std::ranges::min_element(front, {}, [&](size_t i) { return all[i][0]; });
    EXPECT_EQ(complete_[best], 13714) << device;
  }
}

// The front over MACs, judged by latency: what it loses of the volume of the true front. Reference: the largest latency, 80 %.
// Networks alike in error and MACs are all taken; taking one of them moves the figures by up to 0.2 points.
TEST_F(HardwareTables, AFrontOverMacsLosesVolumeOnTheDevice) {
  const std::map<std::string, double> published = {
      {"edgegpu", 0.0329}, {"pixel3", 0.0344}, {"eyeriss", 0.0412}, {"raspi4", 0.0196}, {"fpga", 0.0147}};
  const std::vector<size_t> by_macs = pareto_front(points("macs"));
  for (const auto& [device, lost] : published) {
    const std::vector<Point> all = points("latency_s_" + device);
    Point reference = {0.2, 0};
    for (const Point& point : all) reference[1] = std::max(reference[1], point[1]);
    std::vector<Point> chosen;
    for (const size_t i : by_macs) chosen.push_back(all[i]);
    EXPECT_NEAR(1 - hypervolume(chosen, reference) / hypervolume(all, reference), lost, 1e-4) << device;
  }
}

}  // namespace
}  // namespace nacre
