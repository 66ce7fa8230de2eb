#include "nacre/data/idx.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/data/data_test_support.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string idx_header(uint8_t type, std::vector<uint32_t> extents) {
  std::string bytes = {0, 0, static_cast<char>(type), static_cast<char>(extents.size())};
  for (const uint32_t extent : extents) bytes += big_endian(extent);
  return bytes;
}

Tensor read_bytes(const std::string& bytes) { return read_idx(*open_memory_reader(bytes, "x.idx")); }

TEST(Idx, ReadsBytesPlainAndGzip) {
  const TemporaryFolder folder;
  const std::string bytes = idx_header(0x08, {2, 1, 3}) + std::string("\x01\x02\x03\x04\x05\xff", 6);
  for (const auto& path : {folder.write("a.idx", bytes), folder.write_gzip("b.idx.gz", bytes)}) {
    const Tensor tensor = read_idx(path);
    EXPECT_THAT(tensor.extents(), ElementsAre(2, 1, 3));
    EXPECT_EQ(tensor.type(), ElementType::uint8);
    EXPECT_THAT(tensor.integers(), ElementsAre(1, 2, 3, 4, 5, 255));
  }
}

TEST(Idx, ReadsBigEndianNumbers) {
  EXPECT_THAT(read_bytes(idx_header(0x0c, {2}) + big_endian(7) + big_endian(0xfffffffe)).integers(),
              ElementsAre(7, -2));
  EXPECT_THAT(read_bytes(idx_header(0x0b, {2}) + std::string("\x01\x00\xff\xff", 4)).integers(), ElementsAre(256, -1));
  EXPECT_THAT(read_bytes(idx_header(0x0d, {1}) + big_endian(0x3fc00000)).numbers(), ElementsAre(1.5));
  EXPECT_THAT(read_bytes(idx_header(0x0e, {1}) + big_endian(0x40040000) + big_endian(0)).numbers(), ElementsAre(2.5));
}

TEST(Idx, RefusesWhatIsNotIdx) {
  EXPECT_THAT(error_of([] { read_bytes("PK\x03\x04....."); }), HasSubstr("'x.idx': not an IDX file"));
  EXPECT_THAT(error_of([] { read_bytes(idx_header(0x07, {1}) + "a"); }), HasSubstr("not an IDX file"));
  EXPECT_THAT(error_of([] {
                read_bytes(idx_header(0x08, {1, 1, 1, 1, 1, 1, 1, 1, 1}) + "a");
              }),
              HasSubstr("declares 9 dimensions"));
  EXPECT_THAT(error_of([] { read_bytes("\0\0"); }), HasSubstr("the file ends inside the header"));
}

TEST(Idx, RefusesTruncatedAndOverlongFiles) {
  EXPECT_THAT(error_of([] { read_bytes(idx_header(0x08, {4}) + "abc"); }),
              HasSubstr("declares 4 bytes of elements, more than the file can hold (3)"));
  EXPECT_THAT(error_of([] { read_bytes(idx_header(0x08, {2}) + "abc"); }), HasSubstr("more bytes follow"));
  const TemporaryFolder folder;
  const auto path = folder.write_gzip("t.gz", idx_header(0x08, {60}) + "abc");
  EXPECT_THAT(error_of([&] { read_idx(path); }),
              HasSubstr("the file ends inside the elements: expected 60 bytes, found 3"));
  const auto zeros = folder.write_gzip("z.gz", idx_header(0x08, {100000}) + std::string(100000, '\0'));
  const std::string half = [&] {
    std::ifstream stream(zeros, std::ios::binary);
    std::string all((std::istreambuf_iterator<char>(stream)), {});
    return all.substr(0, all.size() / 2);
  }();
  EXPECT_THAT(error_of([&] { read_idx(folder.write("cut.gz", half)); }), HasSubstr("cut.gz': "));
}

TEST(Idx, RefusesHugeDeclarationsBeforeAllocating) {
  const uint32_t huge = 0xffffffff;
  EXPECT_THAT(error_of([&] {
                read_bytes(idx_header(0x0e, {huge, huge, huge}) + "a");
              }),
              HasSubstr("more elements than can be held"));
  EXPECT_THAT(error_of([&] { read_bytes(idx_header(0x08, {huge}) + "a"); }), HasSubstr("more than the file can hold"));
  const TemporaryFolder folder;
  const auto path = folder.write_gzip("bomb.gz", idx_header(0x08, {huge}) + "a");
  EXPECT_THAT(error_of([&] { read_idx(path); }), HasSubstr("more than the file can hold"));
}

TEST(Idx, EveryPrefixOfAFileIsRefused) {
  const std::string bytes = idx_header(0x0b, {2, 2}) + std::string(8, 'x');
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(error_of([&] { read_bytes(bytes.substr(0, size)); }), "no error") << size;
  EXPECT_EQ(error_of([&] { read_bytes(bytes); }), "no error");
}

}  // namespace
}  // namespace nacre
