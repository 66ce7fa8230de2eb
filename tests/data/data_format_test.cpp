#include "nacre/data/data_format.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/data/npy.hpp"
#include "tests/data/data_test_support.hpp"
#include "tests/data/image_test_files.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string idx(uint8_t type, std::vector<uint32_t> extents, const std::string& content) {
  std::string bytes = {0, 0, static_cast<char>(type), static_cast<char>(extents.size())};
  for (const uint32_t extent : extents) bytes += big_endian(extent);
  return bytes + content;
}

std::string npy(const std::string& descr, const std::string& shape, const std::string& content) {
  const std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
  return std::string("\x93NUMPY\x01\0", 8) + static_cast<char>(header.size()) + '\0' + header + content;
}

class DataFormat : public testing::Test {
 protected:
  LoadedData load(const std::string& yaml, LabelKind labels = LabelKind::classes) {
    return load_data(parse_config(yaml, "c.yaml"), {DataPaths::of_roots({folder_.path()}), labels});
  }
  std::string message(const std::string& yaml) {
    return error_of([&] { load(yaml); });
  }
  TemporaryFolder folder_;
};

TEST_F(DataFormat, EveryRecordIsDocumented) {
  for (const auto& entry : data_format_registry().entries()) {
    EXPECT_FALSE(entry.summary.empty()) << entry.name;
    const ConfigNode example = parse_config(entry.example, entry.name);
    EXPECT_EQ(example.at("format").as_text("format"), entry.name);
    EXPECT_NO_THROW(resolve_options(example, entry.parameters, entry.name, {"format"}));
  }
}

TEST_F(DataFormat, IdxFindsTheFilesOfAFolder) {
  folder_.write_gzip("m/train-images-idx3-ubyte.gz", "");
  folder_.write("m/train-images-idx3-ubyte", idx(8, {3, 2, 2}, "abcdefghijkl"));
  folder_.write("m/train-labels-idx1-ubyte", idx(8, {3}, std::string("\x01\x00\x02", 3)));
  EXPECT_FALSE(load("{format: idx, path: m}").test.has_value());
  folder_.write("m/t10k-images.idx3-ubyte", idx(8, {1, 2, 2}, "mnop"));
  EXPECT_THAT(message("{format: idx, path: m}"), HasSubstr("test_images and test_labels go together"));
  folder_.write("m/t10k-labels.idx1-ubyte", idx(8, {1}, "\x03"));
  const LoadedData data = load("{format: idx, path: m}");
  EXPECT_THAT(data.pool.features.extents(), ElementsAre(3, 1, 2, 2));
  EXPECT_EQ(data.pool.features.type(), ElementType::uint8);
  EXPECT_THAT(data.pool.labels.integers(), ElementsAre(1, 0, 2));
  EXPECT_EQ(data.pool.class_count(), 4);  // the test set has class 3
  EXPECT_EQ(data.test->size(), 1);
}

TEST_F(DataFormat, IdxNamesWhatDoesNotFit) {
  folder_.write("i", idx(8, {3, 2, 2}, "abcdefghijkl"));
  folder_.write("l", idx(8, {2}, std::string("\x01\x00", 2)));
  EXPECT_THAT(message("{format: idx, images: i, labels: l}"), HasSubstr("3 samples but 2 labels"));
  EXPECT_THAT(message("{format: idx, images: i}"), HasSubstr("expected path (a folder), or both images and labels"));
  std::filesystem::create_directories(folder_.path() / "empty");
  EXPECT_THAT(message("{format: idx, path: empty}"), HasSubstr("c.yaml:1:21: '"));
  folder_.write("f", idx(0x0d, {3}, big_endian(0x3fc00000) + big_endian(0) + big_endian(0)));
  EXPECT_THAT(message("{format: idx, images: i, labels: f}"),
              HasSubstr("label of sample 0 is 1.5, expected a class index"));
}

TEST_F(DataFormat, CifarFindsTheFilesOfAFolder) {
  for (const char* name : {"c/data_batch_2.bin", "c/data_batch_1.bin", "c/test_batch.bin"}) {
    folder_.write(name, std::string(1, name[13] == '2' ? '\x02' : '\x01') + std::string(3072, 'p'));
  }
  const LoadedData data = load("{format: cifar10, path: c}");
  EXPECT_THAT(data.pool.labels.integers(), ElementsAre(1, 2));
  EXPECT_EQ(data.pool.class_names[3], "cat");
  EXPECT_EQ(data.test->size(), 1);
  folder_.write("c/batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  EXPECT_EQ(load("{format: cifar10, path: c}").pool.class_names[3], "d");
  EXPECT_THAT(message("{format: cifar100, path: c}"), HasSubstr("no train.bin[.gz] in this folder"));
}

TEST_F(DataFormat, NpyTakesFilesAndLayouts) {
  folder_.write("x.npy", npy("|u1", "(2, 2, 2, 3)", "abcdefghijklmnopqrstuvwx"));
  folder_.write("y.npy", npy("|u1", "(2, 2)", std::string("\x01\0\0\x01", 4)));
  const LoadedData data = load("{format: npy, features: x.npy, labels: y.npy}");
  EXPECT_THAT(data.pool.features.extents(), ElementsAre(2, 3, 2, 2));  // channels were last
  EXPECT_THAT(data.pool.labels.integers(), ElementsAre(0, 1));         // one-hot
  EXPECT_EQ(data.pool.features.number_at(1), 'd');
  EXPECT_THAT(load("{format: npy, features: x.npy, labels: y.npy, layout: channels_first}").pool.features.extents(),
              ElementsAre(2, 2, 2, 3));
  const LoadedData numbers = load_data(parse_config("{format: npy, features: x.npy, labels: y.npy}", "c.yaml"),
                                       {DataPaths::of_roots({folder_.path()}), LabelKind::numbers});
  EXPECT_THAT(numbers.pool.labels.extents(), ElementsAre(2, 2));
  folder_.write("z.npy", npy("|u1", "(2, 2)", std::string("\x01\x01\0\x01", 4)));
  EXPECT_THAT(message("{format: npy, features: x.npy, labels: z.npy}"), HasSubstr("sample 0 is not one-hot"));
}

TEST_F(DataFormat, ImageFolderFindsTrainAndTest) {
  for (const char* name : {"f/train/a/1.png", "f/train/b/1.png", "f/test/b/1.png"})
    folder_.write(name, encode_png(gradient_image({4, 4}, 3)));
  const LoadedData data = load("{format: image_folder, path: f, size: 2}");
  EXPECT_THAT(data.pool.features.extents(), ElementsAre(2, 3, 2, 2));
  EXPECT_THAT(data.test->labels.integers(), ElementsAre(1));
}

TEST_F(DataFormat, TestSetOfAnotherShapeIsRefused) {
  folder_.write("a.csv", "1,2,0\n3,4,1\n");
  folder_.write("i", idx(8, {2, 2, 2}, "abcdefgh"));
  folder_.write("j", idx(8, {1, 2, 3}, "abcdef"));
  folder_.write("l", idx(8, {2}, std::string("\x01\x00", 2)));
  folder_.write("m", idx(8, {1}, "\x01"));
  EXPECT_THAT(message("{format: idx, images: i, labels: l, test_images: j, test_labels: m}"),
              HasSubstr("test samples have shape [1,2,3], training samples [1,2,2]"));
}

TEST(DataPaths, LooksInOrderAndSaysWhere) {
  const TemporaryFolder first;
  const TemporaryFolder second;
  second.write_gzip("d/x.csv.gz", "1");
  const DataPaths paths = DataPaths::of_roots({first.path(), second.path()});
  EXPECT_EQ(paths.find("d/x.csv"), second.path() / "d/x.csv.gz");
  first.write("d/x.csv", "2");
  EXPECT_EQ(paths.find("d/x.csv"), first.path() / "d/x.csv");
  EXPECT_EQ(paths.find((second.path() / "d").string()), second.path() / "d");
  const std::string message = error_of([&] { paths.find("nothing", {"c.yaml", 3, 9}); });
  EXPECT_THAT(message, HasSubstr("c.yaml:3:9: cannot find 'nothing'; looked in " + first.path().string() + ", " +
                                 second.path().string()));
  EXPECT_THAT(error_of([&] { paths.find("/no/such/file"); }), HasSubstr("no such file or folder: '/no/such/file'"));
}

TEST(DataPaths, TheConfigurationsFolderComesFirstThenTheVariable) {
  const TemporaryFolder folder;
  const TemporaryFolder variable;
  const char* before = std::getenv("NACRE_DATA");
  const std::string kept = before == nullptr ? "" : before;
  setenv("NACRE_DATA", variable.path().c_str(), 1);
  const DataPaths paths(folder.path());
  if (before == nullptr) {
    unsetenv("NACRE_DATA");
  } else {
    setenv("NACRE_DATA", kept.c_str(), 1);
  }
  ASSERT_GE(paths.roots().size(), 2U);
  EXPECT_EQ(paths.roots()[0], folder.path());
  EXPECT_EQ(paths.roots()[1], variable.path());
}

}  // namespace
}  // namespace nacre
