#include "nacre/base/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/options.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

const std::vector<Parameter> kParameters = {
    {.name = "trials", .type = ParameterType::integer, .description = "trials", .default_value = 8, .minimum = 1},
    {.name = "rate",
     .type = ParameterType::real,
     .description = "rate",
     .default_value = 0.5,
     .minimum = 0,
     .maximum = 1},
    {.name = "kind",
     .type = ParameterType::text,
     .description = "kind",
     .default_value = "a",
     .choices = {"alpha", "a"}},
    {.name = "widths",
     .type = ParameterType::integer_list,
     .description = "widths",
     .default_value = Json::array({8, 16})}};

TEST(Config, KnowsPositions) {
  const ConfigNode root = parse_config("a: 1\nsearch:\n  trials: 7\n", "x.yaml");
  EXPECT_EQ(root.at("search").at("trials").position.text(), "x.yaml:3:11");
  EXPECT_EQ(root.at("search").at("trials").key_position.text(), "x.yaml:3:3");
}

TEST(Config, ReportsWhereYamlIsBroken) {
  EXPECT_THAT(error_of([] { parse_config("a: [1, 2\nb: 3", "x.yaml"); }), HasSubstr("x.yaml:"));
  EXPECT_THAT(error_of([] { parse_config("a: 1\na: 2", "x.yaml"); }),
              HasSubstr("x.yaml:2:1: key 'a' stands here twice"));
}

TEST(Config, AliasBombIsRefused) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j == 0 ? "*a" : ",*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(error_of([&] { parse_config(bomb, "bomb.yaml"); }), HasSubstr("more than 1000000 nodes"));
}

TEST(Config, OverrideCreatesAndReplaces) {
  ConfigNode root = parse_config("search: {trials: 7}", "x.yaml");
  override_config(root, "search.trials=32");
  override_config(root, "limits.params=2e4");
  EXPECT_EQ(root.at("search").at("trials").as_integer("t"), 32);
  EXPECT_EQ(root.at("limits").at("params").as_integer("p"), 20000);
  EXPECT_THAT(error_of([&] { override_config(root, "search.trials.x=1"); }), HasSubstr("what holds 'x' is a value"));
}

TEST(Config, OverrideByNullTakesOut) {
  ConfigNode root = parse_config("search: {trials: 7, seed: 1}", "x.yaml");
  override_config(root, "search.trials=null");
  override_config(root, "limits.params=null");
  EXPECT_EQ(root.at("search").find("trials"), nullptr);
  EXPECT_EQ(root.at("search").at("seed").as_integer("s"), 1);
  EXPECT_EQ(root.find("limits"), nullptr);
}

TEST(Config, YamlTextReadsBackEqual) {
  const Json value = {
      {"a", 1}, {"b", {{"c", "8"}, {"d", 0.1}, {"e", {1, 2, 3}}}}, {"f", nullptr}, {"g", true}, {"h", "true"}};
  EXPECT_EQ(parse_config(yaml_text(value), "round").as_json(), value);
}

TEST(Config, OnlyUtf8IsText) {
  EXPECT_EQ(parse_config("a: \u00e9\u20ac\U0001f600\U0010ffff", "x.yaml").at("a").scalar,
            "\u00e9\u20ac\U0001f600\U0010ffff");
  using namespace std::string_literals;
  for (const std::string& text :
       {"\x80"s, "\xc0\x80"s, "\xc1\xbf"s, "\xe0\x9f\xbf"s, "\xed\xa0\x80"s, "\xf0\x8f\xbf\xbf"s, "\xf4\x90\x80\x80"s,
        "\xf5\x80\x80\x80"s, "\xe2\x82"s, "\xff\xfe\x41\x00"s, "\x00"s}) {
    EXPECT_THAT(error_of([&] { parse_config("a: b\nc: " + text, "x.yaml"); }), HasSubstr("x.yaml:2:4: not UTF-8"));
  }
}

TEST(Config, WritesTextThatYamlCouldTakeForSomethingElse) {
  for (const char* text : {"---",   "--- a", "...",  "",       " a",   "a ",  "a: b", "# a", "a #b", "~",
                           "null",  "true",  "1e3",  "0x1f",   "[a]",  "{a}", "*a",   "&a",  "!a",   "'a'",
                           "\"a\"", "a\nb",  "a\tb", "\u00e9", ".nan", "-",   "- a",  "? a", "%a",   "@a"}) {
    const Json value = {{text, text}, {"list", {text, text}}};
    EXPECT_EQ(parse_config(yaml_text(value), "round").as_json(), value) << text;
    EXPECT_EQ(parse_config(yaml_text(Json(text)), "round").as_json(), Json(text)) << text;
  }
}

TEST(Options, UnknownKeyNamesTheNearest) {
  const ConfigNode node = parse_config("trails: 3", "x.yaml");
  EXPECT_EQ(error_of([&] { resolve_options(node, kParameters, "search"); }),
            "x.yaml:1:1: unknown key of search 'trails'; did you mean 'trials'?");
}

TEST(Options, ChecksTypeRangeAndChoice) {
  const auto message = [](const std::string& yaml) {
    return error_of([&] { resolve_options(parse_config(yaml, "x.yaml"), kParameters, "search"); });
  };
  EXPECT_EQ(message("trials: many"), "x.yaml:1:9: search.trials: expected a whole number, found 'many'");
  EXPECT_EQ(message("trials: 1.5"), "x.yaml:1:9: search.trials: expected a whole number, found '1.5'");
  EXPECT_EQ(message("rate: 2"), "x.yaml:1:7: search.rate: expected a number 0.0 .. 1.0, found 2");
  EXPECT_EQ(message("rate: .nan"), "x.yaml:1:7: search.rate: expected a number, found '.nan'");
  EXPECT_THAT(message("kind: alpa"), HasSubstr("did you mean 'alpha'?"));
}

TEST(Options, DefaultsAndJsonRoundTrip) {
  const Options options = resolve_options(parse_config("widths: 4", "x.yaml"), kParameters, "search");
  EXPECT_EQ(options.integer("trials"), 8);
  EXPECT_EQ(options.integers("widths"), std::vector<int64_t>{4});
  EXPECT_FALSE(options.given("trials"));
  EXPECT_EQ(options_from_json(options.json(), kParameters, "search").json(), options.json());
}

}  // namespace
}  // namespace nacre
