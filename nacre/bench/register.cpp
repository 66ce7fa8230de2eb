#include "nacre/bench/probe.hpp"

namespace nacre {

const Registry<ProbeFactory>& probe_registry() {
  static const Registry<ProbeFactory> registry = [] {
    Registry<ProbeFactory> list("probe", "probes");
    add_block_ranking_probe(list);
    add_block_scores_probe(list);
    add_codesign_probe(list);
    add_device_transfer_probe(list);
    add_networks_probe(list);
    add_table_probe(list);
    add_ranked_table_probe(list);
    add_untrained_probe(list);
    add_strategy_course_probe(list);
    add_search_probe(list);
    add_scaled_networks_probe(list);
    add_stopping_epoch_probe(list);
    add_training_stops_probe(list);
    add_verb_probe(list);
    add_zero_cost_probe(list);
    return list;
  }();
  return registry;
}

std::string with_places(const std::string& text, const std::map<std::string, std::string>& places) {
  std::string result;
  size_t at = 0;
  for (;;) {
    const size_t open = text.find('{', at);
    result += text.substr(at, open - at);
    if (open == std::string::npos) return result;
    const size_t close = text.find('}', open);
    const std::string word = text.substr(open + 1, close == std::string::npos ? close : close - open - 1);
    if (close != std::string::npos && word.find(':') != std::string::npos) {  // a map in YAML
      result += text.substr(open, close + 1 - open);
      at = close + 1;
      continue;
    }
    const auto found = places.find(word);
    if (close == std::string::npos || found == places.end()) {
      std::vector<std::string> names;
      for (const auto& [name, value] : places) names.push_back(name);
      throw UserError("'" + text + "': " + unknown_name_message("place", word, names));
    }
    result += found->second;
    at = close + 1;
  }
}

}  // namespace nacre
