// Shell completion, made from the command line itself: verbs, options with their help, and the names of what is registered.
#pragma once

#include <string>

#include "nacre/app/command.hpp"

namespace nacre {

// `shell`: bash, zsh or fish; UserError for another.
std::string completion_script(const Program& program, const std::string& shell);

}  // namespace nacre
