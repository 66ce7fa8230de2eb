// A verb of the command line: one file each under app/verbs, listed in app/program.cpp.
//
// stdout is data, stderr is progress and messages. Exit codes: 0 done, 2 bad input, 3 limits not met, 130 interrupted.
#pragma once

#include <string>

#include "nacre/app/command.hpp"

namespace nacre {

inline constexpr int kExitDone = 0;
inline constexpr int kExitInternal = 1;
inline constexpr int kExitBadInput = 2;
inline constexpr int kExitLimitsNotMet = 3;
inline constexpr int kExitDiffers = 3;  // nacre verify: outputs differ
inline constexpr int kExitInterrupted = 130;

// What verbs share while the program runs.
struct Session {
  bool json = false;  // --json: machine-readable output
  bool quiet = false;
  bool verbose = false;
  int exit_code = kExitDone;
  std::string program;  // path of this program, to start workers
};

// The program with every verb; `session` must outlive it.
std::unique_ptr<Program> make_program(Session& session);

// Adds the verb and its options to the program; what it runs does the work and may set session.exit_code.
using AddVerb = void (*)(Command& program, Session& session);

void add_search(Command& program, Session& session);
void add_resume(Command& program, Session& session);
void add_specialize(Command& program, Session& session);
void add_train(Command& program, Session& session);
void add_evaluate(Command& program, Session& session);
void add_inspect(Command& program, Session& session);
void add_rewrite(Command& program, Session& session);
void add_verify(Command& program, Session& session);
void add_rtl(Command& program, Session& session);
void add_cells(Command& program, Session& session);
void add_import(Command& program, Session& session);
void add_map(Command& program, Session& session);
void add_calibrate(Command& program, Session& session);
void add_measure(Command& program, Session& session);
void add_explore(Command& program, Session& session);
void add_list(Command& program, Session& session);
void add_describe(Command& program, Session& session);
void add_explain(Command& program, Session& session);
void add_proxies(Command& program, Session& session);
void add_scale(Command& program, Session& session);
void add_codesign(Command& program, Session& session);
void add_generate(Command& program, Session& session);
void add_formats(Command& program, Session& session);
void add_study(Command& program, Session& session);
void add_report(Command& program, Session& session);
void add_export(Command& program, Session& session);
void add_repro(Command& program, Session& session);
void add_bench(Command& program, Session& session);
void add_coverage(Command& program, Session& session);
void add_doctor(Command& program, Session& session);
void add_completion(Command& program, Session& session);
void add_reference(Command& program, Session& session);  // hidden: the configuration reference as Markdown
void add_worker(Command& program, Session& session);     // hidden: evaluates trials for a parent process

}  // namespace nacre
