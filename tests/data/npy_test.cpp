#include "nacre/data/npy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/data/zip_archive.hpp"
#include "tests/data/data_test_support.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string little_endian(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

std::string npy(const std::string& dictionary, const std::string& content, int version = 1) {
  return std::string("\x93NUMPY") + static_cast<char>(version) + '\0' +
         little_endian(dictionary.size(), version == 1 ? 2 : 4) + dictionary + content;
}

std::string dictionary(const std::string& descr, const std::string& shape, const std::string& fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }      \n";
}

Tensor read_bytes(const std::string& bytes) { return read_npy(*open_memory_reader(bytes, "x.npy")); }

struct ZipEntry {
  std::string name;
  std::string content;
  bool deflated = false;
};

std::string deflate_raw(const std::string& content) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(content.size() + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string zip(const std::vector<ZipEntry>& entries, uint64_t size_lie = 0) {
  std::string body;
  std::string directory;
  for (const ZipEntry& entry : entries) {
    const std::string packed = entry.deflated ? deflate_raw(entry.content) : entry.content;
    const auto crc =
        crc32(0, reinterpret_cast<const Bytef*>(entry.content.data()), static_cast<uInt>(entry.content.size()));
    const uint64_t size = size_lie != 0 ? size_lie : entry.content.size();
    const std::string common = little_endian(20, 2) + little_endian(0, 2) + little_endian(entry.deflated ? 8 : 0, 2) +
                               little_endian(0, 4) + little_endian(crc, 4) + little_endian(packed.size(), 4) +
                               little_endian(size, 4) + little_endian(entry.name.size(), 2);
    directory += "PK\x01\x02" + little_endian(20, 2) + common + little_endian(0, 2) + little_endian(0, 2) +
                 little_endian(0, 4) + little_endian(0, 4) + little_endian(body.size(), 4) + entry.name;
    body += "PK\x03\x04" + common + little_endian(0, 2) + entry.name + packed;
  }
  return body + directory + "PK\x05\x06" + little_endian(0, 4) + little_endian(entries.size(), 2) +
         little_endian(entries.size(), 2) + little_endian(directory.size(), 4) + little_endian(body.size(), 4) +
         little_endian(0, 2);
}

TEST(Npy, ReadsVersionsAndTypes) {
  for (const int version : {1, 2, 3}) {
    const Tensor tensor =
        read_bytes(npy(dictionary("<i2", "(2, 2)"), std::string("\x01\0\x02\0\xff\xff\0\x01", 8), version));
    EXPECT_EQ(tensor.type(), ElementType::int16);
    EXPECT_THAT(tensor.integers(), ElementsAre(1, 2, -1, 256));
  }
  EXPECT_THAT(read_bytes(npy(dictionary("|b1", "(2,)"), std::string("\x01\0", 2))).integers(), ElementsAre(1, 0));
  EXPECT_THAT(read_bytes(npy(dictionary(">f4", "(1,)"), big_endian(0x3fc00000))).numbers(), ElementsAre(1.5));
  EXPECT_THAT(read_bytes(npy(dictionary("<f2", "(1,)"), little_endian(0x3c00, 2))).numbers(), ElementsAre(1.0));
  EXPECT_THAT(read_bytes(npy(dictionary("<u8", "()"), little_endian(9, 8))).integers(), ElementsAre(9));
  EXPECT_THAT(read_bytes(npy(dictionary("<i8", "(1L,)"), little_endian(9, 8))).extents(), ElementsAre(1));
}

TEST(Npy, FortranOrderIsTransposed) {
  // [[1,2,3],[4,5,6]] column by column.
  const Tensor tensor =
      read_bytes(npy(dictionary("|u1", "(2, 3)", "True"), std::string("\x01\x04\x02\x05\x03\x06", 6)));
  EXPECT_THAT(tensor.extents(), ElementsAre(2, 3));
  EXPECT_THAT(tensor.integers(), ElementsAre(1, 2, 3, 4, 5, 6));
  std::string bytes(24, '\0');  // shape (2, 3, 4): element (i, j, k) at i + 2j + 6k holds 12i + 4j + k
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 3; ++j) {
      for (int k = 0; k < 4; ++k) bytes[static_cast<size_t>(i + 2 * j + 6 * k)] = static_cast<char>(12 * i + 4 * j + k);
    }
  }
  std::vector<int64_t> counting(24);
  for (size_t i = 0; i < 24; ++i) counting[i] = static_cast<int64_t>(i);
  EXPECT_EQ(read_bytes(npy(dictionary("|u1", "(2, 3, 4)", "True"), bytes)).integers(), counting);
}

TEST(Npy, RefusesWhatItCannotRead) {
  EXPECT_THAT(error_of([] { read_bytes("not numpy at all"); }), HasSubstr("'x.npy': not an NPY file"));
  EXPECT_THAT(error_of([] { read_bytes(npy(dictionary("|O", "(1,)"), "x")); }),
              HasSubstr("element type '|O' is not supported"));
  EXPECT_THAT(
      error_of([] { read_bytes(npy("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,), }", "x")); }),
      HasSubstr("holds records"));
  EXPECT_THAT(error_of([] { read_bytes(npy(dictionary("<i4", "(1,)"), "x", 4)); }), HasSubstr("NPY version 4"));
  EXPECT_THAT(error_of([] { read_bytes(npy("{'descr': '<i4'", "x")); }), HasSubstr("malformed NPY header"));
  EXPECT_THAT(error_of([] { read_bytes(npy(dictionary("<i4", "(-1,)"), "x")); }), HasSubstr("malformed NPY header"));
  EXPECT_THAT(error_of([] { read_bytes(npy(dictionary("<i4", "(2,)"), "1234")); }),
              HasSubstr("declares 8 bytes of elements"));
  EXPECT_THAT(error_of([] { read_bytes(npy(dictionary("<i4", "(99999999999, 99999999999)"), "1234")); }),
              HasSubstr("more elements than can be held"));
  EXPECT_THAT(error_of([] { read_bytes(npy(dictionary("<i4", "(1,)"), "12345")); }), HasSubstr("more bytes follow"));
}

TEST(Npz, ReadsStoredAndDeflatedEntries) {
  const TemporaryFolder folder;
  const std::string a = npy(dictionary("|u1", "(3,)"), "\x01\x02\x03");
  const std::string b = npy(dictionary("|u1", "(1000,)"), std::string(1000, '\x07'));
  const auto path = folder.write("x.npz", zip({{"a.npy", a}, {"b.npy", b, true}, {"readme.txt", "hello"}}));
  const auto arrays = read_npz(path);
  ASSERT_EQ(arrays.size(), 2U);
  EXPECT_THAT(arrays.at("a").integers(), ElementsAre(1, 2, 3));
  EXPECT_EQ(arrays.at("b").integers(), std::vector<int64_t>(1000, 7));
}

TEST(Npz, DamageIsNamed) {
  const TemporaryFolder folder;
  const std::string good = zip({{"a.npy", npy(dictionary("|u1", "(64,)"), std::string(64, 'q')), true}});
  EXPECT_THAT(error_of([&] { read_npz(folder.write("short.npz", "PK")); }), HasSubstr("not a ZIP archive: too short"));
  EXPECT_THAT(error_of([&] { read_npz(folder.write("cut.npz", good.substr(0, good.size() - 30))); }),
              HasSubstr("cut off: no directory"));
  const std::string lie = zip({{"a.npy", std::string(64, 'q'), true}}, 0xfffffff0);
  EXPECT_THAT(error_of([&] { read_npz(folder.write("bomb.npz", lie)); }), HasSubstr("declares an impossible size"));
  std::string flipped = good;
  flipped[60] = static_cast<char>(flipped[60] ^ 0x55);
  EXPECT_THAT(error_of([&] { read_npz(folder.write("flip.npz", flipped)); }), HasSubstr("flip.npz"));
}

TEST(Npz, NoByteFlipCrashes) {
  const std::string good = zip({{"a.npy", npy(dictionary("<i2", "(8,)"), std::string(16, 'q')), true},
                                {"b.npy", npy(dictionary("<i2", "(1,)"), "ab")}});
  int refused = 0;
  for (size_t at = 0; at < good.size(); ++at) {
    for (const unsigned char mask : {0x01U, 0x80U, 0xffU}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ mask);
      const std::string message = error_of([&] {
        const ZipArchive archive(bad, "bad");
        for (const std::string& name : archive.names()) read_npy(*open_memory_reader(archive.read(name), name));
      });
      refused += message == "no error" ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 500);  // the rest hit dates and other fields that mean nothing here
}

TEST(Npy, ReadsFilesWrittenByNumPy) {
  const auto path = shared_data("ofa_note10/acc_predictor.0.weight.npy");
  if (path.empty()) GTEST_SKIP() << "no shared data on this machine (NACRE_DATA)";
  const Tensor tensor = read_npy(path);
  EXPECT_EQ(tensor.type(), ElementType::float32);
  EXPECT_THAT(tensor.extents(), ElementsAre(400, 128));
}

TEST(Npy, WhatIsWrittenIsReadBackBitForBit) {
  const Tensor tensors[] = {Tensor::of<float>({2, 3}, {1.5F, -0.0F, 3e-39F, INFINITY, 0.1F, 7}),
                            Tensor::of<int64_t>({3}, {1, -2, int64_t{1} << 40}),
                            Tensor::scalar<double>(0.1),
                            Tensor::of<uint8_t>({1, 2, 2}, {0, 1, 254, 255}),
                            Tensor(ElementType::float32, {0, 4}),
                            Tensor::of<float>({2}, {0.1F, 65504}).cast(ElementType::float16)};
  for (const Tensor& tensor : tensors) {
    const std::string text = npy_text(tensor);
    EXPECT_EQ((text.size() - static_cast<size_t>(tensor.bytes())) % 64, 0u);
    EXPECT_TRUE(read_bytes(text) == tensor) << text.substr(10, 80);
  }
  const TemporaryFolder folder;
  write_npy(folder.path() / "a.npy", tensors[0]);
  EXPECT_TRUE(read_npy(folder.path() / "a.npy") == tensors[0]);
}

TEST(Npy, WritingAnElementTypeThatNumPyLacksIsAnError) {
  EXPECT_EQ(error_of([] { npy_text(Tensor(ElementType::bfloat16, {1})); }), "NPY has no element type for bfloat16");
}

}  // namespace
}  // namespace nacre
