// The command line: the program, its verbs and their options. A narrow face of CLI11, whose headers cost ten seconds a file and
// are therefore included by command.cpp alone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace nacre {

class CommandOption {
 public:
  explicit CommandOption(CLI::Option* option) : option_(option) {}
  CommandOption& required();
  CommandOption& expected(int low, int high);  // so many values
  CommandOption& non_negative();

 private:
  CLI::Option* option_;
};

// The program or one of its verbs. Variables must live until the command line was parsed and the verb has run.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  Command add_verb(const std::string& name, const std::string& help);
  // "--name", "-n,--name", or "name" for one without dashes, by position. The value stays as it is when not given.
  CommandOption add_option(const std::string& names, std::string& value, const std::string& help);
  CommandOption add_option(const std::string& names, std::vector<std::string>& value, const std::string& help);
  CommandOption add_option(const std::string& names, int& value, const std::string& help);
  CommandOption add_option(const std::string& names, int64_t& value, const std::string& help);
  CommandOption add_option(const std::string& names, double& value, const std::string& help);
  CommandOption add_flag(const std::string& names, bool& value, const std::string& help);
  void require_verb();  // of its own: nacre repro list
  void hide();          // from the help
  void on_run(std::function<void()> run);

 private:
  CLI::App* app_;
};

// What the program's help shows, as data: for shell completion and references.
struct OptionDescription {
  std::string names;  // "-o,--output"
  std::string help;
  bool takes_value = false;
  bool by_position = false;
  bool required = false;
};
struct VerbDescription {
  std::string name, help;
  std::vector<OptionDescription> options;
  std::vector<VerbDescription> verbs;  // of its own
};
// The long name without dashes: "output" of "-o,--output"; "" for one by position.
std::string long_name(const OptionDescription& option);

class Program {
 public:
  Program(const std::string& name, const std::string& help, const std::string& version);
  ~Program();

  Command command();
  void on_parsed(std::function<void()> run);   // before the verb runs
  std::vector<VerbDescription> verbs() const;  // without hidden ones, in their order
  std::vector<OptionDescription> options() const;
  // Runs the verb that the arguments name. 0, or for bad arguments (and help) CLI11's code after its message was printed;
  // what the verb throws passes through.
  int parse(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace nacre
