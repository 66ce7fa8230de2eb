#include "nacre/run/finalize.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nacre {
namespace {

using testing::ElementsAre;

FinalNetwork network(int64_t number, std::optional<double> accuracy, double macs, bool within_limits = true) {
  FinalNetwork result;
  result.trial.number = number;
  result.metrics["accuracy"] = {accuracy, "", Origin::trained};
  result.metrics["macs"] = {macs, "", Origin::counted};
  result.within_limits = within_limits;
  return result;
}

TEST(OrderNetworks, TheBestAfterTheFinalTrainingLeadsAndOfEqualsTheCheapest) {
  const ObjectiveSet objectives = {.objectives = {{"accuracy", Direction::maximize}, {"macs", Direction::minimize}},
                                   .limits = {}};
  std::vector<FinalNetwork> networks = {network(0, 0.95, 9),         network(1, 0.97, 8), network(2, 0.97, 5),
                                        network(3, 0.99, 12, false), network(4, 0.90, 1), network(5, std::nullopt, 0.5),
                                        network(6, 0.97, 5)};
  order_networks(networks, objectives);
  std::vector<int64_t> numbers;
  for (const FinalNetwork& each : networks) numbers.push_back(each.trial.number);
  EXPECT_THAT(numbers, ElementsAre(2, 6, 1, 0, 4, 5, 3));
}

}  // namespace
}  // namespace nacre
