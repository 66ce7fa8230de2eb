// A search as a measurement: run as the verb does, in a folder of the measurement, resumed where it stopped; then its study read.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nacre/bench/probe.hpp"
#include "nacre/design/trial.hpp"

namespace nacre {

struct SearchedStudy {
  Json said;                             // what the verb printed: networks, whether limits are met
  std::vector<Trial> trials;             // all, by number
  std::vector<Trial> ok() const;         // with results
  std::vector<Trial> evaluated() const;  // of them, those that no earlier trial answered
};

// `configuration` and `changes` (as with --set) may hold places ({root}, ...); search.seed is the context's, output_dir is `study`.
// Throws Interrupted when asked to stop, UserError with the command when it fails.
SearchedStudy run_search_in(const std::filesystem::path& study, const std::string& configuration,
                            const std::vector<std::string>& changes, const ProbeContext& context);

}  // namespace nacre
