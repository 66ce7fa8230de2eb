// Runs the program as a user does: arguments in, exit code, stdout and stderr out.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace nacre::test {

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

inline std::filesystem::path source_dir() {
  const char* given = std::getenv("NACRE_SOURCE_DIR");
  return given != nullptr ? std::filesystem::path(given) : std::filesystem::current_path();
}

inline std::filesystem::path program() {
  const char* build = std::getenv("NACRE_BUILD_DIR");
  return (build != nullptr ? std::filesystem::path(build) : source_dir() / "build" / "release") / "nacre";
}

inline std::string file_text(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

// A folder that goes away with the test.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "nacre-test-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// `arguments` as in a shell; runs in the source folder.
inline Outcome run_program(const std::string& arguments) {
  const Scratch scratch;
  const std::string command = "cd '" + source_dir().string() + "' && '" + program().string() + "' " + arguments +
                              " >'" + (scratch.path() / "out").string() + "' 2>'" + (scratch.path() / "err").string() +
                              "' </dev/null";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, file_text(scratch.path() / "out"),
          file_text(scratch.path() / "err")};
}

// Starts the program the same way and does not wait for it; stdout and stderr go to `log`.
inline pid_t start_program(const std::string& arguments, const std::filesystem::path& log) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  const std::string command = "cd '" + source_dir().string() + "' && exec '" + program().string() + "' " + arguments +
                              " >'" + log.string() + "' 2>&1 </dev/null";
  execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
  _exit(127);
}

}  // namespace nacre::test
