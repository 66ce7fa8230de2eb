#include "nacre/app/deployment_arguments.hpp"

#include "nacre/base/config.hpp"
#include "nacre/base/error.hpp"

namespace nacre {

void add_batch_and_bindings(Command& verb, DeploymentArguments& arguments) {
  verb.add_option("--batch", arguments.batch, "samples per run").non_negative();
  verb.add_option("--bind", arguments.bindings, "value of a symbolic dimension, e.g. --bind past=1024");
}

void read_deployment(const DeploymentArguments& arguments, Deployment& deployment) {
  if (arguments.batch > 0) deployment.batch = arguments.batch;
  if (arguments.threads > 0) deployment.threads = arguments.threads;
  for (const std::string& word : arguments.bindings) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      throw UserError("--bind '" + word + "': expected name=number, e.g. past=1024");
    const int64_t extent = parse_config(word.substr(equals + 1), "--bind " + word).as_integer(word.substr(0, equals));
    if (extent < 0) throw UserError("--bind '" + word + "': expected a number >= 0");
    deployment.symbols[word.substr(0, equals)] = extent;
  }
}

}  // namespace nacre
