// The keys of a formulation: what they make, and what is wrong with others.
#include "nacre/run/formulation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/config.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

const std::vector<MetricSpec> kKnown = {
    {"accuracy", Direction::maximize}, {"latency_s", Direction::minimize, "s"}, {"params", Direction::minimize}};

ObjectiveSet read(const std::string& yaml, const std::vector<Limit>& limits = {}) {
  const Options options = resolve_options(parse_config(yaml, "f.yaml"), formulation_parameters(), "search");
  return formulation_from_options(options, kKnown, limits, {"accuracy", "latency_s"});
}

std::string error_of(const std::string& yaml, const std::vector<Limit>& limits = {}) {
  try {
    (void)read(yaml, limits);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Formulation, DefaultsAreRejectionOfTheUsualObjectives) {
  const ObjectiveSet set = read("{}", {{"params", 100}});
  ASSERT_EQ(set.objectives.size(), 2u);
  EXPECT_EQ(set.objectives[1].metric, "latency_s");
  EXPECT_EQ(set.objectives[1].direction, Direction::minimize);
  EXPECT_EQ(set.handling, LimitHandling::rejection);
  EXPECT_EQ(set.scalarization, Scalarization::none);
  EXPECT_EQ(set.limits.size(), 1u);
}

TEST(Formulation, ReferencesAreTheLimitsUnlessGiven) {
  const ObjectiveSet set = read(
      "limit_handling: none\nscalarization: weighted_product\nweights: {latency_s: [0, -1], params: -0.07}\n"
      "references: {params: 5000, accuracy: 0.5}",
      {{"latency_s", 0.02}});
  ASSERT_EQ(set.terms.size(), 3u);
  EXPECT_EQ(set.terms[0].metric, "accuracy");
  EXPECT_EQ(set.terms[0].reference, 0.5);
  EXPECT_EQ(set.terms[1].reference, 0.02);
  EXPECT_EQ(set.terms[1].weight, 0);
  EXPECT_EQ(set.terms[1].weight_beyond, -1);
  EXPECT_EQ(set.terms[2].reference, 5000);
  EXPECT_EQ(set.terms[2].weight_beyond, -0.07);
}

TEST(Formulation, ErrorsNameThePlaceAndWhatIsAccepted) {
  EXPECT_THAT(error_of("limit_handling: lagrange"), HasSubstr("f.yaml:1:17"));
  EXPECT_THAT(error_of("limit_handling: lagrange"), HasSubstr("lagrangian"));
  EXPECT_THAT(error_of("scalarization: sum"), HasSubstr("weighted_sum, weighted_product, exponential_sum, min_max"));
  EXPECT_THAT(error_of("objectives: [acuracy]"), HasSubstr("unknown metric in search.objectives 'acuracy'"));
  EXPECT_THAT(error_of("scalarization: min_max\nweights: {latency: 1}"), HasSubstr("did you mean 'latency_s'?"));
  EXPECT_THAT(error_of("scalarization: min_max\nweights: {latency_s: 1}"),
              HasSubstr("there is no limit on that metric; give references.latency_s"));
  EXPECT_THAT(error_of("scalarization: min_max\nweights: {latency_s: -1}", {{"latency_s", 1}}),
              HasSubstr("expected a number >= 0"));
  EXPECT_THAT(error_of("scalarization: weighted_sum\nweights: {latency_s: [1, 2]}", {{"latency_s", 1}}),
              HasSubstr("f.yaml:2:22: weights.latency_s: expected a number"));
  EXPECT_THAT(error_of("scalarization: weighted_sum\nweights: {latency_s: 1}\nreferences: {latency_s: 0}"),
              HasSubstr("expected a number other than 0"));
  EXPECT_THAT(error_of("scalarization: weighted_sum\nreferences: {params: 1}"), HasSubstr("metric in references"));
  EXPECT_THAT(error_of("weights: {latency_s: 1}"), HasSubstr("found scalarization: none"));
  EXPECT_THAT(error_of("limit_handling: lagrangian\npenalty_weight: 0"),
              HasSubstr("above 0 under limit_handling lagrangian"));
}

}  // namespace
}  // namespace nacre
