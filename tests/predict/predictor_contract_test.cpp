// What every registered predictor must do, whatever it is: a new one is tested by being registered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "encoded_networks.hpp"

namespace nacre {
namespace {

class PredictorContract : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Predictor> fitted(const Examples& examples, const std::vector<double>& values,
                                    uint64_t seed = 1) const {
    std::unique_ptr<Predictor> predictor = make_predictor(GetParam());
    Random random(seed);
    predictor->fit(examples, values, random);
    return predictor;
  }
};

std::vector<double> means(const std::vector<Prediction>& predictions) {
  std::vector<double> result;
  for (const Prediction& prediction : predictions) result.push_back(prediction.mean);
  return result;
}

TEST_P(PredictorContract, IsBuiltFromDefaultsAndFromItsExample) {
  const auto& entry = predictor_registry().get(GetParam());
  EXPECT_FALSE(entry.summary.empty());
  EXPECT_FALSE(entry.source.empty());
  EXPECT_THAT(entry.example, testing::HasSubstr("kind: " + GetParam()));
  const Options options =
      resolve_options(parse_config(entry.example, "example"), entry.parameters, "predictor", {"kind"});
  EXPECT_NE(entry.make(options), nullptr);
}

TEST_P(PredictorContract, LearnsWhatIsThereToLearn) {
  const Examples known{encoded::one_hot_rows(250, 6, 4, 1)}, fresh{encoded::one_hot_rows(200, 6, 4, 2)};
  const auto predictor = fitted(known, encoded::values_of(known.features, 5, 0.3, 0.1));
  const std::vector<double> truth = encoded::values_of(fresh.features, 5, 0.3);
  const std::vector<double> answers = means(predictor->predict(fresh));
  int64_t right = 0, pairs = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    for (size_t j = 0; j < i; ++j, ++pairs) right += (truth[i] > truth[j]) == (answers[i] > answers[j]);
  }
  EXPECT_GT(static_cast<double>(right) / static_cast<double>(pairs), 0.75);
}

TEST_P(PredictorContract, SameStreamSameAnswers) {
  const Examples known{encoded::one_hot_rows(60, 5, 3, 1)}, fresh{encoded::one_hot_rows(50, 5, 3, 2)};
  const std::vector<double> values = encoded::values_of(known.features, 5);
  const auto a = fitted(known, values)->predict(fresh), b = fitted(known, values)->predict(fresh);
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].mean, b[i].mean);
    EXPECT_EQ(a[i].deviation, b[i].deviation);
    EXPECT_EQ(a[i].noise, b[i].noise);
  }
}

TEST_P(PredictorContract, FitStartsFromScratch) {
  const Examples first{encoded::real_rows(40, 3, 1)}, known{encoded::one_hot_rows(60, 5, 3, 1)};
  const Examples fresh{encoded::one_hot_rows(50, 5, 3, 2)};
  const std::vector<double> values = encoded::values_of(known.features, 5);
  const auto once = fitted(known, values);
  const auto twice = fitted(first, encoded::values_of(first.features, 9));
  Random random(1);
  twice->fit(known, values, random);
  EXPECT_EQ(means(once->predict(fresh)), means(twice->predict(fresh)));
}

// An answer is about one network: it does not depend on the others that are asked with it.
TEST_P(PredictorContract, AnswersDoNotDependOnTheirNeighbors) {
  const Examples known{encoded::one_hot_rows(60, 5, 3, 1)}, fresh{encoded::one_hot_rows(50, 5, 3, 2)};
  const auto predictor = fitted(known, encoded::values_of(known.features, 5));
  const std::vector<Prediction> together = predictor->predict(fresh);
  for (size_t i = 0; i < 50; i += 7) {
    const Prediction alone = predictor->predict(fresh.pick(std::vector<size_t>{i}))[0];
    EXPECT_NEAR(alone.mean, together[i].mean, 1e-9);
    EXPECT_NEAR(alone.deviation, together[i].deviation, 1e-7);
  }
  EXPECT_TRUE(predictor->predict(fresh.pick({})).empty());
}

// Values in another unit and with another zero give the same answers there.
TEST_P(PredictorContract, FollowsTheUnitOfTheValues) {
  const Examples known{encoded::one_hot_rows(80, 5, 3, 1)}, fresh{encoded::one_hot_rows(50, 5, 3, 2)};
  const std::vector<double> values = encoded::values_of(known.features, 5);
  std::vector<double> scaled;
  for (const double value : values) scaled.push_back(1 + 0.01 * value);
  const auto plain = fitted(known, values)->predict(fresh), other = fitted(known, scaled)->predict(fresh);
  for (size_t i = 0; i < plain.size(); ++i) {
    EXPECT_NEAR(other[i].mean, 1 + 0.01 * plain[i].mean, 2e-4);
    EXPECT_NEAR(other[i].deviation, 0.01 * plain[i].deviation, 2e-4);
  }
}

TEST_P(PredictorContract, FewAndEqualExamplesAreAnswered) {
  for (const size_t count : {1, 2, 3}) {
    const Examples known{encoded::one_hot_rows(count, 4, 3, 1)}, fresh{encoded::one_hot_rows(20, 4, 3, 2)};
    const std::vector<double> equal(count, 0.75);
    for (const Prediction& answer : fitted(known, equal)->predict(fresh)) {
      EXPECT_NEAR(answer.mean, 0.75, 0.05);
      EXPECT_TRUE(std::isfinite(answer.deviation) && answer.deviation >= 0);
      EXPECT_TRUE(std::isfinite(answer.noise) && answer.noise >= 0);
    }
    std::vector<double> values = encoded::values_of(known.features, 5);
    for (const Prediction& answer : fitted(known, values)->predict(fresh)) EXPECT_TRUE(std::isfinite(answer.mean));
  }
}

TEST_P(PredictorContract, RefusesMisuse) {
  const Examples known{encoded::one_hot_rows(20, 4, 3, 1)}, other{encoded::one_hot_rows(5, 3, 3, 1)};
  EXPECT_THROW(make_predictor(GetParam())->predict(known), InternalError);
  const std::vector<double> values = encoded::values_of(known.features, 5);
  EXPECT_THROW(fitted(known, values)->predict(other), InternalError);
  EXPECT_THROW(fitted(known, std::vector<double>(19, 1.0)), InternalError);
  EXPECT_THROW(fitted(known, std::vector<double>(20, std::nan(""))), InternalError);
}

std::string test_name(const testing::TestParamInfo<std::string>& info) { return info.param; }

std::vector<std::string> predictors_on_features() {
  std::vector<std::string> names;
  for (const auto& entry : predictor_registry().entries()) {
    try {
      if (!entry.make(default_options(entry.parameters, entry.name))->reads_graphs()) names.push_back(entry.name);
    } catch (const UserError& error) {  // xgboost in a build without the library
      EXPECT_THAT(error.what(), testing::HasSubstr("install libxgboost-dev"));
    }
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, PredictorContract, testing::ValuesIn(predictors_on_features()), test_name);

TEST(PredictorRegistry, UnknownNameNamesTheNearest) {
  try {
    make_predictor("gdbt");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "unknown predictor 'gdbt'; did you mean 'gbdt'? (nacre list predictors)");
  }
}

TEST(PredictorRegistry, RankersSaySo) {
  EXPECT_FALSE(make_predictor("gbdt")->only_ranks());
  EXPECT_TRUE(make_predictor("gbdt", {{"objective", "ranking"}})->only_ranks());
}

}  // namespace
}  // namespace nacre
