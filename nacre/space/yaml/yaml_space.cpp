#include "nacre/space/yaml/yaml_space.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "nacre/space/network_space.hpp"
#include "nacre/space/yaml/compiler.hpp"

namespace nacre {
namespace {

constexpr int kTriedNetworks = 16;

// For any input: what `nacre describe space yaml` shows, and the default.
constexpr const char* kSmallDefinition = R"(
network:
  - flatten
  - repeat:
      name: depth
      times: [1, 2]
      steps:
        - linear: {out: {choose: [16, 32, 64]}}
        - batch_norm
        - activation: relu
  - classifier
)";

// A relative file is looked for in the context's folder and beside the configuration that names it.
std::filesystem::path find_file(const std::filesystem::path& file, const SourcePosition& position,
                                const std::filesystem::path& base_folder) {
  if (file.is_absolute()) return file;
  if (std::filesystem::exists(base_folder / file)) return base_folder / file;
  const std::filesystem::path near = std::filesystem::path(position.file).parent_path() / file;
  return std::filesystem::exists(near) ? near : base_folder / file;
}

ConfigNode definition_of(const Options& options, const SpaceContext& context) {
  if (options.has("file")) {
    if (options.given("define"))
      throw UserError(options.position("define"), "space: give either file or define, not both");
    return load_config(find_file(options.text("file"), options.position("file"), context.base_folder));
  }
  if (options.given("define")) return options.node("define");
  return parse_config(kSmallDefinition, "default of space.define");
}

class YamlSpace : public NetworkSpace {
 public:
  YamlSpace(const Options& options, const SpaceContext& context)
      : NetworkSpace("yaml", options, context), definition_(definition_of(options, context)), compiler_(definition_) {}

  // Errors that only some networks have are found by building some.
  void try_out() const {
    Random random = Random::stream(0, "yaml space");
    for (int i = 0; i < kTriedNetworks; ++i) {
      const Decisions decisions = trace().sample(random);
      try {
        static_cast<void>(build(decisions));
      } catch (const UserError& error) {
        throw UserError(fmt::format("{}; with the decisions {}", error.what(), trace().text(decisions)));
      }
    }
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    yaml_space::Build build{choose, recipe, classes()};
    const yaml_space::Environment nothing;
    x = yaml_space::run_steps(*compiler_.network(), build, b, nothing, x);
    const Shape& shape = b.shape(x);
    if (shape.rank() != 2 || !shape[1].is_fixed() || shape[1].extent() != classes()) {
      throw UserError(definition_.position,
                      fmt::format("the network ends in the shape {}; it must end in [batch,{}] (step classifier)",
                                  b.graph().shape_text(shape), classes()));
    }
    return x;
  }

 private:
  ConfigNode definition_;
  yaml_space::Compiler compiler_;
};

}  // namespace

RegistryRecord yaml_space_record() {
  return {
      .name = "yaml",
      .summary = "a space of your own, written as steps with choices",
      .source = "",
      .parameters = network_space_parameters(
          {{.name = "file",
            .type = ParameterType::text,
            .description = "YAML file with network and, optionally, blocks and grammars; relative to this file"},
           {.name = "define", .type = ParameterType::any, .description = "the same, written here"}}),
      .example =
          "space:\n  kind: yaml\n  define:\n    network:\n      - flatten\n      - linear: {out: {choose: [16, 32]}}\n"
          "      - layer:\n          name: activation\n          branches:\n            relu: [activation: relu]\n"
          "            tanh: [activation: tanh]\n      - classifier\n"};
}

std::unique_ptr<Space> make_yaml_space(const Options& options, const SpaceContext& context) {
  auto space = std::make_unique<YamlSpace>(options, context);
  space->try_out();
  return space;
}

}  // namespace nacre
