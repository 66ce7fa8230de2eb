#include "nacre/base/command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "nacre/base/file.hpp"
#include "nacre/base/hash.hpp"

namespace nacre {
namespace {

constexpr uint64_t kLargestScriptBytes = 1 << 24;

// Calls `found` for each placeholder of `word`, whose answer takes its place.
template <class Found>
std::string replace_placeholders(const std::string& word, const Found& found) {
  std::string text;
  for (size_t i = 0; i < word.size(); ++i) {
    if ((word[i] == '{' || word[i] == '}') && i + 1 < word.size() && word[i + 1] == word[i]) {
      text += word[i++];
      continue;
    }
    const size_t end = word[i] == '{' ? word.find('}', i) : std::string::npos;
    if (end == std::string::npos) {
      text += word[i];
      continue;
    }
    text += found(word.substr(i + 1, end - i - 1));
    i = end;
  }
  return text;
}

std::string scalar_text(const ConfigNode& node, const std::string& what) {
  if (node.kind != ConfigNode::Kind::scalar) throw UserError(node.position, what + ": expected a text or a number");
  return node.scalar;
}

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;  // a word has begun
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == '\'') {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (quote == '"') {
      const bool escapes = c == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
      if (escapes)
        word += text[++i];
      else if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      open = true;
    } else if (c == '\\' && i + 1 < text.size()) {
      word += text[++i];
      open = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (open) words.push_back(std::exchange(word, ""));
      open = false;
    } else {
      word += c;
      open = true;
    }
  }
  if (quote != 0) throw UserError(fmt::format("command '{}': expected the quotation to end with {}", text, quote));
  if (open) words.push_back(word);
  return words;
}

std::vector<Parameter> command_parameters(std::span<const std::string> placeholders, double timeout_s,
                                          std::optional<int64_t> retries) {
  std::vector<std::string> names;
  for (const std::string& name : placeholders) names.push_back("{" + name + "}");
  std::vector<Parameter> parameters = {
      {.name = "command",
       .type = ParameterType::text_list,
       .description = names.empty()
                          ? std::string("program and arguments, as one text or a list of words")
                          : fmt::format("program and arguments, as one text or a list of words; filled in: {}",
                                        fmt::join(names, ", ")),
       .required = true},
      {.name = "options",
       .type = ParameterType::any,
       .description = "more placeholders: a map of names and values",
       .default_value = Json::object()},
      {.name = "environment",
       .type = ParameterType::any,
       .description = "environment variables for the program: a map of names and values",
       .default_value = Json::object()},
      {.name = "timeout_s",
       .type = ParameterType::real,
       .description = "longest time until it answers; then it is stopped, with all that it started",
       .default_value = timeout_s,
       .minimum = 0.001,
       .maximum = 1e9,
       .unit = "s"}};
  if (retries) {
    parameters.push_back({.name = "retries",
                          .type = ParameterType::integer,
                          .description = "how often a call that failed or took too long is made again",
                          .default_value = *retries,
                          .minimum = 0,
                          .maximum = 1000});
  }
  parameters.push_back(
      {.name = "version",
       .description = "of program and device, for people and for the key of results: another version, new results",
       .default_value = ""});
  return parameters;
}

CommandSettings command_from_options(const Options& options, const std::filesystem::path& base_folder,
                                     std::span<const std::string> placeholders) {
  CommandSettings settings;
  settings.words = options.texts("command");
  if (settings.words.size() == 1) settings.words = split_words(settings.words[0]);
  if (settings.words.empty() || settings.words[0].empty())
    throw UserError(options.position("command"), "command: expected a program and its arguments");
  const auto entries = [&](const char* key) {
    const ConfigNode& node = options.node(key);
    if (!node.is_null() && !node.is_map())
      throw UserError(node.position, std::string(key) + ": expected a map of names and values");
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const auto& [name, value] : node.entries)
      pairs.emplace_back(name, scalar_text(value, std::string(key) + "." + name));
    return pairs;
  };
  for (const auto& [name, value] : entries("options")) settings.options[name] = value;
  for (const auto& [name, value] : entries("environment")) settings.environment.push_back(name + "=" + value);
  settings.folder = base_folder;
  settings.timeout_s = options.real("timeout_s");
  if (options.json().contains("retries")) settings.retries = options.integer("retries");
  settings.version = options.text("version");
  check_placeholders(settings, placeholders, options.position("command"));
  return settings;
}

void check_placeholders(const CommandSettings& settings, std::span<const std::string> placeholders,
                        const SourcePosition& position) {
  std::vector<std::string> known(placeholders.begin(), placeholders.end());
  for (const auto& [name, value] : settings.options) known.push_back(name);
  for (const std::string& word : settings.words) {
    replace_placeholders(word, [&](const std::string& name) {
      if (std::ranges::find(known, name) == known.end()) {
        throw UserError(position, unknown_name_message("placeholder of command", name, known,
                                                       "more come from the key options; {{ and }} are plain braces"));
      }
      return "";
    });
  }
}

SubprocessOptions filled_command(const CommandSettings& settings, const PlaceholderValues& values) {
  SubprocessOptions options;
  for (const std::string& word : settings.words) {
    options.arguments.push_back(replace_placeholders(word, [&](const std::string& name) {
      const auto given = settings.options.find(name);
      if (given != settings.options.end()) return given->second;
      const auto value = values.find(name);
      NACRE_CHECK(value != values.end(), "placeholders were checked: " + name);
      return value->second;
    }));
  }
  options.environment = settings.environment;
  options.folder = settings.folder;
  return options;
}

void check_program_exists(const CommandSettings& settings) {
  const std::string& program = settings.words[0];
  if (program.find('{') != std::string::npos) return;  // known when it is filled
  const auto runs = [](const std::filesystem::path& path) {
    return std::filesystem::is_regular_file(path) && access(path.c_str(), X_OK) == 0;
  };
  if (program.find('/') != std::string::npos) {
    const std::filesystem::path path = settings.folder / program;
    if (!std::filesystem::exists(path))
      throw UserError(fmt::format("command: there is no program '{}' in '{}'", program,
                                  std::filesystem::absolute(settings.folder).lexically_normal().string()));
    if (!runs(path)) throw UserError(fmt::format("command: '{}' is not executable (chmod +x)", path.string()));
    return;
  }
  const char* given = std::getenv("PATH");
  std::string_view folders = given == nullptr ? "/usr/bin:/bin" : given;
  while (!folders.empty()) {
    const size_t end = std::min(folders.find(':'), folders.size());
    if (runs(std::filesystem::path(folders.substr(0, end)) / program)) return;
    folders.remove_prefix(std::min(end + 1, folders.size()));
  }
  throw UserError(
      fmt::format("command: there is no program '{}' in PATH; a script of the configuration's folder is named "
                  "with a slash: ./{}",
                  program, program));
}

std::string command_identity(const CommandSettings& settings) {
  Json parts = {{"words", settings.words}, {"environment", settings.environment}, {"version", settings.version}};
  for (const auto& [name, value] : settings.options) parts["options"][name] = value;
  for (const std::string& word : settings.words) {
    std::error_code error;
    const std::filesystem::path path = settings.folder / word;
    if (!std::filesystem::is_regular_file(path, error)) continue;
    const uint64_t size = std::filesystem::file_size(path, error);
    if (!error && size <= kLargestScriptBytes) parts["files"][word] = hash_text(read_file(path)).hex();
  }
  return hash_text(parts.dump(-1, ' ', false, Json::error_handler_t::replace)).hex();
}

}  // namespace nacre
