// nacre export FOLDER: a study's trials for other programs.
#include <filesystem>
#include <iostream>

#include "nacre/app/verb.hpp"
#include "nacre/base/json.hpp"
#include "nacre/run/study_export.hpp"

namespace nacre {
namespace {

struct ExportOptions {
  std::string folder;
  std::string format = "csv";
  std::string output;
};

void export_study(const ExportOptions& options, const Session& session) {
  const auto& entry = export_registry().get(options.format);
  const StudyExport study = read_study_export(options.folder);
  const std::filesystem::path path = options.output.empty()
                                         ? std::filesystem::path(options.folder) / default_export_name(options.format)
                                         : std::filesystem::path(options.output);
  entry.make(study, path);
  if (session.json) {
    std::cout << Json{{"written", path.string()}, {"format", options.format}, {"trials", study.rows.size()}}.dump()
              << "\n";
  } else {
    std::cout << path.string() << "\n";
  }
}

}  // namespace

void add_export(Command& program, Session& session) {
  Command verb = program.add_verb("export", "a study's trials as CSV, JSON, Optuna storage or TensorBoard events");
  auto options = std::make_shared<ExportOptions>();
  verb.add_option("folder", options->folder, "output folder of a search").required();
  verb.add_option("--format", options->format, "csv, json, optuna or tensorboard (nacre list export_formats)");
  verb.add_option("-o,--output", options->output,
                  "file (tensorboard: folder) to write; default: in the study's folder");
  verb.on_run([options, &session] { export_study(*options, session); });
}

}  // namespace nacre
