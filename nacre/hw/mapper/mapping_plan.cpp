#include "nacre/hw/mapper/mapping_plan.hpp"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr const char* kDataflow = "dataflow";
constexpr const char* kExact = "exact";
constexpr const char* kDefaultDataflow = "weight_stationary";
constexpr int64_t kDefaultEvaluations = 2000;
constexpr double kDefaultTime_s = 2;

// Settings of another method would change nothing.
void refuse_ignored(const Options& options, const std::string& owner) {
  const std::string method = options.text("method");
  const bool dataflow = method == kDataflow, exact = method == kExact;
  for (const auto& [key, used, whose] : std::initializer_list<std::tuple<const char*, bool, const char*>>{
           {"dataflow", dataflow, "dataflow"},
           {"objective", !dataflow, "a search"},
           {"factors", !dataflow, "a search"},
           {"seed", !dataflow, "a search"},
           {"evaluations", !dataflow && !exact, "a guided search"},
           {"time_s", exact, kExact}}) {
    if (options.has(key) && !used)
      throw UserError(options.position(key),
                      fmt::format("{}.{} belongs to {} as the method; method is '{}'", owner, key, whose, method));
  }
}

void read_formats(const Options& options, const std::string& owner, OperandFormats& formats) {
  for (const auto& [key, format] :
       std::initializer_list<std::pair<const char*, std::string*>>{{"weights", &formats.weights},
                                                                   {"activations", &formats.activations},
                                                                   {"partial_sums", &formats.partial_sums}}) {
    if (!options.has(key)) continue;
    *format = options.text(key);
    try {
      format_bits(*format);
    } catch (const UserError& error) {
      throw UserError(options.position(key), fmt::format("{}.{}: {}", owner, key, error.what()));
    }
  }
}

std::vector<Parameter> format_parameters() {
  return {{.name = "weights", .description = "number format of weights, e.g. int8; left out: the accelerator's"},
          {.name = "activations", .description = "number format of activations; left out: the accelerator's"},
          {.name = "partial_sums", .description = "number format of partial sums; left out: the accelerator's"},
          {.name = "fuse_elementwise",
           .type = ParameterType::boolean,
           .description = "element-wise operators run while their producer's results pass by",
           .default_value = true},
          {.name = "fuse_layers",
           .type = ParameterType::boolean,
           .description = "chains of layers run depth first in tiles of rows where that is better; what is between "
                          "them stays on the chip",
           .default_value = false}};
}

// The work of several threads over a list of workloads; results go to the cache one at a time.
class Searches {
 public:
  Searches(const std::vector<Workload>& workloads, const AcceleratorDescription& accelerator,
           const MapperOptions& mapper, MappingCache& cache)
      : workloads_(workloads), accelerator_(accelerator), mapper_(mapper), cache_(cache) {
    mapper_.stop = &stop_;
  }

  // Number of mappings found.
  int64_t run(const MapAheadOptions& options) {
    const auto all = static_cast<int64_t>(workloads_.size());
    std::vector<std::thread> threads;
    for (int64_t i = 0; i < std::min(std::max<int64_t>(1, options.threads), all); ++i)
      threads.emplace_back([this] { work(); });
    int64_t told = 0;
    std::unique_lock lock(mutex_);
    while (done_ < all && !failure_ && !stop_) {
      change_.wait_for(lock, std::chrono::milliseconds(100));
      if (done_ != told) options.progress(told = done_, all);
      if (options.interrupted()) stop_ = true;
    }
    const bool interrupted = stop_ && !failure_;
    if (failure_) stop_ = true;
    lock.unlock();
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);
    if (interrupted) throw Interrupted();
    return found_;
  }

 private:
  void work() {
    for (std::size_t i = next_++; i < workloads_.size() && !stop_; i = next_++) {
      std::optional<MappingResult> result;
      std::exception_ptr failure;
      try {
        result = find_mapping(workloads_[i], accelerator_, mapper_);
      } catch (const NoMappingError&) {
        // said of the layer later
      } catch (...) {
        failure = std::current_exception();
      }
      const std::lock_guard lock(mutex_);
      ++done_;
      if (failure && !failure_) failure_ = failure;
      if (result && !stop_) {
        cache_.keep(workloads_[i], accelerator_, mapper_, *result);
        ++found_;
      }
      change_.notify_one();
    }
  }

  const std::vector<Workload>& workloads_;
  const AcceleratorDescription& accelerator_;
  MapperOptions mapper_;
  MappingCache& cache_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;
  std::condition_variable change_;
  int64_t done_ = 0, found_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

std::string MappingPlan::text() const {
  return (searches() ? fmt::format("mapped for {} by {}", mapping_objective_name(mapper.objective), method)
                     : "dataflow " + dataflow.name) +
         (fuse_layers ? ", layers fused" : "");
}

std::string MappingPlan::identity() const {
  const std::string how = searches()
                              ? fmt::format("{} {} {} {} {}", mapping_objective_name(mapper.objective), mapper.time_s,
                                            mapper.evaluations, mapper.seed, int(mapper.constraints.factors))
                              : dataflow_yaml(dataflow);
  return fmt::format("{}\n{}\n{} {} {} {} {}", method, how, work.formats.weights, work.formats.activations,
                     work.formats.partial_sums, work.fuse_elementwise, fuse_layers);
}

std::vector<Parameter> mapping_parameters(const std::string& default_method) {
  std::vector<std::string> methods = {kDataflow};
  for (const auto& entry : mapper_registry().entries()) methods.push_back(entry.name);
  std::vector<Parameter> parameters = {
      {.name = "method",
       .description =
           "how a layer's mapping is found: dataflow, without a search; exact, the best one as far as time_s reaches "
           "(not the same on every machine); the others within evaluations",
       .default_value = default_method,
       .choices = methods},
      {.name = "dataflow",
       .description =
           "of method dataflow: a template (nacre list dataflows) or a file; weight_stationary when left out"},
      {.name = "objective",
       .description = "of a search: what a mapping is searched for; edp, energy times delay, when left out",
       .choices = {"latency", "energy", "edp"}},
      {.name = "factors",
       .description = "of a search: uneven, loops may end in a shorter step, when left out; exact, factors divide "
                      "their dimensions",
       .choices = {"uneven", "exact"}},
      {.name = "evaluations",
       .type = ParameterType::integer,
       .description = "of a guided method: mappings it tries for a layer; 2000 when left out",
       .minimum = 1},
      {.name = "time_s",
       .type = ParameterType::real,
       .description = "of method exact: for a layer; 2 when left out, 0: until all is proved",
       .minimum = 0,
       .unit = "s"},
      {.name = "seed", .type = ParameterType::integer, .description = "of a search; 0 when left out", .minimum = 0}};
  for (Parameter& parameter : format_parameters()) parameters.push_back(std::move(parameter));
  return parameters;
}

MappingPlan mapping_plan(const Options& options, const std::string& owner, const std::filesystem::path& base_folder) {
  MappingPlan plan;
  plan.method = options.text("method");
  plan.work.fuse_elementwise = options.boolean("fuse_elementwise");
  plan.fuse_layers = options.boolean("fuse_layers");
  read_formats(options, owner, plan.work.formats);
  refuse_ignored(options, owner);
  if (!plan.searches()) {
    plan.dataflow = load_dataflow(options.has("dataflow") ? options.text("dataflow") : kDefaultDataflow, base_folder);
    return plan;
  }
  MapperOptions& mapper = plan.mapper;
  if (options.has("objective")) mapper.objective = mapping_objective(options.text("objective"));
  if (options.has("factors") && options.text("factors") == "exact") mapper.constraints.factors = FactorRule::exact;
  mapper.method = plan.method;
  mapper.evaluations = options.has("evaluations") ? options.integer("evaluations") : kDefaultEvaluations;
  mapper.time_s = 0;  // guided methods end by their evaluations, so that machines agree
  if (plan.method == kExact) mapper.time_s = options.has("time_s") ? options.real("time_s") : kDefaultTime_s;
  if (options.has("seed")) mapper.seed = static_cast<uint64_t>(options.integer("seed"));
  return plan;
}

ProductMapper product_mapper(const AcceleratorDescription& accelerator, const MappingPlan& plan, MappingCache& cache) {
  if (plan.searches()) return product_mapper(accelerator, plan.mapper, cache);
  return [accelerator, dataflow = plan.dataflow](const Workload& workload) {
    ProductMapping mapped{.mapping = fixed_dataflow_mapping(workload, accelerator, dataflow),
                          .cost = {},
                          .method = "dataflow " + dataflow.name};
    if (const auto misfit = mapping_misfit(workload, accelerator, mapped.mapping))
      throw NoMappingError(fmt::format("'{}' does not fit '{}' under dataflow {}: {}", workload.name, accelerator.name,
                                       dataflow.name, misfit->reason));
    mapped.cost = evaluate_mapping(workload, accelerator, mapped.mapping);
    return mapped;
  };
}

MappedAhead map_ahead(const std::vector<const Graph*>& graphs, const AcceleratorDescription& accelerator,
                      const MappingPlan& plan, MappingCache& cache, const MapAheadOptions& options) {
  MappedAhead result;
  const NetworkWorkOptions work = with_native_formats(plan.work, accelerator);
  std::map<std::string, bool> known;
  std::vector<Workload> missing;
  for (const Graph* graph : graphs)
    for (const NodeWork& node : network_work(*graph, work).nodes)
      for (const Workload& workload : node.products) {
        ++result.layers;
        if (!known.emplace(workload_key(workload), true).second) continue;
        if (plan.searches() && !cache.contains(workload, accelerator, plan.mapper)) missing.push_back(workload);
      }
  result.shapes = static_cast<int64_t>(known.size());
  // The largest first, so that the last to end is a short one.
  std::ranges::stable_sort(missing, std::greater(), &Workload::points);
  if (!missing.empty()) result.searched = Searches(missing, accelerator, plan.mapper, cache).run(options);
  return result;
}

}  // namespace nacre
