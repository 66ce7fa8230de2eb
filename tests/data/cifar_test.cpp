#include "nacre/data/cifar.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/data/data_test_support.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr size_t kPixels = 3072;

std::string record(std::string labels, char pixel) { return labels + std::string(kPixels, pixel); }

TEST(Cifar, ReadsFilesInOrder) {
  const TemporaryFolder folder;
  const auto a = folder.write("a.bin", record("\x03", 'a') + record("\x09", 'b'));
  const auto b = folder.write_gzip("b.bin.gz", record(std::string(1, '\0'), 'c'));
  const Dataset dataset = read_cifar(std::vector{a, b}, CifarVariant::cifar10);
  EXPECT_THAT(dataset.features.extents(), ElementsAre(3, 3, 32, 32));
  EXPECT_THAT(dataset.labels.integers(), ElementsAre(3, 9, 0));
  const auto pixels = dataset.features.values<uint8_t>();
  EXPECT_EQ(pixels[0], 'a');
  EXPECT_EQ(pixels[kPixels], 'b');
  EXPECT_EQ(pixels[3 * kPixels - 1], 'c');
}

TEST(Cifar, HundredHasTwoLabels) {
  const TemporaryFolder folder;
  const auto path = folder.write("a.bin", record("\x13\x63", 'a'));
  EXPECT_THAT(read_cifar(std::vector{path}, CifarVariant::cifar100_fine).labels.integers(), ElementsAre(99));
  EXPECT_THAT(read_cifar(std::vector{path}, CifarVariant::cifar100_coarse).labels.integers(), ElementsAre(19));
}

TEST(Cifar, RefusesPartialRecordsAndWrongLabels) {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& content) {
    const auto path = folder.write("x.bin", content);
    return error_of([&] { read_cifar(std::vector{path}, CifarVariant::cifar10); });
  };
  EXPECT_THAT(message(record("\x01", 'a') + "b"), HasSubstr("expected records of 3073 bytes, found 3074 bytes"));
  EXPECT_THAT(message(""), HasSubstr("found 0 bytes"));
  EXPECT_THAT(message(record("\x01", 'a') + record("\x0a", 'b')),
              HasSubstr("record 1 has label 10, expected less than 10"));
}

TEST(Cifar, ReadsTheRealOne) {
  const auto path = shared_data("cifar10_jpeg/test_batch.bin.gz");
  if (path.empty()) GTEST_SKIP() << "no shared data on this machine (NACRE_DATA)";
  const Dataset dataset = read_cifar(std::vector{path}, CifarVariant::cifar10);
  EXPECT_EQ(dataset.size(), 2000);
  std::vector<int64_t> counts(10, 0);
  for (const int64_t label : dataset.labels.integers()) ++counts[static_cast<size_t>(label)];
  EXPECT_EQ(counts, std::vector<int64_t>(10, 200));
}

}  // namespace
}  // namespace nacre
