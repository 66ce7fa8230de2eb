#include "nacre/base/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include "nacre/base/error.hpp"
#include "nacre/base/json.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

template <class Work>
std::string error_of(Work work) {
  try {
    work();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

class Files : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("nacre-file-test-" + std::to_string(getpid()));
};

TEST_F(Files, AreReplacedWholeAndLeaveNothingBeside) {
  const auto path = folder_ / "new" / "a.txt";  // the folder is made
  for (const std::string& content : {std::string("first"), std::string(100'000, 'x'), std::string()}) {
    write_file_atomically(path, content);
    EXPECT_EQ(read_file(path), content);
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path.parent_path()), {}), 1);
}

TEST_F(Files, LimitsHoldForPlainAndCompressedContent) {
  const auto path = folder_ / "zeros.gz";
  gzFile file = gzopen(path.c_str(), "wb");
  const std::string zeros(1 << 20, '\0');
  ASSERT_EQ(gzwrite(file, zeros.data(), static_cast<unsigned>(zeros.size())), 1 << 20);
  gzclose(file);
  EXPECT_EQ(read_possibly_gzipped_file(path), zeros);
  EXPECT_NE(error_of([&] { read_possibly_gzipped_file(path, 1 << 16); }), "");  // a thousand times its size on disk
  EXPECT_NE(error_of([&] { read_file(path, 100); }), "");
  EXPECT_THAT(error_of([&] { read_file(folder_ / "none"); }), HasSubstr("none"));
}

TEST(ParseJson, SaysWhereItIsWrong) {
  EXPECT_EQ(parse_json("{\"a\": [1, 2]}", "x.json"), (Json{{"a", {1, 2}}}));
  EXPECT_THAT(error_of([] { parse_json("{\n \"a\": oops}", "x.json"); }), HasSubstr("x.json:2:"));
  EXPECT_THAT(error_of([] { parse_json("", "x.json"); }), HasSubstr("x.json"));
}

TEST(ParseJson, RefusesNumbersThatNoDoubleHolds) {
  EXPECT_THAT(error_of([] { parse_json("28e3575148", "x.json"); }), HasSubstr("x.json: invalid JSON"));
  EXPECT_EQ(parse_json("1e-400", "x.json"), Json(0.0));
}

}  // namespace
}  // namespace nacre
