#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/data/data_format.hpp"
#include "tests/data/data_test_support.hpp"
#include "tests/data/image_test_files.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

LoadedData load(const TemporaryFolder& folder, const std::string& more, LabelKind labels = LabelKind::masks) {
  const ConfigNode section =
      parse_config("{format: image_masks, images: images, masks: masks, color: gray" + more + "}", "t.yaml");
  return load_data(section, {DataPaths::of_roots({folder.path()}), labels});
}

void write_pair(const TemporaryFolder& folder, const std::string& name, const Image& image, const Image& mask) {
  folder.write("images/" + name + ".png", encode_png(image));
  folder.write("masks/" + name + ".png", encode_png(mask));
}

const Image kImage = gradient_image({2, 3}, 1);

TEST(ImageMasks, PairsAreReadByName) {
  TemporaryFolder folder;
  write_pair(folder, "b", kImage, {{2, 3}, 1, {0, 1, 2, 0, 1, 2}});
  write_pair(folder, "a", gradient_image({2, 3}, 1), {{2, 3}, 1, {2, 2, 2, 0, 0, 0}});
  const LoadedData data = load(folder, "");
  EXPECT_EQ(data.pool.features.extents(), (std::vector<int64_t>{2, 1, 2, 3}));
  EXPECT_EQ(data.pool.class_count(), 3);
  const auto labels = data.pool.labels.values<uint8_t>();
  EXPECT_THAT(std::vector<int>(labels.begin(), labels.end()), testing::ElementsAre(2, 2, 2, 0, 0, 0, 0, 1, 2, 0, 1, 2));
}

TEST(ImageMasks, BinaryMasksAndNames) {
  TemporaryFolder folder;
  write_pair(folder, "a", kImage, {{2, 3}, 1, {0, 127, 128, 255, 0, 0}});
  const LoadedData data = load(folder, ", values: binary, classes: [ground, cell]");
  const auto labels = data.pool.labels.values<uint8_t>();
  EXPECT_THAT(std::vector<int>(labels.begin(), labels.end()), testing::ElementsAre(0, 0, 1, 1, 0, 0));
  EXPECT_THAT(data.pool.class_names, testing::ElementsAre("ground", "cell"));
}

TEST(ImageMasks, ResizingMixesNoClasses) {
  TemporaryFolder folder;
  write_pair(folder, "a", gradient_image({2, 2}, 1), {{2, 2}, 1, {0, 5, 9, 0}});
  const LoadedData data = load(folder, ", size: [4, 4]");
  const auto labels = data.pool.labels.values<uint8_t>();
  EXPECT_THAT(std::vector<int>(labels.begin(), labels.end()),
              testing::ElementsAre(0, 0, 5, 5, 0, 0, 5, 5, 9, 9, 0, 0, 9, 9, 0, 0));
}

TEST(ImageMasks, WhatDoesNotFitIsRefusedByName) {
  {
    TemporaryFolder folder;
    folder.write("images/a.png", encode_png(kImage));
    folder.write("masks/other.png", encode_png(kImage));
    EXPECT_THAT([&] { load(folder, ""); }, testing::ThrowsMessage<UserError>(HasSubstr("no mask")));
  }
  {
    TemporaryFolder folder;
    write_pair(folder, "a", kImage, {{3, 2}, 1, {0, 0, 0, 0, 0, 0}});
    EXPECT_THAT([&] { load(folder, ""); }, testing::ThrowsMessage<UserError>(HasSubstr("another size than its image")));
  }
  {
    TemporaryFolder folder;
    write_pair(folder, "a", kImage, {{2, 3}, 1, {0, 0, 0, 0, 0, 0}});
    write_pair(folder, "b", gradient_image({4, 4}, 1), gradient_image({4, 4}, 1));
    EXPECT_THAT([&] { load(folder, ""); }, testing::ThrowsMessage<UserError>(HasSubstr("images differ in size")));
    EXPECT_THAT([&] { load(folder, "", LabelKind::classes); },
                testing::ThrowsMessage<UserError>(HasSubstr("for the task segmentation")));
  }
}

}  // namespace
}  // namespace nacre
