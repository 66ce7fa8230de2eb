// Evaluator `zero_cost`: the proxy's own value, told as a metric; what has none fails with the reason.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/predict/proxies/zero_cost.hpp"
#include "nacre/run/evaluator_registry.hpp"
#include "nacre/space/space.hpp"
#include "nacre/space/trace.hpp"
#include "nacre/tables/stored_benchmark.hpp"
#include "nacre/tasks/task_registry.hpp"

namespace nacre {
namespace {

class ZeroCostEvaluatorTest : public testing::Test {
 protected:
  ZeroCostEvaluatorTest() : space_(benchmark_space("nasbench_macro", "{}", {3, 32, 32}, 10)) {
    const auto& task = task_registry().get("external");
    const ConfigNode node =
        parse_config("{inputs: {image: [3, 32, 32]}, outputs: {logits: [10]}, metrics: {accuracy: maximize}}", "test");
    task_ = task.make(resolve_options(node, task.parameters, "task external"), ".");
    Random random(1);
    decisions_ = space_->trace().sample(random);
  }

  Trial evaluated(const std::string& options) const {
    const auto& entry = evaluator_registry().get("zero_cost");
    const auto evaluator =
        entry.make(resolve_options(parse_config(options, "test"), entry.parameters, "evaluator zero_cost"),
                   {.task = task_, .numerics = {}, .base_folder = {}});
    Trial trial;
    trial.request.seed = 7;
    evaluator->evaluate(space_->build(decisions_), trial, {});
    return trial;
  }

  std::shared_ptr<const Space> space_;
  std::shared_ptr<const Task> task_;
  Decisions decisions_;
};

TEST_F(ZeroCostEvaluatorTest, GivesTheProxysValue) {
  const Trial trial = evaluated("{proxy: synflow, batch_size: 4}");
  ASSERT_EQ(trial.status, TrialStatus::ok) << trial.reason;
  const Design design = space_->build(decisions_);
  const Graph& graph = design.graph();
  const double own = zero_cost_scores(graph, noise_batch(graph, 4, 7), {.proxies = {"synflow"}, .seed = 7})
                         .at("synflow")
                         .value.value();
  EXPECT_EQ(metric_value(trial.metrics, "zero_cost"), own);
  EXPECT_THAT(trial.metrics.at("zero_cost").source, testing::HasSubstr("proxy synflow, 4 samples of noise"));
  EXPECT_EQ(metric_value(evaluated("{proxy: synflow, batch_size: 4}").metrics, "zero_cost"), own);
  EXPECT_EQ(evaluator_metrics("zero_cost").at(0).name, "zero_cost");
}

TEST_F(ZeroCostEvaluatorTest, UnknownProxiesAreRefused) {
  try {
    evaluated("{proxy: sinflow}");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("did you mean 'synflow'?"));
  }
}

}  // namespace
}  // namespace nacre
