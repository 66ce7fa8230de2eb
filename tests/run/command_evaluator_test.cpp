// Evaluator `command` with programs in shell: what they are given, what their lines mean, every way to fail, early stopping,
// trained networks, and what survives a killed search.
#include "nacre/run/command_evaluator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "nacre/base/file.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/weights_file.hpp"
#include "nacre/run/evaluator_registry.hpp"
#include "nacre/tasks/task_registry.hpp"

namespace nacre {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Design small_design() {
  GraphBuilder builder("net");
  const Dim batch = builder.graph().symbol("batch");
  ValueId x = builder.input("image", ElementType::float32, {batch, 3, 8, 8});
  x = builder.convolution_norm_activation("stem", x, 4, {.kernel = 3, .stride = 2}, Activation::relu);
  builder.output(builder.linear("head", builder.flatten(builder.global_average_pool(x)), 10), "logits");
  Design design;
  design.graphs.emplace("external", builder.take());
  design.recipe.epochs = 5;
  return design;
}

std::shared_ptr<const Task> external_task() {
  const auto& entry = task_registry().get("external");
  return entry.make(
      resolve_options(parse_config("inputs: {image: [3, 8, 8]}\noutputs: {logits: [10]}\nmetrics: {accuracy: "
                                   "maximize, loss: minimize}\n",
                                   "test.yaml"),
                      entry.parameters, "task"),
      ".");
}

class CommandEvaluatorTest : public testing::Test {
 protected:
  CommandEvaluatorTest() {
    std::filesystem::create_directories(artifacts());
    trial_.number = 12;
    trial_.candidate.decisions.set("stem/width", 1);
    trial_.request.seed = 7;
  }
  std::filesystem::path artifacts() const { return folder_.path() / "artifacts"; }
  std::filesystem::path file(const char* name) const { return folder_.path() / name; }

  // Evaluates with `script`, which runs in the test's folder.
  Trial evaluate(const std::string& script, const std::string& more = "") {
    write_file_atomically(file("train.sh"), script);
    const auto& entry = evaluator_registry().get("command");
    const Options options = resolve_options(parse_config("command: sh train.sh {model} {design}\n" + more, "test.yaml"),
                                            entry.parameters, "evaluator command");
    const auto evaluator = entry.make(options, {external_task(), {}, folder_.path()});
    Trial trial = trial_;
    EvaluationContext context;
    context.artifacts = artifacts();
    if (interrupted_) context.interrupted = interrupted_;
    if (report_) context.report = report_;
    evaluator->evaluate(design_, trial, context);
    return trial;
  }

  TemporaryFolder folder_;
  Design design_ = small_design();
  Trial trial_;
  std::function<bool()> interrupted_;
  std::function<bool(const CurvePoint&)> report_;
};

TEST_F(CommandEvaluatorTest, TheProgramIsGivenTheNetworkAndTheRequest) {
  const Trial trial = evaluate(
      "cat >request.json; cp \"$1\" seen.onnx; cp \"$2\" design.json\n"
      "echo '{\"result\": {\"accuracy\": 0.5, \"loss\": 1.5}}'\n");
  EXPECT_EQ(trial.status, TrialStatus::ok) << trial.reason;
  const Json request = parse_json(read_file(file("request.json")), "request");
  EXPECT_EQ(request, parse_json(read_file(file("design.json")), "design")) << "the same on both ways";
  EXPECT_EQ(request["decisions"], Json::parse("{\"stem/width\": 1}"));
  EXPECT_EQ(request["epochs"], 5);
  EXPECT_EQ(request["seed"], 7);
  EXPECT_EQ(request["metrics"], Json::parse("[\"accuracy\", \"loss\"]"));
  EXPECT_EQ(request["direction"], "maximize");
  EXPECT_EQ(request["recipe"]["optimizer"], "sgd");
  const Graph seen = read_onnx(file("seen.onnx"));
  EXPECT_EQ(structure_hash(seen), structure_hash(design_.graph()));
  Graph drawn = design_.graph();
  materialize_parameters(drawn, 7);
  EXPECT_EQ(write_weights_bytes(weights_of(seen)), write_weights_bytes(weights_of(drawn)))
      << "weights of the trial's seed";
}

TEST_F(CommandEvaluatorTest, PointsAndResultBecomeCurveAndMetrics) {
  const Trial trial = evaluate(
      "echo 'loading data'\necho '{\"epoch\": 1, \"accuracy\": 0.4, \"note\": \"warm\"}'\necho '{\"epoch\": 2, "
      "\"accuracy\": "
      "{\"value\": 0.6, \"count\": 3, \"spread\": 0.01}, \"loss\": 0.9}'\necho '{\"result\": {\"accuracy\": 0.61}}'\n");
  ASSERT_EQ(trial.status, TrialStatus::ok) << trial.reason;
  ASSERT_EQ(trial.curve.size(), 2U);
  EXPECT_EQ(trial.curve[0].epoch, 1);
  EXPECT_EQ(metric_value(trial.curve[1].metrics, "loss"), 0.9);
  EXPECT_EQ(trial.curve[1].metrics.at("accuracy").spread, 0.01);
  EXPECT_FALSE(trial.curve[0].metrics.contains("note"));
  EXPECT_EQ(metric_value(trial.metrics, "accuracy"), 0.61);
  EXPECT_EQ(trial.metrics.at("accuracy").origin, Origin::trained);
  EXPECT_GT(trial.time_s, 0);
  EXPECT_TRUE(trial.weights.empty());
  EXPECT_TRUE(std::filesystem::is_empty(file("evaluations"))) << "the trial's folder is gone with its end";
}

TEST_F(CommandEvaluatorTest, WithoutAResultTheLastPointCounts) {
  const Trial trial =
      evaluate("echo '{\"epoch\": 1, \"accuracy\": 0.4}'\nprintf '{\"epoch\": 2, \"accuracy\": 0.3}'\n");
  EXPECT_EQ(metric_value(trial.metrics, "accuracy"), 0.3);
}

TEST_F(CommandEvaluatorTest, FailuresSayWhatTheProgramSaid) {
  const auto reason = [&](const std::string& script, const std::string& more = "") {
    const Trial trial = evaluate(script, more);
    EXPECT_EQ(trial.status, TrialStatus::failed);
    return trial.reason;
  };
  EXPECT_EQ(reason("echo 'CUDA out of memory' >&2; exit 2\n"), "the program left with exit code 2: CUDA out of memory");
  EXPECT_EQ(reason("echo '{\"error\": \"this network has no gradient\"}'; sleep 30\n"), "this network has no gradient");
  EXPECT_THAT(reason("true\n"),
              HasSubstr("the program ended without a result; expected a line such as {\"result\": {\"accuracy\""));
  EXPECT_THAT(reason("echo '{\"result\": {\"acc\": 1}}'\n"),
              HasSubstr("the program's result has no accuracy; it has acc"));
  EXPECT_THAT(reason("echo '{\"result\": {\"accuracy\": null}}'\n"), HasSubstr("accuracy is not a finite number"));
  EXPECT_THAT(reason("echo '{\"result\": 3}'\n"), HasSubstr("expected {\"result\": {..}}"));
  EXPECT_THAT(reason("echo '{broken'\n"), HasSubstr("a line that is no JSON object: '{broken'"));
  EXPECT_THAT(reason("sleep 60\n", "timeout_s: 0.3\n"), HasSubstr("took longer than 0.3 s (evaluator.timeout_s)"));
  EXPECT_THAT(reason("echo '{\"result\": {\"accuracy\": 1}, \"model\": \"none.onnx\"}'\n"),
              HasSubstr("none.onnx' does not exist"));
}

TEST_F(CommandEvaluatorTest, AFailureIsTriedAgainADivergenceIsNot) {
  const std::string counting =
      "echo x >>calls; test $(wc -l <calls) -ge 3 || exit 1\necho '{\"result\": {\"accuracy\": 1}}'\n";
  EXPECT_EQ(evaluate(counting, "retries: 2\n").status, TrialStatus::ok);
  std::filesystem::remove(file("calls"));
  EXPECT_EQ(evaluate("echo x >>calls; echo '{\"result\": {\"accuracy\": null}}'\n", "retries: 5\n").status,
            TrialStatus::failed);
  EXPECT_EQ(read_file(file("calls")), "x\n");
}

TEST_F(CommandEvaluatorTest, APrunedProgramIsStopped) {
  report_ = [](const CurvePoint& point) { return point.epoch < 2; };
  const Trial trial = evaluate(
      "trap 'echo stopped >>ended; exit 0' TERM\nfor i in 1 2 3 4 5 6; do echo \"{\\\"epoch\\\": $i, "
      "\\\"accuracy\\\": 0.$i}\"; sleep 0.2; done\necho finished >>ended\n");
  EXPECT_EQ(trial.status, TrialStatus::pruned);
  EXPECT_EQ(trial.curve.size(), 2U);
  EXPECT_EQ(metric_value(trial.metrics, "accuracy"), 0.2);
  EXPECT_EQ(read_file(file("ended")), "stopped\n");
}

TEST_F(CommandEvaluatorTest, PatienceEndsATrainingWithoutGain) {
  design_.recipe.patience = 2;
  const Trial trial = evaluate(
      "for a in 3 7 5 6 9; do i=$((i + 1)); echo \"{\\\"epoch\\\": $i, \\\"accuracy\\\": 0.$a}\"; "
      "sleep 0.2; done\n");
  EXPECT_EQ(trial.status, TrialStatus::ok) << trial.reason;
  EXPECT_EQ(trial.curve.size(), 4U);
  EXPECT_EQ(metric_value(trial.metrics, "accuracy"), 0.7) << "the best point, not the last";
}

TEST_F(CommandEvaluatorTest, TrainedWeightsOfTheSameNamesAreKeptAsWeights) {
  const Trial trial = evaluate(
      "read -r request; cp \"$1\" \"$(dirname \"$1\")/trained.onnx\"\necho '{\"result\": {\"accuracy\": 1}}'\n");
  ASSERT_THAT(trial.weights, testing::EndsWith(".safetensors")) << trial.reason;
  const Graph graph = trained_network(design_.graph(), read_file(artifacts() / trial.weights), trial.weights);
  Graph drawn = design_.graph();
  materialize_parameters(drawn, 7);
  EXPECT_EQ(write_weights_bytes(weights_of(graph)), write_weights_bytes(weights_of(drawn)));
}

TEST_F(CommandEvaluatorTest, ATrainedNetworkOfAnotherFormIsKeptWhole) {
  GraphBuilder builder("exported");
  ValueId x = builder.input("image", ElementType::float32, {builder.graph().symbol("n"), 3, 8, 8});
  builder.output(builder.linear("fc", builder.flatten(x), 10), "logits");
  Graph exported = builder.take();
  materialize_parameters(exported, 1);
  write_onnx(exported, file("exported.onnx"));
  const std::string script =
      "echo '{\"result\": {\"accuracy\": 1}, \"model\": \"" + file("exported.onnx").string() + "\"}'\n";
  const Trial trial = evaluate(script);
  ASSERT_THAT(trial.weights, testing::EndsWith(".onnx")) << trial.reason;
  const Graph kept = trained_network(design_.graph(), read_file(artifacts() / trial.weights), trial.weights);
  EXPECT_EQ(structure_hash(kept), structure_hash(exported));
}

TEST_F(CommandEvaluatorTest, ATrainedNetworkThatDoesNotFitTheTaskFailsTheTrial) {
  GraphBuilder builder("other");
  ValueId x = builder.input("image", ElementType::float32, {Dim(1), 3, 4, 4});
  builder.output(builder.linear("fc", builder.flatten(x), 10), "logits");
  Graph other = builder.take();
  materialize_parameters(other, 1);
  write_onnx(other, file("other.onnx"));
  const Trial trial =
      evaluate("echo '{\"result\": {\"accuracy\": 1}, \"model\": \"" + file("other.onnx").string() + "\"}'\n");
  EXPECT_EQ(trial.status, TrialStatus::failed);
  EXPECT_THAT(trial.reason,
              HasSubstr("the trained model's input 'image' is [1,3,4,4], the task has [3,8,8] per sample"));
}

TEST_F(CommandEvaluatorTest, AnInterruptedTrialFindsItsCheckpointAgain) {
  const std::string script =
      "read -r request\nfolder=$(dirname \"$1\")\nif [ -e \"$folder/checkpoint\" ]; then echo '{\"result\": "
      "{\"accuracy\": "
      "0.9}}'; exit 0; fi\ntouch \"$folder/checkpoint\"\necho ready >ready\nsleep 60\n";
  interrupted_ = [this] { return std::filesystem::exists(file("ready")); };
  EXPECT_THROW(evaluate(script), Interrupted);
  interrupted_ = {};
  EXPECT_EQ(metric_value(evaluate(script).metrics, "accuracy"), 0.9);
}

TEST_F(CommandEvaluatorTest, AMissingProgramIsFoundOutBeforeTheFirstTrial) {
  const auto& entry = evaluator_registry().get("command");
  const Options options =
      resolve_options(parse_config("command: no-such-program {model}", "test.yaml"), entry.parameters, "x");
  EXPECT_THROW(entry.make(options, {external_task(), {}, folder_.path()}), UserError);
}

TEST_F(CommandEvaluatorTest, AnEditedProgramIsAnotherEvaluator) {
  const auto identity = [&](const std::string& script) {
    write_file_atomically(file("train.sh"), script);
    const auto& entry = evaluator_registry().get("command");
    const Options options = resolve_options(parse_config("command: sh train.sh", "test.yaml"), entry.parameters, "x");
    return entry.make(options, {external_task(), {}, folder_.path()})->identity();
  };
  EXPECT_EQ(identity("a\n"), identity("a\n"));
  EXPECT_NE(identity("a\n"), identity("b\n"));
}

}  // namespace
}  // namespace nacre
