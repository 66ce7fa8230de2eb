// How a measurement of an experiment is made: options in, a JSON value out, into which gates point.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "nacre/base/json.hpp"
#include "nacre/base/registry.hpp"

namespace nacre {

struct ProbeContext {
  uint64_t seed = 0;
  std::filesystem::path output;  // a folder of this measurement and seed alone; exists, kept between sittings
  std::filesystem::path root;    // where examples/ and repro/ stand
  std::filesystem::path folder;  // of the experiment.yaml
  std::string program;           // path of nacre
  std::function<bool()> interrupted = [] { return false; };
};

// Throws Interrupted when asked to stop; what it keeps in `output` it finds again. UserError when it cannot measure.
using ProbeFactory = std::function<Json(const Options& options, const ProbeContext& context)>;
const Registry<ProbeFactory>& probe_registry();

// "{root}/examples" with the places put in: "{seed}", "{output}", "{root}", "{experiment}". UserError for another word in
// braces; what has a colon in its braces is a map in YAML and stands as it is.
std::string with_places(const std::string& text, const std::map<std::string, std::string>& places);

void add_block_ranking_probe(Registry<ProbeFactory>& registry);
void add_block_scores_probe(Registry<ProbeFactory>& registry);
void add_codesign_probe(Registry<ProbeFactory>& registry);
void add_device_transfer_probe(Registry<ProbeFactory>& registry);
void add_networks_probe(Registry<ProbeFactory>& registry);
void add_ranked_table_probe(Registry<ProbeFactory>& registry);
void add_scaled_networks_probe(Registry<ProbeFactory>& registry);
void add_search_probe(Registry<ProbeFactory>& registry);
void add_stopping_epoch_probe(Registry<ProbeFactory>& registry);
void add_strategy_course_probe(Registry<ProbeFactory>& registry);
void add_table_probe(Registry<ProbeFactory>& registry);
void add_training_stops_probe(Registry<ProbeFactory>& registry);
void add_untrained_probe(Registry<ProbeFactory>& registry);
void add_verb_probe(Registry<ProbeFactory>& registry);
void add_zero_cost_probe(Registry<ProbeFactory>& registry);

}  // namespace nacre
