#include "nacre/base/tar.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

std::string header(const std::string& name, size_t size, char type, const std::string& prefix = "") {
  std::string block(512, '\0');
  std::copy(name.begin(), name.end(), block.begin());
  std::snprintf(block.data() + 124, 12, "%011zo", size);
  block[156] = type;
  std::memcpy(block.data() + 257, "ustar", 5);
  std::copy(prefix.begin(), prefix.end(), block.begin() + 345);
  std::fill_n(block.begin() + 148, 8, ' ');
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  std::snprintf(block.data() + 148, 8, "%06o", sum);
  return block;
}

std::string padded(std::string content) {
  content.resize((content.size() + 511) / 512 * 512);
  return content;
}

std::string entry(const std::string& name, const std::string& content, char type = '0',
                  const std::string& prefix = "") {
  return header(name, content.size(), type, prefix) + padded(content);
}

std::string message_of(const std::string& archive) {
  try {
    read_tar(archive, "a.tar");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Tar, ListsRegularFilesInOrder) {
  const std::string archive = entry("./b/", "", '5') + entry("./b/x", "hello") + entry("a", "") +
                              entry("link", "", '2') + entry("deep", std::string(1000, 'z'), '0', "some/folder") +
                              std::string(1024, '\0');
  const std::vector<TarEntry> entries = read_tar(archive, "a.tar");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].path, "b/x");
  EXPECT_EQ(entries[0].content, "hello");
  EXPECT_EQ(entries[1].path, "a");
  EXPECT_EQ(entries[1].content, "");
  EXPECT_EQ(entries[2].path, "some/folder/deep");
  EXPECT_EQ(entries[2].content.size(), 1000u);
}

TEST(Tar, TakesLongNamesOfGnuAndPax) {
  const std::string name(200, 'n');
  std::string record = " path=" + name + "\n";
  record = std::to_string(record.size() + 3) + record;
  const std::string archive = entry("././@LongLink", name + '\0', 'L') + entry("cut", "1") +
                              entry("pax", "9 abc=de\n" + record, 'x') + entry("cut", "2") + entry("short", "3");
  const std::vector<TarEntry> entries = read_tar(archive, "a.tar");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].path, name);
  EXPECT_EQ(entries[1].path, name);
  EXPECT_EQ(entries[1].content, "2");
  EXPECT_EQ(entries[2].path, "short");
}

TEST(Tar, RefusesWhatIsCutOffOrNoArchive) {
  const std::string archive = entry("file", std::string(600, 'x'));
  EXPECT_EQ(message_of(archive.substr(0, 700)), "a.tar: 'file' has 600 bytes, but the archive ends after 188");
  EXPECT_EQ(message_of(archive.substr(0, 100)), "a.tar: the archive ends within a header");
  EXPECT_EQ(message_of(std::string(600, 'x')).find("a.tar: "), 0u);
  std::string damaged = archive;
  damaged[3] = 'E';
  EXPECT_EQ(message_of(damaged), "a.tar: the checksum of a header is wrong; this is no tar archive, or it is damaged");
  EXPECT_TRUE(read_tar("", "a.tar").empty());
}

}  // namespace
}  // namespace nacre
