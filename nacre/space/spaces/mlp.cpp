#include "nacre/space/spaces/mlp.hpp"

#include "nacre/space/elastic.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

class MlpSpace : public NetworkSpace {
 public:
  MlpSpace(const Options& options, const SpaceContext& context)
      : NetworkSpace("mlp", options, context),
        widths_(options.integers("widths")),
        depths_(options.integers("depths")),
        normalizations_(options.texts("normalizations")),
        activation_names_(options.texts("activations")) {
    for (const std::string& name : activation_names_)
      activations_.push_back(activation_from_name(name, options.position("activations")));
    for (const char* list : {"widths", "depths", "normalizations", "activations"}) {
      if (options.json().at(list).empty())
        throw UserError(options.position(list), "space." + std::string(list) + ": expected at least one");
    }
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    if (b.shape(x).rank() != 2) x = b.flatten(x);
    ElasticBuilder layers(choose, b);
    x = choose.repeat("depth", b, x, depths_, [&](GraphBuilder& b2, ValueId y, int64_t i) {
      const auto scope = choose.scope(std::to_string(i), b2);
      y = layers.linear("linear", y, choose.pick("width", widths_));
      return activated(choose, b2, normalized(choose, b2, y));
    });
    return classifier(choose, b, x, recipe);
  }

 private:
  ValueId normalized(Chooser& choose, GraphBuilder& b, ValueId x) const {
    const auto everywhere = choose.shared_scope("");
    std::vector<Branch> branches;
    for (const std::string& kind : normalizations_) {
      branches.push_back({kind, [&choose, kind](GraphBuilder& b2, ValueId y) {
                            ElasticBuilder layers(choose, b2);
                            if (kind == "batch_norm") return layers.batch_norm("norm", y);
                            return kind == "layer_norm" ? layers.layer_norm("norm", y) : y;
                          }});
    }
    return choose.layer("normalization", b, x, branches);
  }

  ValueId activated(Chooser& choose, GraphBuilder& b, ValueId x) const {
    const auto everywhere = choose.shared_scope("");
    std::vector<Branch> branches;
    for (size_t i = 0; i < activations_.size(); ++i) {
      branches.push_back({activation_names_[i], [&choose, kind = activations_[i]](GraphBuilder& b2, ValueId y) {
                            return ElasticBuilder(choose, b2).activation(y, kind);
                          }});
    }
    return choose.layer("activation", b, x, branches);
  }

  std::vector<int64_t> widths_;
  std::vector<int64_t> depths_;
  std::vector<std::string> normalizations_;
  std::vector<std::string> activation_names_;
  std::vector<Activation> activations_;
};

}  // namespace

RegistryRecord mlp_record() {
  return {.name = "mlp",
          .summary = "perceptrons of searched depth and width; any input, flattened",
          .source = "",
          .parameters = network_space_parameters(
              {{.name = "widths",
                .type = ParameterType::integer_list,
                .description = "features of a hidden layer to choose from",
                .default_value = Json::array({16, 32, 64, 128}),
                .minimum = 1,
                .maximum = 65536},
               {.name = "depths",
                .type = ParameterType::integer_list,
                .description = "hidden layers to choose from, ascending",
                .default_value = Json::array({1, 2, 3}),
                .minimum = 1,
                .maximum = 100},
               {.name = "activations",
                .type = ParameterType::text_list,
                .description = "activations to choose from, one for all layers",
                .default_value = Json::array({"relu"}),
                .choices = {"relu", "relu6", "hard_swish", "swish", "gelu", "tanh", "sigmoid"}},
               {.name = "normalizations",
                .type = ParameterType::text_list,
                .description = "normalizations to choose from, one for all layers",
                .default_value = Json::array({"batch_norm"}),
                .choices = {"none", "batch_norm", "layer_norm"}}}),
          .example = "space:\n  kind: mlp\n  widths: [16, 32]\n  depths: [1, 2]\n  activations: [relu, tanh]\n"};
}

std::unique_ptr<Space> make_mlp_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<MlpSpace>(options, context);
}

}  // namespace nacre
