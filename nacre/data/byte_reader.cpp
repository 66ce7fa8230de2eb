#include "nacre/data/byte_reader.hpp"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr uint64_t kLargestDeflateRatio = 1032;

class FileReader : public ByteReader {
 public:
  explicit FileReader(const std::filesystem::path& path) : ByteReader(path.string()) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) fail("is a folder, expected a file");
    if (!std::filesystem::is_regular_file(path, error)) fail("no such file");
    const uint64_t size = std::filesystem::file_size(path, error);
    if (error) fail("cannot read: " + error.message());
    file_ = gzopen(path.c_str(), "rb");
    if (file_ == nullptr) fail(std::string("cannot read: ") + std::strerror(errno));
    gzbuffer(file_, 1 << 18);
    remaining_ = gzdirect(file_) != 0 ? size : size * kLargestDeflateRatio;
  }
  ~FileReader() override { gzclose(file_); }
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

 protected:
  uint64_t read_some(void* bytes, uint64_t size) override {
    uint64_t done = 0;
    while (done < size) {
      const auto piece = static_cast<unsigned>(std::min<uint64_t>(size - done, uint64_t{1} << 30));
      const int got = gzread(file_, static_cast<char*>(bytes) + done, piece);
      if (got < 0) {
        int code = Z_OK;
        fail(std::string("cannot decompress: ") + gzerror(file_, &code));
      }
      if (got == 0) break;
      done += static_cast<uint64_t>(got);
    }
    remaining_ -= std::min(remaining_, done);
    return done;
  }
  uint64_t most_remaining() const override { return remaining_; }

 private:
  gzFile file_ = nullptr;
  uint64_t remaining_ = 0;
};

class MemoryReader : public ByteReader {
 public:
  MemoryReader(std::string_view bytes, std::string origin) : ByteReader(std::move(origin)), bytes_(bytes) {}

 protected:
  uint64_t read_some(void* bytes, uint64_t size) override {
    const uint64_t got = std::min<uint64_t>(size, bytes_.size());
    if (got > 0) std::memcpy(bytes, bytes_.data(), got);
    bytes_.remove_prefix(got);
    return got;
  }
  uint64_t most_remaining() const override { return bytes_.size(); }

 private:
  std::string_view bytes_;
};

}  // namespace

void ByteReader::fail(const std::string& message) const { throw UserError("'" + origin_ + "': " + message); }

void ByteReader::read(void* bytes, uint64_t size, std::string_view what) {
  const uint64_t got = read_some(bytes, size);
  if (got < size) {
    fail("the file ends inside the " + std::string(what) + ": expected " + std::to_string(size) + " bytes, found " +
         std::to_string(got));
  }
}

uint64_t ByteReader::read_unsigned(int bytes, bool big_endian, std::string_view what) {
  unsigned char raw[8] = {};
  read(raw, static_cast<uint64_t>(bytes), what);
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value = (value << 8) | raw[big_endian ? i : bytes - 1 - i];
  return value;
}

void ByteReader::check_declared(uint64_t size, std::string_view what) const {
  if (size > most_remaining()) {
    fail("declares " + std::to_string(size) + " bytes of " + std::string(what) + ", more than the file can hold (" +
         std::to_string(most_remaining()) + ")");
  }
}

void ByteReader::expect_end() {
  char extra = 0;
  if (read_some(&extra, 1) != 0) fail("more bytes follow than the header declares");
}

std::unique_ptr<ByteReader> open_file_reader(const std::filesystem::path& path) {
  return std::make_unique<FileReader>(path);
}

std::unique_ptr<ByteReader> open_memory_reader(std::string_view bytes, std::string origin) {
  return std::make_unique<MemoryReader>(bytes, std::move(origin));
}

}  // namespace nacre
