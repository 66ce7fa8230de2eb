// Spaces in YAML: a list of steps, each a function from a value to a value. A step is read once, with all its errors placed
// in the file, into a closure that is run with every chooser.
//
//   - convolution: {out: {choose: [16, 32]}, kernel: 3}     decisions "convolution_0/out"
//   - batch_norm                                            a step without keys
//   - activation: relu                                      its main key alone
//
// Kinds of steps are records (StepKind): layers in layer_steps.cpp in the words of GraphBuilder, control flow in
// control_steps.cpp in the words of Chooser.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nacre/base/config.hpp"
#include "nacre/design/recipe.hpp"
#include "nacre/space/elastic.hpp"
#include "nacre/space/yaml/expression.hpp"

namespace nacre::yaml_space {

// Names and their values while a list of steps runs: variables of `let`, parameters of a block.
struct Environment {
  const Environment* outer = nullptr;
  std::vector<std::pair<std::string, Choice>> own = {};
};

// What a run is given from outside.
struct Build {
  Chooser& choose;
  const Recipe& recipe;
  int64_t classes;
};

// The value a step works on, and where.
struct Place {
  Build& build;
  GraphBuilder& builder;
  Environment& names;
  ValueId x;

  Chooser& choose() const { return build.choose; }
  ElasticBuilder layers() const { return {build.choose, builder}; }
};

// A size: a number, an expression, or {choose: [...], name: ...}. Also knows channels, height, width and classes.
class Size {
 public:
  static Size read(const ConfigNode& node, const std::string& key, const std::vector<std::string>& names);
  Choice evaluate(const Place& place) const;

 private:
  SourcePosition position_;
  SizeExpression expression_;
  std::string decision_;  // name of the decision, "" for an expression
  std::vector<int64_t> alternatives_;
};

struct Step {
  std::string kind;
  std::string name;  // scope of its decisions and nodes
  SourcePosition position;
  bool scoped = true;     // layers run in the scope `name`; control flow enters scopes itself
  bool recurses = false;  // holds a recurse step
  std::function<ValueId(const Place&)> run;
};
using Steps = std::vector<Step>;
using SharedSteps = std::shared_ptr<const Steps>;

// Runs steps one after the other. A UserError gets the step's position when it has none.
ValueId run_steps(const Steps& steps, Build& build, GraphBuilder& builder, const Environment& outer, ValueId x);
bool recurses(const Steps& steps);

// --- reading

struct StepKey {
  std::string name;
  std::string description;
  std::optional<std::string> fallback = {};  // YAML of the default; nothing: required
};

class StepReader;

struct StepKind {
  std::string name;
  std::string summary;
  std::vector<StepKey> keys;
  std::string main_key;  // the key whose value may stand alone, "" for none
  void (*read)(StepReader& reader, Step& step);
  bool main_is_map = false;  // the whole map is the value of the main key (let)
};

std::span<const StepKind> layer_step_kinds();
std::span<const StepKind> control_step_kinds();
const StepKind* find_step_kind(std::string_view name);
// Markdown table of all kinds and keys, for the documentation.
std::string steps_markdown();

class Compiler;

// Reads the keys of one step. Defaults come from the kind's record.
class StepReader {
 public:
  StepReader(Compiler& compiler, const StepKind& kind, const ConfigNode& node, const ConfigNode& arguments,
             std::vector<std::string>& names);

  Compiler& compiler() const { return compiler_; }
  const SourcePosition& position() const { return position_; }
  std::vector<std::string>& names() const { return names_; }  // known here; `let` adds some

  const ConfigNode& value(std::string_view key) const;
  bool given(std::string_view key) const;
  Size size(const std::string& key) const;
  bool boolean(const std::string& key) const;
  std::string word(const std::string& key, const std::vector<std::string>& accepted = {}) const;
  SharedSteps steps(const std::string& key) const;
  std::vector<std::pair<std::string, SharedSteps>> branches(const std::string& key) const;

 private:
  std::string what(std::string_view key) const { return kind_.name + "." + std::string(key); }

  Compiler& compiler_;
  const StepKind& kind_;
  SourcePosition position_;
  std::vector<std::string>& names_;
  std::vector<std::pair<std::string, ConfigNode>> values_;
  std::vector<std::string> given_;
};

}  // namespace nacre::yaml_space
