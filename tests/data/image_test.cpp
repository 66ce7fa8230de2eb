#include "nacre/data/image.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "nacre/base/random.hpp"
#include "nacre/data/image_folder.hpp"
#include "tests/data/data_test_support.hpp"
#include "tests/data/image_test_files.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Image noise_image(ImageSize size, int64_t channels, uint64_t seed) {
  Random random(seed);
  Image image{size, channels, std::vector<uint8_t>(static_cast<size_t>(size.height * size.width * channels))};
  for (uint8_t& pixel : image.pixels) pixel = static_cast<uint8_t>(random.below(256));
  return image;
}

double mean(const std::vector<uint8_t>& pixels) {
  return std::accumulate(pixels.begin(), pixels.end(), 0.0) / static_cast<double>(pixels.size());
}

TEST(Image, PngComesBackBitForBit) {
  for (const int64_t channels : {1, 3}) {
    const Image image = noise_image({7, 5}, channels, 1);
    const std::string bytes = encode_png(image);
    EXPECT_EQ(decode_image(bytes, channels, "x.png").pixels, image.pixels);
    EXPECT_EQ(read_image_header(bytes, "x.png").size, image.size);
    EXPECT_EQ(read_image_header(bytes, "x.png").channels, channels);
  }
}

TEST(Image, GrayBecomesEqualChannels) {
  const Image gray = noise_image({4, 4}, 1, 2);
  const Image color = decode_image(encode_png(gray), 3, "x.png");
  for (size_t i = 0; i < gray.pixels.size(); ++i) {
    for (size_t c = 0; c < 3; ++c) EXPECT_EQ(color.pixels[3 * i + c], gray.pixels[i]);
  }
}

TEST(Image, TransparencyIsLaidOverBlack) {
  const Image image{{1, 2}, 4, {200, 100, 50, 255, 200, 100, 50, 0}};
  EXPECT_THAT(decode_image(encode_png(image), 3, "x.png").pixels, ElementsAre(200, 100, 50, 0, 0, 0));
}

TEST(Image, JpegComesBackNearly) {
  for (const int64_t channels : {1, 3}) {
    const Image image = gradient_image({16, 24}, channels);
    const Image decoded = decode_image(encode_jpeg(image), channels, "x.jpg");
    ASSERT_EQ(decoded.size, image.size);
    for (size_t i = 0; i < image.pixels.size(); ++i) EXPECT_NEAR(decoded.pixels[i], image.pixels[i], 6);
  }
}

TEST(Image, DamageIsRefused) {
  EXPECT_THAT(error_of([] { decode_image("GIF89a", 3, "x.gif"); }),
              HasSubstr("'x.gif': neither PNG nor JPEG by its content"));
  const std::string png = encode_png(noise_image({16, 16}, 3, 3));
  const std::string jpeg = encode_jpeg(gradient_image({32, 32}, 3));
  for (const size_t part : {2U, 3U, 4U, 8U}) {
    EXPECT_THAT(error_of([&] { decode_image(png.substr(0, png.size() / part), 3, "x.png"); }),
                HasSubstr("'x.png': cannot decode PNG"));
    EXPECT_THAT(error_of([&] { decode_image(jpeg.substr(0, jpeg.size() / part), 3, "x.jpg"); }),
                HasSubstr("'x.jpg': cannot decode JPEG"));
  }
}

TEST(Image, HugeDeclarationsAreRefused) {
  std::string png = encode_png(noise_image({4, 4}, 1, 4));
  png.replace(16, 8, big_endian(1 << 19) + big_endian(1 << 19));
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(png.data() + 12), 17);
  png.replace(29, 4, big_endian(static_cast<uint32_t>(crc)));
  EXPECT_THAT(error_of([&] { decode_image(png, 1, "x.png"); }), HasSubstr("x.png"));
  std::string jpeg = encode_jpeg(gradient_image({8, 8}, 1));
  const size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xff\xdc\xff\xdc");  // 65,500 x 65,500: the largest that libjpeg takes
  EXPECT_THAT(error_of([&] { decode_image(jpeg, 1, "x.jpg"); }),
              HasSubstr("declares 65500x65500 pixels, more than 2^28"));
}

TEST(Image, ByteFlipsNeverCrash) {
  for (const std::string& good : {encode_png(noise_image({6, 6}, 3, 5)), encode_jpeg(gradient_image({16, 16}, 3))}) {
    for (size_t at = 0; at < good.size(); ++at) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 0xff);
      error_of([&] { EXPECT_LE(decode_image(bad, 3, "bad").pixels.size(), size_t{3} << 28); });
    }
  }
}

TEST(Resize, EqualSizeIsTheIdentityAndConstantsStay) {
  const Image noise = noise_image({5, 7}, 3, 6);
  EXPECT_EQ(resize_image(noise, {5, 7}).pixels, noise.pixels);
  const Image flat{{9, 5}, 1, std::vector<uint8_t>(45, 77)};
  for (const ImageSize size : {ImageSize{3, 3}, ImageSize{20, 31}, ImageSize{1, 1}}) {
    for (const uint8_t pixel : resize_image(flat, size).pixels) EXPECT_EQ(pixel, 77);
  }
}

TEST(Resize, ShrinkingAveragesInsteadOfPicking) {
  Image checker{{64, 64}, 1, {}};
  for (int64_t i = 0; i < 64 * 64; ++i) checker.pixels.push_back(((i / 64 + i) % 2) != 0 ? 255 : 0);
  for (const uint8_t pixel : resize_image(checker, {8, 8}).pixels) EXPECT_NEAR(pixel, 127.5, 3);
  const Image noise = noise_image({64, 48}, 3, 7);
  EXPECT_NEAR(mean(resize_image(noise, {16, 12}).pixels), mean(noise.pixels), 2);
}

TEST(Resize, CommutesWithMirroring) {
  const Image image = noise_image({6, 10}, 1, 8);
  Image mirrored = image;
  for (int64_t y = 0; y < 6; ++y)
    std::reverse(mirrored.pixels.begin() + y * 10, mirrored.pixels.begin() + (y + 1) * 10);
  const Image a = resize_image(image, {4, 7});
  Image b = resize_image(mirrored, {4, 7});
  for (int64_t y = 0; y < 4; ++y) std::reverse(b.pixels.begin() + y * 7, b.pixels.begin() + (y + 1) * 7);
  for (size_t i = 0; i < a.pixels.size(); ++i) EXPECT_NEAR(a.pixels[i], b.pixels[i], 1);
}

class ImageFolder : public testing::Test {
 protected:
  ImageFolder() {
    for (int i = 0; i < 12; ++i) {
      const std::string kind = i % 2 == 0 ? "cat" : "dog";
      const Image image{{4, 6}, 3, std::vector<uint8_t>(72, static_cast<uint8_t>(10 * i))};
      folder_.write(kind + "/" + std::to_string(10 + i) + (i < 6 ? ".png" : ".JPG"),
                    i < 6 ? encode_png(image) : encode_jpeg(image));
    }
    folder_.write("cat/notes.txt", "not an image");
    folder_.write("readme.md", "not a class");
  }
  TemporaryFolder folder_;
};

TEST_F(ImageFolder, ClassesAndFilesComeInOrderOfNames) {
  const Dataset dataset = read_image_folder(folder_.path(), {});
  EXPECT_THAT(dataset.features.extents(), ElementsAre(12, 3, 4, 6));
  EXPECT_THAT(dataset.class_names, ElementsAre("cat", "dog"));
  EXPECT_THAT(dataset.labels.integers(), ElementsAre(0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1));
  const int expected[12] = {0, 20, 40, 60, 80, 100, 10, 30, 50, 70, 90, 110};
  for (int64_t i = 0; i < 12; ++i) EXPECT_NEAR(dataset.features.number_at(i * 72), expected[i], 1) << i;
  EXPECT_EQ(read_image_folder(folder_.path(), {}).content_hash(), dataset.content_hash());
}

TEST_F(ImageFolder, ResizesAndConverts) {
  const Dataset dataset = read_image_folder(folder_.path(), {.size = ImageSize{2, 2}, .channels = 1});
  EXPECT_THAT(dataset.features.extents(), ElementsAre(12, 1, 2, 2));
  EXPECT_NEAR(dataset.features.number_at(4), 20, 1);
}

TEST_F(ImageFolder, ErrorsNameTheFile) {
  folder_.write("dog/13.png", encode_png({{5, 5}, 3, std::vector<uint8_t>(75, 1)}));
  EXPECT_THAT(error_of([&] { read_image_folder(folder_.path(), {}); }),
              HasSubstr("13.png': is 5x5 pixels, the first image 4x6; set size"));
  folder_.write("cat/99.png", "broken");
  EXPECT_THAT(error_of([&] {
                read_image_folder(folder_.path(), {.size = ImageSize{2, 2}});
              }),
              HasSubstr("99.png': neither PNG nor JPEG"));
  std::filesystem::create_directories(folder_.path() / "empty");
  EXPECT_THAT(error_of([&] { read_image_folder(folder_.path(), {}); }),
              HasSubstr("empty': no PNG or JPEG files in this class folder"));
  EXPECT_THAT(error_of([&] {
                read_image_folder(folder_.path(), {}, {"cat", "bird"});
              }),
              HasSubstr("unknown class folder 'dog'"));
}

}  // namespace
}  // namespace nacre
