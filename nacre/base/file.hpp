// Reading and writing files so that nothing is ever half-written: a new content is written beside and renamed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace nacre {

inline constexpr uint64_t kReadLimitBytes = uint64_t{4} << 30;

// The whole file. Throws UserError when it cannot be read or is larger than `limit_bytes`.
std::string read_file(const std::filesystem::path& path, uint64_t limit_bytes = kReadLimitBytes);

// The whole file, decompressed when its content is gzip (by magic bytes, whatever the name). `limit_bytes` bounds the
// decompressed size, so that a small hostile file cannot take all memory.
std::string read_possibly_gzipped_file(const std::filesystem::path& path, uint64_t limit_bytes = kReadLimitBytes);

// Writes to "<path>.partial-<pid>" in the same folder, flushes to disk, and renames over `path`. Creates the folder.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace nacre
