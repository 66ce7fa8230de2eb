// The arguments of a search that takes seconds.
#pragma once

#include <filesystem>
#include <string>

namespace nacre::test {

// Digits, counted target, few epochs: a search in seconds.
inline std::string small_search(const std::filesystem::path& folder, const std::string& more = "") {
  return "search examples/digits.yaml --set target=macs --set 'search.objectives=[accuracy, macs]' --set "
         "search.trials=4 "
         "--set search.workers=2 --set search.lookahead=2 --set train.epochs=1 --set search.epochs=1 --set "
         "final.networks=2 "
         "--set search.random_baseline=false --set limits='{params: 60000}' --set output_dir='" +
         folder.string() + "' " + more;
}

}  // namespace nacre::test
