// Random uses of every operator (those of tests/ir): the torch executor equals the reference executor, or refuses the form
// by name.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "executor_check.hpp"
#include "nacre/ir/onnx_test_data.hpp"
#include "nacre/ir/schema.hpp"
#include "tests/ir/operator_cases.hpp"

namespace nacre {
namespace {

constexpr int kCases = 25;  // per operator
constexpr Tolerance kTolerance{.relative = 1e-4, .absolute = 1e-4};

class EveryOperatorOnTorch : public ::testing::TestWithParam<std::string> {};

// Element types that libtorch holds.
bool fits_torch(const testing::OperatorCase& test) {
  const auto fits = [](ElementType type) { return type != ElementType::uint4 && type != ElementType::int4; };
  const auto declared = static_cast<ElementType>(test.attributes.integer("output_dtype", 0));
  return fits(declared) && std::ranges::all_of(test.inputs, [&](const std::optional<Tensor>& input) {
           return !input.has_value() || fits(input->type());
         });
}

TEST_P(EveryOperatorOnTorch, EqualsTheReferenceOrRefuses) {
  Random random = Random::stream(21, GetParam());
  int compared = 0, refused = 0;
  for (int i = 0; i < kCases; ++i) {
    const testing::OperatorCase test = testing::make_case(GetParam(), random);
    if (!fits_torch(test)) continue;
    Graph graph = testing::case_graph(test);
    infer_shapes(graph);
    NamedTensors inputs;
    for (const ValueId id : graph.inputs) {
      const std::string name = value_text(graph, id);
      inputs.emplace(name, *test.inputs[static_cast<size_t>(std::stoi(name.substr(1)))]);
    }
    const NamedTensors expected = run_reference(graph, inputs);
    const Numerics numerics = test::numerics_under_test();
    std::vector<at::Tensor> outputs;
    try {
      PlainStore store(graph, 1, numerics);
      outputs = test::run_torch(graph, inputs, store, numerics);
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find("cannot be"), std::string::npos) << error.what();
      ++refused;
      continue;
    }
    ++compared;
    for (size_t o = 0; o < outputs.size(); ++o) {
      const Tensor& wanted = expected.at(value_text(graph, graph.outputs[o]));
      at::Tensor found = outputs[o];
      // The executor computes in its own floating-point type.
      if (is_floating(wanted.type())) found = found.to(torch_type(wanted.type()));
      Tensor result = from_torch(found);
      // Types that libtorch lacks are carried in wider ones.
      if (wanted.type() == ElementType::uint16 || wanted.type() == ElementType::uint32)
        result = result.cast(wanted.type());
      const TensorDifference difference = compare_tensors(result, wanted, kTolerance);
      EXPECT_TRUE(difference.equal()) << GetParam() << ", case " << i << ", output " << o << ": " << difference.problem;
    }
  }
  EXPECT_GT(compared, refused) << "most forms of an operator should run";
}

std::vector<std::string> operators_of_both() {
  const std::vector<std::string> torch = torch_operator_names();
  std::vector<std::string> names;
  for (const auto& [name, maker] : testing::case_makers()) {
    if (std::ranges::find(torch, name) != torch.end()) names.push_back(name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Operators, EveryOperatorOnTorch, ::testing::ValuesIn(operators_of_both()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace nacre
