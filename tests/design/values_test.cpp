// The values that travel as JSON come back equal; what is malformed is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "nacre/design/recipe.hpp"
#include "nacre/design/trial.hpp"

namespace nacre {
namespace {

Trial sample_trial() {
  Trial trial;
  trial.number = 17;
  trial.candidate.decisions = Decisions({{"b/op", 2}, {"a/width", 0}});
  trial.candidate.parents = {3, 5};
  trial.candidate.made_by = "mutation of 3";
  trial.request.fidelity.epochs = 2.5;
  trial.request.seed = 0xffffffffffffffffULL;
  trial.status = TrialStatus::ok;
  trial.metrics["accuracy"] = {.value = 0.1 + 0.2, .origin = Origin::trained, .source = "validation split"};
  trial.metrics["latency_s"] = {.value = std::nullopt, .unit = "s"};
  trial.metrics["energy_j"] = {.value = INFINITY, .unit = "J", .origin = Origin::modelled, .count = 3, .spread = 0.5};
  trial.curve = {{1, {{"loss", {.value = 2.25}}}}, {2, {{"loss", {.value = 1.5}}}}};
  trial.key = "abc";
  trial.weights = "weights-1";
  trial.time_s = 1.5;
  return trial;
}

TEST(Trial, JsonRoundTripIsExact) {
  const Trial trial = sample_trial();
  const Json json = to_json(trial);
  const Trial back = trial_from_json(parse_json(json.dump(), "test"));
  EXPECT_EQ(to_json(back), json);
  EXPECT_EQ(back.metrics, trial.metrics);
  EXPECT_EQ(back.candidate.hash(), trial.candidate.hash());
  EXPECT_EQ(back.request.seed, trial.request.seed);
}

TEST(Trial, UnknownIsNotZero) {
  const Trial back = trial_from_json(to_json(sample_trial()));
  EXPECT_FALSE(metric_value(back.metrics, "latency_s").has_value());
  EXPECT_FALSE(metric_value(back.metrics, "area_mm2").has_value());
}

TEST(Trial, MalformedIsRefused) {
  EXPECT_THROW(trial_from_json(Json::object()), UserError);
  EXPECT_THROW(trial_from_json(Json::array()), UserError);
  EXPECT_THROW(metrics_from_json(Json{{"accuracy", 1}}), UserError);
  EXPECT_THROW(metrics_from_json(Json{{"accuracy", {{"value", "high"}}}}), UserError);
  EXPECT_THROW(candidate_from_json(Json{{"decisions", {{"a", "x"}}}}), UserError);
}

TEST(Decisions, SortedFoundAndHashedByContent) {
  const Decisions a({{"b", 1}, {"a", 2}});
  Decisions b;
  b.set("a", 2);
  b.set("b", 0);
  EXPECT_NE(a.hash(), b.hash());
  b.set("b", 1);
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.hash(), b.hash());
  EXPECT_EQ(*a.find("b"), 1);
  EXPECT_EQ(a.find("c"), nullptr);
  EXPECT_THROW(Decisions({{"a", 1}, {"a", 2}}), InternalError);
}

TEST(Decisions, HashTellsKeyFromIndexAndOrder) {
  EXPECT_NE(Decisions({{"a", 1}, {"b", 2}}).hash(), Decisions({{"a", 2}, {"b", 1}}).hash());
  EXPECT_NE(Decisions({{"a", 1}}).hash(), Decisions({{"b", 1}}).hash());
  EXPECT_NE(Decisions({{"a", 0}}).hash(), Decisions().hash());
}

TEST(Recipe, RecordsCoverEveryFieldAndRoundTrip) {
  Recipe recipe;
  recipe.optimizer = "adamw";
  recipe.learning_rate = 0.003;
  recipe.epochs = 3;
  recipe.horizontal_flip = true;
  recipe.patience = 4;
  recipe.teacher = "teacher.onnx";
  EXPECT_EQ(recipe_from_json(to_json(recipe)), recipe);
  EXPECT_EQ(recipe_from_options(default_options(recipe_parameters(), "train")), Recipe{});
}

TEST(Recipe, FieldsAreSetByName) {
  Recipe recipe;
  set_recipe_field(recipe, "mixup_alpha", 0.2);
  EXPECT_EQ(recipe.mixup_alpha, 0.2);
  EXPECT_THROW(set_recipe_field(recipe, "mixup", 0.2), InternalError);
}

}  // namespace
}  // namespace nacre
