#include "nacre/app/completion.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "nacre/app/catalogue.hpp"

namespace nacre {
namespace {

const std::vector<std::string>& shells() {
  static const std::vector<std::string> kShells = {"bash", "zsh", "fish"};
  return kShells;
}

// A verb as one types it ("repro run"), its options, and words that may stand behind it beside files.
struct Entry {
  std::string words;
  std::string description;
  std::vector<OptionDescription> options;
  std::vector<std::string> arguments;
  bool has_verbs = false;
};

std::vector<std::string> arguments_of(const std::string& words, const std::vector<std::string>& own_verbs) {
  if (!own_verbs.empty()) return own_verbs;
  if (words == "completion") return shells();
  std::vector<std::string> names;
  if (words != "list" && words != "describe") return names;
  for (const CatalogueKind& kind : catalogue()) {
    names.push_back(words == "list" ? kind.plural : kind.kind);
    if (words == "list" || kind.kind == "operator") continue;  // operators are too many to choose from
    for (const RegistryRecord& record : kind.records) names.push_back(record.name);
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

// Those with a name that is not help's.
std::vector<OptionDescription> named(const std::vector<OptionDescription>& options) {
  std::vector<OptionDescription> result;
  for (const OptionDescription& option : options) {
    const std::string name = long_name(option);
    if (!name.empty() && name != "help") result.push_back(option);
  }
  return result;
}

// Words that an option takes, beside files; none where it takes something else.
std::vector<std::string> values_of(const OptionDescription& option) {
  static const std::vector<std::pair<std::string, std::string>> kKinds = {{"target", "target"},
                                                                          {"space", "space"},
                                                                          {"rule", "rewrite"},
                                                                          {"without", "rewrite"},
                                                                          {"format", "export_format"}};
  const std::string name = long_name(option);
  if (name == "split") return {"train", "validation", "test"};
  std::vector<std::string> names;
  for (const auto& [own, kind] : kKinds) {
    if (own != name) continue;
    for (const RegistryRecord& record : catalogue_kind(kind).records) names.push_back(record.name);
  }
  return names;
}

void add_entries(const std::vector<VerbDescription>& verbs, const std::string& before, std::vector<Entry>& entries) {
  for (const VerbDescription& verb : verbs) {
    Entry entry{before + verb.name, verb.help, named(verb.options), {}, !verb.verbs.empty()};
    std::vector<std::string> own_verbs;
    for (const VerbDescription& inner : verb.verbs) own_verbs.push_back(inner.name);
    entry.arguments = arguments_of(entry.words, own_verbs);
    entries.push_back(entry);
    add_entries(verb.verbs, entry.words + " ", entries);
  }
}

std::vector<Entry> entries_of(const Program& program) {
  std::vector<Entry> entries;
  add_entries(program.verbs(), "", entries);
  return entries;
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

std::string option_words(const std::vector<OptionDescription>& options) {
  std::vector<std::string> words;
  for (const OptionDescription& option : options) words.push_back("--" + long_name(option));
  return joined(words);
}

// For single quotes; brackets and colons mean something to zsh.
std::string quoted(const std::string& text, bool zsh = false) {
  std::string result;
  for (const char c : text) {
    if (c == '\'') {
      result += "'\\''";
    } else {
      if (zsh && (c == '[' || c == ']' || c == ':' || c == '\\')) result += '\\';
      result += c;
    }
  }
  return result;
}

std::string bash(const Program& program) {
  const std::vector<Entry> entries = entries_of(program);
  std::string nested, cases, top;
  for (const Entry& entry : entries) {
    if (entry.has_verbs) nested += (nested.empty() ? "" : "|") + entry.words;
    if (entry.words.find(' ') == std::string::npos) top += (top.empty() ? "" : " ") + entry.words;
    cases += fmt::format("    '{}') options='{}'; arguments='{}' ;;\n", entry.words, option_words(entry.options),
                         joined(entry.arguments));
  }
  std::string values;
  std::set<std::string> known;
  for (const Entry& entry : entries) {
    for (const OptionDescription& option : entry.options) {
      const std::vector<std::string> words = values_of(option);
      if (!words.empty() && known.insert(long_name(option)).second)
        values += fmt::format("    --{}) arguments='{}' ;;\n", long_name(option), joined(words));
    }
  }
  return "# bash completion for nacre. Made by: nacre completion bash\n"
         "_nacre() {\n"
         "  local current=\"${COMP_WORDS[COMP_CWORD]}\" verb='' word options arguments i\n"
         "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
         "    word=\"${COMP_WORDS[i]}\"\n"
         "    [[ $word == -* ]] && continue\n"
         "    case \"$verb\" in\n"
         "      '') verb=\"$word\" ;;\n" +
         (nested.empty() ? "" : "      " + nested + ") verb=\"$verb $word\" ;;\n") +
         "    esac\n"
         "  done\n"
         "  case \"$verb\" in\n"
         "    '') options=''; arguments='" +
         top + "' ;;\n" + cases +
         "  esac\n"
         "  case \"${COMP_WORDS[COMP_CWORD - 1]}\" in\n" +
         values +
         "  esac\n"
         "  if [[ $current == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$options " +
         option_words(named(program.options())) +
         " --help\" -- \"$current\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -W \"$arguments\" -- \"$current\"))  # none: files\n"
         "  fi\n"
         "}\n"
         "complete -o default -F _nacre nacre\n";
}

std::string zsh_options(const std::vector<OptionDescription>& options) {
  std::string text;
  for (const OptionDescription& option : options) {
    const std::vector<std::string> values = values_of(option);
    const std::string action = values.empty() ? "_files" : fmt::format("({})", joined(values));
    text += fmt::format(" '*--{}{}[{}]{}'", long_name(option), option.takes_value ? "=" : "", quoted(option.help, true),
                        option.takes_value ? ":value:" + action : "");
  }
  return text;
}

std::string zsh(const Program& program) {
  std::string cases, top;
  const std::string common = zsh_options(named(program.options()));
  for (const Entry& entry : entries_of(program)) {
    if (entry.words.find(' ') == std::string::npos)
      top += fmt::format("    '{}:{}'\n", entry.words, quoted(entry.description, true));
    const std::string arguments =
        entry.arguments.empty() ? "'*:file:_files'" : fmt::format("'*:word:({})'", joined(entry.arguments));
    cases +=
        fmt::format("    '{}') _arguments{}{} {} ;;\n", entry.words, zsh_options(entry.options), common, arguments);
  }
  std::string nested;
  for (const Entry& entry : entries_of(program)) {
    if (entry.has_verbs) nested += (nested.empty() ? "" : "|") + entry.words;
  }
  return "#compdef nacre\n# zsh completion for nacre. Made by: nacre completion zsh > \"${fpath[1]}/_nacre\"\n"
         "_nacre() {\n"
         "  local verb='' word\n"
         "  local -a verbs=(\n" +
         top +
         "  )\n"
         "  for word in ${words[2,CURRENT-1]}; do\n"
         "    [[ $word == -* ]] && continue\n"
         "    case \"$verb\" in\n"
         "      '') verb=$word ;;\n" +
         (nested.empty() ? "" : "      " + nested + ") verb=\"$verb $word\" ;;\n") +
         "    esac\n"
         "  done\n"
         "  case \"$verb\" in\n"
         "    '') _describe verb verbs ;;\n" +
         cases +
         "  esac\n"
         "}\n"
         "if [[ ${funcstack[1]} == _nacre ]]; then _nacre \"$@\"; else compdef _nacre nacre; fi\n";
}

std::string fish(const Program& program) {
  std::string text =
      "# fish completion for nacre. Made by: nacre completion fish > ~/.config/fish/completions/nacre.fish\n";
  const auto option = [&](const std::string& condition, const OptionDescription& shown) {
    const std::vector<std::string> values = values_of(shown);
    text += fmt::format("complete -c nacre{} -l {} -d '{}'{}{}\n", condition, long_name(shown), quoted(shown.help),
                        shown.takes_value ? " -r" : "", values.empty() ? "" : fmt::format(" -a '{}'", joined(values)));
  };
  for (const OptionDescription& shown : named(program.options())) option("", shown);
  for (const Entry& entry : entries_of(program)) {
    const size_t space = entry.words.rfind(' ');
    std::string condition = " -n __fish_use_subcommand";
    if (space != std::string::npos)
      condition = fmt::format(" -n '__fish_seen_subcommand_from {}'", entry.words.substr(0, space));
    const std::string name = space == std::string::npos ? entry.words : entry.words.substr(space + 1);
    text += fmt::format("complete -c nacre -f{} -a {} -d '{}'\n", condition, name, quoted(entry.description));
    const std::string inside = fmt::format(" -n '__fish_seen_subcommand_from {}'", name);
    for (const OptionDescription& shown : entry.options) option(inside, shown);
    if (!entry.has_verbs && !entry.arguments.empty())
      text += fmt::format("complete -c nacre -f{} -a '{}'\n", inside, joined(entry.arguments));
  }
  return text;
}

}  // namespace

std::string completion_script(const Program& program, const std::string& shell) {
  if (shell == "bash") return bash(program);
  if (shell == "zsh") return zsh(program);
  if (shell == "fish") return fish(program);
  throw UserError(unknown_name_message("shell", shell, shells()));
}

}  // namespace nacre
