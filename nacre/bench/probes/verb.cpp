// `verb`: what a verb of nacre prints with --json. The most general probe: whatever the command line can do can be claimed.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nacre/bench/child_program.hpp"
#include "nacre/bench/probe.hpp"

namespace nacre {
namespace {

constexpr int kDone = 0;
constexpr int kLimitsNotMet = 3;  // a result too: gates say what it is worth
constexpr int kInterrupted = 130;

Json run_verb(const Options& options, const ProbeContext& context) {
  std::vector<std::string> command = {context.program};
  for (const std::string& word : options.texts("run")) {
    command.push_back(with_places(word, {{"seed", std::to_string(context.seed)},
                                         {"output", context.output.string()},
                                         {"root", context.root.string()},
                                         {"experiment", context.folder.string()}}));
  }
  command.push_back("--json");
  const std::string text = fmt::format("nacre {}", fmt::join(command.begin() + 1, command.end(), " "));
  const ChildOutcome outcome = run_child(command, {.interrupted = context.interrupted});
  if (outcome.exit_code == kInterrupted) throw Interrupted();
  if (outcome.exit_code != kDone && outcome.exit_code != kLimitsNotMet)
    throw UserError(fmt::format("'{}' ended with exit code {}", text, outcome.exit_code));
  return parse_json(outcome.output, "the output of '" + text + "'");
}

}  // namespace

void add_verb_probe(Registry<ProbeFactory>& registry) {
  registry.add({.name = "verb",
                .summary = "what a verb of nacre prints with --json; a search goes on in its output folder",
                .source = "",
                .parameters = {{.name = "run",
                                .type = ParameterType::text_list,
                                .description = "the verb and its arguments; {seed}, {output}, {root} (the folder that "
                                               "holds repro and examples) and {experiment} are put in",
                                .required = true}},
                .example = "probe: verb\nrun: [search, \"{root}/examples/digits.yaml\", --set, \"search.seed={seed}\", "
                           "--set, \"output_dir={output}\"]\n"},
               run_verb);
}

}  // namespace nacre
