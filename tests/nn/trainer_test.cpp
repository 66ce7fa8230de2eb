#include "nacre/nn/trainer.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "nacre/ir/onnx_io.hpp"
#include "nacre/nn/torch_compat.hpp"
#include "nacre/nn/trained_evaluator.hpp"
#include "synthetic_task.hpp"

namespace nacre {
namespace {

using test::QuadrantTask;
using test::quick_recipe;
using test::small_network;

TrainingOptions quick_options(uint64_t seed = 1) {
  TrainingOptions options;
  const char* device = std::getenv("NACRE_DEVICE");
  if (device != nullptr) options.numerics.device = device_from_name(device);
  options.seed = seed;
  return options;
}

double accuracy(const TrainingResult& result) { return metric_value(result.metrics, "accuracy").value(); }

class TemporaryFolder {
 public:
  TemporaryFolder() : path_(std::filesystem::temp_directory_path() / ("nacre-nn-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

TEST(Trainer, LearnsAndReportsItsCurve) {
  const QuadrantTask task;
  const TrainingResult result = train_network(small_network(), task, quick_recipe(4), quick_options());
  ASSERT_EQ(result.status, TrialStatus::ok) << result.reason;
  EXPECT_GT(accuracy(result), 0.95);
  ASSERT_EQ(result.curve.size(), 4u);
  EXPECT_EQ(result.curve.back().epoch, 4);
  EXPECT_GT(metric_value(result.curve.front().metrics, "train_loss").value(),
            metric_value(result.curve.back().metrics, "train_loss").value());
  EXPECT_EQ(result.images, 4 * 256);
  EXPECT_GT(metric_value(result.metrics, "train_time_s").value(), 0);
  EXPECT_EQ(task.test_reads(), 0);
}

TEST(Trainer, IsDeterministicInTheSeed) {
  const QuadrantTask task;
  Recipe recipe = quick_recipe(2);
  recipe.horizontal_flip = true;
  recipe.mixup_alpha = 0.4;
  recipe.cutmix_alpha = 1;
  recipe.ema_decay = 0.9;
  const Graph graph = small_network(8, 0.2F);
  const TrainingResult a = train_network(graph, task, recipe, quick_options(3));
  const TrainingResult b = train_network(graph, task, recipe, quick_options(3));
  const TrainingResult c = train_network(graph, task, recipe, quick_options(4));
  ASSERT_EQ(a.weights.tensors.size(), b.weights.tensors.size());
  bool differs = false;
  for (size_t i = 0; i < a.weights.tensors.size(); ++i) {
    EXPECT_EQ(a.weights.tensors[i].second, b.weights.tensors[i].second) << a.weights.tensors[i].first;
    differs = differs || !(a.weights.tensors[i].second == c.weights.tensors[i].second);
  }
  EXPECT_TRUE(differs);
}

// With a constant rate, two epochs and two more are the same as four: shuffling, dropout, mixing and augmentation draw by step.
TEST(Trainer, ContinuesFromACheckpointAsIfUninterrupted) {
  const QuadrantTask task;
  for (const char* optimizer : {"sgd", "adamw"}) {
    for (const double ema : {0.0, 0.9}) {
      Recipe recipe = quick_recipe(4);
      recipe.optimizer = optimizer;
      recipe.learning_rate = 0.01;
      recipe.schedule = "constant";
      recipe.warmup_epochs = 0;
      recipe.mixup_alpha = 0.4;
      recipe.ema_decay = ema;
      const Graph graph = small_network(4, 0.2F);
      const TrainingResult whole = train_network(graph, task, recipe, quick_options());
      TrainingOptions first = quick_options();
      first.fidelity.epochs = 2;
      first.keep_optimizer_state = true;
      const TrainingResult half = train_network(graph, task, recipe, first);
      TrainingOptions second = quick_options();
      second.initial = &half.weights;
      const TrainingResult rest = train_network(graph, task, recipe, second);
      EXPECT_EQ(rest.images, 2 * 256);
      for (const auto& [name, tensor] : whole.weights.tensors)
        EXPECT_EQ(*rest.weights.find(name), tensor) << optimizer << " " << ema << " " << name;
    }
  }
}

TEST(Trainer, DivergenceIsAFailedTrial) {
  const QuadrantTask task;
  Recipe recipe = quick_recipe(3);
  recipe.learning_rate = 1e30;
  recipe.warmup_epochs = 0;
  const TrainingResult result = train_network(small_network(), task, recipe, quick_options());
  EXPECT_EQ(result.status, TrialStatus::failed);
  EXPECT_NE(result.reason.find("training diverged: the loss is not finite at step"), std::string::npos)
      << result.reason;
}

TEST(Trainer, StopsEarlyAndKeepsTheBestEpoch) {
  const QuadrantTask task(4.0);  // hardly learnable: the validation metric wanders
  Recipe recipe = quick_recipe(40);
  recipe.patience = 2;
  const TrainingResult result = train_network(small_network(), task, recipe, quick_options());
  ASSERT_EQ(result.status, TrialStatus::ok);
  ASSERT_LT(result.curve.size(), 40u);
  double best = 0;
  size_t best_epoch = 0;
  for (size_t i = 0; i < result.curve.size(); ++i) {
    const double value = metric_value(result.curve[i].metrics, "accuracy").value();
    if (value > best) best = value, best_epoch = i;
  }
  EXPECT_EQ(result.curve.size(), best_epoch + 3);
  EXPECT_EQ(accuracy(result), best);
  Graph graph = small_network();
  apply_weights(graph, result.weights);
  EXPECT_NEAR(
      metric_value(evaluate_network(graph, task, Split::validation, quick_options().numerics), "accuracy").value(),
      best, 1e-9);
}

TEST(Trainer, CanBeInterruptedAndPruned) {
  const QuadrantTask task;
  TrainingOptions options = quick_options();
  int asked = 0;
  options.interrupted = [&] { return ++asked > 5; };
  EXPECT_THROW(train_network(small_network(), task, quick_recipe(), options), Interrupted);
  EXPECT_EQ(asked, 6);
  options = quick_options();
  options.report = [](const CurvePoint& point) { return point.epoch < 2; };
  const TrainingResult result = train_network(small_network(), task, quick_recipe(5), options);
  EXPECT_EQ(result.status, TrialStatus::pruned);
  EXPECT_EQ(result.reason, "pruned after epoch 2");
}

TEST(Trainer, FidelityShortensAndShrinks) {
  const QuadrantTask task;
  TrainingOptions options = quick_options();
  options.fidelity = {.epochs = 0.5, .data_share = 0.5, .resolution = 0.75};
  GraphBuilder builder("global");
  ValueId x = builder.input(
      "image", ElementType::float32,
      {builder.graph().symbol("batch"), 3, builder.graph().symbol("height"), builder.graph().symbol("width")});
  x = builder.convolution_norm_activation("stem", x, 8, {.kernel = 3}, Activation::relu);
  builder.output(builder.linear("head", builder.flatten(builder.global_average_pool(x)), 4), "logits");
  const TrainingResult result = train_network(builder.take(), task, quick_recipe(5), options);
  ASSERT_EQ(result.status, TrialStatus::ok) << result.reason;
  EXPECT_EQ(result.images, 64);  // 128 samples, 4 steps an epoch, half an epoch
}

TEST(Trainer, ExportedNetworkGivesTheSameOutputs) {
  const QuadrantTask task;
  const Graph graph = small_network();
  const TrainingResult result = train_network(graph, task, quick_recipe(1), quick_options());
  Graph trained = graph;
  apply_weights(trained, result.weights);
  const Graph reloaded = read_onnx_bytes(write_onnx_bytes(trained), "model.onnx");
  const Numerics numerics = quick_options().numerics;
  EXPECT_EQ(metric_value(evaluate_network(reloaded, task, Split::validation, numerics), "accuracy"),
            metric_value(result.metrics, "accuracy"));
  Random unused(0);
  const std::vector<int64_t> indices = {0, 1, 2};
  const Batch batch = task.load(Split::validation, indices, nullptr, unused);
  const Tensor a = run_reference(trained, {{"image", batch.tensors.at("image")}}).at("logits");
  const Tensor b = run_reference(reloaded, {{"image", batch.tensors.at("image")}}).at("logits");
  EXPECT_EQ(a, b);
}

TEST(Trainer, StudentFollowsItsTeacher) {
  const QuadrantTask task(1.5);
  const TemporaryFolder folder;
  const Graph graph = small_network(16);
  const TrainingResult taught = train_network(graph, task, quick_recipe(6), quick_options());
  Graph teacher = graph;
  apply_weights(teacher, taught.weights);
  write_onnx(teacher, folder.path() / "teacher.onnx");
  Recipe recipe = quick_recipe(4);
  recipe.teacher = (folder.path() / "teacher.onnx").string();
  recipe.distillation_weight = 1;
  const TrainingResult student = train_network(small_network(4), task, recipe, quick_options(9));
  ASSERT_EQ(student.status, TrialStatus::ok) << student.reason;
  const double first = metric_value(student.curve.front().metrics, "train_loss").value(),
               last = metric_value(student.curve.back().metrics, "train_loss").value();
  EXPECT_LT(last, 0.7 * first);
  EXPECT_GT(accuracy(student), 0.5);
}

TEST(Trainer, NamesWhatIsWrong) {
  const QuadrantTask task;
  const auto message = [&](const Graph& graph, const Recipe& recipe) {
    try {
      train_network(graph, task, recipe, quick_options());
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  Recipe recipe = quick_recipe();
  recipe.optimizer = "sgdd";
  EXPECT_EQ(message(small_network(), recipe), "unknown optimizer 'sgdd'; did you mean 'sgd'? (nacre list optimizers)");
  GraphBuilder builder("opaque");
  const ValueId x = builder.input("image", ElementType::float32, {builder.graph().symbol("batch"), 3, 8, 8});
  builder.graph().add_node("Mystery", {x}, 1);
  builder.graph().add_output(builder.graph().nodes().back().outputs[0], "logits");
  EXPECT_EQ(message(builder.take(), quick_recipe()).find("the torch executor cannot run node"), 0u);
  recipe = quick_recipe();
  recipe.teacher = "/no/such/teacher.onnx";
  EXPECT_NE(message(small_network(), recipe).find("/no/such/teacher.onnx"), std::string::npos);
}

TEST(Trainer, Bf16IsNearFp32) {
  const QuadrantTask task;
  TrainingOptions options = quick_options();
  options.numerics.arithmetic = Arithmetic::bf16;
  const TrainingResult narrow = train_network(small_network(), task, quick_recipe(3), options);
  const TrainingResult plain = train_network(small_network(), task, quick_recipe(3), quick_options());
  ASSERT_EQ(narrow.status, TrialStatus::ok) << narrow.reason;
  EXPECT_NEAR(accuracy(narrow), accuracy(plain), 0.05);
  const double a = metric_value(narrow.curve[0].metrics, "train_loss").value(),
               b = metric_value(plain.curve[0].metrics, "train_loss").value();
  EXPECT_NEAR(a, b, 0.05 * b);
}

TEST(TrainedEvaluator, FillsATrialAndLeavesItsWeights) {
  const TemporaryFolder folder;
  const auto task = std::make_shared<QuadrantTask>();
  TrainedEvaluator evaluator(
      task,
      {.numerics = quick_options().numerics, .teacher_folder = {}, .keep_weights = true, .keep_optimizer_state = true});
  EXPECT_EQ(evaluator.name(), "trained");
  EXPECT_NE(evaluator.identity().find("libtorch"), std::string::npos);
  Design design;
  design.graphs.emplace("quadrants", small_network());
  design.recipe = quick_recipe(2);
  Trial trial;
  trial.request.seed = 5;
  EvaluationContext context;
  context.artifacts = folder.path();
  evaluator.evaluate(design, trial, context);
  ASSERT_EQ(trial.status, TrialStatus::ok) << trial.reason;
  EXPECT_EQ(trial.metrics.at("accuracy").origin, Origin::trained);
  EXPECT_EQ(trial.curve.size(), 2u);
  const Graph graph = with_artifact_weights(small_network(), folder.path() / trial.weights);
  EXPECT_EQ(metric_value(evaluate_model(graph, *task, Split::validation, quick_options().numerics), "accuracy"),
            metric_value(trial.metrics, "accuracy"));
  EXPECT_EQ(task->test_reads(), 0);

  Trial inheriting;
  inheriting.request.seed = 6;
  inheriting.candidate.inherited_weights = trial.weights;
  design.recipe.epochs = 0.25;
  evaluator.evaluate(design, inheriting, context);
  EXPECT_GT(metric_value(inheriting.metrics, "accuracy").value(), 0.9);
  EXPECT_EQ(metric_value(inheriting.metrics, "train_time_s").has_value(), true);
}

TEST(TorchCompat, SaysWhatItRunsOn) {
  EXPECT_FALSE(torch_version().empty());
  const BlasReport report = check_blas();
  EXPECT_GT(report.gflops, 0);
  EXPECT_EQ(report.slow, !report.advice.empty());
  set_thread_count(2);
  EXPECT_EQ(thread_count(), 2);
  set_thread_count(1);
}

}  // namespace
}  // namespace nacre
