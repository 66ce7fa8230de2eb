// Which tool a file is of, by its name and its first keys.
#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/config_dialect.hpp"
#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/hw/interchange/accelergy.hpp"
#include "nacre/hw/interchange/imported.hpp"
#include "nacre/hw/interchange/maestro.hpp"
#include "nacre/hw/interchange/scale_sim.hpp"
#include "nacre/hw/interchange/timeloop.hpp"
#include "nacre/hw/interchange/zigzag.hpp"

namespace nacre {
namespace {

constexpr uint64_t kLargestFileBytes = 16 << 20;

bool has_tag(const ConfigNode& node, std::string_view tag, int depth = 0) {
  if (const ConfigNode* found = node.find(kTagKey); found != nullptr && found->scalar == tag) return true;
  if (depth > 6) return false;
  const auto inside = [&](const ConfigNode& child) { return has_tag(child, tag, depth + 1); };
  return std::ranges::any_of(node.items, inside) ||
         std::ranges::any_of(node.entries, [&](const auto& entry) { return inside(entry.second); });
}

std::string kind_of_yaml(const ConfigNode& root) {
  const auto has = [&](const char* key) { return root.find(key) != nullptr; };
  if (root.kind == ConfigNode::Kind::sequence) {
    const bool zigzag = std::ranges::any_of(root.items, [](const ConfigNode& item) {
      return item.find("equation") != nullptr || item.find("spatial_mapping") != nullptr;
    });
    return zigzag ? "zigzag" : "";
  }
  if (has("cores")) return "stream";
  if (has("memories") && has("operational_array")) return "zigzag";
  for (const auto& [key, value] : root.entries)
    if (key.starts_with("ERT") || key.starts_with("ART")) return "accelergy";
  if (has("arch") && (has_tag(root, "Memory") || has_tag(root, "Compute"))) return "accelforge";
  for (const char* key : {"arch", "architecture", "problem", "mapping", "mapspace", "shape", "mapspace_constraints"})
    if (has(key)) return "timeloop";
  for (const auto& [key, value] : root.entries)
    if (key.starts_with("problem_base")) return "timeloop";
  return "";
}

bool is_maestro_network(const std::string& text) {
  return text.find("Network") != std::string::npos && text.find("Layer") != std::string::npos;
}

std::string kind_of_name(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".m") return "maestro";
  if (extension == ".cfg" || extension == ".csv") return "scale_sim";
  return "";
}

}  // namespace

const std::vector<std::string>& import_kinds() {
  static const std::vector<std::string> kKinds = {"timeloop",  "zigzag",    "stream",    "maestro",
                                                  "scale_sim", "accelergy", "accelforge"};
  return kKinds;
}

Imported import_text(const std::string& text, const std::filesystem::path& path, const ImportOptions& options) {
  const std::string origin = path.string();
  std::string kind = options.kind.empty() ? kind_of_name(path) : options.kind;
  if (!kind.empty() && std::ranges::find(import_kinds(), kind) == import_kinds().end())
    throw UserError(unknown_name_message("kind of file", kind, import_kinds()));
  if (kind == "maestro") {
    return is_maestro_network(text) ? read_maestro(text, origin, options.elements)
                                    : read_maestro_hardware(text, origin);
  }
  if (kind == "scale_sim") {
    return text.find("ArrayHeight") != std::string::npos ? read_scale_sim_configuration(text, origin)
                                                         : read_scale_sim_topology(text, origin);
  }
  if (kind.empty() && path.extension() == ".txt") {
    throw UserError(fmt::format("'{}' is a report for people; import the files it was made from (.yaml)", origin));
  }
  const DialectConfig config = parse_config_dialect(filled_with_defaults(text, origin), origin);
  if (kind.empty()) kind = kind_of_yaml(config.root);
  const std::string name = path.stem().string();
  Imported imported;
  if (kind == "timeloop") {
    imported = read_timeloop(config.root, name);
  } else if (kind == "zigzag") {
    imported = read_zigzag(config.root, name);
  } else if (kind == "stream") {
    imported = read_stream(config.root, path.parent_path());
  } else if (kind == "accelergy") {
    imported = read_accelergy(config.root);
  } else if (kind == "accelforge") {
    imported = read_accelforge(config.root, name);
  } else {
    throw UserError(fmt::format("'{}' is no file of a tool that is known; name one of {} with --as", origin,
                                fmt::join(import_kinds(), ", ")));
  }
  imported.warnings.insert(imported.warnings.begin(), config.repeated.begin(), config.repeated.end());
  return imported;
}

Imported import_file(const std::filesystem::path& path, const ImportOptions& options) {
  return import_text(read_file(path, kLargestFileBytes), path, options);
}

}  // namespace nacre
