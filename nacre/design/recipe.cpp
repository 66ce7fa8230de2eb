#include "nacre/design/recipe.hpp"

#include <functional>

namespace nacre {
namespace {

// One row per field: its record, and how it is read from and written to a Recipe. All else is derived.
struct Field {
  Parameter parameter;
  std::function<void(Recipe&, const Json&)> set;
  std::function<Json(const Recipe&)> get;
};

template <class T>
Field field(std::string name, T Recipe::*member, ParameterType type, std::string description, double minimum,
            double maximum, std::vector<std::string> choices = {}, std::string unit = "") {
  Field row;
  row.parameter = {.name = std::move(name),
                   .type = type,
                   .description = std::move(description),
                   .default_value = Json(Recipe{}.*member),
                   .required = false,
                   .minimum = minimum,
                   .maximum = maximum,
                   .choices = std::move(choices),
                   .unit = std::move(unit)};
  row.set = [member](Recipe& recipe, const Json& value) { recipe.*member = value.get<T>(); };
  row.get = [member](const Recipe& recipe) { return Json(recipe.*member); };
  return row;
}

const std::vector<Field>& fields() {
  constexpr double kMost = std::numeric_limits<double>::infinity();
  const auto real = [](std::string name, double Recipe::*member, std::string description, double low, double high) {
    return field(std::move(name), member, ParameterType::real, std::move(description), low, high);
  };
  static const std::vector<Field> kFields = {
      field("optimizer", &Recipe::optimizer, ParameterType::text, "how weights are updated", -kMost, kMost,
            {"sgd", "adamw"}),
      real("learning_rate", &Recipe::learning_rate, "peak learning rate", 1e-9, 1e3),
      real("momentum", &Recipe::momentum, "momentum of sgd", 0, 0.9999),
      field("nesterov", &Recipe::nesterov, ParameterType::boolean, "Nesterov form of sgd's momentum", -kMost, kMost),
      real("weight_decay", &Recipe::weight_decay, "decay of weights; normalization and bias parameters are left alone",
           0, 10),
      field("schedule", &Recipe::schedule, ParameterType::text, "course of the learning rate after warm-up", -kMost,
            kMost, {"cosine", "cosine_power", "linear", "constant"}),
      real("schedule_order", &Recipe::schedule_order,
           "of cosine_power: 1 is the cosine, more falls faster at first (sharpDARTS: 2 on CIFAR-10, 10 on ImageNet)",
           1, 1e6),
      real("final_learning_rate", &Recipe::final_learning_rate, "where the learning rate ends, but with constant", 0,
           1e3),
      real("warmup_epochs", &Recipe::warmup_epochs, "epochs of linear warm-up from zero", 0, 1e6),
      real("epochs", &Recipe::epochs, "passes over the training split", 0.001, 1e6),
      field("batch_size", &Recipe::batch_size, ParameterType::integer, "samples per step", 1, 1 << 20),
      real("label_smoothing", &Recipe::label_smoothing,
           "mass taken from the true class (Szegedy et al., arXiv 1512.00567)", 0, 0.999),
      field("crop_padding", &Recipe::crop_padding, ParameterType::integer,
            "random crop after zero padding by so many pixels", 0, 256),
      field("horizontal_flip", &Recipe::horizontal_flip, ParameterType::boolean, "mirror half of the samples", -kMost,
            kMost),
      real("mixup_alpha", &Recipe::mixup_alpha, "Beta parameter of mixup (Zhang et al., arXiv 1710.09412), 0: off", 0,
           100),
      real("cutmix_alpha", &Recipe::cutmix_alpha, "Beta parameter of cutmix (Yun et al., arXiv 1905.04899), 0: off", 0,
           100),
      real("ema_decay", &Recipe::ema_decay,
           "decay per step of an average of the weights that is evaluated instead, 0: off", 0, 0.999999),
      real("gradient_clip", &Recipe::gradient_clip, "bound on the global gradient norm, 0: off", 0, kMost),
      real("dropout", &Recipe::dropout, "dropout before the classifier, built in by spaces", 0, 0.95),
      real("drop_path_keep", &Recipe::drop_path_keep,
           "probability that an edge of a cell is kept, at the end and in the last cell (ScheduledDropPath, arXiv "
           "1707.07012), 1: off",
           0.01, 1),
      field("drop_path_by", &Recipe::drop_path_by, ParameterType::text,
            "with what the probability of dropping an edge grows linearly", -kMost, kMost,
            {"both", "time", "depth", "neither"}),
      real("auxiliary_weight", &Recipe::auxiliary_weight,
           "weight of the loss of a second classifier on a middle cell, left out of what is exported (papers: 0.4), 0: "
           "off",
           0, 100),
      field("patience", &Recipe::patience, ParameterType::integer,
            "epochs without a better validation metric before stopping, 0: never", 0, 1e9),
      field("teacher", &Recipe::teacher, ParameterType::text,
            "ONNX file to distil from (Hinton et al., arXiv 1503.02531)", -kMost, kMost),
      real("distillation_weight", &Recipe::distillation_weight, "share of the teacher's term in the loss", 0, 1),
      real("distillation_temperature", &Recipe::distillation_temperature,
           "temperature of both soft-max in the teacher's term", 0.01, 1000)};
  return kFields;
}

}  // namespace

const std::vector<Parameter>& recipe_parameters() {
  static const std::vector<Parameter> kParameters = [] {
    std::vector<Parameter> result;
    for (const Field& row : fields()) result.push_back(row.parameter);
    return result;
  }();
  return kParameters;
}

Recipe recipe_from_options(const Options& options) {
  Recipe recipe;
  for (const Field& row : fields()) row.set(recipe, options.json().at(row.parameter.name));
  return recipe;
}

Json to_json(const Recipe& recipe) {
  Json json = Json::object();
  for (const Field& row : fields()) json[row.parameter.name] = row.get(recipe);
  return json;
}

Recipe recipe_from_json(const Json& json) {
  return recipe_from_options(options_from_json(json, recipe_parameters(), "recipe"));
}

void set_recipe_field(Recipe& recipe, std::string_view name, const Json& value) {
  for (const Field& row : fields()) {
    if (row.parameter.name == name) return row.set(recipe, value);
  }
  throw InternalError("internal error: no recipe field '" + std::string(name) + "'");
}

}  // namespace nacre
