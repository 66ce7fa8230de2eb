// --batch, --threads and --bind: how a network is run, on the command line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nacre/app/command.hpp"
#include "nacre/design/target.hpp"

namespace nacre {

struct DeploymentArguments {
  int64_t batch = 0;
  int64_t threads = 0;
  std::vector<std::string> bindings;
};

void add_batch_and_bindings(Command& verb, DeploymentArguments& arguments);
// Changes what was given. UserError for a binding that is none.
void read_deployment(const DeploymentArguments& arguments, Deployment& deployment);

}  // namespace nacre
