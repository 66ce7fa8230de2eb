// The whole command line: global options and every verb, in the order of the help.
#include "nacre/app/verb.hpp"
#include "nacre/base/log.hpp"

namespace nacre {
namespace {

constexpr AddVerb kVerbs[] = {add_search,     add_resume,    add_specialize, add_train,    add_evaluate, add_inspect,
                              add_rewrite,    add_verify,    add_measure,    add_map,      add_explore,  add_import,
                              add_rtl,        add_calibrate, add_cells,      add_list,     add_describe, add_study,
                              add_explain,    add_proxies,   add_scale,      add_codesign, add_generate, add_formats,
                              add_report,     add_export,    add_repro,      add_bench,    add_coverage, add_doctor,
                              add_completion, add_reference, add_worker};

}  // namespace

std::unique_ptr<Program> make_program(Session& session) {
  auto program = std::make_unique<Program>(
      "nacre", "nacre: searches networks (and, with them, accelerators) for a data set, a device and limits",
      std::string("nacre ") + NACRE_VERSION);
  Command command = program->command();
  command.add_flag("--json", session.json, "print results as JSON");
  command.add_flag("-q,--quiet", session.quiet, "only warnings and errors on stderr");
  command.add_flag("-v,--verbose", session.verbose, "more on stderr");
  program->on_parsed([&session] {
    if (session.quiet) set_log_level(LogLevel::warning);
    if (session.verbose) set_log_level(LogLevel::debug);
  });
  for (const AddVerb add : kVerbs) add(command, session);
  return program;
}

}  // namespace nacre
