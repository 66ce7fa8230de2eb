// What lies where in the output folder of a study.
//
//   output_dir/
//     study.sqlite         the record: configuration, trials, costs, events
//     random_baseline.sqlite   the random search beside it, where search.random_baseline asks for one
//     configuration.yaml   the resolved configuration, every key with its value
//     artifacts/           trained weights by content hash
//     supernet/            of searches with shared weights: supernet.json, state.safetensors
//     mappings.jsonl       of modelled chips: every mapping that was searched (run/mapping_file.hpp)
//     front.csv, front.json
//     models/*.onnx
//     report.html
#pragma once

#include <filesystem>

namespace nacre {

inline std::filesystem::path study_file(const std::filesystem::path& output_dir) { return output_dir / "study.sqlite"; }
inline std::filesystem::path baseline_file(const std::filesystem::path& output_dir) {
  return output_dir / "random_baseline.sqlite";
}
inline std::filesystem::path configuration_file(const std::filesystem::path& output_dir) {
  return output_dir / "configuration.yaml";
}
inline std::filesystem::path artifacts_folder(const std::filesystem::path& output_dir) {
  return output_dir / "artifacts";
}
inline std::filesystem::path supernet_folder(const std::filesystem::path& output_dir) {
  return output_dir / "supernet";
}
inline std::filesystem::path supernet_state_file(const std::filesystem::path& output_dir) {
  return supernet_folder(output_dir) / "state.safetensors";
}
inline std::filesystem::path mappings_file(const std::filesystem::path& output_dir) {
  return output_dir / "mappings.jsonl";
}
inline std::filesystem::path models_folder(const std::filesystem::path& output_dir) { return output_dir / "models"; }
inline std::filesystem::path report_file(const std::filesystem::path& output_dir) { return output_dir / "report.html"; }

}  // namespace nacre
