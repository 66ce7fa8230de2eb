#include "nacre/run/supernet_evaluator.hpp"

#include <fmt/format.h>

#include "nacre/base/file.hpp"
#include "nacre/nn/torch_compat.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/supernet/methods.hpp"

namespace nacre {
namespace {

class SupernetEvaluator final : public Evaluator {
 public:
  SupernetEvaluator(const Options& options, const EvaluatorContext& context)
      : options_(options), context_(context), samples_(options.integer("calibration_samples")) {}

  const std::string& name() const override {
    static const std::string kName = "supernet";
    return kName;
  }
  // The supernet belongs to the study: its weights follow from the configuration that the study holds.
  std::string identity() const override { return "supernet, " + numerics_class(context_.numerics); }

  void evaluate(const Design& design, Trial& trial, const EvaluationContext& evaluation) override {
    try {
      const Metrics metrics = shared(evaluation.artifacts).evaluate(design.decisions, samples_);
      for (auto [name, metric] : metrics) {
        metric.source = fmt::format("validation split, shared weights, statistics of {} training samples", samples_);
        trial.metrics.insert_or_assign(name, std::move(metric));
      }
      trial.weights = write_weights_artifact(shared(evaluation.artifacts).network_weights(design.decisions, samples_),
                                             evaluation.artifacts);
      trial.status = TrialStatus::ok;
    } catch (const UserError& error) {
      trial.status = TrialStatus::failed;
      trial.reason = error.what();
    }
  }

 private:
  // Read at the first network: the program starts before the supernet is trained.
  SupernetTraining& shared(const std::filesystem::path& artifacts) {
    if (training_) return *training_;
    state_ = read_weights(supernet_state_file(artifacts.parent_path()));
    SupernetOptions options;
    options.numerics = context_.numerics;
    options.numerics.arithmetic = Arithmetic::fp32;
    options.seed = context_.seed;
    options.state = &state_;
    training_ = std::make_unique<SupernetTraining>(
        context_.space, context_.task, shared_weight_settings(options_, context_.recipe, *context_.space), options);
    return *training_;
  }

  Options options_;
  EvaluatorContext context_;
  int64_t samples_;
  Weights state_;
  std::unique_ptr<SupernetTraining> training_;
};

}  // namespace

SupernetSettings shared_weight_settings(const Options& options, const Recipe& train, const Space& space) {
  SupernetSettings settings;
  settings.recipe =
      supernet_recipe(train, options.real("supernet_epochs"), options.node("supernet_recipe"), "evaluator");
  settings.weight_paths = ActivePaths::one;
  settings.update = ArchitectureUpdate::none;
  settings.nested_weights = options.text("weights") == "nested";
  settings.kernel_transforms = options.boolean("kernel_transforms") && settings.nested_weights;
  settings.distillation = options.real("distillation");
  if (options.text("plan") == "progressive") {
    settings.phases = progressive_phases(space.trace(), settings.recipe.epochs);
    if (settings.phases.size() == 1)
      throw UserError(options.position("plan"),
                      "evaluator.plan: progressive needs a space with numbers to shrink (kernels, depths, widths); '" +
                          space.name() + "' has none: take plan: uniform");
  } else {
    settings.phases = {
        {.epochs = settings.recipe.epochs, .networks_per_step = options.integer("networks_per_step"), .largest = {}}};
    settings.distillation = 0;
  }
  return settings;
}

std::unique_ptr<Evaluator> make_supernet_evaluator(const Options& options, const EvaluatorContext& context) {
  return std::make_unique<SupernetEvaluator>(options, context);
}

void register_supernet_evaluator(EvaluatorRegistry& registry) {
  registry.add(
      {.name = "supernet",
       .summary =
           "judges networks by weights that all of them share, trained once before the search; with plan progressive "
           "Once-for-All",
       .source = "Once-for-All, Cai et al., arXiv 1908.09791; Guo et al., Single path one-shot, arXiv 1904.00420",
       .parameters =
           {{.name = "supernet_epochs",
             .type = ParameterType::real,
             .description = "passes over the training samples",
             .default_value = 60,
             .minimum = 0.01,
             .maximum = 1e6},
            {.name = "supernet_recipe",
             .type = ParameterType::any,
             .description = "fields of train that are other for the shared weights, e.g. {learning_rate: 0.05}",
             .default_value = Json::object()},
            {.name = "plan",
             .type = ParameterType::text,
             .description =
                 "progressive: the largest network first, then smaller kernels, depths and widths are admitted "
                 "one after the other; uniform: all networks from the start",
             .default_value = "progressive",
             .choices = {"progressive", "uniform"}},
            {.name = "weights",
             .type = ParameterType::text,
             .description =
                 "nested: smaller networks are slices of the largest; separate: each branch of a layer has its own",
             .default_value = "nested",
             .choices = {"nested", "separate"}},
            {.name = "kernel_transforms",
             .type = ParameterType::boolean,
             .description = "smaller kernels are learned linear images of the center of larger ones",
             .default_value = true},
            {.name = "distillation",
             .type = ParameterType::real,
             .description = "plan progressive: weight of imitating the largest network as it was first trained",
             .default_value = 1.0,
             .minimum = 0,
             .maximum = 100},
            {.name = "networks_per_step",
             .type = ParameterType::integer,
             .description = "plan uniform: drawn networks whose gradients are added in a step",
             .default_value = 1,
             .minimum = 1,
             .maximum = 64},
            {.name = "calibration_samples",
             .type = ParameterType::integer,
             .description = "training samples from which a network's batch statistics are taken",
             .default_value = 1024,
             .minimum = 2,
             .maximum = 1e7},
            {.name = "from",
             .type = ParameterType::text,
             .description =
                 "output folder of another study whose shared weights are taken; its task, space, recipe and plan "
                 "must be the same"},
            {.name = "ranking_networks",
             .type = ParameterType::integer,
             .description =
                 "drawn networks that are trained by themselves after the search, to say how well shared weights "
                 "rank networks; 0: none",
             .default_value = 6,
             .minimum = 0,
             .maximum = 10000}},
       .example = "kind: supernet\nsupernet_epochs: 60\n"},
      make_supernet_evaluator);
}

}  // namespace nacre
