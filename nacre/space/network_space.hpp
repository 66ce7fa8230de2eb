// What the spaces of one network share: the input and output that the task asks for, the recipe and its decisions, the
// classifier. A space says how the logits follow from the input.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "nacre/space/space.hpp"

namespace nacre {

class NetworkSpace : public Space {
 public:
  // What the network answers: logits [classes] of a sample, or [classes, height, width] of its pixels.
  enum class Answer { sample, pixels };
  // Reads the option `recipe`. UserError when the task has not one input and one output of the answer's rank.
  NetworkSpace(std::string name, const Options& options, const SpaceContext& context, Answer answer = Answer::sample);

  const std::string& name() const final { return name_; }
  using Space::build;
  // Recipe decisions first, for a network may depend on its recipe (dropout); then the network.
  Design build(Chooser& choose) const final;

 protected:
  // Logits [batch, classes] (or [batch, classes, height, width]) from the input [batch, ...]. Pure, see Chooser.
  virtual ValueId network(Chooser& choose, GraphBuilder& builder, ValueId x, const Recipe& recipe) const = 0;

  int64_t classes() const { return classes_; }
  const TensorSpec& input() const { return input_; }
  // [channels, height, width] of the input; UserError when the task gives something else.
  std::array<int64_t, 3> image_extents() const;
  // For notations: the decision `key` among `alternatives`, which is none where there is but one. UserError for a number that
  // the space does not offer.
  static void decide(Decisions& decisions, const std::string& key, const std::vector<int64_t>& alternatives,
                     int64_t number);
  // Dropout as the recipe says and a linear layer: [batch, features] to logits.
  ValueId classifier(Chooser& choose, GraphBuilder& builder, ValueId features, const Recipe& recipe) const;

 private:
  // A field of the recipe that the search decides.
  struct RecipeDecision {
    std::string field;
    std::vector<Json> alternatives;
    std::vector<double> numbers;     // when all are numbers
    std::vector<std::string> texts;  // else
  };
  void read_recipe_decisions(const ConfigNode& node);
  void decide_recipe(Chooser& choose, Recipe& recipe) const;

  std::string name_;
  std::string task_name_;
  TensorSpec input_;
  std::string output_name_;
  int64_t classes_ = 0;
  Recipe recipe_;
  std::vector<RecipeDecision> recipe_decisions_;
};

// `own`, then the parameters that every network space has.
std::vector<Parameter> network_space_parameters(std::vector<Parameter> own);

}  // namespace nacre
