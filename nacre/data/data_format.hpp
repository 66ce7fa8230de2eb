// The registry of forms in which data come: what `task.data.format` names. Each turns its options into a Dataset to be
// split, and a test set where the source has one of its own. Adding one: a file in formats/ and a line in register.cpp.
#pragma once

#include <functional>

#include "nacre/base/registry.hpp"
#include "nacre/data/data_paths.hpp"
#include "nacre/data/dataset.hpp"

namespace nacre {

struct DataContext {
  DataPaths paths;
  LabelKind labels = LabelKind::classes;
};

using DataFormatFactory = std::function<LoadedData(const Options& options, const DataContext& context)>;
using DataFormatRegistry = Registry<DataFormatFactory>;

const DataFormatRegistry& data_format_registry();

// Reads the map `task.data`: {format: csv, path: ..., ...}. The result is checked (check_loaded).
LoadedData load_data(const ConfigNode& section, const DataContext& context);

// Called by register.cpp only.
void register_idx_format(DataFormatRegistry& registry);
void register_cifar_formats(DataFormatRegistry& registry);
void register_csv_format(DataFormatRegistry& registry);
void register_npy_format(DataFormatRegistry& registry);
void register_image_folder_format(DataFormatRegistry& registry);
void register_image_masks_format(DataFormatRegistry& registry);
void register_textured_ground_format(DataFormatRegistry& registry);

}  // namespace nacre
