// A file mapped into memory read-only: weights of many gigabytes are shared by all graphs that read them and paged in on
// demand. The file must not be shortened while it is mapped; nacre itself replaces files by renaming, never in place.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

namespace nacre {

class MappedFile {
 public:
  // UserError when the file cannot be opened or is not a regular file.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  MappedFile(void* data, size_t size) : data_(data), size_(size) {}
  void* data_;
  size_t size_;
};

}  // namespace nacre
