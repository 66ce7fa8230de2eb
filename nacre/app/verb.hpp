// A verb of the command line: one file each under app/verbs, listed in app/main.cpp.
//
// stdout is data, stderr is progress and messages. Exit codes: 0 done, 2 bad input, 3 limits not met, 130 interrupted.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace nacre {

inline constexpr int kExitDone = 0;
inline constexpr int kExitInternal = 1;
inline constexpr int kExitBadInput = 2;
inline constexpr int kExitLimitsNotMet = 3;
inline constexpr int kExitInterrupted = 130;

// What verbs share while the program runs.
struct Session {
  bool json = false;  // --json: machine-readable output
  int exit_code = kExitDone;
  std::string program;  // path of this program, to start workers
};

// Adds the verb and its options to `app`; its callback does the work and may set session.exit_code.
using AddVerb = void (*)(CLI::App& app, Session& session);

void add_search(CLI::App& app, Session& session);
void add_resume(CLI::App& app, Session& session);
void add_train(CLI::App& app, Session& session);
void add_evaluate(CLI::App& app, Session& session);
void add_inspect(CLI::App& app, Session& session);
void add_list(CLI::App& app, Session& session);
void add_describe(CLI::App& app, Session& session);
void add_study(CLI::App& app, Session& session);
void add_report(CLI::App& app, Session& session);
void add_doctor(CLI::App& app, Session& session);
void add_reference(CLI::App& app, Session& session);  // hidden: the configuration reference as Markdown
void add_worker(CLI::App& app, Session& session);     // hidden: evaluates trials for a parent process

}  // namespace nacre
