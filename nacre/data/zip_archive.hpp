// Reading ZIP archives, as far as .npz files need it: stored and deflated entries, ZIP64 sizes; no encryption, no
// spanning. Sizes come from the central directory and are checked against the bytes present before allocation; CRCs are
// verified. Source: PKWARE APPNOTE 6.3.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nacre {

class ZipArchive {
 public:
  // Takes the whole archive; `origin` names it in messages. UserError when it is none.
  ZipArchive(std::string bytes, std::string origin);

  std::vector<std::string> names() const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  // The uncompressed content. UserError when absent, unsupported or damaged.
  std::string read(std::string_view name) const;

 private:
  struct Entry {
    std::string name;
    uint16_t flags = 0;
    uint16_t method = 0;
    uint32_t crc = 0;
    uint64_t compressed = 0;
    uint64_t size = 0;
    uint64_t offset = 0;  // of the local header
  };

  const Entry* find(std::string_view name) const;
  uint64_t number(uint64_t offset, int bytes) const;  // little-endian, bounds checked
  void read_directory();
  void read_zip64_sizes(Entry& entry, uint64_t extra, uint64_t extra_size) const;
  std::string_view payload(const Entry& entry) const;
  [[noreturn]] void fail(const std::string& message) const;

  std::string bytes_;
  std::string origin_;
  std::vector<Entry> entries_;
};

}  // namespace nacre
