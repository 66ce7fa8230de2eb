// Format `image_folder`: one folder of PNG or JPEG files per class.
#include "nacre/data/data_format.hpp"
#include "nacre/data/image_folder.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

LoadedData load_image_folder(const Options& options, const DataContext& context) {
  if (context.labels != LabelKind::classes) throw UserError("an image folder holds classes, not numbers to predict");
  ImageFolderOptions folder_options;
  folder_options.channels = options.text("color") == "gray" ? 1 : 3;
  const std::vector<int64_t> size = options.integers("size");
  if (size.size() == 1) folder_options.size = ImageSize{size[0], size[0]};
  if (size.size() == 2) folder_options.size = ImageSize{size[0], size[1]};
  if (size.size() > 2) throw UserError(options.position("size"), "task.data.size: expected [height, width]");
  fs::path train = context.paths.find(options.text("path"), options.position("path"));
  fs::path test;
  if (fs::is_directory(train / "train")) {  // path/train/CLASS, path/test/CLASS
    if (fs::is_directory(train / "test")) test = train / "test";
    train /= "train";
  }
  if (options.has("test_path")) test = context.paths.find(options.text("test_path"), options.position("test_path"));
  LoadedData data;
  data.pool = read_image_folder(train, folder_options);
  if (!folder_options.size) {
    folder_options.size = ImageSize{data.pool.features.extents()[2], data.pool.features.extents()[3]};
  }
  if (!test.empty()) data.test = read_image_folder(test, folder_options, data.pool.class_names);
  return data;
}

}  // namespace

void register_image_folder_format(DataFormatRegistry& registry) {
  registry.add(
      {.name = "image_folder",
       .summary = "one folder of PNG or JPEG files per class; train/ and test/ below it are found by themselves",
       .source = "",
       .parameters = {{.name = "path",
                       .description = "folder of class folders, or of train/ and test/",
                       .required = true},
                      {.name = "test_path", .description = "folder of the test set's class folders"},
                      {.name = "size",
                       .type = ParameterType::integer_list,
                       .description = "[height, width] every image is resized to; empty: all are equal",
                       .default_value = Json::array(),
                       .minimum = 1,
                       .maximum = 16384,
                       .unit = "pixels"},
                      {.name = "color",
                       .description = "channels of the samples",
                       .default_value = "rgb",
                       .choices = {"rgb", "gray"}}},
       .example = "format: image_folder\npath: flowers\nsize: [32, 32]\n"},
      load_image_folder);
}

}  // namespace nacre
