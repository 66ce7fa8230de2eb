#include "nacre/hw/mapper/mapping_cache.hpp"

#include <fmt/format.h>

#include "nacre/base/error.hpp"
#include "nacre/base/hash.hpp"
#include "nacre/base/json.hpp"
#include "nacre/hw/accelerator/description_file.hpp"

namespace nacre {
namespace {

std::string constraints_text(const MappingConstraints& constraints) {
  std::string text = fmt::format("{} {}", int(constraints.factors), constraints.free_bypass);
  for (const LevelConstraint& level : constraints.levels) {
    text += fmt::format("|{}", level.level);
    for (const auto& [name, factor] : level.temporal) text += fmt::format(" t{}={}", name, factor);
    for (const auto& [name, factor] : level.spatial) text += fmt::format(" s{}={}", name, factor);
    for (const auto& [name, axis] : level.axis) text += fmt::format(" a{}={}", name, int(axis));
    for (const std::string& name : level.order) text += " o" + name;
    for (const std::string& name : level.keep) text += " k" + name;
    for (const std::string& name : level.bypass) text += " b" + name;
  }
  return text;
}

}  // namespace

std::string MappingCache::key(const Workload& workload, const AcceleratorDescription& accelerator,
                              const MapperOptions& options) {
  const CountingRules& rules = options.rules;
  const std::string text = fmt::format(
      "mapping 1\n{}\n{}\n{} {} {} {} {} {}\n{}\n{} {} {} {}", workload_key(workload), accelerator_yaml(accelerator),
      mapping_objective_name(options.objective), int(rules.halos), rules.exact_windows, rules.zero_first_reads,
      rules.read_when_evicted, rules.stall_on_exchange, constraints_text(options.constraints), options.method,
      options.time_s, options.evaluations, options.seed);
  return hash_text(text).hex();
}

std::optional<MappingResult> MappingCache::find(const Workload& workload, const AcceleratorDescription& accelerator,
                                                const MapperOptions& options) const {
  const auto found = kept_.find(key(workload, accelerator, options));
  if (found == kept_.end()) return std::nullopt;
  const Kept& kept = found->second;
  MappingResult result;
  result.mapping = parse_mapping(kept.mapping, workload, accelerator);
  result.cost = evaluate_mapping(workload, accelerator, result.mapping, options.rules);
  result.objective = mapping_objective_value(options.objective, result.cost.cycles, result.cost.energy_j.value_or(0));
  result.proved = kept.proved;
  result.bound = kept.proved ? std::optional<double>(result.objective) : kept.bound;
  if (result.bound) result.gap = std::max(0.0, (result.objective - *result.bound) / result.objective);
  result.mapspace = Mapspace(workload, accelerator, options.constraints).size();
  result.nodes = kept.nodes;
  result.evaluations = kept.evaluations;
  result.seconds = kept.seconds;
  result.interrupted = kept.interrupted;
  result.method = options.method;
  return result;
}

void MappingCache::keep(const Workload& workload, const AcceleratorDescription& accelerator,
                        const MapperOptions& options, const MappingResult& result) {
  const std::string name = key(workload, accelerator, options);
  Kept& kept = kept_[name];
  kept = {.mapping = mapping_text(result.mapping, workload, accelerator),
          .proved = result.proved,
          .bound = result.bound,
          .nodes = result.nodes,
          .evaluations = result.evaluations,
          .seconds = result.seconds,
          .interrupted = result.interrupted};
  if (store_) store_->append(line_of(name, kept));
}

MappingResult MappingCache::find_or_map(const Workload& workload, const AcceleratorDescription& accelerator,
                                        const MapperOptions& options) {
  if (auto known = find(workload, accelerator, options)) return *known;
  MappingResult result = find_mapping(workload, accelerator, options);
  if (options.stop == nullptr || !options.stop->load()) keep(workload, accelerator, options, result);
  return result;
}

void MappingCache::connect(std::shared_ptr<MappingStore> store) {
  read_lines(store->read(), store->place());
  store_ = std::move(store);
}

std::string MappingCache::line_of(const std::string& key, const Kept& kept) {
  Json line = {{"key", key},
               {"mapping", kept.mapping},
               {"proved", kept.proved},
               {"nodes", kept.nodes},
               {"evaluations", kept.evaluations},
               {"seconds", kept.seconds},
               {"interrupted", kept.interrupted}};
  if (kept.bound) line["bound"] = *kept.bound;
  return line.dump() + "\n";
}

std::string MappingCache::lines() const {
  std::string text;
  for (const auto& [key, kept] : kept_) text += line_of(key, kept);
  return text;
}

void MappingCache::read_lines(std::string_view text, const std::string& origin) {
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty()) continue;
    const SourcePosition position{.file = origin, .line = number};
    try {
      const Json value = parse_json(line, origin);
      Kept kept{.mapping = value.at("mapping").get<std::string>(),
                .proved = value.at("proved").get<bool>(),
                .bound = std::nullopt,
                .nodes = value.at("nodes").get<int64_t>(),
                .evaluations = value.at("evaluations").get<int64_t>(),
                .seconds = value.at("seconds").get<double>(),
                .interrupted = value.at("interrupted").get<bool>()};
      if (value.contains("bound")) kept.bound = value.at("bound").get<double>();
      kept_[value.at("key").get<std::string>()] = std::move(kept);
    } catch (const nlohmann::json::exception& error) {
      throw UserError(position, std::string("not a line of a mapping cache: ") + error.what());
    }
  }
}

ProductMapper product_mapper(const AcceleratorDescription& accelerator, const MapperOptions& options,
                             MappingCache& cache) {
  return [accelerator, options, &cache](const Workload& workload) {
    const MappingResult found = cache.find_or_map(workload, accelerator, options);
    return ProductMapping{
        .mapping = found.mapping, .cost = found.cost, .proved = found.proved, .gap = found.gap, .method = found.method};
  };
}

}  // namespace nacre
