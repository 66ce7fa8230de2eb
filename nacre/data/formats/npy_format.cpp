// Format `npy`: one .npz with arrays by name, or .npy files.
#include "nacre/data/data_format.hpp"
#include "nacre/data/npy.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

using Arrays = std::map<std::string, Tensor, std::less<>>;

// A word is the name of an array of the .npz when there is one and it has that array, else a file.
class ArraySource {
 public:
  ArraySource(const Options& options, const DataContext& context) : options_(options), context_(context) {
    if (!options.has("path")) return;
    path_ = context.paths.find(options.text("path"), options.position("path"));
    arrays_ = read_npz(path_);
  }

  std::optional<Tensor> read(std::string_view key, std::initializer_list<const char*> usual_names) const {
    if (!options_.has(key)) {
      for (const char* name : usual_names) {
        if (const auto found = arrays_.find(name); found != arrays_.end()) return found->second;
      }
      return std::nullopt;
    }
    const std::string word = options_.text(key);
    if (const auto found = arrays_.find(word); found != arrays_.end()) return found->second;
    if (!path_.empty() && !word.ends_with(".npy") && !word.ends_with(".npy.gz")) {
      std::vector<std::string> names;
      for (const auto& [name, array] : arrays_) names.push_back(name);
      throw UserError(options_.position(key),
                      "'" + path_.string() + "': " + unknown_name_message("array", word, names));
    }
    return read_npy(context_.paths.find(word, options_.position(key)));
  }
  std::string text() const { return path_.empty() ? options_.text("features") : path_.string(); }

 private:
  const Options& options_;
  const DataContext& context_;
  fs::path path_;
  Arrays arrays_;
};

Dataset make_dataset(Tensor features, const Tensor& labels, const Options& options, const DataContext& context,
                     const std::string& source) {
  std::optional<bool> channels_last;
  if (options.text("layout") != "detect") channels_last = options.text("layout") == "channels_last";
  Dataset dataset;
  dataset.source = source;
  dataset.features = arrange_features(std::move(features), channels_last, source);
  dataset.labels = labels_of_kind(context.labels, labels, source);
  return dataset;
}

LoadedData load_npy(const Options& options, const DataContext& context) {
  if (!options.has("path") && !(options.has("features") && options.has("labels"))) {
    throw UserError("data format npy: expected path (an .npz), or both features and labels (.npy)");
  }
  const ArraySource source(options, context);
  std::optional<Tensor> features = source.read("features", {"x_train", "train_x", "features", "x"});
  const std::optional<Tensor> labels = source.read("labels", {"y_train", "train_y", "labels", "y"});
  if (!features || !labels) {
    throw UserError(options.position("path"),
                    "'" + source.text() + "': cannot tell which arrays are meant; set features and labels");
  }
  std::optional<Tensor> test_features = source.read("test_features", {"x_test", "test_x", "test_features"});
  const std::optional<Tensor> test_labels = source.read("test_labels", {"y_test", "test_y", "test_labels"});
  if (test_features.has_value() != test_labels.has_value()) {
    throw UserError(options.position("path"),
                    "'" + source.text() + "': test_features and test_labels go together, one is missing");
  }
  LoadedData data;
  data.pool = make_dataset(std::move(*features), *labels, options, context, source.text());
  if (test_features) data.test = make_dataset(std::move(*test_features), *test_labels, options, context, source.text());
  name_classes(data);
  return data;
}

}  // namespace

void register_npy_format(DataFormatRegistry& registry) {
  registry.add({.name = "npy",
                .summary = "NumPy arrays: one .npz, or .npy files (plain or gzip)",
                .source = "NumPy Enhancement Proposal 1",
                .parameters =
                    {{.name = "path",
                      .description = ".npz file; arrays x_train, y_train, x_test, y_test are found by themselves"},
                     {.name = "features", .description = "array of the .npz, or .npy file, of training samples"},
                     {.name = "labels",
                      .description =
                          "array or file of training labels: class indices, one-hot rows, or masks [N, height, width]"},
                     {.name = "test_features", .description = "array or file of test samples"},
                     {.name = "test_labels", .description = "array or file of test labels"},
                     {.name = "layout",
                      .description = "where images have their channels",
                      .default_value = "detect",
                      .choices = {"detect", "channels_first", "channels_last"}}},
                .example = "format: npy\npath: mnist.npz\n"},
               load_npy);
}

}  // namespace nacre
