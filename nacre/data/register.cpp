#include "nacre/data/data_format.hpp"

namespace nacre {

const DataFormatRegistry& data_format_registry() {
  static const DataFormatRegistry registry = [] {
    DataFormatRegistry list("data format", "data_formats");
    register_csv_format(list);
    register_idx_format(list);
    register_cifar_formats(list);
    register_npy_format(list);
    register_image_folder_format(list);
    register_image_masks_format(list);
    register_textured_ground_format(list);
    return list;
  }();
  return registry;
}

LoadedData load_data(const ConfigNode& section, const DataContext& context) {
  if (!section.is_map()) throw UserError(section.position, "task.data: expected a map with format and paths");
  const ConfigNode* format = section.find("format");
  if (format == nullptr) {
    throw UserError(section.position,
                    "missing key task.data.format; accepted: csv, idx, cifar10, ... (nacre list data_formats)");
  }
  const auto& entry = data_format_registry().get(format->as_text("task.data.format"), format->position);
  const Options options = resolve_options(section, entry.parameters, "task.data", {"format"});
  LoadedData data = entry.make(options, context);
  if (context.labels == LabelKind::masks && !data.pool.holds_masks()) {
    throw UserError(format->position, "data format " + entry.name +
                                          " has no masks; use npy, image_masks or textured_ground for segmentation");
  }
  check_loaded(data);
  return data;
}

}  // namespace nacre
