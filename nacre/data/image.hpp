// Reading single images: PNG and JPEG to 8-bit gray or RGB, and resizing with anti-aliasing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace nacre {

struct ImageSize {
  int64_t height = 0;
  int64_t width = 0;
  bool operator==(const ImageSize&) const = default;
};

// Rows of pixels, channels interleaved.
struct Image {
  ImageSize size;
  int64_t channels = 0;  // 1 gray, 3 RGB
  std::vector<uint8_t> pixels;
};

bool is_image_file(const std::filesystem::path& path);  // by extension: .png, .jpg, .jpeg in any case

// Decodes to the number of channels asked for (transparency is laid over black; 16-bit samples are rounded to 8). The
// format is known by content. UserError naming `origin` for damaged files and images of more than 2^28 pixels.
Image decode_image(std::string_view bytes, int64_t channels, const std::string& origin);
Image read_image(const std::filesystem::path& path, int64_t channels);
// Size and channels as stored (1, 2, 3 or 4), from the header alone.
Image read_image_header(std::string_view bytes, const std::string& origin);

// Triangle filter whose support grows with the reduction, so that shrinking does not alias; the identity at equal size.
Image resize_image(const Image& image, ImageSize size);

}  // namespace nacre
