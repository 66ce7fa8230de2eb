// Stopping rules: what they may know, what they compare with, and what a stopped trial says.
#include "nacre/search/stopping.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"

namespace nacre {
namespace {

constexpr double kEpochs = 20;

StoppingSettings settings(const std::string& yaml) { return stopping_from_config(parse_config(yaml, "test.yaml")); }

double value_at(double end, double epoch) { return end - 0.4 * (1 - epoch / kEpochs); }

// A trial that ended at `end`; larger is better.
Trial finished(int64_t number, double end, const std::string& metric = "accuracy", double sign = 1) {
  Trial trial;
  trial.number = number;
  trial.status = TrialStatus::ok;
  Random random(static_cast<uint64_t>(number) + 1);
  for (double epoch = 1; epoch <= kEpochs; ++epoch) {
    CurvePoint point{epoch, {}};
    const double noise = epoch < kEpochs ? 0.002 * random.normal() : 0;
    point.metrics[metric] = {.value = sign * (value_at(end, epoch) + noise), .origin = Origin::trained};
    trial.curve.push_back(point);
  }
  trial.metrics[metric] = {.value = sign * end, .origin = Origin::trained};
  return trial;
}

ObjectiveSet accuracy() { return {.objectives = {{"accuracy", Direction::maximize}}}; }

TrainingStops::Case asked(const TrainingStops& stops, Metrics costs = {}) {
  return {.told = stops.told(), .fidelity = {}, .epochs = kEpochs, .costs = std::move(costs)};
}

// Twelve trials that end between 0.7 and 0.9.
void tell_twelve(TrainingStops& stops, const std::string& metric = "accuracy", double sign = 1) {
  for (int64_t i = 0; i < 12; ++i)
    stops.tell(finished(i, 0.7 + 0.2 * static_cast<double>(i * 5 % 12) / 11, metric, sign));
}

// The trial of a training under that knowledge.
Trial trained(const Json& knowledge, double end, const std::string& metric = "accuracy", double sign = 1) {
  TrainingWatch watch(Json::parse(knowledge.dump()));
  Trial trial = finished(99, end, metric, sign);
  const std::vector<CurvePoint> curve = std::move(trial.curve);
  trial.curve.clear();
  for (const CurvePoint& point : curve) {
    trial.curve.push_back(point);
    trial.metrics = point.metrics;
    if (!watch.goes_on(point)) {
      trial.status = TrialStatus::pruned;
      break;
    }
  }
  watch.settle(trial);
  return trial;
}

TEST(Stopping, ATrainingThatWillNotLeadIsStoppedAndTellsItsForecast) {
  for (const char* rule : {"learning_curve", "{by: learning_curve, forecast: families, probability: 0.9}"}) {
    SCOPED_TRACE(rule);
    TrainingStops stops(settings(rule), accuracy());
    tell_twelve(stops);
    const Json knowledge = stops.knowledge(asked(stops));
    EXPECT_NEAR(knowledge.at("bar").get<double>(), 0.9, 1e-12);
    const Trial bad = trained(knowledge, 0.72);
    EXPECT_EQ(bad.status, TrialStatus::pruned);
    EXPECT_LT(bad.curve.size(), 15u);
    const Metric& metric = bad.metrics.at("accuracy");
    EXPECT_EQ(metric.origin, Origin::predicted);
    EXPECT_NEAR(*metric.value, 0.72, 0.04);
    EXPECT_GT(*metric.spread, 0);
    EXPECT_THAT(bad.reason, testing::StartsWith("stopped after epoch "));
    EXPECT_THAT(bad.reason, testing::HasSubstr("not better than the 0.9 of trial "));
    const Trial good = trained(knowledge, 0.92);
    EXPECT_EQ(good.status, TrialStatus::ok);
    EXPECT_EQ(good.curve.size(), 20u);
    EXPECT_EQ(good.metrics.at("accuracy").origin, Origin::trained);
    EXPECT_EQ(good.reason, "");
  }
}

TEST(Stopping, WhatIsMinimizedIsStoppedAlike) {
  TrainingStops up(settings("learning_curve"), accuracy()),
      down(settings("learning_curve"), {.objectives = {{"loss", Direction::minimize}}});
  tell_twelve(up);
  tell_twelve(down, "loss", -1);
  for (const double end : {0.72, 0.8, 0.85, 0.92}) {
    const Trial a = trained(up.knowledge(asked(up)), end), b = trained(down.knowledge(asked(down)), end, "loss", -1);
    EXPECT_EQ(a.status, b.status);
    EXPECT_EQ(a.curve.size(), b.curve.size());
    EXPECT_NEAR(*a.metrics.at("accuracy").value, -*b.metrics.at("loss").value, 1e-12);
  }
}

TEST(Stopping, OnlyTrialsToldByThenCount) {
  TrainingStops stops(settings("learning_curve"), accuracy());
  tell_twelve(stops);
  TrainingStops::Case before = asked(stops);
  const std::string known = stops.knowledge(before).dump();
  for (int64_t i = 12; i < 20; ++i) stops.tell(finished(i, 0.95));
  EXPECT_EQ(stops.knowledge(before).dump(), known);
  EXPECT_NE(stops.knowledge(asked(stops)).dump(), known);
  before.told = 7;
  EXPECT_TRUE(stops.knowledge(before).is_null()) << "fewer than search.stop.trials";
}

TEST(Stopping, OnlyTrainingsOfTheSameLengthAreCompared) {
  TrainingStops stops(settings("learning_curve"), accuracy());
  tell_twelve(stops);
  TrainingStops::Case other = asked(stops);
  other.fidelity.epochs = 5;
  other.epochs = 5;
  EXPECT_TRUE(stops.knowledge(other).is_null());
  other.fidelity = {};
  other.epochs = 40;
  EXPECT_TRUE(stops.knowledge(other).is_null());
  other.epochs = 20.1;  // the last batch of an epoch is dropped
  EXPECT_FALSE(stops.knowledge(other).is_null());
}

TEST(Stopping, FailedRepeatedAndStoppedTrialsTeachNothing) {
  TrainingStops stops(settings("learning_curve"), accuracy());
  tell_twelve(stops);
  const Json known = stops.knowledge(asked(stops));
  for (const TrialStatus status : {TrialStatus::failed, TrialStatus::infeasible, TrialStatus::pruned}) {
    Trial trial = finished(20, 0.99);
    trial.status = status;
    stops.tell(trial);
  }
  Trial repeated = finished(21, 0.99);
  repeated.cached_from = 3;
  stops.tell(repeated);
  EXPECT_EQ(stops.knowledge(asked(stops)), known);
}

TEST(Stopping, OfSeveralObjectivesTheBarIsWhatWouldDominate) {
  ObjectiveSet both = accuracy();
  both.objectives.push_back({"params", Direction::minimize});
  TrainingStops stops(settings("learning_curve"), both);
  for (int64_t i = 0; i < 12; ++i) {
    Trial trial = finished(i, 0.7 + 0.2 * static_cast<double>(i) / 11);
    trial.metrics["params"].value = 100.0 + 100.0 * static_cast<double>(i);  // the better, the larger
    stops.tell(trial);
  }
  const auto with_params = [&](double params) {
    return stops.knowledge(asked(stops, {{"params", {.value = params}}}));
  };
  EXPECT_NEAR(with_params(5000).at("bar").get<double>(), 0.9, 1e-12);
  EXPECT_NEAR(with_params(100).at("bar").get<double>(), 0.7, 1e-12);
  EXPECT_TRUE(with_params(50).is_null()) << "smaller than all: on the front whatever its accuracy";
  EXPECT_TRUE(stops.knowledge(asked(stops)).is_null()) << "its size is not known";
}

TEST(Stopping, UnderAScalarizationTheBarIsTheQualityThatWouldBeWorthAsMuch) {
  ObjectiveSet product = accuracy();
  product.scalarization = Scalarization::weighted_product;
  product.terms = {{.metric = "accuracy", .direction = Direction::maximize},
                   {.metric = "latency_s", .reference = 0.01, .weight = -0.5, .weight_beyond = -0.5}};
  TrainingStops stops(settings("learning_curve"), product);
  for (int64_t i = 0; i < 12; ++i) {
    Trial trial = finished(i, 0.7 + 0.2 * static_cast<double>(i) / 11);
    trial.metrics["latency_s"].value = 0.01;
    stops.tell(trial);
  }
  for (const double latency : {0.0025, 0.01, 0.0144}) {
    const Json knowledge = stops.knowledge(asked(stops, {{"latency_s", {.value = latency}}}));
    EXPECT_NEAR(knowledge.at("bar").get<double>(), 0.9 * std::sqrt(latency / 0.01), 1e-6) << latency;
  }
}

TEST(Stopping, NetworksBeyondTheLimitsSetNoBar) {
  ObjectiveSet limited = accuracy();
  limited.limits = {{"params", 500, false}};
  TrainingStops stops(settings("learning_curve"), limited);
  for (int64_t i = 0; i < 12; ++i) {
    Trial trial = finished(i, 0.7 + 0.2 * static_cast<double>(i) / 11);
    trial.metrics["params"].value = i < 6 ? 100 : 1000;
    stops.tell(trial);
  }
  EXPECT_NEAR(stops.knowledge(asked(stops)).at("bar").get<double>(), 0.7 + 0.2 * 5 / 11, 1e-12);
}

TEST(Stopping, TheMedianRuleStopsTheWorseHalfAndForecastsNothing) {
  TrainingStops stops(settings("{by: median, after: 0.2}"), accuracy());
  tell_twelve(stops);
  const Json knowledge = stops.knowledge(asked(stops));
  const Trial bad = trained(knowledge, 0.5);
  EXPECT_EQ(bad.status, TrialStatus::pruned);
  EXPECT_EQ(bad.curve.size(), 4u);
  EXPECT_EQ(bad.metrics.at("accuracy"), bad.curve.back().metrics.at("accuracy"));
  EXPECT_THAT(bad.reason, testing::HasSubstr("the median of finished trainings was"));
  EXPECT_EQ(trained(knowledge, 0.85).status, TrialStatus::ok);
}

TEST(Stopping, WithoutKnowledgeNothingIsStopped) {
  const TrainingStops none({}, accuracy());
  EXPECT_TRUE(none.knowledge({.told = 0, .fidelity = {}, .epochs = kEpochs, .costs = {}}).is_null());
  EXPECT_EQ(trained(nullptr, 0.01).status, TrialStatus::ok);
}

TEST(Stopping, ErrorsNameThePlaceAndWhatIsAccepted) {
  const auto message = [](const std::string& yaml) -> std::string {
    try {
      settings(yaml);
    } catch (const UserError& error) {
      return error.what();
    }
    return "none";
  };
  EXPECT_THAT(message("learning_curves"), testing::HasSubstr("learning_curve"));
  EXPECT_THAT(message("{probability: 0.9}"), testing::HasSubstr("expected a rule or a map with 'by'"));
  EXPECT_THAT(message("{by: learning_curve, probability: 2}"), testing::HasSubstr("probability"));
  EXPECT_THAT(message("{by: median, probability: 0.9}"), testing::HasSubstr("probability"));
  EXPECT_THAT(message("{by: learning_curve, probability: 2}"), testing::StartsWith("test.yaml:1:"));
}

}  // namespace
}  // namespace nacre
