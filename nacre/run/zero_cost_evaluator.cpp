// Evaluator `zero_cost`: a proxy of the untrained network in the place of a training (predict/proxies/zero_cost.hpp). A search
// with it takes milliseconds a network; what it finds is to be trained afterwards (nacre train, or a second search).
#include "nacre/nn/trained_evaluator.hpp"
#include "nacre/predict/proxies/zero_cost.hpp"
#include "nacre/run/evaluator_registry.hpp"

namespace nacre {
namespace {

class ZeroCostEvaluator final : public Evaluator {
 public:
  ZeroCostEvaluator(const Options& options, const EvaluatorContext& context)
      : task_(context.task),
        proxy_(options.text("proxy")),
        batch_size_(options.integer("batch_size")),
        noise_(context.task->size(Split::train) == 0) {
    zero_cost_registry().get(proxy_, options.position("proxy"));
    options_.proxies = {proxy_};
    options_.repeats = options.integer("repeats");
    options_.numerics = context.numerics;
  }

  const std::string& name() const override { return name_; }
  std::string identity() const override {
    return fmt::format("zero_cost/1/{}, batch {}, {} drawings", proxy_, batch_size_, options_.repeats);
  }

  void evaluate(const Design& design, Trial& trial, const EvaluationContext&) override {
    const auto fail = [&](std::string reason) {
      trial.status = TrialStatus::failed;
      trial.reason = std::move(reason);
    };
    try {
      ZeroCostOptions options = options_;
      options.seed = trial.request.seed;
      const Graph& graph = graph_for_task(design, *task_);
      const ProxyBatch batch =
          noise_ ? noise_batch(graph, batch_size_, options.seed) : task_batch(*task_, batch_size_, options.seed);
      const ZeroCostScore score = zero_cost_scores(graph, batch, options).at(proxy_);
      if (!score.value) return fail(fmt::format("proxy {}: {}", proxy_, score.reason));
      trial.metrics["zero_cost"] = {.value = score.value,
                                    .origin = Origin::predicted,
                                    .source = fmt::format("proxy {}, {} {}", proxy_, batch_size_,
                                                          noise_ ? "samples of noise" : "training samples"),
                                    .count = options_.repeats};
      trial.status = TrialStatus::ok;
    } catch (const UserError& error) {
      fail(error.what());
    }
  }

 private:
  std::string name_ = "zero_cost";
  std::shared_ptr<const Task> task_;
  std::string proxy_;
  int64_t batch_size_;
  bool noise_;  // the task has no data
  ZeroCostOptions options_;
};

}  // namespace

void register_zero_cost(EvaluatorRegistry& registry) {
  registry.add(
      {.name = "zero_cost",
       .summary = "scores the untrained network by a zero-cost proxy: metric zero_cost",
       .source = "Abdelfattah et al., Zero-cost proxies for lightweight NAS, ICLR 2021",
       .parameters = {{.name = "proxy",
                       .type = ParameterType::text,
                       .description = "which one (nacre list proxies); larger is better",
                       .default_value = "synflow"},
                      {.name = "batch_size",
                       .type = ParameterType::integer,
                       .description = "training samples shown to each network; noise where the task has no data",
                       .default_value = 32,
                       .minimum = 1,
                       .maximum = 4096},
                      {.name = "repeats",
                       .type = ParameterType::integer,
                       .description = "weights drawn; the mean counts",
                       .default_value = 1,
                       .minimum = 1,
                       .maximum = 1000}},
       .example = "kind: zero_cost\nproxy: nwot\n"},
      [](const Options& options, const EvaluatorContext& context) {
        return std::make_unique<ZeroCostEvaluator>(options, context);
      });
}

}  // namespace nacre
