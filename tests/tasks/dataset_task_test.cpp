#include "nacre/tasks/dataset_task.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <numeric>
#include <set>
#include <thread>

#include "nacre/base/error.hpp"
#include "nacre/design/recipe.hpp"
#include "nacre/tasks/task_registry.hpp"
#include "tests/data/data_test_support.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::filesystem::path source_folder() {
  const char* variable = std::getenv("NACRE_SOURCE_DIR");
  return variable == nullptr ? "." : variable;
}

std::unique_ptr<Task> make_task(const std::string& yaml, const std::filesystem::path& base_folder = source_folder()) {
  const ConfigNode node = parse_config(yaml, "t.yaml");
  const auto& entry = task_registry().get(node.at("kind").as_text("kind"));
  return entry.make(resolve_options(node, entry.parameters, "task", {"kind"}), base_folder);
}

std::vector<int64_t> counting(int64_t n) {
  std::vector<int64_t> indices(static_cast<size_t>(n));
  std::iota(indices.begin(), indices.end(), int64_t{0});
  return indices;
}

const std::string kDigits = "kind: classification\ndata: {format: csv, path: digits/digits.csv.gz, shape: [1, 8, 8]}\n";

// A table whose feature is the number of the row.
std::string counting_table(int rows) {
  std::string text = "x,k\n";
  for (int i = 0; i < rows; ++i) text += std::to_string(i) + "," + (i % 3 == 0 ? "a" : "b") + "\n";
  return text;
}

TEST(DatasetTask, EveryExampleOfTheRegistryLoads) {
  for (const auto& entry : task_registry().entries()) {
    const auto task = make_task(entry.example);
    EXPECT_EQ(task->name(), entry.name);
    EXPECT_FALSE(task->signature().inputs.empty());
    EXPECT_FALSE(task->metrics().empty());
    if (entry.name == "external") continue;  // its data are elsewhere
    EXPECT_GT(task->size(Split::train), 0) << entry.name;
    Random random(0);
    const Batch batch = task->load(Split::validation, counting(3), nullptr, random);
    ASSERT_EQ(batch.size, 3);
    EXPECT_EQ(batch.tensors.count(task->loss().target), 1U);
    EXPECT_EQ(batch.tensors.count(task->signature().inputs[0].name), 1U);
    EXPECT_EQ(task->signature().outputs[0].name, task->loss().prediction);
  }
}

TEST(DatasetTask, DigitsHaveTheShapesAndSizesAskedFor) {
  const auto task = make_task(kDigits + "split: {validation: 0.2, test: 0.2}\n");
  EXPECT_THAT(task->signature().inputs[0].extents, ElementsAre(1, 8, 8));
  EXPECT_THAT(task->signature().outputs[0].extents, ElementsAre(10));
  EXPECT_EQ(task->size(Split::test), 359);
  EXPECT_EQ(task->size(Split::validation), 359);
  EXPECT_EQ(task->size(Split::train), 1797 - 2 * 359);
  EXPECT_EQ(task->metrics()[0].name, "accuracy");
  EXPECT_EQ(make_task(kDigits + "metric: loss\n")->metrics()[0].name, "loss");
  Random random(0);
  const Batch batch = task->load(Split::train, counting(64), nullptr, random);
  EXPECT_THAT(batch.tensors.at("input").extents(), ElementsAre(64, 1, 8, 8));
  EXPECT_THAT(batch.tensors.at("label").extents(), ElementsAre(64));
}

TEST(DatasetTask, SplitsNeverShareASample) {
  const TemporaryFolder folder;
  folder.write("t.csv", counting_table(90));
  const auto task = make_task(
      "kind: classification\ndata: {format: csv, path: t.csv}\nnormalize: none\nsplit: {validation: 0.3, test: 0.2, "
      "seed: 4}\n",
      folder.path());
  std::multiset<double> seen;
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    Random random(0);
    for (const double value :
         task->load(split, counting(task->size(split)), nullptr, random).tensors.at("input").numbers())
      seen.insert(value);
  }
  ASSERT_EQ(seen.size(), 90U);
  double expected = 0;
  for (const double value : seen) EXPECT_EQ(value, expected++);
}

TEST(DatasetTask, ReadsOfTheTestSplitAreCounted) {
  const auto task = make_task(kDigits);
  Random random(0);
  for (const Split split : {Split::train, Split::validation}) task->load(split, counting(10), nullptr, random);
  EXPECT_EQ(task->test_reads(), 0);
  task->load(Split::test, counting(10), nullptr, random);
  EXPECT_EQ(task->test_reads(), 1);
}

TEST(DatasetTask, TestSamplesInfluenceNothingThatTrainingReads) {
  const TemporaryFolder folder;
  folder.write("train.csv", counting_table(60));
  folder.write("test_a.csv", "x,k\n1,a\n");
  folder.write("test_b.csv", "x,k\n1e6,b\n");
  const std::string yaml =
      "kind: classification\nsplit: {validation: 0.2}\ndata: {format: csv, path: train.csv, test_path: ";
  const auto a = make_task(yaml + "test_a.csv}\n", folder.path());
  const auto b = make_task(yaml + "test_b.csv}\n", folder.path());
  EXPECT_EQ(a->size(Split::test), 1);
  EXPECT_NE(a->identity(), b->identity());
  for (const Split split : {Split::train, Split::validation}) {
    Random random(0);
    ASSERT_EQ(a->size(split), b->size(split));
    const auto indices = counting(a->size(split));
    EXPECT_EQ(a->load(split, indices, nullptr, random).tensors.at("input"),
              b->load(split, indices, nullptr, random).tensors.at("input"));
  }
}

TEST(DatasetTask, IdentityNamesDataPreprocessingAndSplit) {
  const std::string base = kDigits + "split: {validation: 0.2, seed: 1}\n";
  std::set<std::string> identities = {make_task(base)->identity()};
  EXPECT_EQ(make_task(base)->identity(), *identities.begin());
  EXPECT_EQ(make_task(base + "metric: loss\n")->identity(),
            *identities.begin());  // the same numbers, another one first
  identities.insert(make_task(base + "normalize: range\n")->identity());
  identities.insert(make_task(kDigits + "split: {validation: 0.2, seed: 2}\n")->identity());
  identities.insert(make_task(kDigits + "split: {validation: 0.1, seed: 1}\n")->identity());
  identities.insert(make_task("kind: classification\ndata: {format: csv, path: digits/digits.csv.gz, shape: [8, "
                              "8]}\nsplit: {validation: 0.2, seed: 1}\n")
                        ->identity());
  EXPECT_EQ(identities.size(), 5U);
}

TEST(DatasetTask, LoadingIsDeterministicAlsoFromSeveralThreads) {
  const auto task = make_task(kDigits);
  const Recipe recipe{.crop_padding = 1, .horizontal_flip = true};
  const auto load = [&](uint64_t seed) {
    Random random = Random::stream(seed, "augment");
    return task->load(Split::train, counting(200), &recipe, random).tensors.at("input").hash();
  };
  std::vector<Hash128> alone;
  for (uint64_t seed = 0; seed < 8; ++seed) alone.push_back(load(seed));
  EXPECT_NE(alone[0], alone[1]);
  std::vector<Hash128> together(8);
  {
    std::vector<std::jthread> threads;
    for (uint64_t seed = 0; seed < 8; ++seed) threads.emplace_back([&, seed] { together[seed] = load(seed); });
  }
  EXPECT_EQ(together, alone);
}

TEST(DatasetTask, ErrorsPointAtTheConfiguration) {
  const auto message = [](const std::string& yaml) { return error_of([&] { make_task(yaml); }); };
  EXPECT_THAT(message("kind: classification\n"), HasSubstr("t.yaml:1:1: missing key task.data"));
  EXPECT_THAT(message("kind: classification\ndata: {path: x}\n"),
              HasSubstr("t.yaml:2:7: missing key task.data.format"));
  EXPECT_THAT(message("kind: classification\ndata: {format: csvv, path: x}\n"),
              HasSubstr("t.yaml:2:16: unknown data format 'csvv'; did you mean 'csv'?"));
  EXPECT_THAT(message("kind: classification\ndata: {format: csv, path: nowhere.csv}\n"),
              HasSubstr("t.yaml:2:27: cannot find 'nowhere.csv'; looked in"));
  EXPECT_THAT(message("kind: classification\ndata: {format: csv, path: digits/digits.csv.gz, labels: 3}\n"),
              HasSubstr("did you mean 'label'?"));
  EXPECT_THAT(message(kDigits + "split: {validation: 2}\n"),
              HasSubstr("t.yaml:3:21: task.split.validation: expected a number 0.0 .. 0.9, found 2"));
  EXPECT_THAT(message(kDigits + "metric: acuracy\n"), HasSubstr("did you mean 'accuracy'?"));
}

TEST(DatasetTask, PreprocessingTurnsRawDataIntoTheBatch) {
  const TemporaryFolder folder;
  folder.write("t.csv", "x,y,k\n1,10,a\n2,20,b\n3,30,a\n4,40,b\n5,50,a\n6,60,b\n");
  const auto task = make_task(
      "kind: classification\ndata: {format: csv, path: t.csv}\nsplit: {validation: 0.3, test: 0}\n", folder.path());
  const Json json = task->preprocessing();
  EXPECT_EQ(json["classes"], Json::array({"a", "b"}));
  EXPECT_EQ(json["columns"], Json::array({"x", "y"}));
  const Json input = json["inputs"][0];
  Random random(0);
  const std::vector<double> batch =
      task->load(Split::train, std::vector<int64_t>{0}, nullptr, random).tensors.at("input").numbers();
  const auto raw = [&](int k) {
    return (batch[static_cast<size_t>(k)] - input["shift"][static_cast<size_t>(k)].get<double>()) /
           input["scale"][static_cast<size_t>(k)].get<double>();
  };
  EXPECT_NEAR(raw(1), 10 * raw(0), 1e-4);
  EXPECT_NEAR(raw(0), std::round(raw(0)), 1e-5);
}

TEST(Regression, MetricsAreInUnitsOfTheTarget) {
  const TemporaryFolder folder;
  std::string table = "x,y\n";
  for (int i = 0; i < 40; ++i) table += std::to_string(i) + "," + std::to_string(1000 + 3 * i) + "\n";
  folder.write("t.csv", table);
  const auto task = make_task(
      "kind: regression\ndata: {format: csv, path: t.csv}\nsplit: {validation: 0.25, test: 0}\n", folder.path());
  Random random(0);
  const int64_t n = task->size(Split::validation);
  const Batch batch = task->load(Split::validation, counting(n), nullptr, random);
  const auto& target = batch.tensors.at("target");
  EXPECT_LT(std::fabs(target.numbers()[0]), 3);  // scaled for training
  const double deviation = task->preprocessing()["outputs"][0]["scale"][0].get<double>();

  const auto perfect = task->accumulator();
  perfect->add({{"prediction", target}}, batch);
  EXPECT_EQ(*perfect->result().at("rmse").value, 0);
  EXPECT_EQ(*perfect->result().at("r2").value, 1);

  Tensor off = target;  // alternately 2 above and 2 below, in the target's units
  auto values = off.mutable_values<float>();
  for (size_t i = 0; i < values.size(); ++i) values[i] += static_cast<float>((i % 2 == 0 ? 2 : -2) / deviation);
  const auto shifted = task->accumulator();
  shifted->add({{"prediction", off}}, batch);
  EXPECT_NEAR(*shifted->result().at("rmse").value, 2, 1e-4);
  EXPECT_NEAR(*shifted->result().at("mae").value, 2, 1e-4);

  double mean = 0;  // the mean of what is evaluated explains nothing
  for (const double z : target.numbers()) mean += z / static_cast<double>(n);
  Tensor constant = target;
  for (float& value : constant.mutable_values<float>()) value = static_cast<float>(mean);
  const auto baseline = task->accumulator();
  baseline->add({{"prediction", constant}}, batch);
  EXPECT_NEAR(*baseline->result().at("r2").value, 0, 1e-5);
}

TEST(DatasetTask, ReadsFashionMnist) {
  if (shared_data("fashion_mnist").empty()) GTEST_SKIP() << "no shared data on this machine (NACRE_DATA)";
  const auto task = make_task("kind: classification\ndata: {format: idx, path: fashion_mnist}\n",
                              shared_data("fashion_mnist").parent_path());
  EXPECT_EQ(task->size(Split::train), 54000);
  EXPECT_EQ(task->size(Split::validation), 6000);
  EXPECT_EQ(task->size(Split::test), 10000);
  // 0.2860 and 0.3530 are the known mean and deviation of all 60,000 training images, on a scale of 0..1.
  const Json input = task->preprocessing()["inputs"][0];
  const double deviation = 1 / input["scale"][0].get<double>();
  EXPECT_NEAR(deviation / 255, 0.3530, 0.001);
  EXPECT_NEAR(-input["shift"][0].get<double>() * deviation / 255, 0.2860, 0.001);
}

}  // namespace
}  // namespace nacre
