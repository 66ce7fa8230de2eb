// From a trained model to smaller ones: the example with few trials and cuts so small that inherited weights make one epoch
// enough.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/json.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/statistics.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::file_text;
using test::Outcome;
using test::run_program;
using test::Scratch;

int64_t macs_of(Graph graph) {
  SymbolBindings bindings;
  for (const std::string& symbol : graph.symbols()) bindings.emplace(symbol, 1);
  graph.bind_symbols(bindings);
  return count_graph(graph).macs;
}

double accuracy_after_one_epoch(const std::filesystem::path& folder, const std::string& more) {
  const Outcome outcome = run_program(
      "search examples/elastic_digits.yaml --set search.strategy=random --set search.trials=2 --set search.epochs=1 "
      "--set "
      "train.epochs=1 --set train.learning_rate=0.002 --set final.networks=1 --set search.workers=1 --set "
      "'space.widths=[1.0, 0.84]' --set space.depth=false --set limits.macs=1300000 --set output_dir='" +
      folder.string() + "' " + more);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json front = parse_json(file_text(folder / "front.json"), "front.json");
  const Json& network = front["networks"].at(0);
  const Graph model = read_onnx(folder / network["model"].get<std::string>());
  const Graph original = read_onnx(test::source_dir() / "examples/models/digits_resnet.onnx");
  EXPECT_LT(macs_of(model), macs_of(original));
  return network["metrics"]["accuracy"]["value"].get<double>();
}

TEST(ElasticSearch, InheritsWhatItsModelKnows) {
  const Scratch scratch;
  const double inherited = accuracy_after_one_epoch(scratch.path() / "inherited", "");
  const double fresh =
      accuracy_after_one_epoch(scratch.path() / "fresh", "--set space.inherit_weights=false --set space.distill=false");
  EXPECT_GT(inherited, fresh + 0.2);
}

}  // namespace
}  // namespace nacre
