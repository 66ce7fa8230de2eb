// Bytes in order, from a file (plain or gzip) or from memory, for readers of binary formats.
//
// Hostile input is the rule here: a header may declare any size. Readers therefore ask check_declared() before they
// allocate: it knows how many bytes can still come (exactly for plain files, at most 1032 times the file for gzip, the
// largest ratio deflate reaches).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace nacre {

class ByteReader {
 public:
  virtual ~ByteReader() = default;

  // Fills `size` bytes; UserError naming file and `what` when the input ends before that.
  void read(void* bytes, uint64_t size, std::string_view what);
  uint64_t read_unsigned(int bytes, bool big_endian, std::string_view what);
  // UserError when `size` more bytes cannot possibly follow.
  void check_declared(uint64_t size, std::string_view what) const;
  // UserError when anything follows.
  void expect_end();
  const std::string& origin() const { return origin_; }
  [[noreturn]] void fail(const std::string& message) const;  // UserError "<origin>: <message>"

 protected:
  explicit ByteReader(std::string origin) : origin_(std::move(origin)) {}
  // At most `size` bytes; fewer only at the end.
  virtual uint64_t read_some(void* bytes, uint64_t size) = 0;
  virtual uint64_t most_remaining() const = 0;

 private:
  std::string origin_;
};

// Plain or gzip, by content.
std::unique_ptr<ByteReader> open_file_reader(const std::filesystem::path& path);
// `bytes` must outlive the reader.
std::unique_ptr<ByteReader> open_memory_reader(std::string_view bytes, std::string origin);

}  // namespace nacre
