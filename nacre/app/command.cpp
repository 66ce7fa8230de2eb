#include "nacre/app/command.hpp"

#include <CLI/CLI.hpp>

namespace nacre {
namespace {

std::vector<OptionDescription> described(const CLI::App& app) {
  std::vector<OptionDescription> result;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    result.push_back({.names = option->get_positional() ? option->get_single_name() : option->get_name(false, true),
                      .help = option->get_description(),
                      .takes_value = option->get_items_expected_max() > 0,
                      .by_position = option->get_positional(),
                      .required = option->get_required()});
  }
  return result;
}

std::vector<VerbDescription> verbs_of(const CLI::App& app) {
  std::vector<VerbDescription> result;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App* inner) { return !inner->get_group().empty(); })) {
    result.push_back({verb->get_name(), verb->get_description(), described(*verb), verbs_of(*verb)});
  }
  return result;
}

}  // namespace

std::string long_name(const OptionDescription& option) {
  const size_t dashes = option.names.find("--");
  if (option.by_position || dashes == std::string::npos) return "";
  return option.names.substr(dashes + 2, option.names.find_first_of(", ", dashes) - dashes - 2);
}

CommandOption& CommandOption::required() {
  option_->required();
  return *this;
}

CommandOption& CommandOption::expected(int low, int high) {
  option_->expected(low, high);
  return *this;
}

CommandOption& CommandOption::non_negative() {
  option_->check(CLI::NonNegativeNumber);
  return *this;
}

Command Command::add_verb(const std::string& name, const std::string& help) {
  return Command(app_->add_subcommand(name, help));
}

CommandOption Command::add_option(const std::string& names, std::string& value, const std::string& help) {
  return CommandOption(app_->add_option(names, value, help));
}

CommandOption Command::add_option(const std::string& names, std::vector<std::string>& value, const std::string& help) {
  return CommandOption(app_->add_option(names, value, help));
}

CommandOption Command::add_option(const std::string& names, int& value, const std::string& help) {
  return CommandOption(app_->add_option(names, value, help));
}

CommandOption Command::add_option(const std::string& names, int64_t& value, const std::string& help) {
  return CommandOption(app_->add_option(names, value, help));
}

CommandOption Command::add_option(const std::string& names, double& value, const std::string& help) {
  return CommandOption(app_->add_option(names, value, help));
}

CommandOption Command::add_flag(const std::string& names, bool& value, const std::string& help) {
  return CommandOption(app_->add_flag(names, value, help));
}

void Command::require_verb() {
  app_->require_subcommand(1);
  app_->fallthrough();
}

void Command::hide() { app_->group(""); }

void Command::on_run(std::function<void()> run) { app_->callback(std::move(run)); }

Program::Program(const std::string& name, const std::string& help, const std::string& version)
    : app_(std::make_unique<CLI::App>(help, name)) {
  app_->set_version_flag("--version", version);
  app_->require_subcommand(1);
  app_->fallthrough();
}

Program::~Program() = default;

Command Program::command() { return Command(app_.get()); }

void Program::on_parsed(std::function<void()> run) { app_->parse_complete_callback(std::move(run)); }

std::vector<VerbDescription> Program::verbs() const { return verbs_of(*app_); }

std::vector<OptionDescription> Program::options() const { return described(*app_); }

int Program::parse(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_->exit(error);
  }
  return 0;
}

}  // namespace nacre
