#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "nacre/base/error.hpp"
#include "nacre/data/data_format.hpp"
#include "nacre/data/dataset.hpp"
#include "nacre/data/sampler.hpp"
#include "nacre/design/recipe.hpp"
#include "nacre/tasks/segmentation_metrics.hpp"
#include "nacre/tasks/task_registry.hpp"
#include "tests/data/data_test_support.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

std::filesystem::path source_folder() {
  const char* variable = std::getenv("NACRE_SOURCE_DIR");
  return variable == nullptr ? "." : variable;
}

std::unique_ptr<Task> make_task(const std::string& yaml) {
  const ConfigNode node = parse_config(yaml, "t.yaml");
  const auto& entry = task_registry().get(node.at("kind").as_text("kind"));
  return entry.make(resolve_options(node, entry.parameters, "task", {"kind"}), source_folder());
}

const std::string kDigits =
    "kind: segmentation\nnormalize: none\ndata: {format: textured_ground, size: [14, 12], of: {format: csv, path: "
    "digits/digits.csv.gz, shape: [1, 8, 8]}%}\n";

std::string digits(const std::string& more = "") {
  std::string text = kDigits;
  return text.replace(text.find('%'), 1, more);
}

std::vector<int64_t> counting(int64_t n) {
  std::vector<int64_t> indices(static_cast<size_t>(n));
  std::iota(indices.begin(), indices.end(), int64_t{0});
  return indices;
}

TEST(Segmentation, MasksCoverTheBrightFigure) {
  const auto task = make_task(digits());
  EXPECT_EQ(task->signature().outputs[0].extents, (std::vector<int64_t>{2, 14, 12}));
  Random random(0);
  const Batch batch = task->load(Split::train, counting(50), nullptr, random);
  const auto image = batch.tensors.at("input").values<float>();
  const auto mask = batch.tensors.at("mask").values<int64_t>();
  ASSERT_EQ(image.size(), mask.size());
  double inside = 0, outside = 0;
  int64_t figure = 0;
  for (size_t i = 0; i < mask.size(); ++i) {
    ASSERT_TRUE(mask[i] == 0 || mask[i] == 1);
    (mask[i] == 1 ? inside : outside) += static_cast<double>(image[i]);
    figure += mask[i];
  }
  EXPECT_GT(figure, 50 * 5);
  EXPECT_LT(figure, 50 * 64);
  EXPECT_GT(inside / static_cast<double>(figure),
            1.3 * outside / static_cast<double>(static_cast<int64_t>(mask.size()) - figure));
}

TEST(Segmentation, EachClassMayHaveItsOwnLabel) {
  const auto task = make_task(digits(", classes: each"));
  EXPECT_EQ(task->signature().outputs[0].extents[0], 11);
  Random random(0);
  const Batch batch = task->load(Split::train, counting(200), nullptr, random);
  const auto mask = batch.tensors.at("mask").values<int64_t>();
  for (int64_t k = 0; k <= 10; ++k) EXPECT_NE(std::ranges::find(mask, k), mask.end()) << k;
}

TEST(Segmentation, TheSeedNamesTheData) {
  EXPECT_EQ(make_task(digits())->identity(), make_task(digits())->identity());
  EXPECT_NE(make_task(digits())->identity(), make_task(digits(", seed: 1"))->identity());
}

// An image whose pixels are its mask: after any augmentation they still are.
TEST(Segmentation, AugmentationMovesImageAndMaskTogether) {
  constexpr int64_t kHeight = 7, kWidth = 9, kSamples = 20;
  Dataset dataset;
  UnsetTensor features = make_unset_tensor(ElementType::uint8, std::vector<int64_t>{kSamples, 1, kHeight, kWidth});
  UnsetTensor labels = make_unset_tensor(ElementType::uint8, std::vector<int64_t>{kSamples, kHeight, kWidth});
  Random drawn(1);
  for (int64_t i = 0; i < kSamples * kHeight * kWidth; ++i)
    features.bytes[i] = labels.bytes[i] = static_cast<std::byte>(1 + drawn.below(9));
  dataset.features = features.tensor;
  dataset.labels = labels.tensor;
  const Normalization identity{.scale = {1}, .shift = {0}, .fill = {0}};
  for (const Augmentation& augmentation :
       {Augmentation{2, true}, Augmentation{0, true}, Augmentation{3, false}, Augmentation{}}) {
    Random random(7);
    const Tensor masks = gather_masks(dataset, counting(kSamples), augmentation, random);
    const Tensor images = gather_features(dataset, counting(kSamples), identity, augmentation, random);
    for (int64_t i = 0; i < masks.elements(); ++i) {
      const int64_t label = masks.values<int64_t>()[static_cast<size_t>(i)];
      const float pixel = images.values<float>()[static_cast<size_t>(i)];
      ASSERT_EQ(pixel, label == kIgnoredPixel ? 0.0F : static_cast<float>(label));
    }
  }
}

TEST(Segmentation, MetricsEqualCountingByHand) {
  // Two classes, four pixels: predicted 0 0 1 1, wanted 0 1 1 and one that is not counted.
  const std::vector<float> logits = {2, 2, 0, 0, 0, 0, 3, 3};
  const std::vector<int64_t> wanted = {0, 1, 1, -100};
  Tensor prediction(ElementType::float32, {1, 2, 2, 2}), target(ElementType::int64, {1, 2, 2});
  std::ranges::copy(logits, prediction.mutable_values<float>().begin());
  std::ranges::copy(wanted, target.mutable_values<int64_t>().begin());
  auto accumulator = make_segmentation_accumulator(2, "logits", "mask");
  Batch batch;
  batch.tensors["mask"] = target;
  accumulator->add({{"logits", prediction}}, batch);
  const Metrics metrics = accumulator->result();
  EXPECT_DOUBLE_EQ(metric_value(metrics, "mean_iou").value(), (0.5 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(metric_value(metrics, "dice").value(), (2.0 / 3 + 2.0 / 3) / 2);
  EXPECT_DOUBLE_EQ(metric_value(metrics, "pixel_accuracy").value(), 2.0 / 3);
  const double loss = (std::log1p(std::exp(-2)) + 2 + std::log1p(std::exp(-2)) + std::log1p(std::exp(-3))) / 3;
  EXPECT_NEAR(metric_value(metrics, "loss").value(), loss, 1e-6);
}

TEST(Segmentation, MasksAreWholeNumbersOfAByte) {
  Tensor numbers(ElementType::float32, {2, 1, 1, 2});
  const auto values = numbers.mutable_values<float>();
  std::ranges::copy(std::vector<float>{0, 1, 254, 255}, values.begin());
  const Tensor masks = mask_labels(numbers, "masks.npy");
  EXPECT_EQ(masks.extents(), (std::vector<int64_t>{2, 1, 2}));
  EXPECT_EQ(masks.values<uint8_t>()[3], 255);
  for (const float wrong : {-1.0F, 256.0F, 0.5F}) {
    values[2] = wrong;
    EXPECT_THAT([&] { mask_labels(numbers, "masks.npy"); },
                testing::ThrowsMessage<UserError>(HasSubstr("a pixel of mask 1 is")));
  }
  EXPECT_THAT(
      [] {
        mask_labels(Tensor(ElementType::float32, {2, 2}), "masks.npy");
      },
      testing::ThrowsMessage<UserError>(HasSubstr("expected masks of shape [N,height,width], found [2,2]")));
}

TEST(Segmentation, MasksOfAnotherSizeAreRefused) {
  Dataset dataset;
  dataset.source = "pairs";
  dataset.features = Tensor(ElementType::uint8, {1, 1, 4, 4});
  dataset.labels = Tensor(ElementType::uint8, {1, 4, 5});
  dataset.class_names = {"a"};
  EXPECT_THAT([&] { check_dataset(dataset); },
              testing::ThrowsMessage<UserError>(HasSubstr("height and width have to agree")));
}

TEST(Segmentation, DataWithoutMasksAreRefused) {
  EXPECT_THAT(
      [] { make_task("kind: segmentation\ndata: {format: csv, path: digits/digits.csv.gz, shape: [1, 8, 8]}\n"); },
      testing::ThrowsMessage<UserError>(HasSubstr("has no masks")));
  EXPECT_THAT(
      [] {
        make_task(
            "kind: classification\ndata: {format: textured_ground, of: {format: csv, path: digits/digits.csv.gz, "
            "shape: [1, 8, 8]}}\n");
      },
      testing::ThrowsMessage<UserError>(HasSubstr("for the task segmentation")));
  EXPECT_THAT(
      [] {
        make_task(
            "kind: segmentation\ndata: {format: textured_ground, size: [6, 8], of: {format: csv, path: "
            "digits/digits.csv.gz, shape: [1, 8, 8]}}\n");
      },
      testing::ThrowsMessage<UserError>(HasSubstr("do not fit a ground of 6 x 8")));
}

}  // namespace
}  // namespace nacre
