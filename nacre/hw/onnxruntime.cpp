// Target `onnxruntime`: ONNX Runtime on this machine's processor, through a helper for Node that speaks the protocol of
// target `command` (hw/onnxruntime/measure.js, built into nacre). The package onnxruntime-node comes from the npm registry:
// scripts/install_onnxruntime.
#include <fmt/format.h>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/hash.hpp"
#include "nacre/base/processor.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/hw/command_target.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/hw/onnxruntime/package.hpp"
#include "nacre/hw/onnxruntime/script.hpp"
#include "nacre/hw/target_registry.hpp"

namespace nacre {
namespace {

std::filesystem::path find_package(const Options& options, const TargetContext& context) {
  const std::string given = options.text("package");
  try {
    return find_onnxruntime_package(given.empty() ? std::filesystem::path() : context.base_folder / given);
  } catch (const UserError& error) {
    throw UserError(options.position("package"), fmt::format("target onnxruntime: {} by package", error.what()));
  }
}

// The helper lies in a folder that lives as long as the target.
class OnnxRuntimeTarget final : public Target {
 public:
  OnnxRuntimeTarget(const Options& options, const TargetContext& context) : options_(options), context_(context) {
    metrics_.push_back({"latency_s", Direction::minimize, "s", "time of one run, end to end"});
    for (MetricSpec& spec : counted_metric_specs()) metrics_.push_back(std::move(spec));
  }

  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  std::string identity() const override { return target().identity(); }
  bool measures() const override { return true; }
  std::string device() const override { return "host"; }  // the processor that target host measures
  void set_interruption(std::function<bool()> interrupted) override {
    interrupted_ = std::move(interrupted);
    if (target_) target_->set_interruption(interrupted_);
  }
  Cost cost(const Design& design, const Deployment& deployment, const ActivityProfile& activity) override {
    if (deployment.threads > usable_processors()) {
      throw UserError(fmt::format("target.threads asks for {} threads, this process may use {} processors",
                                  deployment.threads, usable_processors()));
    }
    return target().cost(design, deployment, activity);
  }

 private:
  // Made when it is first needed: naming the target in a configuration needs no Node.
  CommandTarget& target() const {
    if (target_) return *target_;
    const std::string package = find_package(options_, context_).string();
    folder_ = std::make_unique<TemporaryFolder>();
    const std::string script = (folder_->path() / "measure.js").string();
    write_file_atomically(script, onnxruntime_script::js);
    CommandTargetSettings settings;
    settings.name = name_;
    settings.device = "host";
    settings.metrics = {metrics_[0]};
    settings.command.words = {options_.text("node"),
                              script,
                              "--package",
                              package,
                              "--model",
                              "{model}",
                              "--inputs",
                              "{inputs}",
                              "--threads",
                              "{threads}",
                              "--round-s",
                              Json(options_.real("round_s")).dump()};
    settings.command.timeout_s = options_.real("timeout_s");
    settings.command.retries = 1;
    settings.describe = settings.command;
    settings.describe->words = {options_.text("node"), script, "--package", package, "--describe"};
    settings.identity = fmt::format("onnxruntime/1/{}/{}/{}", hash_text(onnxruntime_script::js).hex(),
                                    processor_model(), widest_vector_extension());
    target_ = std::make_unique<CommandTarget>(std::move(settings));
    target_->set_interruption(interrupted_);
    return *target_;
  }

  std::string name_ = "onnxruntime";
  Options options_;
  TargetContext context_;
  std::vector<MetricSpec> metrics_;
  std::function<bool()> interrupted_;
  mutable std::unique_ptr<TemporaryFolder> folder_;
  mutable std::unique_ptr<CommandTarget> target_;
};

}  // namespace

void register_onnxruntime(TargetRegistry& registry) {
  registry.add(
      {.name = "onnxruntime",
       .summary =
           "ONNX Runtime on this machine's processor, measured by a helper for Node (scripts/install_onnxruntime)",
       .source = "",
       .parameters = {{.name = "package",
                       .description = "folder of onnxruntime-node; default: $NACRE_ONNXRUNTIME, build/onnxruntime, "
                                      "~/.cache/nacre/onnxruntime",
                       .default_value = ""},
                      {.name = "node", .description = "the program that runs the helper", .default_value = "node"},
                      {.name = "round_s",
                       .type = ParameterType::real,
                       .description = "least time of one round of runs; two to six rounds are made",
                       .default_value = 0.1,
                       .minimum = 0.001,
                       .maximum = 60,
                       .unit = "s"},
                      {.name = "timeout_s",
                       .type = ParameterType::real,
                       .description = "longest time of one measurement",
                       .default_value = 120.0,
                       .minimum = 1,
                       .maximum = 1e6,
                       .unit = "s"}},
       .example = "kind: onnxruntime\nbatch: 1\nthreads: 1\n"},
      [](const Options& options, const TargetContext& context) -> std::unique_ptr<Target> {
        return std::make_unique<OnnxRuntimeTarget>(options, context);
      });
}

}  // namespace nacre
