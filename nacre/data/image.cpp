#include "nacre/data/image.hpp"

#include <cstdio>  // jpeglib.h needs FILE

#include <jpeglib.h>
#include <png.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <csetjmp>
#include <cstring>
#include <memory>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"

namespace nacre {
namespace {

constexpr uint64_t kMaximumPixels = uint64_t{1} << 28;

[[noreturn]] void fail(const std::string& origin, const std::string& message) {
  throw UserError("'" + origin + "': " + message);
}

void check_pixels(uint64_t height, uint64_t width, const std::string& origin) {
  if (height == 0 || width == 0) fail(origin, "an image without pixels");
  if (height > kMaximumPixels / width) {
    fail(origin, "declares " + std::to_string(width) + "x" + std::to_string(height) + " pixels, more than 2^28");
  }
}

bool is_png(std::string_view bytes) { return bytes.starts_with("\x89PNG\r\n\x1a\n"); }
bool is_jpeg(std::string_view bytes) { return bytes.starts_with("\xff\xd8\xff"); }

// --- PNG, through libpng's simplified interface (no setjmp, no callbacks)

class PngImage {
 public:
  PngImage(std::string_view bytes, const std::string& origin) : origin_(origin) {
    if (png_image_begin_read_from_memory(&reader_.image, bytes.data(), bytes.size()) == 0) give_up();
    check_pixels(image().height, image().width, origin_);
  }

  Image header() const {
    return {{image().height, image().width}, static_cast<int64_t>(PNG_IMAGE_SAMPLE_CHANNELS(image().format)), {}};
  }
  Image decode(int64_t channels) {
    Image result{{image().height, image().width}, channels, {}};
    reader_.image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    result.pixels.resize(PNG_IMAGE_SIZE(image()));
    const png_color black = {0, 0, 0};
    if (png_image_finish_read(&reader_.image, &black, result.pixels.data(), 0, nullptr) == 0) give_up();
    return result;
  }

 private:
  // Frees what libpng holds also when the constructor above throws.
  struct Reader {
    Reader() {
      std::memset(&image, 0, sizeof image);
      image.version = PNG_IMAGE_VERSION;
    }
    ~Reader() { png_image_free(&image); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    png_image image;
  };

  const png_image& image() const { return reader_.image; }
  [[noreturn]] void give_up() const { fail(origin_, std::string("cannot decode PNG: ") + image().message); }

  Reader reader_;
  const std::string& origin_;
};

// --- JPEG: libjpeg reports errors by a longjmp out of its callback. The frame that calls setjmp holds no C++ objects.

struct JpegDecoder {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  std::jmp_buf escape;
  char message[JMSG_LENGTH_MAX];
  bool damaged;
};

void leave_jpeg(j_common_ptr info) {
  auto* decoder = static_cast<JpegDecoder*>(info->client_data);
  info->err->format_message(info, decoder->message);
  std::longjmp(decoder->escape, 1);
}

// Warnings (level -1) mean corrupt data that libjpeg papers over with gray; nacre refuses such files.
void note_jpeg_message(j_common_ptr info, int level) {
  auto* decoder = static_cast<JpegDecoder*>(info->client_data);
  if (level < 0 && !decoder->damaged) {
    info->err->format_message(info, decoder->message);
    decoder->damaged = true;
  }
}

bool jpeg_open(JpegDecoder& decoder, const char* bytes, size_t size) {
  decoder.damaged = false;
  decoder.info.err = jpeg_std_error(&decoder.errors);
  decoder.errors.error_exit = leave_jpeg;
  decoder.errors.emit_message = note_jpeg_message;
  decoder.info.client_data = &decoder;
  if (setjmp(decoder.escape) != 0) return false;
  jpeg_create_decompress(&decoder.info);  // keeps client_data
  jpeg_mem_src(&decoder.info, reinterpret_cast<const unsigned char*>(bytes), size);
  jpeg_read_header(&decoder.info, TRUE);
  return true;
}

bool jpeg_read(JpegDecoder& decoder, bool gray, uint8_t* pixels, size_t row_bytes) {
  if (setjmp(decoder.escape) != 0) return false;
  decoder.info.out_color_space = gray ? JCS_GRAYSCALE : JCS_RGB;
  decoder.info.dct_method = JDCT_ISLOW;
  jpeg_start_decompress(&decoder.info);
  while (decoder.info.output_scanline < decoder.info.output_height) {
    JSAMPROW row = pixels + decoder.info.output_scanline * row_bytes;
    jpeg_read_scanlines(&decoder.info, &row, 1);
  }
  jpeg_finish_decompress(&decoder.info);
  return !decoder.damaged;
}

class JpegImage {
 public:
  JpegImage(std::string_view bytes, const std::string& origin)
      : decoder_(std::make_unique<JpegDecoder>()), origin_(origin) {
    std::memset(decoder_.get(), 0, sizeof(JpegDecoder));
    if (!jpeg_open(*decoder_, bytes.data(), bytes.size())) give_up();
    if (decoder_->info.num_components != 1 && decoder_->info.num_components != 3) {
      jpeg_destroy_decompress(&decoder_->info);
      fail(origin_,
           "a JPEG of " + std::to_string(decoder_->info.num_components) + " color components, expected gray or color");
    }
  }
  ~JpegImage() { jpeg_destroy_decompress(&decoder_->info); }
  JpegImage(const JpegImage&) = delete;
  JpegImage& operator=(const JpegImage&) = delete;

  Image header() const {
    const auto& info = decoder_->info;
    check_pixels(info.image_height, info.image_width, origin_);
    return {{info.image_height, info.image_width}, info.num_components, {}};
  }
  Image decode(int64_t channels) {
    Image result = header();
    result.channels = channels;
    const size_t row_bytes = static_cast<size_t>(result.size.width * channels);
    result.pixels.resize(row_bytes * static_cast<size_t>(result.size.height));
    if (!jpeg_read(*decoder_, channels == 1, result.pixels.data(), row_bytes)) {
      fail(origin_, std::string("cannot decode JPEG: ") + decoder_->message);
    }
    return result;
  }

 private:
  [[noreturn]] void give_up() {
    const std::string reason = decoder_->message;
    jpeg_destroy_decompress(&decoder_->info);
    fail(origin_, "cannot decode JPEG: " + reason);
  }

  std::unique_ptr<JpegDecoder> decoder_;  // does not move: libjpeg keeps pointers into it
  const std::string& origin_;
};

// --- resizing

// For each output position: the first input position and the weights of those that follow.
struct ResizeTap {
  int64_t first = 0;
  std::vector<float> weights;
};

std::vector<ResizeTap> triangle_taps(int64_t from, int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double support = std::max(1.0, scale);
  std::vector<ResizeTap> taps(static_cast<size_t>(to));
  for (int64_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(std::floor(center - support)));
    const int64_t last = std::min(from - 1, static_cast<int64_t>(std::floor(center + support)));
    ResizeTap& tap = taps[static_cast<size_t>(i)];
    tap.first = first;
    double sum = 0;
    for (int64_t j = first; j <= last; ++j) {
      const double weight = std::max(0.0, 1.0 - std::fabs((static_cast<double>(j) + 0.5 - center) / support));
      tap.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (float& weight : tap.weights) weight = static_cast<float>(weight / sum);
  }
  return taps;
}

}  // namespace

bool is_image_file(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

Image decode_image(std::string_view bytes, int64_t channels, const std::string& origin) {
  NACRE_CHECK(channels == 1 || channels == 3);
  if (is_png(bytes)) return PngImage(bytes, origin).decode(channels);
  if (is_jpeg(bytes)) return JpegImage(bytes, origin).decode(channels);
  fail(origin, "neither PNG nor JPEG by its content");
}

Image read_image_header(std::string_view bytes, const std::string& origin) {
  if (is_png(bytes)) return PngImage(bytes, origin).header();
  if (is_jpeg(bytes)) return JpegImage(bytes, origin).header();
  fail(origin, "neither PNG nor JPEG by its content");
}

Image read_image(const std::filesystem::path& path, int64_t channels) {
  return decode_image(read_file(path), channels, path.string());
}

Image resize_image(const Image& image, ImageSize size) {
  NACRE_CHECK(size.height >= 1 && size.width >= 1);
  if (size == image.size) return image;
  const int64_t channels = image.channels;
  const std::vector<ResizeTap> columns = triangle_taps(image.size.width, size.width);
  const std::vector<ResizeTap> rows = triangle_taps(image.size.height, size.height);
  std::vector<float> narrow(
      static_cast<size_t>(image.size.height * size.width * channels));  // widths done, heights not
  for (int64_t y = 0; y < image.size.height; ++y) {
    for (int64_t x = 0; x < size.width; ++x) {
      const ResizeTap& tap = columns[static_cast<size_t>(x)];
      for (int64_t c = 0; c < channels; ++c) {
        float sum = 0;
        const uint8_t* from = image.pixels.data() + (y * image.size.width + tap.first) * channels + c;
        for (const float weight : tap.weights) {
          sum += weight * static_cast<float>(*from);
          from += channels;
        }
        narrow[static_cast<size_t>((y * size.width + x) * channels + c)] = sum;
      }
    }
  }
  Image result{size, channels, std::vector<uint8_t>(static_cast<size_t>(size.height * size.width * channels))};
  const int64_t row = size.width * channels;
  std::vector<float> sums(static_cast<size_t>(row));
  for (int64_t y = 0; y < size.height; ++y) {
    const ResizeTap& tap = rows[static_cast<size_t>(y)];
    std::ranges::fill(sums, 0.0F);
    for (size_t j = 0; j < tap.weights.size(); ++j) {
      const float* from = narrow.data() + (tap.first + static_cast<int64_t>(j)) * row;
      for (int64_t i = 0; i < row; ++i) sums[static_cast<size_t>(i)] += tap.weights[j] * from[i];
    }
    for (int64_t i = 0; i < row; ++i) {
      result.pixels[static_cast<size_t>(y * row + i)] =
          static_cast<uint8_t>(std::clamp(std::lround(sums[static_cast<size_t>(i)]), 0L, 255L));
    }
  }
  return result;
}

}  // namespace nacre
