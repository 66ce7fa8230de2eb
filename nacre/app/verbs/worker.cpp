#include "nacre/app/verb.hpp"
#include "nacre/run/search_run.hpp"

namespace nacre {

void add_worker(Command& program, Session& session) {
  Command verb = program.add_verb("worker", "evaluates trials for a parent process");
  verb.hide();  // only useful to nacre itself
  verb.on_run([&session] { session.exit_code = run_worker(); });
}

}  // namespace nacre
