#include "nacre/space/spaces/elastic_onnx.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/rewrite.hpp"
#include "nacre/space/imported/elastic_network.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

std::filesystem::path model_path(const Options& options, const SpaceContext& context) {
  const std::filesystem::path written = options.text("model");
  return written.is_absolute() ? written : context.base_folder / written;
}

// The original teaches, unless the recipe names another teacher.
SpaceContext with_teacher(SpaceContext context, const Options& options) {
  if (options.boolean("distill") && context.recipe.teacher.empty()) context.recipe.teacher = options.text("model");
  return context;
}

// A clean copy: what exporters leave (Identity, Constant, Shape chains) would only hide how channels are tied.
Graph read_model(const Options& options, const SpaceContext& context) {
  Graph graph;
  try {
    graph = read_onnx(model_path(options, context));
  } catch (const UserError& error) {
    throw UserError(options.position("model"), fmt::format("space.model: {}", error.what()));
  }
  static constexpr std::array<const char*, 3> kCleaning = {"dead_code", "identity", "constants"};
  const std::vector<std::string> names(kCleaning.begin(), kCleaning.end());
  run_rewrites(graph, names);
  return graph;
}

class ElasticOnnxSpace : public NetworkSpace {
 public:
  ElasticOnnxSpace(const Options& options, const SpaceContext& context)
      : NetworkSpace("elastic_onnx", options, with_teacher(context, options)),
        network_(checked(read_model(options, context), options), network_options(options)) {}

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe&) const override {
    return network_.build(choose, b, x);
  }

 private:
  static ElasticNetworkOptions network_options(const Options& options) {
    return {.widths = options.reals("widths"),
            .divisor = options.integer("divisor"),
            .depth = options.boolean("depth"),
            .minimum_kernel = options.integer("minimum_kernel"),
            .inherit_weights = options.boolean("inherit_weights")};
  }

  // The model takes what the task gives and answers what it asks for; its batch may be any.
  Graph checked(Graph graph, const Options& options) const {
    const auto fail = [&](const std::string& message) {
      throw UserError(options.position("model"), "space.model: " + message);
    };
    if (graph.inputs.size() != 1 || graph.outputs.size() != 1)
      fail(fmt::format("expected a network with one input and one output, found {} and {}", graph.inputs.size(),
                       graph.outputs.size()));
    const auto fits = [&](ValueId id, const std::vector<int64_t>& extents) {
      const std::optional<Shape>& shape = graph.value(id).shape;
      if (!shape.has_value() || shape->rank() != static_cast<int>(extents.size()) + 1) return false;
      for (size_t i = 0; i < extents.size(); ++i) {
        const Dim dim = (*shape)[static_cast<int>(i) + 1];
        if (!dim.is_unknown() && dim != Dim(extents[i])) return false;
      }
      return true;
    };
    const auto text = [&](ValueId id) {
      const std::optional<Shape>& shape = graph.value(id).shape;
      return shape.has_value() ? graph.shape_text(*shape) : std::string("of unknown shape");
    };
    if (!fits(graph.inputs[0], input().extents))
      fail(fmt::format("its input is {}, the task gives [batch, {}]", text(graph.inputs[0]),
                       fmt::join(input().extents, ", ")));
    if (!fits(graph.outputs[0], {classes()}))
      fail(fmt::format("its output is {}, the task asks for [batch, {}]", text(graph.outputs[0]), classes()));
    const NodeId last = graph.value(graph.outputs[0]).producer;
    if (last != kNone && graph.node(last).op.ends_with("Softmax"))
      fail("it ends in " + graph.node(last).op +
           ", but losses read the values before it; export the network without it");
    return graph;
  }

  ElasticNetwork network_;
};

}  // namespace

RegistryRecord elastic_onnx_record() {
  return {.name = "elastic_onnx",
          .summary = "narrower, shallower versions of a trained ONNX network, which inherit its weights",
          .source = "elastic width, depth and kernel of Once-for-All, Cai et al. 2020, arXiv 1908.09791, section 3.3",
          .parameters = network_space_parameters(
              {{.name = "model",
                .type = ParameterType::text,
                .description = "ONNX file of the trained network, with logits as output; relative to the configuration",
                .required = true},
               {.name = "widths",
                .type = ParameterType::real_list,
                .description = "shares of its channels that a group of layers may keep",
                .default_value = Json{1.0, 0.75, 0.5},
                .minimum = 0.01,
                .maximum = 1},
               {.name = "divisor",
                .type = ParameterType::integer,
                .description = "numbers of channels are multiples of it",
                .default_value = 4,
                .minimum = 1,
                .maximum = 1024},
               {.name = "depth",
                .type = ParameterType::boolean,
                .description = "whether residual blocks may be left out",
                .default_value = true},
               {.name = "minimum_kernel",
                .type = ParameterType::integer,
                .description = "kernels may shrink to this extent; 0: they stay as they are",
                .default_value = 3,
                .minimum = 0,
                .maximum = 31},
               {.name = "inherit_weights",
                .type = ParameterType::boolean,
                .description = "begin with the original's weights; false: train every candidate from scratch",
                .default_value = true},
               {.name = "distill",
                .type = ParameterType::boolean,
                .description =
                    "the original is the teacher (train.distillation_weight), unless train.teacher names another",
                .default_value = true}}),
          .example = "space:\n  kind: elastic_onnx\n  model: models/digits_resnet.onnx\n  widths: [1.0, 0.75, 0.5]\n"};
}

std::unique_ptr<Space> make_elastic_onnx_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<ElasticOnnxSpace>(options, context);
}

}  // namespace nacre
