#include "nacre/space/network_space.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "nacre/space/elastic.hpp"

namespace nacre {

std::vector<Parameter> network_space_parameters(std::vector<Parameter> own) {
  own.push_back(
      {.name = "recipe",
       .type = ParameterType::any,
       .description =
           "fields of train that become decisions, each with its alternatives, e.g. {learning_rate: [0.02, 0.1]}",
       .default_value = Json::object()});
  return own;
}

NetworkSpace::NetworkSpace(std::string name, const Options& options, const SpaceContext& context, Answer answer)
    : name_(std::move(name)), task_name_(context.task_name), recipe_(context.recipe) {
  const TaskSignature& signature = context.signature;
  const bool of_pixels = answer == Answer::pixels;
  if (signature.inputs.size() != 1 || signature.outputs.size() != 1 ||
      signature.outputs[0].extents.size() != (of_pixels ? 3U : 1U)) {
    std::vector<std::string> outputs;
    for (const TensorSpec& output : signature.outputs)
      outputs.push_back(fmt::format("[{}]", fmt::join(output.extents, ", ")));
    throw UserError(
        fmt::format("space '{}' builds networks with one input and one output {}; the task '{}' has {} input{} and "
                    "output {}",
                    name_, of_pixels ? "[classes, height, width]" : "[classes]", task_name_, signature.inputs.size(),
                    signature.inputs.size() == 1 ? "" : "s", fmt::join(outputs, ", ")));
  }
  input_ = signature.inputs[0];
  output_name_ = signature.outputs[0].name;
  classes_ = signature.outputs[0].extents[0];
  read_recipe_decisions(options.node("recipe"));
}

std::array<int64_t, 3> NetworkSpace::image_extents() const {
  if (input_.extents.size() != 3) {
    throw UserError(
        fmt::format("space '{}' needs images [channels, height, width]; the input '{}' of the task is [{}] (space mlp "
                    "takes any input)",
                    name_, input_.name, fmt::join(input_.extents, ", ")));
  }
  return {input_.extents[0], input_.extents[1], input_.extents[2]};
}

ValueId NetworkSpace::classifier(Chooser& choose, GraphBuilder& builder, ValueId features, const Recipe& recipe) const {
  ElasticBuilder layers(choose, builder);
  if (recipe.dropout > 0)
    features = layers.same_channels(features, builder.dropout(features, static_cast<float>(recipe.dropout)));
  return layers.linear("classifier", features, classes_);
}

Design NetworkSpace::build(Chooser& choose) const {
  Design design;
  design.recipe = recipe_;
  decide_recipe(choose, design.recipe);
  GraphBuilder builder(name_);
  Shape shape{builder.graph().symbol("batch")};
  for (const int64_t extent : input_.extents) shape.push_back(Dim(extent));
  const ValueId x = builder.input(input_.name, input_.type, shape);
  builder.output(network(choose, builder, x, design.recipe), output_name_);
  design.graphs.emplace(task_name_, builder.take());
  return design;
}

void NetworkSpace::decide(Decisions& decisions, const std::string& key, const std::vector<int64_t>& alternatives,
                          int64_t number) {
  const auto found = std::ranges::find(alternatives, number);
  if (found == alternatives.end()) {
    throw UserError(fmt::format("network: {} = {} is not among the {} numbers of the space, {} to {}", key, number,
                                alternatives.size(), alternatives.front(), alternatives.back()));
  }
  if (alternatives.size() > 1) decisions.set(key, found - alternatives.begin());
}

// --- recipe decisions ---------------------------------------------------------------------------------------------

void NetworkSpace::read_recipe_decisions(const ConfigNode& node) {
  if (node.is_null()) return;
  if (!node.is_map())
    throw UserError(node.position, "space.recipe: expected a map of fields of train and their alternatives");
  for (const auto& [field, value] : node.entries) {
    RecipeDecision decision{.field = field, .alternatives = {}, .numbers = {}, .texts = {}};
    if (value.kind != ConfigNode::Kind::sequence)
      throw UserError(value.position, fmt::format("space.recipe.{}: expected a list of alternatives", field));
    for (const ConfigNode& item : value.items) {
      // Checked as if it stood in `train`: name, type and range of the field.
      ConfigNode single;
      single.kind = ConfigNode::Kind::map;
      single.position = node.position;
      single.entries.emplace_back(field, item);
      single.entries.back().second.key_position = value.key_position;
      decision.alternatives.push_back(resolve_options(single, recipe_parameters(), "space.recipe").json().at(field));
    }
    if (decision.alternatives.empty())
      throw UserError(value.position, fmt::format("space.recipe.{}: no alternatives", field));
    const bool numeric = std::ranges::all_of(decision.alternatives, [](const Json& v) { return v.is_number(); });
    for (const Json& alternative : decision.alternatives) {
      if (numeric)
        decision.numbers.push_back(alternative.get<double>());
      else
        decision.texts.push_back(alternative.is_string() ? alternative.get<std::string>() : alternative.dump());
    }
    recipe_decisions_.push_back(std::move(decision));
  }
}

void NetworkSpace::decide_recipe(Chooser& choose, Recipe& recipe) const {
  const auto scope = choose.scope("recipe");
  for (const RecipeDecision& decision : recipe_decisions_) {
    size_t index = 0;
    if (!decision.numbers.empty()) {
      const double chosen = choose.pick_real(decision.field, decision.numbers);
      index = static_cast<size_t>(std::ranges::find(decision.numbers, chosen) - decision.numbers.begin());
    } else {
      const std::string chosen = choose.pick_word(decision.field, decision.texts);
      index = static_cast<size_t>(std::ranges::find(decision.texts, chosen) - decision.texts.begin());
    }
    set_recipe_field(recipe, decision.field, decision.alternatives[index]);
  }
}

}  // namespace nacre
