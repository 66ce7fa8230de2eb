#include "nacre/app/verb.hpp"
#include "nacre/run/search_run.hpp"

namespace nacre {

void add_worker(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("worker", "evaluates trials for a parent process");
  verb->group("");  // hidden: only useful to nacre itself
  verb->callback([&session] { session.exit_code = run_worker(); });
}

}  // namespace nacre
