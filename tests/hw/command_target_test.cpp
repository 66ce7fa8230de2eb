// Target `command` with programs that are slow, fail, talk nonsense or hang.
#include "nacre/hw/command_target.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "nacre/base/file.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/hw/target_registry.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/onnx_io.hpp"

namespace nacre {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Design small_design() {
  GraphBuilder builder("net");
  const Dim batch = builder.graph().symbol("batch");
  ValueId x = builder.input("input", ElementType::float32, {batch, 3, 8, 8});
  x = builder.convolution_norm_activation("stem", x, 8, {.kernel = 3, .stride = 2}, Activation::relu);
  x = builder.flatten(builder.global_average_pool(x));
  builder.output(builder.linear("head", x, 10), "logits");
  Design design;
  design.graphs.emplace("task", builder.take());
  return design;
}

// A folder with a script, and targets that run it.
class CommandTargetTest : public testing::Test {
 protected:
  std::unique_ptr<Target> target(const std::string& script, const std::string& more = "") {
    write_file_atomically(folder_.path() / "measure.sh", script);
    return make("command: sh measure.sh {model} {threads} {batch}\n" + more);
  }
  std::unique_ptr<Target> make(const std::string& yaml) {
    const auto& entry = target_registry().get("command");
    return entry.make(resolve_options(parse_config(yaml, "test.yaml"), entry.parameters, "target command"),
                      {folder_.path()});
  }
  std::string error_of(Target& target) {
    try {
      target.cost(small_design(), {}, {});
    } catch (const DeviceError& error) {
      return std::string("device: ") + error.what();
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }
  std::string file(const char* name) const { return (folder_.path() / name).string(); }

  TemporaryFolder folder_;
};

TEST_F(CommandTargetTest, TheAnswerBecomesTheCost) {
  const auto measured = target(
      "echo 'starting up'\necho '{\"latency_s\": {\"value\": 0.002, \"spread\": 0.0001, \"count\": 50}, \"energy_j\": "
      "null, "
      "\"device\": \"board 7\"}'\n",
      "metrics: [latency_s, energy_j]\ndevice: board\nlocal: false\n");
  EXPECT_TRUE(measured->measures());
  EXPECT_FALSE(measured->uses_this_machine());
  EXPECT_EQ(measured->device(), "board");
  const Cost cost = measured->cost(small_design(), {}, {});
  const Metric& latency = cost.totals.at("latency_s");
  EXPECT_EQ(latency.value, 0.002);
  EXPECT_EQ(latency.spread, 0.0001);
  EXPECT_EQ(latency.count, 50);
  EXPECT_EQ(latency.unit, "s");
  EXPECT_EQ(latency.origin, Origin::measured);
  EXPECT_EQ(latency.source, "command board, board 7");
  EXPECT_FALSE(cost.totals.at("energy_j").value.has_value()) << "null is not known";
  EXPECT_EQ(cost.totals.at("energy_j").unit, "J");
  EXPECT_TRUE(cost.totals.at("params").value.has_value()) << "what is counted comes with every target";
  EXPECT_FALSE(cost.items.empty());
}

TEST_F(CommandTargetTest, TheProgramIsGivenTheDeployedNetwork) {
  const auto measured = target("cp \"$1\" '" + file("seen.onnx") + "'\necho \"{\\\"latency_s\\\": $2.$3}\"\n");
  const Cost cost = measured->cost(small_design(), {.batch = 4, .threads = 2}, {});
  EXPECT_EQ(cost.totals.at("latency_s").value, 2.4);
  const Graph seen = read_onnx(file("seen.onnx"));
  EXPECT_EQ(seen.value(seen.inputs[0]).shape->extents(), (std::vector<int64_t>{4, 3, 8, 8}));
  for (const Node& node : seen.nodes()) EXPECT_NE(node.op, "BatchNormalization") << "folded";
}

TEST_F(CommandTargetTest, InputsAreDescribedInJson) {
  write_file_atomically(file("measure.sh"),
                        "printf '%s' \"$1\" >'" + file("inputs.json") + "'\necho '{\"latency_s\": 1}'\n");
  make("command: sh measure.sh {inputs}")->cost(small_design(), {}, {});
  const Json inputs = parse_json(read_file(file("inputs.json")), "inputs");
  EXPECT_EQ(inputs, Json::parse("[{\"name\": \"input\", \"type\": \"float32\", \"shape\": [1, 3, 8, 8]}]"));
}

TEST_F(CommandTargetTest, AFailureIsTriedAgain) {
  const auto measured = target("if mkdir '" + file("tried") +
                                   "' 2>/dev/null; then echo broken pipe >&2; exit 1; fi\n"
                                   "echo '{\"latency_s\": 1}'\n",
                               "retries: 1\n");
  EXPECT_EQ(measured->cost(small_design(), {}, {}).totals.at("latency_s").value, 1);
}

TEST_F(CommandTargetTest, AFailureThatLastsSaysWhatTheProgramSaid) {
  const auto measured =
      target("echo x >>'" + file("calls") + "'\necho 'no device found' >&2\nexit 4\n", "retries: 2\n");
  EXPECT_THAT(error_of(*measured), AllOf(HasSubstr("target command: 'sh' left with exit code 4: no device found"),
                                         HasSubstr("(3 attempts)")));
  EXPECT_EQ(read_file(file("calls")), "x\nx\nx\n");
}

TEST_F(CommandTargetTest, AHangingProgramIsStopped) {
  const auto measured = target("sleep 60\n", "timeout_s: 0.3\nretries: 0\n");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(error_of(*measured), HasSubstr("took longer than 0.3 s and was stopped"));
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 20);
}

TEST_F(CommandTargetTest, NonsenseIsNamed) {
  const std::string more = "retries: 0\n";
  EXPECT_THAT(error_of(*target("true\n", more)), HasSubstr("it printed nothing; expected one JSON object"));
  EXPECT_THAT(error_of(*target("echo 2.5 ms\n", more)), HasSubstr("it printed no JSON object but '2.5 ms'"));
  EXPECT_THAT(error_of(*target("echo '{\"latency\": 1}'\n", more)),
              HasSubstr("its answer has no latency_s; it has latency"));
  EXPECT_THAT(error_of(*target("echo '{\"latency_s\": \"1 ms\"}'\n", more)), HasSubstr("latency_s is no number"));
  EXPECT_THAT(error_of(*target("echo '{\"latency_s\": -1}'\n", more)), HasSubstr("latency_s is negative"));
  EXPECT_THAT(error_of(*target("echo '{\"latency_s\": 1e999}'\n", more)), HasSubstr("latency_s"));
}

TEST_F(CommandTargetTest, ARefusalIsBelievedAtOnce) {
  const auto measured =
      target("echo x >>'" + file("calls") + "'\necho '{\"error\": \"operator Foo is not supported\"}'\n",
             "retries: 5\nfailures_in_a_row: 1\n");
  EXPECT_EQ(error_of(*measured), "target command: 'sh' cannot measure it: operator Foo is not supported");
  EXPECT_EQ(read_file(file("calls")), "x\n");
}

TEST_F(CommandTargetTest, ManyFailuresInARowAreTheDevices) {
  const auto measured = target("exit 1\n", "retries: 0\nfailures_in_a_row: 3\n");
  EXPECT_THAT(error_of(*measured), HasSubstr("target command: 'sh' left"));
  EXPECT_THAT(error_of(*measured), HasSubstr("target command: 'sh' left"));
  EXPECT_THAT(error_of(*measured), AllOf(HasSubstr("device: "), HasSubstr("3 networks in a row")));
}

TEST_F(CommandTargetTest, AMissingProgramIsTheDevices) {
  EXPECT_THAT(error_of(*make("command: no-such-program {model}")),
              AllOf(HasSubstr("device: "), HasSubstr("cannot start 'no-such-program'")));
}

TEST_F(CommandTargetTest, AnInterruptionEndsAMeasurement) {
  const auto measured = target("sleep 60\n");
  measured->set_interruption([] { return true; });
  EXPECT_THROW(measured->cost(small_design(), {}, {}), Interrupted);
}

TEST_F(CommandTargetTest, IdentityNamesDeviceScriptAndWhatDescribeSays) {
  const std::string script = "echo '{\"latency_s\": 1}'\n";
  const std::string first = target(script, "device: phone\n")->identity();
  EXPECT_EQ(first, target(script, "device: phone\ntimeout_s: 3\n")->identity());
  EXPECT_NE(first, target(script, "device: board\n")->identity());
  EXPECT_NE(first, target(script + "# edited\n", "device: phone\n")->identity());
  const std::string described = target(script, "device: phone\ndescribe: echo Android 14 on {device}\n")->identity();
  EXPECT_THAT(described, HasSubstr("Android 14 on phone"));
  const auto away = target(script, "describe: [sh, -c, 'echo unplugged >&2; exit 1']\n");
  EXPECT_THROW(away->identity(), DeviceError);
}

TEST_F(CommandTargetTest, ConfigurationErrorsPointAtTheKey) {
  const auto error = [&](const std::string& yaml) -> std::string {
    try {
      make(yaml);
    } catch (const UserError& found) {
      return found.what();
    }
    return "no error";
  };
  EXPECT_THAT(error("command: x {modle}"), AllOf(HasSubstr("test.yaml:1:"), HasSubstr("did you mean 'model'?")));
  EXPECT_THAT(error("command: x\ndevice: a/b"), AllOf(HasSubstr("test.yaml:2:"), HasSubstr("device: expected a word")));
  EXPECT_THAT(error("command: x\ndescribe: y {model}"), HasSubstr("unknown placeholder of command 'model'"));
}

TEST(CommandAnswer, NestedMetricsAsNacrePrintsThemAreRead) {
  const std::string printed =
      "{\n  \"model\": \"x\",\n  \"metrics\": {\"latency_s\": {\"value\": 0.5, \"unit\": \"s\", "
      "\"origin\": \"measured\", \"source\": \"host, 1 thread\", \"count\": 31, \"spread\": null}}\n}\n";
  const Metrics metrics = read_command_answer(printed, {metric_spec_of_name("latency_s")}, "board");
  EXPECT_EQ(metrics.at("latency_s").value, 0.5);
  EXPECT_EQ(metrics.at("latency_s").source, "board, host, 1 thread");
}

TEST(CommandAnswer, UnitsAndDirectionsFollowTheName) {
  EXPECT_EQ(metric_spec_of_name("latency_s").unit, "s");
  EXPECT_EQ(metric_spec_of_name("energy_j").unit, "J");
  EXPECT_EQ(metric_spec_of_name("images_per_s").unit, "1/s");
  EXPECT_EQ(metric_spec_of_name("images_per_s").direction, Direction::maximize);
  EXPECT_EQ(metric_spec_of_name("peak_bytes").direction, Direction::minimize);
}

}  // namespace
}  // namespace nacre
