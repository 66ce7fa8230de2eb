// nacre measure: a model on a target, tables, and what a search does with them; the examples of programs of one's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "nacre/base/file.hpp"
#include "nacre/base/json.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::file_text;
using test::Outcome;
using test::run_program;
using test::Scratch;
using testing::AllOf;
using testing::HasSubstr;

std::string small_model(const std::filesystem::path& folder) {
  GraphBuilder builder("net");
  ValueId x = builder.input("input", ElementType::float32, {builder.graph().symbol("batch"), 3, 16, 16});
  x = builder.convolution_norm_activation("stem", x, 8, {.kernel = 3, .stride = 2}, Activation::relu);
  builder.output(builder.linear("head", builder.flatten(builder.global_average_pool(x)), 10), "logits");
  Graph graph = builder.take();
  materialize_parameters(graph, 1);
  const std::string path = (folder / "model.onnx").string();
  write_onnx(graph, path);
  return path;
}

Json json_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return outcome.exit_code == 0 ? parse_json(outcome.out, "stdout") : Json::object();
}

// A device that measures by the size of the file, told apart by a version.
std::string simulator(const std::string& more = "") {
  return "'{kind: command, command: \"python3 examples/targets/simulator.py {model} {batch}\", metrics: [latency_s, "
         "energy_j], "
         "device: simulator" +
         more + "}'";
}

TEST(Measure, AModelOnEveryKindOfTarget) {
  const Scratch scratch;
  const std::string model = small_model(scratch.path());
  const Json counted = json_of(run_program("measure '" + model + "' --target macs --json"));
  EXPECT_EQ(counted["metrics"]["macs"]["value"], 8 * 3 * 9 * 64 + 80);
  const Json host = json_of(run_program("measure '" + model + "' --target host --threads 1 --json --layers"));
  EXPECT_GT(host["metrics"]["latency_s"]["value"], 0);
  EXPECT_EQ(host["metrics"]["latency_s"]["origin"], "measured");
  EXPECT_FALSE(host["layers"].empty());
  const Json simulated = json_of(run_program("measure '" + model + "' --batch 3 --json --target " + simulator()));
  EXPECT_EQ(simulated["metrics"]["latency_s"]["source"], "command simulator, simulator");
  EXPECT_GT(simulated["metrics"]["energy_j"]["value"], 0);
  const Outcome text = run_program("measure '" + model + "' --target " + simulator());
  EXPECT_THAT(text.out, AllOf(HasSubstr("latency_s"), HasSubstr("measured")));
}

TEST(Measure, AnotherMachineWithNacreIsADevice) {
  const Scratch scratch;
  const std::string model = small_model(scratch.path());
  const Json measured =
      json_of(run_program("measure '" + model +
                          "' --json --target '{kind: command, command: \"sh examples/targets/over_ssh.sh - {model} "
                          "{threads}\", device: board, environment: {NACRE: " +
                          test::program().string() + "}}'"));
  EXPECT_GT(measured["metrics"]["latency_s"]["value"], 0);
  EXPECT_THAT(measured["metrics"]["latency_s"]["source"].get<std::string>(),
              HasSubstr("command board, host, 1 thread"));
}

TEST(Measure, OnnxRuntimeAgreesWithItselfAndNamesItsVersion) {
  const std::filesystem::path package = test::source_dir() / "build/onnxruntime/node_modules/onnxruntime-node";
  if (!std::filesystem::exists(package / "package.json"))
    GTEST_SKIP() << "onnxruntime-node is not installed: scripts/install_onnxruntime";
  const Scratch scratch;
  const std::string model = small_model(scratch.path());
  const Json small = json_of(run_program("measure '" + model + "' --target onnxruntime --json"));
  const Json large = json_of(run_program("measure '" + model + "' --target onnxruntime --batch 64 --json"));
  EXPECT_GT(small["metrics"]["latency_s"]["value"], 0);
  EXPECT_GT(large["metrics"]["latency_s"]["value"].get<double>(),
            4 * small["metrics"]["latency_s"]["value"].get<double>());
  EXPECT_THAT(small["metrics"]["latency_s"]["source"].get<std::string>(), HasSubstr("onnxruntime-node 1."));
  EXPECT_THAT(small["identity"].get<std::string>(), HasSubstr("onnxruntime-node 1."));
}

TEST(Measure, ErrorsSayWhatToDo) {
  const auto error = [](const std::string& arguments) {
    const Outcome outcome = run_program("measure " + arguments);
    EXPECT_EQ(outcome.exit_code, 2);
    return outcome.err;
  };
  EXPECT_THAT(error(""), HasSubstr("expected a model, or --build-table"));
  EXPECT_THAT(error("no.onnx --target hots"), HasSubstr("did you mean 'host'?"));
  EXPECT_THAT(error("no.onnx"), HasSubstr("no.onnx"));
  EXPECT_THAT(error("--build-table --target host"), HasSubstr("--build-table needs --space"));
  EXPECT_THAT(error("--build-table --space mbconv"), HasSubstr("--build-table needs --target"));
  EXPECT_THAT(error("--build-table --space mbconv --target macs"), HasSubstr("target macs measures nothing"));
  EXPECT_THAT(error("--build-table --space mbconv --target host --networks 5 --kept-aside 3"),
              HasSubstr("at least 4 networks"));
  EXPECT_THAT(error("--build-table --space mbconv --input 0 --target host"),
              HasSubstr("expected extents of at least 1"));
}

// The whole way: table, search with it, the front measured again on the device, and refusal when the device is another.
TEST(Measure, ATableCarriesASearch) {
  const Scratch scratch;
  const std::string table = (scratch.path() / "t.json").string(), folder = (scratch.path() / "study").string();
  const std::string building =
      "measure --build-table --space examples/digits.yaml --networks 9 --kept-aside 3 --sampled 9 --passes 1 -o '" +
      table + "' --json --target ";
  const Json built = json_of(run_program(building + simulator()));
  EXPECT_GT(built["entries"], 10);
  EXPECT_EQ(built["errors"]["latency_s"]["networks"], 3);
  const Json again = json_of(run_program(building + simulator()));
  EXPECT_EQ(again["entries"], built["entries"]);
  const Outcome other = run_program(building + simulator(", version: \"2\""));
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("choose another file or remove it"));
  const std::string search =
      "search examples/digits.yaml --set search.trials=3 --set search.workers=1 --set train.epochs=1 --set "
      "final.networks=1 --set limits='{}' --set 'search.objectives=[accuracy, latency_s]' --set target='{kind: "
      "host_table, table: " +
      table + "}' --set output_dir='" + folder + "'";
  const Outcome outcome = run_program(search);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json metrics = parse_json(file_text(folder + "/front.json"), "front")["networks"][0]["metrics"];
  EXPECT_EQ(metrics["latency_s"]["origin"], "table");
  EXPECT_THAT(metrics["latency_s"]["source"].get<std::string>(), HasSubstr("networks kept aside"));
  EXPECT_EQ(metrics["measured_latency_s"]["origin"], "measured");
  EXPECT_NEAR(metrics["latency_s"]["value"].get<double>(), metrics["measured_latency_s"]["value"].get<double>(),
              0.5 * metrics["measured_latency_s"]["value"].get<double>());
  EXPECT_THAT(file_text(folder + "/front.csv"), HasSubstr("measured_latency_s"));
  // A stale table stops the search and says what to do.
  Json stale = parse_json(file_text(table), table);
  stale["identity"] = "another device";
  write_file_atomically(table, stale.dump());
  const Outcome refused = run_program(search + " --set output_dir='" + (scratch.path() / "other").string() + "'");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("is stale"), HasSubstr("build it anew")));
}

// --- programs of one's own in a search

std::string quick(const std::string& example, const std::filesystem::path& folder, int trials) {
  return "search examples/" + example + " --set search.trials=" + std::to_string(trials) +
         " --set search.workers=1 --set search.lookahead=2 --set train.epochs=2 --set final.networks=2 --set "
         "output_dir='" +
         folder.string() + "'";
}

TEST(YourPrograms, ASearchForADeviceBehindACommand) {
  const Scratch scratch;
  const Outcome outcome = run_program(quick("your_device.yaml", scratch.path() / "s", 3) + " --set limits='{}'");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json front = parse_json(file_text(scratch.path() / "s/front.json"), "front");
  for (const Json& network : front["networks"]) EXPECT_GT(network["metrics"]["energy_j"]["value"], 0);
}

TEST(YourPrograms, ADeviceThatIsUnpluggedStopsTheSearchAndLosesNothing) {
  const Scratch scratch;
  const std::filesystem::path plugged = scratch.path() / "plugged", calls = scratch.path() / "calls";
  // Measures twice, then it is unplugged until somebody plugs it in again.
  write_file_atomically(scratch.path() / "device.sh", "test -e '" + plugged.string() + "' || exit 9\necho x >>'" +
                                                          calls.string() + "'\ntest $(wc -l <'" + calls.string() +
                                                          "') -lt 3 || rm '" + plugged.string() +
                                                          "'\necho '{\"latency_s\": 1}'\n");
  const auto plug_in = [&] {
    write_file_atomically(calls, "");
    write_file_atomically(plugged, "");
  };
  plug_in();
  const std::string search = quick("your_device.yaml", scratch.path() / "s", 4) +
                             " --set limits='{}' --set target='{kind: command, command: \"sh " +
                             (scratch.path() / "device.sh").string() + "\", failures_in_a_row: 1, retries: 0}'";
  const Outcome stopped = run_program(search);
  EXPECT_EQ(stopped.exit_code, 2) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("networks in a row could not be measured"));
  plug_in();
  // Plugged in again often enough, it ends like any search.
  Outcome outcome;
  for (int i = 0; i < 8; ++i) {
    outcome = run_program(search);
    if (outcome.exit_code == 0) break;
    plug_in();
  }
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json study = json_of(run_program("study '" + (scratch.path() / "s").string() + "' --json"));
  EXPECT_THAT(study.dump(), testing::Not(HasSubstr("exit code 9"))) << "no network was blamed";
}

TEST(YourPrograms, ASearchByAStrategyInPythonIsResumed) {
  const Scratch scratch;
  const std::filesystem::path whole = scratch.path() / "whole", parts = scratch.path() / "parts";
  ASSERT_EQ(run_program(quick("your_strategy/digits.yaml", whole, 6)).exit_code, 0);
  ASSERT_EQ(run_program(quick("your_strategy/digits.yaml", parts, 3)).exit_code, 0);
  const Outcome outcome = run_program(quick("your_strategy/digits.yaml", parts, 6));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto candidates = [](const std::filesystem::path& folder) {
    std::vector<std::string> all;
    for (int i = 0; i < 6; ++i) {
      const Json trial = parse_json(
          run_program("study '" + folder.string() + "' --trial " + std::to_string(i) + " --json").out, "trial");
      all.push_back(trial.at("candidate").at("decisions").dump());
    }
    return all;
  };
  EXPECT_EQ(candidates(whole), candidates(parts));
}

TEST(YourPrograms, ASearchWithATrainingProgramNeedsNoData) {
  const Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "s";
  const Outcome outcome = run_program(quick("your_training/search.yaml", folder, 4));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json front = parse_json(file_text(folder / "front.json"), "front");
  ASSERT_FALSE(front["networks"].empty());
  for (const Json& network : front["networks"]) {
    EXPECT_GT(network["metrics"]["accuracy"]["value"], 0);
    EXPECT_FALSE(network["curve"].empty());
    const Graph graph = read_onnx(folder / network["model"].get<std::string>());
    EXPECT_EQ(graph.outputs.size(), 1U);
  }
  const Outcome resumed = run_program(quick("your_training/search.yaml", folder, 6));
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  const Outcome untrained =
      run_program(quick("your_training/search.yaml", scratch.path() / "n", 4) + " --set evaluator=trained");
  EXPECT_EQ(untrained.exit_code, 2);
  EXPECT_THAT(untrained.err, HasSubstr("task external has no data to train on"));
}

}  // namespace
}  // namespace nacre
