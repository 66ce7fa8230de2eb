// Format `idx`: files of images and of labels, or a folder with the names MNIST gave them.
#include "nacre/data/data_format.hpp"
#include "nacre/data/idx.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

// The file in `folder` that ends in one of the usual spellings, plain or gzip; "" when there is none.
fs::path usual_file(const fs::path& folder, const std::string& prefix, const std::string& kind) {
  for (const char* spelling : {"-", "."}) {
    for (const char* ending : {"", ".gz"}) {
      const fs::path path = folder / (prefix + (kind == "labels" ? "-labels" : "-images") + spelling +
                                      (kind == "labels" ? "idx1" : "idx3") + "-ubyte" + ending);
      if (fs::exists(path)) return path;
    }
  }
  return {};
}

Dataset read_pair(const fs::path& images, const fs::path& labels, LabelKind kind) {
  Dataset dataset;
  dataset.source = images.string();
  dataset.features = arrange_features(read_idx(images), std::nullopt, images.string());
  const Tensor values = read_idx(labels);
  dataset.labels = labels_of_kind(kind, values, labels.string());
  return dataset;
}

LoadedData load_idx(const Options& options, const DataContext& context) {
  fs::path files[4];  // images, labels, test images, test labels
  constexpr const char* kKeys[4] = {"images", "labels", "test_images", "test_labels"};
  if (options.has("path")) {
    const fs::path folder = context.paths.find(options.text("path"), options.position("path"));
    files[0] = usual_file(folder, "train", "images");
    files[1] = usual_file(folder, "train", "labels");
    files[2] = usual_file(folder, "t10k", "images");
    files[3] = usual_file(folder, "t10k", "labels");
    if (!options.has("images") && files[0].empty()) {
      throw UserError(
          options.position("path"),
          "'" + folder.string() + "': no train-images-idx3-ubyte[.gz]; name the files by images and labels");
    }
  }
  for (int i = 0; i < 4; ++i) {
    if (options.has(kKeys[i])) files[i] = context.paths.find(options.text(kKeys[i]), options.position(kKeys[i]));
  }
  if (files[0].empty() || files[1].empty()) {
    throw UserError(options.position("path"), "data format idx: expected path (a folder), or both images and labels");
  }
  if (files[2].empty() != files[3].empty()) {
    throw UserError(options.position("path"),
                    "data format idx: test_images and test_labels go together, one is missing");
  }
  LoadedData data;
  data.pool = read_pair(files[0], files[1], context.labels);
  if (!files[2].empty()) data.test = read_pair(files[2], files[3], context.labels);
  name_classes(data);
  return data;
}

}  // namespace

void register_idx_format(DataFormatRegistry& registry) {
  registry.add(
      {.name = "idx",
       .summary = "images and labels in IDX files (MNIST, Fashion-MNIST), plain or gzip",
       .source = "LeCun, Cortes, Burges, The MNIST database",
       .parameters = {{.name = "path", .description = "folder with train-images-idx3-ubyte and its three companions"},
                      {.name = "images", .description = "file of training samples, instead of path"},
                      {.name = "labels", .description = "file of training labels, instead of path"},
                      {.name = "test_images", .description = "file of test samples"},
                      {.name = "test_labels", .description = "file of test labels"}},
       .example = "format: idx\npath: fashion_mnist\n"},
      load_idx);
}

}  // namespace nacre
