// The keys of a strategy stand in the section `search` beside those that every search has: no name may be both.
#include <gtest/gtest.h>

#include <algorithm>

#include "nacre/run/configuration.hpp"
#include "nacre/search/strategy.hpp"

namespace nacre {
namespace {

TEST(StrategyKeys, AreNoneThatEverySearchHas) {
  for (const auto& entry : strategy_registry().entries()) {
    for (const Parameter& parameter : entry.parameters) {
      EXPECT_EQ(std::ranges::find(search_parameters(), parameter.name, &Parameter::name), search_parameters().end())
          << "search." << parameter.name << " is a key of strategy " << entry.name << " and of every search";
    }
  }
}

}  // namespace
}  // namespace nacre
