// Any text, read as a configuration: a tree or a UserError, nothing else. The tree can be overridden, checked against
// parameters of every type, and written as YAML that reads back as the same.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/config.hpp"
#include "nacre/base/error.hpp"
#include "nacre/base/options.hpp"

namespace {

using nacre::Parameter;
using nacre::ParameterType;

const std::vector<Parameter>& parameters() {
  static const std::vector<Parameter> list = {
      {.name = "flag", .type = ParameterType::boolean, .description = "a flag", .default_value = false},
      {.name = "trials",
       .type = ParameterType::integer,
       .description = "a count",
       .default_value = 1,
       .minimum = 0,
       .maximum = 1000},
      {.name = "rate", .type = ParameterType::real, .description = "a rate", .default_value = 0.5, .minimum = 0},
      {.name = "name",
       .type = ParameterType::text,
       .description = "a word",
       .default_value = "a",
       .choices = {"a", "b"}},
      {.name = "widths",
       .type = ParameterType::integer_list,
       .description = "widths",
       .default_value = nacre::Json::array()},
      {.name = "scales",
       .type = ParameterType::real_list,
       .description = "scales",
       .default_value = nacre::Json::array()},
      {.name = "words",
       .type = ParameterType::text_list,
       .description = "words",
       .default_value = nacre::Json::array()},
      {.name = "rest", .type = ParameterType::any, .description = "anything"},
  };
  return list;
}

template <class Work>
void tolerate(Work work) {
  try {
    work();
  } catch (const nacre::UserError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tolerate([&] {
    nacre::ConfigNode root = nacre::parse_config(text, "fuzz.yaml");
    const nacre::Json json = root.as_json();
    // As text, since .nan is not equal to itself.
    const std::string written = nacre::yaml_text(json);
    const std::string again = nacre::yaml_text(nacre::parse_config(written, "again.yaml").as_json());
    if (again != written) {
      std::fprintf(stderr, "written:\n%s\nread and written again:\n%s\n", written.c_str(), again.c_str());
      std::abort();
    }
    tolerate([&] {
      nacre::options_from_json(nacre::resolve_options(root, parameters(), "fuzz").json(), parameters(), "fuzz");
    });
    tolerate([&] { nacre::override_config(root, "search.trials=32"); });
    tolerate([&] { nacre::override_config(root, text.substr(0, 64)); });
  });
  tolerate([&] { nacre::parse_json(text, "fuzz.json"); });
  return 0;
}
