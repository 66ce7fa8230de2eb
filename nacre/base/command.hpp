// A program that the user names in a configuration: words with placeholders, options, time limit, retries. Targets,
// evaluators and strategies by command all read it here.
//
//   command: python3 measure.py {model} --threads {threads}     one text: split into words as a shell does, but no shell
//   command: [sh, -c, "adb push {model} /data && ..."]           runs it; a list is taken word by word
//
// A placeholder is a name in braces; "{{" and "}}" are braces. A word that is filled stays one word, whatever it holds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/options.hpp"
#include "nacre/base/subprocess.hpp"

namespace nacre {

using PlaceholderValues = std::map<std::string, std::string, std::less<>>;

struct CommandSettings {
  std::vector<std::string> words;
  PlaceholderValues options;             // of the key `options`: more placeholders
  std::vector<std::string> environment;  // "NAME=value"
  std::filesystem::path folder;          // where it runs: of the configuration
  double timeout_s = 60;
  int64_t retries = 0;
  std::string version;
};

// The keys command, options, environment, timeout_s, version, and retries unless it has no sense for the owner. `placeholders` are the names that its owner fills,
// for the description.
std::vector<Parameter> command_parameters(std::span<const std::string> placeholders, double timeout_s,
                                          std::optional<int64_t> retries);
// UserError for an unknown placeholder or a text that ends within a quotation.
CommandSettings command_from_options(const Options& options, const std::filesystem::path& base_folder,
                                     std::span<const std::string> placeholders);
// UserError at `position` when a word holds a placeholder that is neither in `placeholders` nor an option.
void check_placeholders(const CommandSettings& settings, std::span<const std::string> placeholders,
                        const SourcePosition& position);
// The words with all placeholders filled, ready to be run.
SubprocessOptions filled_command(const CommandSettings& settings, const PlaceholderValues& values);

// UserError when the program is found neither in PATH nor, named with a '/', from the configuration's folder.
void check_program_exists(const CommandSettings& settings);

// Names what would change the program's answers: words, options, environment, version, and the content of those words that
// are files of the configuration's folder (scripts), so that an edited script gives new answers.
std::string command_identity(const CommandSettings& settings);

// Words as a POSIX shell splits them: blanks, '...', "...", backslash. UserError for an open quotation.
std::vector<std::string> split_words(std::string_view text);

}  // namespace nacre
