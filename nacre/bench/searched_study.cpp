#include "nacre/bench/searched_study.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nacre/bench/child_program.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/study/sqlite_store.hpp"

namespace nacre {
namespace {

constexpr int kDone = 0;
constexpr int kLimitsNotMet = 3;  // a result too: gates say what it is worth
constexpr int kInterrupted = 130;

}  // namespace

std::vector<Trial> SearchedStudy::ok() const {
  std::vector<Trial> result;
  for (const Trial& trial : trials)
    if (trial.status == TrialStatus::ok) result.push_back(trial);
  return result;
}

std::vector<Trial> SearchedStudy::evaluated() const {
  std::vector<Trial> result = ok();
  std::erase_if(result, [](const Trial& trial) { return trial.cached_from >= 0; });
  return result;
}

SearchedStudy run_search_in(const std::filesystem::path& study, const std::string& configuration,
                            const std::vector<std::string>& changes, const ProbeContext& context) {
  const std::map<std::string, std::string> places = {{"seed", std::to_string(context.seed)},
                                                     {"output", context.output.string()},
                                                     {"root", context.root.string()},
                                                     {"experiment", context.folder.string()}};
  std::vector<std::string> command = {context.program, "search", with_places(configuration, places)};
  const auto set = [&](const std::string& text) {
    command.emplace_back("--set");
    command.push_back(text);
  };
  for (const std::string& change : changes) set(with_places(change, places));
  set(fmt::format("search.seed={}", context.seed));
  set("output_dir=" + study.string());
  command.emplace_back("--json");
  const std::string text = fmt::format("nacre {}", fmt::join(command.begin() + 1, command.end(), " "));
  const ChildOutcome outcome = run_child(command, {.interrupted = context.interrupted});
  if (outcome.exit_code == kInterrupted) throw Interrupted();
  if (outcome.exit_code != kDone && outcome.exit_code != kLimitsNotMet)
    throw UserError(fmt::format("'{}' ended with exit code {}", text, outcome.exit_code));
  SearchedStudy searched;
  searched.said = parse_json(outcome.output, "the output of '" + text + "'");
  searched.trials = open_sqlite_store(study_file(study), StoreMode::read_only)->trials();
  return searched;
}

}  // namespace nacre
