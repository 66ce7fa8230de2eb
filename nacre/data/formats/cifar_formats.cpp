// Formats `cifar10` and `cifar100`: a folder with the names the authors gave the files, or a list of files.
#include <algorithm>

#include "nacre/base/file.hpp"
#include "nacre/data/cifar.hpp"
#include "nacre/data/data_format.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_starting_with(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && (name.ends_with(".bin") || name.ends_with(".bin.gz")))
      files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

// One name a line, as batches.meta.txt has them; nothing when the file is absent or holds another number of names.
std::vector<std::string> names_in(const fs::path& file, size_t count) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return {};
  std::vector<std::string> names;
  std::string name;
  for (const char c : read_file(file, 1 << 16) + "\n") {
    if (c == '\n') {
      if (!name.empty()) names.push_back(std::move(name));
      name.clear();
    } else if (c != '\r') {
      name.push_back(c);
    }
  }
  return names.size() == count ? names : std::vector<std::string>{};
}

LoadedData load_cifar(const Options& options, const DataContext& context, CifarVariant variant) {
  if (context.labels != LabelKind::classes) throw UserError("CIFAR files hold classes, not numbers to predict");
  const bool ten = variant == CifarVariant::cifar10;
  std::vector<fs::path> train;
  std::vector<fs::path> test;
  fs::path folder;
  for (const std::string& written : options.texts("path")) {
    const fs::path path = context.paths.find(written, options.position("path"));
    if (!fs::is_directory(path)) {
      train.push_back(path);
      continue;
    }
    folder = path;
    for (const fs::path& file : files_starting_with(path, ten ? "data_batch" : "train")) train.push_back(file);
    for (const fs::path& file : files_starting_with(path, ten ? "test_batch" : "test")) test.push_back(file);
  }
  if (options.has("test_path")) {
    test.clear();
    for (const std::string& written : options.texts("test_path")) {
      test.push_back(context.paths.find(written, options.position("test_path")));
    }
  }
  if (train.empty()) {
    throw UserError(options.position("path"),
                    "'" + folder.string() + "': no " + (ten ? "data_batch_*" : "train") + ".bin[.gz] in this folder");
  }
  LoadedData data;
  data.pool = read_cifar(train, variant);
  if (!test.empty()) data.test = read_cifar(test, variant);
  const char* names_file = ten                                      ? "batches.meta.txt"
                           : variant == CifarVariant::cifar100_fine ? "fine_label_names.txt"
                                                                    : "coarse_label_names.txt";
  std::vector<std::string> names = names_in(train[0].parent_path() / names_file, data.pool.class_names.size());
  if (names.empty() && ten)
    names = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
  if (!names.empty()) name_classes(data, std::move(names));
  return data;
}

Parameter path_parameter() {
  return {.name = "path",
          .type = ParameterType::text_list,
          .description = "folder with the authors' file names, or training files",
          .required = true};
}
Parameter test_path_parameter() {
  return {.name = "test_path",
          .type = ParameterType::text_list,
          .description = "test files; by default those in the folder"};
}

}  // namespace

void register_cifar_formats(DataFormatRegistry& registry) {
  registry.add({.name = "cifar10",
                .summary = "CIFAR-10 in its binary form, plain or gzip",
                .source = "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
                .parameters = {path_parameter(), test_path_parameter()},
                .example = "format: cifar10\npath: cifar-10-batches-bin\n"},
               [](const Options& options, const DataContext& context) {
                 return load_cifar(options, context, CifarVariant::cifar10);
               });
  registry.add({.name = "cifar100",
                .summary = "CIFAR-100 in its binary form, plain or gzip; 100 fine or 20 coarse classes",
                .source = "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
                .parameters = {path_parameter(),
                               test_path_parameter(),
                               {.name = "classes",
                                .description = "which of the two labels",
                                .default_value = "fine",
                                .choices = {"fine", "coarse"}}},
                .example = "format: cifar100\npath: cifar-100-binary\n"},
               [](const Options& options, const DataContext& context) {
                 return load_cifar(
                     options, context,
                     options.text("classes") == "fine" ? CifarVariant::cifar100_fine : CifarVariant::cifar100_coarse);
               });
}

}  // namespace nacre
