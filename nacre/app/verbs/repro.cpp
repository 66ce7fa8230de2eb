// nacre repro list | run NAME: claims as experiments (repro/NAME/experiment.yaml), measured again, gate by gate.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <iostream>

#include "nacre/app/interrupt.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/log.hpp"
#include "nacre/bench/experiment.hpp"
#include "nacre/bench/experiment_document.hpp"
#include "nacre/bench/experiment_run.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

struct ReproOptions {
  std::string folder;  // that holds the experiments; "" for the usual places
  std::string name;
  bool quick = false;
  std::string output;
  std::string document;
};

// The folder with experiments: the one given, $NACRE_REPRO, ./repro, or the installed one beside the program.
fs::path repro_folder(const ReproOptions& options, const Session& session) {
  if (!options.folder.empty()) return options.folder;
  const char* given = std::getenv("NACRE_REPRO");
  if (given != nullptr && *given != '\0') return given;
  if (fs::is_directory("repro")) return "repro";
  const fs::path installed = fs::path(session.program).parent_path().parent_path() / "share" / "nacre" / "repro";
  if (fs::is_directory(installed)) return installed;
  throw UserError(
      "there is no folder 'repro' here; give the one that holds the experiments with --folder, or set "
      "NACRE_REPRO");
}

fs::path experiment_folder(const ReproOptions& options, const Session& session) {
  const fs::path folder = repro_folder(options, session);
  if (fs::exists(folder / options.name / "experiment.yaml")) return folder / options.name;
  std::vector<std::string> names;
  for (const fs::path& path : find_experiments(folder)) names.push_back(path.filename().string());
  throw UserError(unknown_name_message("experiment", options.name, names, "nacre repro list"));
}

void list(const ReproOptions& options, const Session& session) {
  Json json = Json::array();
  TextTable table({"name", ">gates", ">quick", "what", "source"});
  for (const fs::path& folder : find_experiments(repro_folder(options, session))) {
    const Experiment full = load_experiment(folder, false), quick = load_experiment(folder, true);
    json.push_back({{"name", full.name},
                    {"title", full.title},
                    {"source", full.source},
                    {"gates", full.gates.size()},
                    {"quick_gates", quick.gates.size()}});
    table.add(
        {full.name, std::to_string(full.gates.size()), std::to_string(quick.gates.size()), full.title, full.source});
  }
  std::cout << (session.json ? json.dump(2) + "\n" : table.text());
}

std::string today() { return fmt::format("{:%Y-%m-%d}", fmt::localtime(std::time(nullptr))); }

std::string command_text(const Experiment& experiment) {
  return fmt::format("nacre repro run {}{}", experiment.name, experiment.quick ? " --quick" : "");
}

// docs/repro/NAME.md of the checkout where that can be written, for the full form; always beside the results.
std::vector<fs::path> write_documents(const ExperimentOutcome& outcome, const ReproOptions& options,
                                      const fs::path& output) {
  const Experiment& experiment = outcome.experiment;
  const std::string page = experiment_markdown(outcome, {today(), command_text(experiment)});
  std::vector<fs::path> written = {output / "outcome.md"};
  write_file_atomically(written[0], page);
  write_file_atomically(output / "outcome.json", to_json(outcome).dump(2) + "\n");
  fs::path document = options.document;
  if (document.empty() && !experiment.quick && fs::is_directory(experiment.root / "docs"))
    document = experiment.root / "docs" / "repro" / (experiment.name + ".md");
  if (document.empty()) return written;
  try {
    write_file_atomically(document, page);
    written.push_back(document);
  } catch (const std::exception& error) {
    if (!options.document.empty()) throw;
    log_warning("{}; the page is only in '{}'", error.what(), written[0].string());
  }
  return written;
}

void print_outcome(const ExperimentOutcome& outcome, const std::vector<fs::path>& documents, const Session& session) {
  if (session.json) {
    Json json = to_json(outcome);
    for (const fs::path& document : documents) json["documents"].push_back(document.string());
    std::cout << json.dump(2) << "\n";
    return;
  }
  TextTable table({"result", "gate", ">measured", "bound", "published"});
  for (const GateOutcome& gate : outcome.gates) {
    table.add({std::string(gate_state_name(gate.state)), gate.gate.what, value_text(gate), bound_text(gate),
               gate.gate.published});
  }
  std::cout << fmt::format("{}: {}\n", outcome.experiment.name, outcome.experiment.title) << table.text();
  for (const GateOutcome& gate : outcome.gates) {
    if (!gate.reason.empty()) std::cout << fmt::format("not measured: {}: {}\n", gate.gate.what, gate.reason);
  }
  std::cout << fmt::format("{} of {} gates reached{}\n", outcome.count(GateState::reached), outcome.gates.size(),
                           outcome.experiment.quick ? " (quick form)" : "");
  for (const fs::path& document : documents) std::cout << "written: " << document.string() << "\n";
}

void run(const ReproOptions& options, Session& session) {
  install_interrupt_handlers();
  const Experiment experiment = load_experiment(experiment_folder(options, session), options.quick);
  ExperimentRunOptions run_options;
  run_options.output = options.output.empty()
                           ? fs::path("repro_output") / (experiment.name + (experiment.quick ? "_quick" : ""))
                           : fs::path(options.output);
  run_options.program = session.program;
  run_options.interrupted = [] { return interrupt_requested(); };
  run_options.progress = [](const ExperimentProgress& progress) {
    log_info("{}, seed {} ({} of {}){}", progress.measurement, progress.seed, progress.done + 1, progress.planned,
             progress.known ? ": measured before" : "");
  };
  const ExperimentOutcome outcome = run_experiment(experiment, run_options);
  print_outcome(outcome, write_documents(outcome, options, run_options.output), session);
  if (outcome.count(GateState::reached) != static_cast<int64_t>(outcome.gates.size()))
    session.exit_code = kExitLimitsNotMet;
}

}  // namespace

void add_repro(Command& program, Session& session) {
  Command verb = program.add_verb("repro", "claims of papers as experiments: list them, run one");
  verb.require_verb();
  auto options = std::make_shared<ReproOptions>();
  verb.add_option("--folder", options->folder, "folder that holds the experiments (default: ./repro)");
  Command list_verb = verb.add_verb("list", "the experiments, with the number of their gates");
  list_verb.on_run([options, &session] { list(*options, session); });
  Command run_verb = verb.add_verb(
      "run", "measure what is not measured yet and judge the gates; interrupted, the same command goes on");
  run_verb.add_option("name", options->name, "of the experiment, e.g. 05").required();
  run_verb.add_flag("--quick", options->quick, "the short form: fewer seeds, smaller data, the exact gates");
  run_verb.add_option("-o,--output", options->output, "folder of the results (default: repro_output/NAME)");
  run_verb.add_option("--document", options->document,
                      "Markdown page to write (default: docs/repro/NAME.md, not with --quick)");
  run_verb.on_run([options, &session] { run(*options, session); });
}

}  // namespace nacre
