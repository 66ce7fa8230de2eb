// Steps that are control flow: the words of Chooser, and ways to join paths. They enter scopes themselves.
#include <fmt/format.h>

#include <algorithm>

#include "nacre/space/blocks.hpp"
#include "nacre/space/yaml/compiler.hpp"

namespace nacre::yaml_space {
namespace {

using Paths = std::vector<std::pair<std::string, SharedSteps>>;

bool any_recurses(const Paths& paths) {
  return std::ranges::any_of(paths, [](const auto& path) { return recurses(*path.second); });
}

ValueId run_inside(const Place& place, const std::string& scope_name, const Steps& steps, GraphBuilder& builder,
                   ValueId x) {
  const auto scope = place.choose().scope(scope_name, builder);
  return run_steps(steps, place.build, builder, place.names, x);
}

// --- joining paths

void need_one_shape(const Place& place, const std::vector<ValueId>& values, const std::string& how) {
  const auto text = [&](ValueId value) { return place.builder.graph().shape_text(place.builder.shape(value)); };
  for (const ValueId value : values) {
    if (text(value) != text(values[0]))
      throw UserError(fmt::format("{} needs equal shapes, found {} and {}", how, text(values[0]), text(value)));
  }
}

ValueId concatenate(const Place& place, const std::vector<ValueId>& values) {
  Choice channels = 0;
  for (const ValueId value : values) {
    if (place.builder.shape(value).rank() != place.builder.shape(values[0]).rank())
      throw UserError("concat needs values of one rank");
    channels = channels + place.layers().channels(value);
  }
  const ValueId result = place.builder.node("Concat", values, {{"axis", int64_t{1}}});
  if (ElasticTable* table = place.choose().elastic_table()) table->note(result, 1, channels);
  return result;
}

ValueId merge(const Place& place, const std::string& how, const std::vector<ValueId>& values) {
  if (values.size() == 1) return values[0];
  if (how == "concat") return concatenate(place, values);
  need_one_shape(place, values, how);
  ValueId result = values[0];
  for (size_t i = 1; i < values.size(); ++i) {
    result = place.layers().same_channels(
        result, how == "add" ? place.builder.add(result, values[i]) : place.builder.node("Mul", {result, values[i]}));
  }
  return result;
}

const std::vector<std::string>& merges() {
  static const std::vector<std::string> kMerges = {"add", "concat", "multiply"};
  return kMerges;
}

void read_residual(StepReader& reader, Step& step) {
  const std::string shortcut = reader.word("shortcut", {"identity", "projection"});
  const SharedSteps steps = reader.steps("steps");
  step.scoped = false;
  step.recurses = recurses(*steps);
  step.run = [steps, project = shortcut == "projection", name = step.name](const Place& place) {
    const ValueId y = run_inside(place, name, *steps, place.builder, place.x);
    ValueId x = place.x;
    if (project) {
      const auto scope = place.choose().scope(name, place.builder);
      if (place.builder.shape(x).rank() != 4 || place.builder.shape(y).rank() != 4)
        throw UserError("a projected shortcut needs images");
      const int64_t after = place.builder.extent(y, 2);
      const int64_t stride = after == 0 ? 1 : std::max<int64_t>(1, (place.builder.extent(x, 2) + after - 1) / after);
      x = skip_connection(place.choose(), place.builder, x, place.layers().channels(y), stride, Activation::none);
    }
    return merge(place, "add", {x, y});
  };
}

void read_parallel(StepReader& reader, Step& step) {
  const Paths paths = reader.branches("branches");
  step.scoped = false;
  step.recurses = any_recurses(paths);
  step.run = [paths, how = reader.word("merge", merges()), name = step.name](const Place& place) {
    std::vector<ValueId> values;
    for (const auto& [label, steps] : paths)
      values.push_back(run_inside(place, name + "/" + label, *steps, place.builder, place.x));
    return merge(place, how, values);
  };
}

// --- decisions

void read_layer(StepReader& reader, Step& step) {
  const Paths paths = reader.branches("branches");
  step.scoped = false;
  step.recurses = any_recurses(paths);
  step.run = [paths, name = step.name](const Place& place) {
    std::vector<Branch> branches;
    for (const auto& path : paths) {
      branches.push_back({path.first, [&place, &name, &path](GraphBuilder& b, ValueId y) {
                            return run_inside(place, name + "/" + path.first, *path.second, b, y);
                          }});
    }
    return place.choose().layer(name, place.builder, place.x, branches);
  };
}

void read_repeat(StepReader& reader, Step& step) {
  const ConfigNode& times = reader.value("times");
  const SharedSteps steps = reader.steps("steps");
  const bool shared = reader.boolean("shared");
  std::vector<int64_t> counts;
  if (times.kind == ConfigNode::Kind::sequence) {
    for (const ConfigNode& item : times.items) counts.push_back(item.as_integer("repeat.times"));
  } else {
    counts.push_back(times.as_integer("repeat.times"));
  }
  for (const int64_t count : counts) {
    if (count < 0 || count > 1000)
      throw UserError(times.position, fmt::format("repeat.times: expected numbers 0 .. 1000, found {}", count));
  }
  step.scoped = false;
  step.recurses = recurses(*steps);
  step.run = [counts, steps, shared, name = step.name](const Place& place) {
    return place.choose().repeat(name, place.builder, place.x, counts, [&](GraphBuilder& b, ValueId y, int64_t i) {
      if (!shared) return run_inside(place, name + "/" + std::to_string(i), *steps, b, y);
      const auto decisions = place.choose().scope(name);
      const auto nodes = b.scope(name + "/" + std::to_string(i));
      return run_steps(*steps, place.build, b, place.names, y);
    });
  };
}

void read_subset(StepReader& reader, Step& step) {
  const Paths paths = reader.branches("branches");
  const int64_t k = reader.value("choose").as_integer("subset.choose");
  if (k < 1 || k > static_cast<int64_t>(paths.size())) {
    throw UserError(reader.value("choose").position,
                    fmt::format("subset.choose: expected a number 1 .. {}, found {}", paths.size(), k));
  }
  step.scoped = false;
  step.recurses = any_recurses(paths);
  step.run = [paths, k, how = reader.word("merge", merges()), name = step.name](const Place& place) {
    std::vector<std::string> labels;
    for (const auto& [label, steps] : paths) labels.push_back(label);
    // A block keeps the structural decision to itself.
    return place.choose().block(name, place.builder, place.x, [&](GraphBuilder& b, ValueId y) {
      std::vector<ValueId> values;
      for (const int64_t i : place.choose().subset("branches", labels, k)) {
        values.push_back(
            run_inside(place, labels[static_cast<size_t>(i)], *paths[static_cast<size_t>(i)].second, b, y));
      }
      return merge(place, how, values);
    });
  };
}

void read_let(StepReader& reader, Step& step) {
  const ConfigNode& node = reader.value("variables");
  if (!node.is_map() || node.entries.empty()) throw UserError(node.position, "let: expected a map of names and sizes");
  std::vector<std::pair<std::string, Size>> variables;
  for (const auto& [name, value] : node.entries) {
    variables.emplace_back(name, Size::read(value, "let." + name, reader.names()));
    reader.names().push_back(name);
  }
  step.scoped = false;
  step.run = [variables](const Place& place) {
    for (const auto& [name, size] : variables) place.names.own.emplace_back(name, size.evaluate(place));
    return place.x;
  };
}

void read_use(StepReader& reader, Step& step) {
  const std::string block_name = reader.word("block");
  const bool shared = reader.boolean("shared");
  const auto block = reader.compiler().block(block_name, reader.value("block").position);
  const ConfigNode& given = reader.value("with");
  if (!given.is_null() && !given.is_map())
    throw UserError(given.position, "use.with: expected a map of parameters and sizes");
  for (const auto& [name, value] : given.entries) {
    if (std::ranges::find(block->parameters, name) == block->parameters.end()) {
      throw UserError(value.key_position,
                      unknown_name_message("parameter of block " + block_name, name, block->parameters));
    }
  }
  std::vector<std::pair<std::string, Size>> parameters;
  for (const std::string& name : block->parameters) {
    const ConfigNode* value = given.find(name);
    if (value == nullptr)
      throw UserError(reader.position(),
                      fmt::format("block '{}' needs the parameter '{}' (use.with)", block_name, name));
    parameters.emplace_back(name, Size::read(*value, "use.with." + name, reader.names()));
  }
  step.scoped = false;
  step.recurses = block->recurses;
  step.run = [block, parameters, shared, block_name, name = step.name](const Place& place) {
    Environment inside;
    {
      const auto scope = place.choose().scope(name);
      for (const auto& [parameter, size] : parameters) inside.own.emplace_back(parameter, size.evaluate(place));
    }
    const auto body = [&](GraphBuilder& b, ValueId y) { return run_steps(*block->steps, place.build, b, inside, y); };
    if (!shared) return place.choose().block(name, place.builder, place.x, body);
    const auto decisions = place.choose().shared_scope("");  // one set of decisions for all uses
    const auto nodes = place.builder.scope(name);
    return place.choose().block(block_name, place.builder, place.x, body);
  };
}

void read_recurse(StepReader& reader, Step& step) {
  const std::string rule = reader.word("grammar");
  const std::weak_ptr<const Grammar> grammar = reader.compiler().grammar(rule, reader.value("grammar").position);
  step.scoped = false;
  step.recurses = true;
  step.run = [grammar, name = step.name](const Place& place) {
    const auto rules = grammar.lock();
    NACRE_CHECK(rules != nullptr, "a grammar outlives its space");
    return place.choose().recurse(name, rules->depth, place.builder, place.x, [&](int64_t) {
      std::vector<Production> productions;
      for (const Grammar::Rule& rule : rules->productions) {
        productions.push_back({rule.label, rule.terminal, [&place, &rule](GraphBuilder& b, ValueId y) {
                                 Environment nothing;
                                 const auto scope = place.choose().scope(rule.label, b);
                                 return run_steps(*rule.steps, place.build, b, nothing, y);
                               }});
      }
      return productions;
    });
  };
}

const StepKey kBranches = {"branches", "labels with steps each"};
const StepKey kMerge = {"merge", "add, concat or multiply", "add"};

}  // namespace

std::span<const StepKind> control_step_kinds() {
  static const std::vector<StepKind> kKinds = {
      {"layer", "one of the branches: a decision", {kBranches}, "", read_layer},
      {"repeat",
       "the steps several times, each time with decisions of its own unless shared",
       {{"times", "a number, or an ascending list to choose from"},
        {"steps", "what is repeated"},
        {"shared", "", "false"}},
       "",
       read_repeat},
      {"subset",
       "some of the branches, joined: a decision",
       {{"choose", "how many"}, kBranches, kMerge},
       "",
       read_subset},
      {"parallel", "all branches, joined", {kBranches, kMerge}, "", read_parallel},
      {"residual",
       "the steps, added to their input",
       {{"steps", "the steps"}, {"shortcut", "identity or projection", "identity"}},
       "steps",
       read_residual},
      {"let",
       "names for sizes, known to the steps that follow",
       {{"variables", "names with sizes"}},
       "variables",
       read_let,
       true},
      {"use",
       "a block; shared: with the same decisions wherever it is used",
       {{"block", "its name"}, {"with", "its parameters", ""}, {"shared", "", "false"}},
       "block",
       read_use},
      {"recurse", "a production of a grammar: a decision", {{"grammar", "its name"}}, "grammar", read_recurse}};
  return kKinds;
}

}  // namespace nacre::yaml_space
