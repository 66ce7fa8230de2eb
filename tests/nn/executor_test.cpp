// Whole graphs: fusion equals its parts, training mode, precision, integer and boolean operators, refusals.
#include <gtest/gtest.h>

#include "executor_check.hpp"
#include "nacre/ir/schema.hpp"
#include "nacre/ir/text_form.hpp"
#include "nacre/nn/fused_norm.hpp"
#include "nacre/nn/fusion.hpp"

namespace nacre {
namespace {

using kernels::FusedActivation;
using test::expect_equal_to_reference;
using test::numerics_under_test;
using test::random_inputs;
using test::run_torch;

Graph residual_network(Activation activation, bool residual) {
  GraphBuilder builder("residual");
  const ValueId x = builder.input("x", ElementType::float32, {4, 6, 5, 5});
  ValueId y = builder.convolution("conv", x, 6, {.kernel = 3});
  y = builder.batch_norm("norm", y);
  if (residual) y = builder.add(y, x);
  y = builder.activation(y, activation);
  builder.output(builder.linear("head", builder.flatten(builder.global_average_pool(y)), 3), "logits");
  return builder.take();
}

constexpr Activation kFusable[] = {Activation::none,       Activation::relu,  Activation::relu6,
                                   Activation::hard_swish, Activation::swish, Activation::hard_sigmoid,
                                   Activation::sigmoid};

TEST(Fusion, FindsNormSumAndActivation) {
  for (const Activation activation : kFusable) {
    for (const bool residual : {false, true}) {
      const std::vector<NormFusion> fusions = find_norm_fusions(residual_network(activation, residual));
      ASSERT_EQ(fusions.size(), 1u);
      EXPECT_EQ(fusions[0].residual != kNone, residual);
      EXPECT_EQ(fusions[0].activation == FusedActivation::none, activation == Activation::none)
          << activation_name(activation);
    }
  }
}

TEST(Fusion, LeavesAloneWhatOthersRead) {
  GraphBuilder builder("shared");
  const ValueId x = builder.input("x", ElementType::float32, {2, 3, 4, 4});
  const ValueId y = builder.batch_norm("norm", x);
  builder.output(builder.activation(y, Activation::relu), "a");
  builder.output(builder.activation(y, Activation::tanh), "b");
  const std::vector<NormFusion> fusions = find_norm_fusions(builder.graph());
  ASSERT_EQ(fusions.size(), 1u);
  EXPECT_EQ(fusions[0].covered.size(), 1u);
}

TEST(Executor, FusedNetworksEqualTheReference) {
  for (const Activation activation : kFusable) {
    for (const bool residual : {false, true}) {
      const Graph graph = residual_network(activation, residual);
      expect_equal_to_reference(graph, random_inputs(graph, 3));
    }
  }
}

struct Trained {
  std::vector<at::Tensor> outputs, gradients, statistics;
};

// One training step's outputs, gradients of all parameters and the updated statistics.
Trained train_once(const Graph& graph, const Numerics& numerics) {
  PlainStore store(graph, 2, numerics);
  Trained result;
  result.outputs = run_torch(graph, random_inputs(graph, 5), store, numerics, {.training = true});
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& tensor : store.tensors())
    (tensor.requires_grad() ? leaves : result.statistics).push_back(tensor);
  const at::Tensor y = result.outputs[0].to(storage_type(numerics.arithmetic));
  const at::Tensor weight = at::sin(at::arange(1, y.numel() + 1, y.options().requires_grad(false))).reshape(y.sizes());
  result.gradients = torch::autograd::grad({at::sum(y * weight)}, leaves, {}, false, false, true);
  return result;
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.detach().to(at::kCPU, at::kDouble), y = b.detach().to(at::kCPU, at::kDouble);
  return at::amax(at::abs(x - y)).item<double>() / std::max(1.0, at::amax(at::abs(y)).item<double>());
}

TEST(FusedNorm, TrainsAsItsPartsInDouble) {
  for (const Activation activation : kFusable) {
    for (const bool residual : {false, true}) {
      const Graph graph = residual_network(activation, residual);
      const Trained fused = train_once(graph, numerics_under_test());
      Numerics plain = numerics_under_test(Arithmetic::fp64);
      plain.fused = false;
      const Trained parts = train_once(graph, plain);
      EXPECT_LT(difference(fused.outputs[0], parts.outputs[0]), 1e-5);
      ASSERT_EQ(fused.gradients.size(), parts.gradients.size());
      for (size_t i = 0; i < fused.gradients.size(); ++i)
        EXPECT_LT(difference(fused.gradients[i], parts.gradients[i]), 1e-4)
            << activation_name(activation) << residual << " " << i;
      for (size_t i = 0; i < fused.statistics.size(); ++i)
        EXPECT_LT(difference(fused.statistics[i], parts.statistics[i]), 1e-5);
    }
  }
}

// Straight against libtorch's own batch norm, where the mean is large against the deviation and rows are many and few.
TEST(FusedNorm, EqualsBatchNormForAnyShape) {
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{64, 3, 17, 17}, {2, 600, 2, 2}, {1, 1, 3, 3}, {32, 7}}) {
    at::Tensor x = at::sin(at::arange(1, 1 + c10::multiply_integers(shape), at::kFloat)).reshape(shape) + 100;
    if (x.dim() == 4) x = x.contiguous(at::MemoryFormat::ChannelsLast);
    x.requires_grad_(true);
    const int64_t channels = shape[1];
    const at::Tensor scale = at::linspace(0.5, 2, channels, at::kFloat),
                     shift = at::linspace(-1, 1, channels, at::kFloat);
    const auto run = [&](bool fused) {
      at::Tensor mean = at::zeros({channels}), variance = at::ones({channels});
      at::Tensor y;
      if (fused) {
        EXPECT_TRUE(fused_norm_is_fast(x, {}));
        y = fused_norm(x, {}, scale, shift, mean, variance,
                       {.epsilon = 1e-5, .momentum = 0.1, .activation = FusedActivation::relu, .training = true});
      } else {
        const at::Tensor xd = x.to(at::kDouble), md = mean.to(at::kDouble), vd = variance.to(at::kDouble);
        y = at::relu(at::batch_norm(xd, scale.to(at::kDouble), shift.to(at::kDouble), md, vd, true, 0.1, 1e-5, false));
        mean.copy_(md), variance.copy_(vd);
      }
      const at::Tensor weight =
          at::cos(at::arange(1, 1 + y.numel(), y.options().requires_grad(false))).reshape(y.sizes());
      const at::Tensor gradient = torch::autograd::grad({at::sum(y * weight)}, {x})[0];
      return std::vector<at::Tensor>{y, gradient, mean, variance};
    };
    const std::vector<at::Tensor> a = run(true), b = run(false);
    EXPECT_LT(difference(a[0], b[0]), 2e-4);
    EXPECT_LT(difference(a[1], b[1]), 1e-3);
    EXPECT_LT(difference(a[2], b[2]), 1e-5);
    EXPECT_LT(difference(a[3], b[3]), 1e-4);
  }
}

TEST(FusedNorm, NaNReachesTheOutput) {
  at::Tensor x = at::ones({4, 2, 2, 2}).contiguous(at::MemoryFormat::ChannelsLast);
  x[0][1][0][0] = std::numeric_limits<float>::quiet_NaN();
  at::Tensor mean = at::zeros({2}), variance = at::ones({2});
  const at::Tensor y = fused_norm(x, {}, at::ones({2}), at::zeros({2}), mean, variance,
                                  {.activation = FusedActivation::relu, .training = true});
  EXPECT_TRUE(at::isnan(y.select(1, 1)).all().item<bool>());
  EXPECT_FALSE(at::isnan(y.select(1, 0)).any().item<bool>());
}

TEST(FusedNorm, SameForAnyNumberOfRunsAndNearForThreads) {
  const at::Tensor x = at::sin(at::arange(64 * 16 * 16 * 16, at::kFloat))
                           .reshape({64, 16, 16, 16})
                           .contiguous(at::MemoryFormat::ChannelsLast);
  const auto run = [&](int threads) {
    at::set_num_threads(threads);
    at::Tensor mean = at::zeros({16}), variance = at::ones({16});
    const at::Tensor y = fused_norm(x, {}, at::ones({16}), at::zeros({16}), mean, variance, {.training = true});
    at::set_num_threads(1);
    return y;
  };
  EXPECT_TRUE(at::equal(run(1), run(1)));
  EXPECT_TRUE(at::equal(run(4), run(4)));
  EXPECT_LT(difference(run(1), run(4)), 1e-6);
}

TEST(Executor, Bf16IsNearFp32) {
  for (const bool residual : {false, true}) {
    const Graph graph = residual_network(Activation::hard_swish, residual);
    expect_equal_to_reference(graph, random_inputs(graph, 3), numerics_under_test(Arithmetic::bf16), 0.03);
    const Trained narrow = train_once(graph, numerics_under_test(Arithmetic::bf16)),
                  wide = train_once(graph, numerics_under_test());
    for (size_t i = 0; i < wide.gradients.size(); ++i)
      EXPECT_LT(difference(narrow.gradients[i], wide.gradients[i]), 0.05) << i;
  }
}

// libtorch 1.13 takes a bfloat16 one on the CPU for a plain convolution, so it is run in float.
TEST(Executor, TransposedConvolutionRunsBesideBf16) {
  GraphBuilder builder("up");
  ValueId x = builder.input("x", ElementType::float32, {2, 3, 6, 6});
  x = builder.convolution_norm_activation("conv", x, 16, {.kernel = 3}, Activation::relu);
  const ValueId weight = builder.parameter("weight", {16, 8, 2, 2}, {Distribution::Kind::kaiming_normal_fan_in, 1.0});
  builder.output(builder.node("ConvTranspose", {x, weight}, {{"strides", std::vector<int64_t>{2, 2}}}), "y");
  const Graph graph = builder.take();
  expect_equal_to_reference(graph, random_inputs(graph, 3), numerics_under_test(Arithmetic::bf16), 0.03);
}

TEST(Executor, AttentionAndSqueezeExciteEqualTheReference) {
  GraphBuilder builder("attention");
  const ValueId x = builder.input("x", ElementType::float32, {2, 5, 8});
  ValueId y = builder.add(x, builder.self_attention("attention", builder.layer_norm("norm", x), 2));
  builder.output(builder.linear("head", y, 3), "y");
  const Graph attention = builder.take();
  expect_equal_to_reference(attention, random_inputs(attention, 1));
  GraphBuilder other("squeeze");
  const ValueId image = other.input("x", ElementType::float32, {2, 8, 4, 4});
  y = other.squeeze_excite("se", other.channel_shuffle(image, 2), 2);
  other.output(other.depthwise("dw", y, {.kernel = 3}), "y");
  const Graph squeeze = other.take();
  expect_equal_to_reference(squeeze, random_inputs(squeeze, 1));
}

TEST(Executor, IntegersBooleansAndComputedShapesEqualTheReference) {
  GraphBuilder builder("plumbing");
  const ValueId x = builder.input("x", ElementType::float32, {2, 6});
  const ValueId zero = builder.constant(Tensor::scalar<float>(0));
  const ValueId positive = builder.node("Greater", {x, zero});
  const ValueId small = builder.node("Less", {x, builder.constant(Tensor::scalar<float>(0.5F))});
  const ValueId both = builder.node("And", {positive, small});
  const ValueId either = builder.node("Or", {builder.node("Not", {both}), builder.node("Xor", {positive, small})});
  builder.output(builder.node("Where", {either, x, zero}), "where");
  const ValueId shape = builder.node("Shape", {x});
  const ValueId size = builder.node("Size", {x});
  builder.output(shape, "shape");
  builder.output(size, "size");
  builder.output(builder.node("ConstantOfShape", {shape}, {{"value", Tensor::of<float>({1}, {2.5F})}}), "filled");
  builder.output(
      builder.node("Range", {builder.constant(Tensor::scalar<int64_t>(1)), builder.constant(Tensor::scalar<int64_t>(8)),
                             builder.constant(Tensor::scalar<int64_t>(3))}),
      "range");
  builder.output(builder.node("CastLike", {shape, x}), "cast");
  builder.output(builder.node("Mul", {x, builder.node("Constant", {}, {{"value_float", 3.0F}})}), "scaled");
  const ValueId indices = builder.constant(Tensor::of<int64_t>({2, 2}, {0, -1, 3, 2}));
  const ValueId updates = builder.constant(Tensor::of<float>({2, 2}, {9, 8, 7, 6}));
  builder.output(builder.node("ScatterElements", {x, indices, updates}, {{"axis", int64_t{1}}}), "scattered");
  builder.output(builder.node("ScatterND", {x, builder.constant(Tensor::of<int64_t>({2, 2}, {0, 1, 1, -1})),
                                            builder.constant(Tensor::of<float>({2}, {5, 4}))}),
                 "scattered_nd");
  const Graph graph = builder.take();
  expect_equal_to_reference(graph, random_inputs(graph, 8));
}

TEST(Executor, DropoutKeepsTheMeanAndFollowsItsGenerator) {
  GraphBuilder builder("dropout");
  const ValueId x = builder.input("x", ElementType::float32, {1, 20000});
  builder.output(builder.dropout(x, 0.25F), "y");
  const Graph graph = builder.take();
  const Numerics numerics = numerics_under_test();
  PlainStore store(graph, 0, numerics);
  const TorchExecutor executor(graph, numerics);
  const std::vector<at::Tensor> inputs = {at::ones({1, 20000})};
  const auto run = [&](uint64_t seed) {
    at::Generator generator = numerics.device == Device::cpu ? at::make_generator<at::CPUGeneratorImpl>(seed)
                                                             : at::globalContext().defaultGenerator(at::kCUDA).clone();
    generator.set_current_seed(seed);
    return executor.run(inputs, store, {.training = true, .generator = generator})[0].to(at::kCPU);
  };
  EXPECT_NEAR(at::mean(run(1)).item<double>(), 1, 0.02);
  EXPECT_NEAR(at::mean(at::eq(run(1), 0).to(at::kFloat)).item<double>(), 0.25, 0.02);
  EXPECT_TRUE(at::equal(run(1), run(1)));
  EXPECT_FALSE(at::equal(run(1), run(2)));
}

TEST(Executor, DropoutGivesItsMask) {
  Graph graph = parse_graph(
      "graph(x: float32[1,5000]) { r: float32[] = frozen [0.25]; y, mask = Dropout(x, r); return y, mask }");
  infer_shapes(graph);
  const Numerics numerics = numerics_under_test();
  PlainStore store(graph, 0, numerics);
  const TorchExecutor executor(graph, numerics);
  const std::vector<at::Tensor> inputs = {at::ones({1, 5000})};
  std::vector<at::Tensor> outputs = executor.run(inputs, store, {});
  EXPECT_TRUE(outputs[1].all().item<bool>());
  EXPECT_EQ(outputs[1].scalar_type(), at::kBool);
  at::Generator generator = numerics.device == Device::cpu ? at::make_generator<at::CPUGeneratorImpl>(7)
                                                           : at::globalContext().defaultGenerator(at::kCUDA).clone();
  outputs = executor.run(inputs, store, {.training = true, .generator = generator});
  EXPECT_TRUE(at::allclose(outputs[0], outputs[1].to(outputs[0].scalar_type()) / 0.75));
  EXPECT_NEAR(outputs[1].to(at::kFloat).mean().item<double>(), 0.75, 0.03);
}

// libtorch has no uint16 and uint32: sums and products wrap around as those of the types would.
TEST(Executor, CarriedTypesWrapAround) {
  for (const ElementType type : {ElementType::uint16, ElementType::uint32}) {
    const std::string name(element_type_name(type));
    Graph graph = parse_graph("graph(a: " + name + "[4], b: " + name +
                              "[4]) { s = Add(a, b); d = Sub(a, b); p = Mul(a, b); return s, d, p }");
    infer_shapes(graph);
    const uint64_t modulus = type == ElementType::uint16 ? uint64_t{1} << 16 : uint64_t{1} << 32;
    const std::vector<uint64_t> a = {0, 1, modulus - 1, modulus / 2 + 3}, b = {1, 2, modulus - 1, modulus / 2 + 5};
    NamedTensors inputs = {{"a", Tensor(type, {4})}, {"b", Tensor(type, {4})}};
    for (int64_t i = 0; i < 4; ++i) {
      inputs.at("a").set_number_at(i, static_cast<double>(a[static_cast<size_t>(i)]));
      inputs.at("b").set_number_at(i, static_cast<double>(b[static_cast<size_t>(i)]));
    }
    const Numerics numerics = numerics_under_test();
    PlainStore store(graph, 0, numerics);
    const std::vector<at::Tensor> outputs = run_torch(graph, inputs, store, numerics);
    for (size_t i = 0; i < 4; ++i) {
      const auto found = [&](size_t output) { return from_torch(outputs[output]).integers()[i]; };
      EXPECT_EQ(found(0), static_cast<int64_t>((a[i] + b[i]) % modulus)) << name;
      EXPECT_EQ(found(1), static_cast<int64_t>((a[i] - b[i]) % modulus)) << name;
      EXPECT_EQ(found(2), static_cast<int64_t>((a[i] * b[i]) % modulus)) << name;
    }
  }
}

TEST(Executor, RefusesByName) {
  GraphBuilder builder("odd");
  const ValueId x = builder.input("x", ElementType::float32, {2, 6});
  builder.graph().add_node("Mystery", {x});
  builder.graph().add_node("Riddle", {x}, 1, {}, "com.example");
  builder.graph().add_output(builder.graph().nodes().back().outputs[0], "y");
  try {
    const TorchExecutor executor(builder.graph(), numerics_under_test());
    FAIL() << "nothing was refused";
  } catch (const UserError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("Mystery"), std::string::npos) << message;
    EXPECT_NE(message.find("Riddle"), std::string::npos) << message;
  }
}

TEST(Executor, StepsNameWhatIsFused) {
  const TorchExecutor executor(residual_network(Activation::relu, true), numerics_under_test());
  const std::vector<std::string> steps = executor.describe_steps();
  EXPECT_EQ(std::ranges::count_if(steps, [](const std::string& s) { return s.ends_with("+ Add + Relu"); }), 1);
}

}  // namespace
}  // namespace nacre
