// The program: parses the command line, runs one verb, turns errors into messages and exit codes.
#include <csignal>
#include <exception>
#include <filesystem>
#include <iostream>

#include "nacre/app/verb.hpp"
#include "nacre/base/error.hpp"
#include "nacre/base/log.hpp"

namespace {

constexpr nacre::AddVerb kVerbs[] = {nacre::add_search,  nacre::add_resume,    nacre::add_train,   nacre::add_evaluate,
                                     nacre::add_inspect, nacre::add_rewrite,   nacre::add_measure, nacre::add_cells,
                                     nacre::add_list,    nacre::add_describe,  nacre::add_study,   nacre::add_report,
                                     nacre::add_doctor,  nacre::add_reference, nacre::add_worker};

std::string own_path(const char* argument) {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string(argument) : path.string();
}

int run(int argc, char** argv) {
  nacre::Session session;
  session.program = own_path(argv[0]);
  nacre::Program program("nacre",
                         "nacre: searches networks (and, with them, accelerators) for a data set, a device and limits",
                         std::string("nacre ") + NACRE_VERSION);
  nacre::Command command = program.command();
  command.add_flag("--json", session.json, "print results as JSON");
  bool quiet = false;
  bool verbose = false;
  command.add_flag("-q,--quiet", quiet, "only warnings and errors on stderr");
  command.add_flag("-v,--verbose", verbose, "more on stderr");
  program.on_parsed([&] {
    if (quiet) nacre::set_log_level(nacre::LogLevel::warning);
    if (verbose) nacre::set_log_level(nacre::LogLevel::debug);
  });
  for (const nacre::AddVerb add : kVerbs) add(command, session);
  if (program.parse(argc, argv) != 0) return nacre::kExitBadInput;
  return session.exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const int code = run(argc, argv);
    std::cout.flush();
    return code;
  } catch (const nacre::Interrupted&) {
    nacre::log_info("interrupted; the same command resumes");
    return nacre::kExitInterrupted;
  } catch (const nacre::UserError& error) {
    nacre::log_error("{}", error.what());
    return nacre::kExitBadInput;
  } catch (const std::bad_alloc&) {
    nacre::log_error("out of memory");
    return nacre::kExitInternal;
  } catch (const std::exception& error) {
    nacre::log_error("{}", error.what());
    return nacre::kExitInternal;
  }
}
