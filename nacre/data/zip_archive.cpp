#include "nacre/data/zip_archive.hpp"

#include <zlib.h>

#include <algorithm>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kDirectoryEntry = 0x02014b50;
constexpr uint32_t kDirectoryEnd = 0x06054b50;
constexpr uint32_t kZip64DirectoryEnd = 0x06064b50;
constexpr uint32_t kZip64Locator = 0x07064b50;
constexpr uint64_t kDirectoryEndSize = 22;
constexpr uint64_t kUnknown32 = 0xffffffff;
constexpr uint64_t kLargestDeflateRatio = 1032;
constexpr uint16_t kStored = 0;
constexpr uint16_t kDeflated = 8;

}  // namespace

ZipArchive::ZipArchive(std::string bytes, std::string origin) : bytes_(std::move(bytes)), origin_(std::move(origin)) {
  read_directory();
}

void ZipArchive::fail(const std::string& message) const { throw UserError("'" + origin_ + "': " + message); }

uint64_t ZipArchive::number(uint64_t offset, int bytes) const {
  if (offset > bytes_.size() || bytes_.size() - offset < static_cast<uint64_t>(bytes)) {
    fail("the archive is damaged: a header points past its end");
  }
  uint64_t value = 0;
  for (int i = bytes - 1; i >= 0; --i) {
    value = (value << 8) | static_cast<unsigned char>(bytes_[offset + static_cast<uint64_t>(i)]);
  }
  return value;
}

void ZipArchive::read_directory() {
  if (bytes_.size() < kDirectoryEndSize) fail("not a ZIP archive: too short");
  // The end record stands last, before a comment of at most 64 KiB.
  uint64_t end = bytes_.size() - kDirectoryEndSize;
  const uint64_t first = end > 0xffff ? end - 0xffff : 0;
  while (number(end, 4) != kDirectoryEnd) {
    if (end == first) fail("not a ZIP archive, or cut off: no directory at its end");
    --end;
  }
  uint64_t count = number(end + 10, 2);
  uint64_t at = number(end + 16, 4);
  if ((at == kUnknown32 || count == 0xffff) && end >= 20 && number(end - 20, 4) == kZip64Locator) {
    const uint64_t record = number(end - 20 + 8, 8);
    if (number(record, 4) != kZip64DirectoryEnd) fail("the archive is damaged: no ZIP64 directory");
    count = number(record + 32, 8);
    at = number(record + 48, 8);
  }
  for (uint64_t i = 0; i < count; ++i) {
    if (number(at, 4) != kDirectoryEntry) fail("the archive is damaged: bad directory entry " + std::to_string(i));
    Entry entry;
    entry.flags = static_cast<uint16_t>(number(at + 8, 2));
    entry.method = static_cast<uint16_t>(number(at + 10, 2));
    entry.crc = static_cast<uint32_t>(number(at + 16, 4));
    entry.compressed = number(at + 20, 4);
    entry.size = number(at + 24, 4);
    const uint64_t name_size = number(at + 28, 2);
    const uint64_t extra_size = number(at + 30, 2);
    const uint64_t comment_size = number(at + 32, 2);
    entry.offset = number(at + 42, 4);
    if (bytes_.size() - at < 46 + name_size + extra_size) fail("the archive is damaged: the directory is cut off");
    entry.name = bytes_.substr(at + 46, name_size);
    read_zip64_sizes(entry, at + 46 + name_size, extra_size);
    entries_.push_back(std::move(entry));
    at += 46 + name_size + extra_size + comment_size;
  }
}

void ZipArchive::read_zip64_sizes(Entry& entry, uint64_t extra, uint64_t extra_size) const {
  const uint64_t end = extra + extra_size;
  while (extra + 4 <= end) {
    const uint64_t id = number(extra, 2);
    const uint64_t size = number(extra + 2, 2);
    uint64_t at = extra + 4;
    if (id == 1) {
      for (uint64_t* field : {&entry.size, &entry.compressed, &entry.offset}) {
        if (*field == kUnknown32 && at + 8 <= extra + 4 + size) {
          *field = number(at, 8);
          at += 8;
        }
      }
    }
    extra += 4 + size;
  }
}

std::vector<std::string> ZipArchive::names() const {
  std::vector<std::string> result;
  for (const Entry& entry : entries_) result.push_back(entry.name);
  return result;
}

const ZipArchive::Entry* ZipArchive::find(std::string_view name) const {
  const auto found = std::ranges::find(entries_, name, &Entry::name);
  return found == entries_.end() ? nullptr : &*found;
}

std::string_view ZipArchive::payload(const Entry& entry) const {
  if (number(entry.offset, 4) != kLocalHeader) fail("the archive is damaged: no header for '" + entry.name + "'");
  const uint64_t start = entry.offset + 30 + number(entry.offset + 26, 2) + number(entry.offset + 28, 2);
  if (start > bytes_.size() || bytes_.size() - start < entry.compressed) {
    fail("'" + entry.name + "' is cut off: " + std::to_string(entry.compressed) + " bytes declared");
  }
  return std::string_view(bytes_).substr(start, entry.compressed);
}

std::string ZipArchive::read(std::string_view name) const {
  const Entry* entry = find(name);
  if (entry == nullptr) fail(unknown_name_message("entry", name, names()));
  if ((entry->flags & 1) != 0) fail("'" + entry->name + "' is encrypted");
  const std::string_view packed = payload(*entry);
  std::string content;
  if (entry->method == kStored) {
    if (entry->size != entry->compressed) fail("'" + entry->name + "' declares two different sizes");
    content = packed;
  } else if (entry->method == kDeflated) {
    if (entry->size > packed.size() * kLargestDeflateRatio) fail("'" + entry->name + "' declares an impossible size");
    content.resize(entry->size);
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw InternalError("zlib cannot start");
    int code = Z_OK;
    uint64_t fed = 0;
    uint64_t done = 0;
    constexpr uint64_t kPiece = uint64_t{1} << 30;  // zlib counts in 32 bits
    char nowhere = 0;
    while (code == Z_OK) {
      const uint64_t feed = std::min(kPiece, packed.size() - fed);
      const uint64_t room = std::min(kPiece, content.size() - done);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + fed));
      stream.avail_in = static_cast<uInt>(feed);
      stream.next_out = reinterpret_cast<Bytef*>(room > 0 ? content.data() + done : &nowhere);
      stream.avail_out = static_cast<uInt>(room);
      code = inflate(&stream, Z_NO_FLUSH);
      fed += feed - stream.avail_in;
      done += room - stream.avail_out;
    }
    inflateEnd(&stream);
    if (code != Z_STREAM_END || done != entry->size) fail("'" + entry->name + "' cannot be decompressed: damaged data");
  } else {
    fail("'" + entry->name + "' is compressed by method " + std::to_string(entry->method) +
         ", expected stored or deflated");
  }
  if (crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(content.data()), content.size()) != entry->crc) {
    fail("'" + entry->name + "' is damaged: its checksum differs");
  }
  return content;
}

}  // namespace nacre
