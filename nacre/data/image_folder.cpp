#include "nacre/data/image_folder.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (!entry.path().filename().string().starts_with('.')) entries.push_back(entry.path());
  }
  if (error) throw UserError("cannot read folder '" + folder.string() + "': " + error.message());
  std::ranges::sort(entries);
  return entries;
}

struct LabelledFile {
  fs::path path;
  int64_t label = 0;
};

std::vector<LabelledFile> list_files(const fs::path& folder, std::vector<std::string>& classes) {
  std::vector<LabelledFile> files;
  const bool fixed = !classes.empty();
  for (const fs::path& entry : sorted_entries(folder)) {
    if (!fs::is_directory(entry)) continue;
    const std::string name = entry.filename().string();
    if (fixed && std::ranges::find(classes, name) == classes.end()) {
      throw UserError("'" + folder.string() + "': " +
                      unknown_name_message("class folder", name, classes, "the training folder does not have it"));
    }
    const size_t before = files.size();
    if (!fixed) classes.push_back(name);
    const int64_t label = std::ranges::find(classes, name) - classes.begin();
    for (const fs::path& file : sorted_entries(entry)) {
      if (is_image_file(file)) files.push_back({file, label});
    }
    if (files.size() == before && !fixed)
      throw UserError("'" + entry.string() + "': no PNG or JPEG files in this class folder");
  }
  if (files.empty())
    throw UserError("'" + folder.string() + "': expected one folder of PNG or JPEG files per class, found none");
  return files;
}

void store_channels_first(const Image& image, uint8_t* to) {
  const size_t pixels = static_cast<size_t>(image.size.height * image.size.width);
  const auto channels = static_cast<size_t>(image.channels);
  for (size_t c = 0; c < channels; ++c) {
    for (size_t p = 0; p < pixels; ++p) *to++ = image.pixels[p * channels + c];
  }
}

std::string size_text(ImageSize size) { return std::to_string(size.height) + "x" + std::to_string(size.width); }

}  // namespace

Dataset read_image_folder(const fs::path& folder, const ImageFolderOptions& options,
                          const std::vector<std::string>& classes) {
  if (!fs::is_directory(folder)) throw UserError("'" + folder.string() + "': expected a folder of class folders");
  Dataset dataset;
  dataset.source = folder.string();
  dataset.class_names = classes;
  const std::vector<LabelledFile> files = list_files(folder, dataset.class_names);
  const ImageSize size =
      options.size ? *options.size : read_image_header(read_file(files[0].path), files[0].path.string()).size;
  const auto count = static_cast<int64_t>(files.size());
  UnsetTensor features =
      make_unset_tensor(ElementType::uint8, std::vector<int64_t>{count, options.channels, size.height, size.width});
  dataset.labels = Tensor(ElementType::int64, {count});
  const auto labels = dataset.labels.mutable_values<int64_t>();
  const size_t sample_bytes = static_cast<size_t>(options.channels * size.height * size.width);

  // Each file writes its own place; of several damaged files the first by name is reported, whatever thread met it.
  std::atomic<size_t> next{0};
  std::mutex mutex;
  size_t failed_at = files.size();
  std::exception_ptr failure;
  const auto work = [&] {
    for (size_t i = next++; i < files.size(); i = next++) {
      try {
        const Image image = read_image(files[i].path, options.channels);
        if (!options.size && image.size != size) {
          throw UserError("'" + files[i].path.string() + "': is " + size_text(image.size) +
                          " pixels, the first image " + size_text(size) + "; set size: [height, width]");
        }
        store_channels_first(resize_image(image, size), reinterpret_cast<uint8_t*>(features.bytes) + i * sample_bytes);
        labels[i] = files[i].label;
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (i < failed_at) {
          failed_at = i;
          failure = std::current_exception();
        }
        next = files.size();
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    const size_t helpers = std::min<size_t>(std::max(1U, std::thread::hardware_concurrency()), 16) - 1;
    for (size_t t = 0; t < std::min(helpers, files.size() / 8); ++t) threads.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
  dataset.features = std::move(features.tensor);
  return dataset;
}

}  // namespace nacre
