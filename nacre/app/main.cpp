// The program: parses the command line, runs one verb, turns errors into messages and exit codes.
#include <csignal>
#include <exception>
#include <filesystem>
#include <iostream>

#include "nacre/app/verb.hpp"
#include "nacre/base/error.hpp"
#include "nacre/base/log.hpp"

namespace {

std::string own_path(const char* argument) {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string(argument) : path.string();
}

int run(int argc, char** argv) {
  nacre::Session session;
  session.program = own_path(argv[0]);
  const auto program = nacre::make_program(session);
  if (program->parse(argc, argv) != 0) return nacre::kExitBadInput;
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
