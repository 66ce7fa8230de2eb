// Accelerators to choose from, as a space: a base description, and keys of its file that are decisions.
//
//   parameters:
//     rows: {path: levels.buffer.fanout.y, values: [8, 16, 32]}
//     buffer: {path: levels.buffer.capacity_kib, from: 64, to: 1024, factor: 2}
//     side: {paths: [levels.array.fanout.x, levels.array.fanout.y], from: 4, to: 16, step: 4}   # the same value at both
//
// A level is named, other keys are those of the file. Descriptions are read anew for every choice, so that estimated energies and
// areas follow; what the base states itself stays (unscaled_constants says where that would mislead).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "nacre/base/config.hpp"
#include "nacre/design/accelerator.hpp"
#include "nacre/space/space.hpp"

namespace nacre {

struct AcceleratorParameter {
  std::string name;
  std::vector<std::string> paths;
  std::vector<ConfigNode> values;  // scalars
  std::vector<double> numbers;     // of them, when all are numbers; ascending
};

class AcceleratorSpace final : public Space {
 public:
  // `base`: the file of an accelerator as it was written; `networks` run on each. UserError with position when a path names nothing,
  // or the first values make no accelerator.
  AcceleratorSpace(ConfigNode base, std::filesystem::path base_folder, std::vector<AcceleratorParameter> parameters,
                   std::map<std::string, Graph, std::less<>> networks);

  const std::string& name() const override { return name_; }
  Design build(Chooser& choose) const override;  // the networks; its decisions say which accelerator
  using Space::build;

  // UserError when the values together make none.
  AcceleratorDescription accelerator(const Decisions& decisions) const;
  // Name and value of every parameter.
  std::vector<std::pair<std::string, std::string>> values(const Decisions& decisions) const;
  const std::vector<AcceleratorParameter>& parameters() const { return parameters_; }
  // Levels whose size or width is a parameter while their energies or areas are stated, one line each.
  std::vector<std::string> unscaled_constants() const;

 private:
  std::string name_ = "accelerator";
  ConfigNode base_;
  std::filesystem::path base_folder_;
  std::vector<AcceleratorParameter> parameters_;
  std::map<std::string, Graph, std::less<>> networks_;
};

// The section `parameters`. UserError with position.
std::vector<AcceleratorParameter> accelerator_parameters_from_config(const ConfigNode& node);
// The text of a registered accelerator or of a file, and the folder where its relative paths begin.
std::pair<ConfigNode, std::filesystem::path> accelerator_source(const ConfigNode& name_or_path,
                                                                const std::filesystem::path& base_folder);

}  // namespace nacre
