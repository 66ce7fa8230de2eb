// Format `image_masks`: a folder of images and a folder of masks, PNG files of the same names.
#include <algorithm>
#include <cstring>

#include "nacre/data/data_format.hpp"
#include "nacre/data/image.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

struct MaskOptions {
  int64_t channels = 3;
  std::optional<ImageSize> size = std::nullopt;
  bool binary = false;
};

constexpr uint8_t kBinaryThreshold = 128;

std::vector<fs::path> image_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file() && is_image_file(entry.path())) files.push_back(entry.path());
  std::ranges::sort(files);
  if (files.empty()) throw UserError("'" + folder.string() + "': no PNG or JPEG files");
  return files;
}

fs::path mask_of(const fs::path& image, const fs::path& folder) {
  for (const char* extension : {".png", ".PNG"}) {
    const fs::path path = folder / (image.stem().string() + extension);
    if (fs::is_regular_file(path)) return path;
  }
  throw UserError("'" + image.string() + "': no mask '" + (folder / (image.stem().string() + ".png")).string() + "'");
}

// Classes are not mixed: the nearest pixel decides.
Image nearest_size(const Image& mask, ImageSize size) {
  if (mask.size == size) return mask;
  Image result{size, 1, std::vector<uint8_t>(static_cast<size_t>(size.height * size.width))};
  for (int64_t y = 0; y < size.height; ++y) {
    for (int64_t x = 0; x < size.width; ++x) {
      const int64_t from_y = (2 * y + 1) * mask.size.height / (2 * size.height);
      const int64_t from_x = (2 * x + 1) * mask.size.width / (2 * size.width);
      result.pixels[static_cast<size_t>(y * size.width + x)] =
          mask.pixels[static_cast<size_t>(from_y * mask.size.width + from_x)];
    }
  }
  return result;
}

Dataset read_folders(const fs::path& images, const fs::path& masks, const MaskOptions& options) {
  const std::vector<fs::path> files = image_files(images);
  const auto n = static_cast<int64_t>(files.size());
  Dataset dataset;
  dataset.source = images.string();
  const ImageSize size = options.size ? *options.size : read_image(files.front(), options.channels).size;
  UnsetTensor features =
      make_unset_tensor(ElementType::uint8, std::vector<int64_t>{n, size.height, size.width, options.channels});
  UnsetTensor labels = make_unset_tensor(ElementType::uint8, std::vector<int64_t>{n, size.height, size.width});
  std::byte* feature = features.bytes;
  auto* label = reinterpret_cast<uint8_t*>(labels.bytes);
  for (const fs::path& file : files) {
    Image image = read_image(file, options.channels);
    const fs::path mask_path = mask_of(file, masks);
    Image mask = read_image(mask_path, 1);
    if (image.size != mask.size)
      throw UserError("'" + mask_path.string() + "': the mask has another size than its image");
    if (!options.size && image.size != size)
      throw UserError("'" + file.string() + "': images differ in size; set task.data.size to bring all to one");
    image = resize_image(image, size);
    mask = nearest_size(mask, size);
    std::memcpy(feature, image.pixels.data(), image.pixels.size());
    feature += image.pixels.size();
    for (const uint8_t pixel : mask.pixels) *label++ = options.binary ? pixel >= kBinaryThreshold : pixel;
  }
  dataset.features = arrange_features(std::move(features.tensor), true, dataset.source);
  dataset.labels = std::move(labels.tensor);
  return dataset;
}

LoadedData load_image_masks(const Options& options, const DataContext& context) {
  if (context.labels != LabelKind::masks)
    throw UserError("data format image_masks holds masks for the task segmentation");
  MaskOptions mask_options{.channels = options.text("color") == "gray" ? 1 : 3,
                           .binary = options.text("values") == "binary"};
  const std::vector<int64_t> size = options.integers("size");
  if (size.size() > 2) throw UserError(options.position("size"), "task.data.size: expected [height, width]");
  if (!size.empty()) mask_options.size = ImageSize{size.front(), size.back()};
  const auto folder = [&](const char* key) { return context.paths.find(options.text(key), options.position(key)); };
  LoadedData data;
  data.pool = read_folders(folder("images"), folder("masks"), mask_options);
  if (options.has("test_images") != options.has("test_masks"))
    throw UserError(options.position("images"), "data format image_masks: test_images and test_masks go together");
  if (options.has("test_images")) {
    mask_options.size = ImageSize{data.pool.features.extents()[2], data.pool.features.extents()[3]};
    data.test = read_folders(folder("test_images"), folder("test_masks"), mask_options);
  }
  name_classes(data, options.texts("classes"));
  return data;
}

}  // namespace

void register_image_masks_format(DataFormatRegistry& registry) {
  registry.add(
      {.name = "image_masks",
       .summary = "a folder of images and one of masks, PNG files of the same names: for segmentation",
       .source = "",
       .parameters = {{.name = "images", .description = "folder of PNG or JPEG images", .required = true},
                      {.name = "masks", .description = "folder of PNG masks, named as the images", .required = true},
                      {.name = "test_images", .description = "folder of the test set's images"},
                      {.name = "test_masks", .description = "folder of the test set's masks"},
                      {.name = "values",
                       .description = "index: a gray value is a class; binary: from 128 on it is class 1",
                       .default_value = "index",
                       .choices = {"index", "binary"}},
                      {.name = "classes",
                       .type = ParameterType::text_list,
                       .description = "names of the classes; empty: 0, 1, ...",
                       .default_value = Json::array()},
                      {.name = "size",
                       .type = ParameterType::integer_list,
                       .description = "[height, width] everything is resized to; empty: all are equal",
                       .default_value = Json::array(),
                       .minimum = 1,
                       .maximum = 16384,
                       .unit = "pixels"},
                      {.name = "color",
                       .description = "channels of the images",
                       .default_value = "rgb",
                       .choices = {"rgb", "gray"}}},
       .example = "format: image_masks\nimages: nuclei/images\nmasks: nuclei/masks\nvalues: binary\nsize: [64, 64]\n"},
      load_image_masks);
}

}  // namespace nacre
