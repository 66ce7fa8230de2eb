#include "nacre/tables/open_benchmark.hpp"

#include <fmt/format.h>

#include <map>
#include <mutex>

#include "nacre/base/error.hpp"

namespace nacre {

std::vector<Parameter> benchmark_parameters() {
  return {{.name = "benchmark",
           .type = ParameterType::text,
           .description = "the published table, see nacre list benchmarks",
           .required = true,
           .choices = benchmark_registry().names()},
          {.name = "dataset",
           .type = ParameterType::text,
           .description = "one of the benchmark's data sets; left out: its first, see nacre describe benchmark NAME"},
          {.name = "options", .type = ParameterType::any, .description = "a map of the benchmark's other keys"}};
}

std::shared_ptr<const TabularBenchmark> open_benchmark(const Options& options, const BenchmarkContext& context) {
  ConfigNode own;
  if (options.has("options")) own = options.node("options");
  if (!own.is_null() && !own.is_map()) throw UserError(own.position, "options: expected a map of the benchmark's keys");
  own.kind = ConfigNode::Kind::map;
  if (options.has("dataset")) {
    ConfigNode dataset;
    dataset.kind = ConfigNode::Kind::scalar;
    dataset.quoted = true;
    dataset.scalar = options.text("dataset");
    dataset.position = dataset.key_position = options.position("dataset");
    std::erase_if(own.entries, [](const auto& entry) { return entry.first == "dataset"; });
    own.entries.emplace_back("dataset", std::move(dataset));
  }
  return open_benchmark(options.text("benchmark"), own, context);
}

std::shared_ptr<const TabularBenchmark> open_benchmark(const std::string& name, const ConfigNode& own,
                                                       const BenchmarkContext& context) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<const TabularBenchmark>> opened;
  const auto& entry = benchmark_registry().get(name, own.position);
  const Options options = resolve_options(own, entry.parameters, "benchmark " + name);
  const std::string key = fmt::format("{}\n{}\n{}\n{}", name, options.json().dump(), context.data_folder.string(),
                                      context.base_folder.string());
  const std::lock_guard lock(mutex);
  std::weak_ptr<const TabularBenchmark>& place = opened[key];
  std::shared_ptr<const TabularBenchmark> benchmark = place.lock();
  if (!benchmark) place = benchmark = entry.make(options, context);
  return benchmark;
}

}  // namespace nacre
