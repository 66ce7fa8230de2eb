// How weights are trained, as a plain value. The nn module reads it; spaces may decide parts of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nacre/base/options.hpp"

namespace nacre {

struct Recipe {
  std::string optimizer = "sgd";  // sgd, adamw
  double learning_rate = 0.05;
  double momentum = 0.9;  // sgd
  bool nesterov = true;
  double weight_decay = 5e-4;       // not on normalisation and bias parameters
  std::string schedule = "cosine";  // cosine, cosine_power, constant, linear
  double schedule_order = 2;        // of cosine_power
  double final_learning_rate = 0;   // where cosine, cosine_power and linear end
  double warmup_epochs = 1;
  double epochs = 10;
  int64_t batch_size = 64;
  double label_smoothing = 0;
  int64_t crop_padding = 0;  // random crop after padding by so many pixels
  bool horizontal_flip = false;
  double mixup_alpha = 0;             // Zhang et al., arXiv 1710.09412
  double cutmix_alpha = 0;            // Yun et al., arXiv 1905.04899
  double ema_decay = 0;               // exponential moving average of weights, 0: off
  double gradient_clip = 0;           // by global norm, 0: off
  double dropout = 0;                 // of the head, read by spaces
  double drop_path_keep = 1;          // of edges of cells at the end (nn/training_graph.hpp), 1: off
  std::string drop_path_by = "both";  // time, depth, both
  double auxiliary_weight = 0;        // of an auxiliary head's loss, 0: no such head
  int64_t patience = 0;               // epochs without a better validation metric before stopping, 0: never
  std::string teacher = "";           // ONNX file to distil from
  double distillation_weight = 0.5;
  double distillation_temperature = 4;

  bool operator==(const Recipe&) const = default;
};

// The records behind every field, in order: checking, help and reference come from them.
const std::vector<Parameter>& recipe_parameters();
Recipe recipe_from_options(const Options& options);
Json to_json(const Recipe& recipe);
Recipe recipe_from_json(const Json& json);
// Sets one field by its name, for recipe decisions in spaces. InternalError for an unknown field.
void set_recipe_field(Recipe& recipe, std::string_view name, const Json& value);

}  // namespace nacre
