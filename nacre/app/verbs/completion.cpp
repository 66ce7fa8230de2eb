// nacre completion SHELL: a completion script on standard output.
#include <iostream>

#include "nacre/app/completion.hpp"
#include "nacre/app/verb.hpp"

namespace nacre {

void add_completion(Command& program, Session&) {
  Command verb = program.add_verb("completion", "shell completion: nacre completion bash | zsh | fish");
  auto shell = std::make_shared<std::string>();
  verb.add_option("shell", *shell, "bash, zsh or fish").required();
  verb.on_run([shell] {
    Session session;  // of a program that only describes itself
    std::cout << completion_script(*make_program(session), *shell);
  });
}

}  // namespace nacre
