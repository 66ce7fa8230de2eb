// Target `transfer` and the file of measured networks that it reads.
#include "nacre/run/transfer_target.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "nacre/base/file.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/run/measured_networks.hpp"
#include "nacre/run/target_section.hpp"
#include "nacre/space/trace.hpp"
#include "nacre/tables/open_benchmark.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

double known_cost(int device, int depth, int width) {
  return 0.001 * std::pow(depth, 1.0 + 0.3 * device) * std::pow(width, 0.5);
}
double new_cost(int depth, int width) { return 0.004 * std::pow(depth, 1.15) * std::pow(width, 0.5); }

class TransferTargetTest : public testing::Test {
 protected:
  TransferTargetTest() {
    std::string table = "depth,width,phone_ms,board_ms\n";
    for (int depth = 1; depth <= 6; ++depth) {
      for (int width = 8; width <= 64; width += 8)
        table += fmt::format("{},{},{},{}\n", depth, width, 1000 * known_cost(0, depth, width),
                             1000 * known_cost(1, depth, width));
    }
    write_file_atomically(folder_.path() / "known.csv", table);
    std::string measured = "depth,width,latency_s\n";
    for (const auto& [depth, width] :
         std::vector<std::pair<int, int>>{{1, 8}, {6, 64}, {3, 16}, {2, 48}, {5, 32}, {4, 8}})
      measured += fmt::format("{},{},{}\n", depth, width, new_cost(depth, width));
    write_file_atomically(folder_.path() / "mine.csv", measured + "2,8,\n");
  }

  TargetSection section(const std::string& more = "measurements: mine.csv") const {
    return read_target_section(parse_config("{kind: transfer, benchmark: csv, options: {file: known.csv, decisions: "
                                            "[depth, width], qualities: {}, costs: "
                                            "{phone_ms: {metric: latency_s_phone, divide: 1000}, board_ms: {metric: "
                                            "latency_s_board, divide: 1000}}}, " +
                                                more + "}",
                                            "test"),
                               folder_.path());
  }
  std::string error(const std::string& more) const {
    try {
      section(more);
    } catch (const UserError& found) {
      return found.what();
    }
    return "";
  }

  TemporaryFolder folder_;
};

TEST_F(TransferTargetTest, PredictsTheNewDevice) {
  const std::shared_ptr<Target> target =
      section("measurements: mine.csv, predictor: {kind: ridge, penalty: 1.0e-4}").target;
  const auto benchmark = open_benchmark(
      "csv", parse_config("{file: known.csv, decisions: [depth, width], costs: {phone_ms: minimize}}", "test"),
      {.data_folder = "", .base_folder = folder_.path()});
  for (int64_t row = 0; row < benchmark->rows(); ++row) {
    Design design;
    design.decisions = benchmark->decisions_of(row);
    const Cost cost = target->cost(design, {}, {});
    const Metric& latency = cost.totals.at("latency_s");
    const int depth = static_cast<int>(row / 8 + 1), width = static_cast<int>(row % 8 + 1) * 8;
    EXPECT_NEAR(*latency.value / new_cost(depth, width), 1, 0.03);
    EXPECT_EQ(latency.origin, Origin::predicted);
    EXPECT_THAT(latency.source, HasSubstr("mine.csv of 6 networks, 2 columns of csv"));
    EXPECT_GE(*latency.spread, 0);
  }
  Design other;
  other.decisions = Decisions({{"depth", 1}});
  EXPECT_THROW(target->cost(other, {}, {}), UserError);
}

TEST_F(TransferTargetTest, IdentityFollowsTheMeasurements) {
  const std::string before = section().target->identity();
  EXPECT_EQ(section().target->identity(), before);
  EXPECT_NE(section("measurements: mine.csv, devices: [phone]").target->identity(), before);
  write_file_atomically(folder_.path() / "mine.csv", read_file(folder_.path() / "mine.csv") + "1,16,0.01\n");
  EXPECT_NE(section().target->identity(), before);
}

TEST_F(TransferTargetTest, MistakesAreNamed) {
  EXPECT_THAT(error("measurements: absent.csv"), HasSubstr("absent.csv"));
  EXPECT_THAT(error("measurements: mine.csv, devices: [phome]"), HasSubstr("did you mean 'phone'?"));
  EXPECT_THAT(error("measurements: mine.csv, metric: energy_j"), HasSubstr("has energy_j of no device"));
  write_file_atomically(folder_.path() / "few.csv", "depth,width,latency_s\n1,8,0.1\n2,8,0.2\n");
  EXPECT_THAT(error("measurements: few.csv"), HasSubstr("expected at least 3"));
  write_file_atomically(folder_.path() / "wrong.csv", "depth,width,latency_s\n1,9,0.1\n");
  EXPECT_THAT(error("measurements: wrong.csv"), HasSubstr("row 2: unknown alternative of width '9'"));
  write_file_atomically(folder_.path() / "wrong.csv", "depth,width,latency_s\n1,8,-3\n");
  EXPECT_THAT(error("measurements: wrong.csv"), HasSubstr("expected a positive number"));
  write_file_atomically(folder_.path() / "wrong.csv", "depth,width,latency_s\n1,,0.1\n");
  EXPECT_THAT(error("measurements: wrong.csv"), HasSubstr("not those of one network"));
}

// A target whose cost is written to the file, once for each network.
class Counting final : public Target {
 public:
  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  std::string identity() const override { return "counting"; }
  bool measures() const override { return false; }
  Cost cost(const Design& design, const Deployment&, const ActivityProfile&) override {
    Cost cost;
    cost.totals["latency_s"].value = 1 + static_cast<double>(design.decisions.items().front().index);
    ++asked;
    return cost;
  }
  int64_t asked = 0;

 private:
  std::string name_ = "counting";
  std::vector<MetricSpec> metrics_ = {{"latency_s", Direction::minimize, "s"}, {"macs", Direction::minimize}};
};

TEST_F(TransferTargetTest, NetworksAreMeasuredOnceAndReadBack) {
  const auto benchmark = open_benchmark(
      "csv", parse_config("{file: known.csv, decisions: [depth, width], costs: {phone_ms: minimize}}", "test"),
      {.data_folder = "", .base_folder = folder_.path()});
  Counting target;
  MeasureNetworksOptions options;
  options.target = &target;
  options.networks = 5;
  options.output = folder_.path() / "out.csv";
  EXPECT_EQ(measure_networks(benchmark->space(), options), 5);
  EXPECT_EQ(target.asked, 5);
  options.networks = 8;  // goes on with the file
  EXPECT_EQ(measure_networks(benchmark->space(), options), 8);
  EXPECT_EQ(target.asked, 8);
  const auto networks = read_measured_networks(options.output, benchmark->space().trace(), "latency_s");
  ASSERT_EQ(networks.size(), 8U);
  for (const MeasuredNetwork& network : networks)
    EXPECT_EQ(network.cost, 1 + static_cast<double>(network.decisions.items().front().index));
  options.networks = 49;
  EXPECT_THROW(measure_networks(benchmark->space(), options), UserError);
}

}  // namespace
}  // namespace nacre
