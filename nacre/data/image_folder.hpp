// A folder with one subfolder of PNG or JPEG files per class; the subfolder's name is the class.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "nacre/data/dataset.hpp"
#include "nacre/data/image.hpp"

namespace nacre {

struct ImageFolderOptions {
  std::optional<ImageSize> size;  // every image is resized to it; nothing: all must have the size of the first
  int64_t channels = 3;           // 1 gray, 3 RGB
};

// Classes and files in order of their names; features are uint8 [N, channels, height, width]. With `classes` (of the
// training folder) other subfolders are refused. UserError for damaged images, naming the file.
Dataset read_image_folder(const std::filesystem::path& folder, const ImageFolderOptions& options,
                          const std::vector<std::string>& classes = {});

}  // namespace nacre
