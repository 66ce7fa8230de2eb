// Reads tar archives that are already in memory (read_possibly_gzipped_file unpacks .tar.gz): POSIX ustar with its name
// prefix, pax paths, and GNU long names. Only regular files are listed; links and devices are left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nacre {

struct TarEntry {
  std::string path;          // as stored, without a leading "./"
  std::string_view content;  // points into the archive
};

// In the order stored. UserError naming `origin` for an archive that is cut off or no tar archive.
std::vector<TarEntry> read_tar(std::string_view archive, const std::string& origin);

}  // namespace nacre
