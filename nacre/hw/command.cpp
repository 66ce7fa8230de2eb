// Target `command`: any program that takes an ONNX file and prints JSON (command_target.hpp).
#include "nacre/base/error.hpp"
#include "nacre/hw/command_target.hpp"
#include "nacre/hw/target_registry.hpp"

namespace nacre {
namespace {

std::unique_ptr<Target> make_command(const Options& options, const TargetContext& context) {
  CommandTargetSettings settings;
  settings.command = command_from_options(options, context.base_folder, command_target_placeholders());
  if (std::vector<std::string> words = options.texts("describe"); !words.empty()) {
    CommandSettings describe = settings.command;
    describe.words = words.size() == 1 ? split_words(words[0]) : std::move(words);
    check_placeholders(describe, std::vector<std::string>{"device"}, options.position("describe"));
    settings.describe = std::move(describe);
  }
  settings.device = options.text("device");
  const std::string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  if (settings.device.empty() || settings.device[0] == '.' ||
      settings.device.find_first_not_of(plain) != std::string::npos)
    throw UserError(options.position("device"), "device: expected a word of letters, digits, '.', '_' and '-'");
  settings.local = options.boolean("local");
  settings.failures_in_a_row = options.integer("failures_in_a_row");
  for (const std::string& name : options.texts("metrics")) settings.metrics.push_back(metric_spec_of_name(name));
  if (settings.metrics.empty()) throw UserError(options.position("metrics"), "metrics: expected at least one name");
  settings.identity = "command/1/" + command_identity(settings.command);
  return std::make_unique<CommandTarget>(std::move(settings));
}

}  // namespace

void register_command(TargetRegistry& registry) {
  std::vector<Parameter> parameters = command_parameters(command_target_placeholders(), 120, 1);
  const std::vector<Parameter> own = {
      {.name = "metrics",
       .type = ParameterType::text_list,
       .description =
           "what the program answers, the main cost first; units and direction by the name's end (_s, _j, _w, "
           "_bytes, _mm2; _per_s: more is better)",
       .default_value = Json::array({"latency_s"})},
      {.name = "device",
       .description = "name of the device: one measurement at a time on it, whoever asks",
       .default_value = "command"},
      {.name = "local",
       .type = ParameterType::boolean,
       .description =
           "the program computes on this machine: training pauses meanwhile; false for a phone, a board, a server",
       .default_value = true},
      {.name = "describe",
       .type = ParameterType::text_list,
       .description = "a command that prints name and versions of the device; another text, new results",
       .default_value = Json::array()},
      {.name = "failures_in_a_row",
       .type = ParameterType::integer,
       .description = "a network that fails is left out of the search; after so many it is the device, and the search "
                      "stops until it is mended",
       .default_value = 5,
       .minimum = 1,
       .maximum = 1e6}};
  parameters.insert(parameters.end(), own.begin(), own.end());
  registry.add({.name = "command",
                .summary = "any program that takes an ONNX file and prints JSON: a phone, a board, a simulator "
                           "(docs/your_device.md)",
                .source = "",
                .parameters = std::move(parameters),
                .example = "kind: command\ncommand: sh ../targets/over_ssh.sh board.local {model} {threads}\ndevice: "
                           "board\nlocal: false\n"},
               make_command);
}

}  // namespace nacre
