// What a file of another tool holds, in nacre's values. One reader a tool; `import_file` finds which.
//
// Nothing is dropped in silence: what a file says and nacre does not model is named in `warnings`, and, where it is about an
// accelerator, in its `not_modelled` as well.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nacre/base/config.hpp"
#include "nacre/design/accelerator.hpp"
#include "nacre/hw/accelerator/dataflow.hpp"
#include "nacre/hw/loopnest/mapping.hpp"
#include "nacre/hw/loopnest/workload.hpp"

namespace nacre {

// One statement of a mapping or of constraints on mappings, by the names of level and dimensions (Timeloop's notion).
struct MappingDirective {
  enum class Kind { temporal, spatial, tensors };
  std::string target;  // level
  Kind kind = Kind::temporal;
  std::map<std::string, int64_t, std::less<>> factors = {};  // 0: what remains
  std::vector<std::string> permutation = {};                 // innermost first
  std::optional<int64_t> split = {};                         // that many of the permutation are on x, the rest on y
  std::vector<std::string> keep = {};                        // tensors
  std::vector<std::string> bypass = {};
  bool constraint = false;  // of mappings to choose from, not a mapping's own
  SourcePosition position = {};
};

// A layer with a dataflow of its own (MAESTRO).
struct ImportedLayer {
  Workload workload;
  std::optional<AcceleratorDescription> accelerator;  // the hierarchy that the dataflow speaks of
  std::optional<Mapping> mapping;
};

// Energies (joules of one action) and area of a component, by its name without counts ("shared_glb").
struct ComponentTable {
  std::map<std::string, std::map<std::string, double>> energy_j;
  std::map<std::string, double> area_mm2;
};

struct Imported {
  std::string kind;  // "timeloop", "zigzag", "maestro", ...
  std::vector<AcceleratorDescription> accelerators = {};
  std::vector<Workload> workloads = {};
  std::vector<MappingDirective> directives = {};
  std::vector<Dataflow> dataflows = {};
  std::vector<ImportedLayer> layers = {};
  ComponentTable components = {};
  std::map<std::string, int64_t> word_bits = {};  // of one element by level, where a file says it of its memories
  std::vector<std::string> warnings = {};
};

// The kinds that import_file knows: timeloop, zigzag, stream, maestro, scale_sim, accelergy, accelforge.
const std::vector<std::string>& import_kinds();
struct ImportOptions {
  std::string kind = "";   // "": found from name and content
  int64_t elements = 256;  // of the array, for files that say a dataflow and no size (MAESTRO's mappings)
};
// UserError for what is no such file, with position.
Imported import_file(const std::filesystem::path& path, const ImportOptions& options = {});
// The same of a text; `path` names it in messages and is where files beside it (Stream's cores) are looked for.
Imported import_text(const std::string& text, const std::filesystem::path& path, const ImportOptions& options = {});

// Fills energies and areas of levels and multipliers from a table of components of the same names; says how many it filled. What
// the table has and the accelerator lacks is named in `warnings`.
int64_t apply_component_table(const ComponentTable& table, AcceleratorDescription& accelerator,
                              std::vector<std::string>& warnings);

}  // namespace nacre
