// Strategy `command`: a program that the user names proposes the candidates. One JSON object a line, asked on its standard
// input, answered on its standard output:
//
//   nacre    {"type": "start", "decisions": [{"key", "kind", "ordered", "alternatives", "numbers"}], "objectives": [..],
//             "limits": [..], "trials", "networks"}
//   nacre    {"type": "ask", "number": 12, "seed": 7221}
//   program  {"decisions": {"stage1/op": 2, "width": "24"}}     indices or texts of alternatives; what is missing is drawn;
//                                                               "made_by", "parents" for the report
//            {"done": true}                                     nothing more to propose
//            {"error": "why"}                                   ends the search, which can be resumed
//   nacre    {"type": "tell", "number", "status", "reason", "decisions", "metrics": {"accuracy": 0.91}, "feasible"}
//   nacre    {"type": "end"}                                    then the end of the stream
//
// Several asks may come before the first tell (search.lookahead). Tells want no answer. The same-history rule holds as for
// every strategy: a program whose answers follow from these lines alone (randomness: the seed of the ask) is resumed by
// asking it anew, and must answer as it did. For one that cannot (a language model, a clock), `resume: record` hands it
// the recorded answers instead: {"type": "replay", "number", "seed", "decisions"} in place of each ask, no answer wanted.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nacre/base/command.hpp"
#include "nacre/base/count.hpp"
#include "nacre/base/error.hpp"
#include "nacre/base/spawn.hpp"
#include "nacre/design/decisions_json.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {
namespace {

constexpr double kGraceS = 2;  // to leave by itself at the end

std::string shortened(const std::string& text) { return text.size() > 200 ? text.substr(0, 200) + " ..." : text; }

class CommandStrategy final : public Strategy {
 public:
  CommandStrategy(const Options& options, const StrategyContext& context)
      : trace_(context.trace),
        objectives_(context.objectives),
        settings_(command_from_options(options, context.base_folder, {})),
        takes_record_(options.text("resume") == "record"),
        interrupted_(context.interrupted) {
    for (const TraceDecision& decision : trace_.decisions()) keys_.push_back(decision.key);
    start_ = start_message(context);
  }

  ~CommandStrategy() override {
    if (!program_) return;
    try {
      program_->send({{"type", "end"}});
      program_->close_input();
      while (program_->listen(kGraceS).kind == Heard::Kind::line) {
      }
    } catch (const std::exception&) {
      // it is stopped with its object
    }
  }

  bool takes_record() const override { return takes_record_; }

  std::optional<Proposal> ask(int64_t number, Random& random) override {
    say({{"type", "ask"}, {"number", number}, {"seed", seed_of(random)}});
    const Json answer = hear(number);
    if (const auto done = answer.find("done"); done != answer.end() && *done == true) return std::nullopt;
    if (const auto error = answer.find("error"); error != answer.end()) {
      fail(number, error->is_string() ? error->get<std::string>() : error->dump());
    }
    return candidate_of(answer, number);
  }

  void replay(int64_t number, Random& random, const Proposal& proposal) override {
    say({{"type", "replay"},
         {"number", number},
         {"seed", seed_of(random)},
         {"decisions", decisions_json(proposal.candidate.decisions)}});
  }

  void tell(const Trial& trial) override {
    Json metrics = Json::object();
    for (const auto& [name, metric] : trial.metrics) metrics[name] = metric.value ? Json(*metric.value) : Json();
    say({{"type", "tell"},
         {"number", trial.number},
         {"status", trial_status_name(trial.status)},
         {"reason", trial.reason},
         {"decisions", decisions_json(trial.candidate.decisions)},
         {"metrics", metrics},
         {"feasible", objectives_.feasible(trial.metrics)}});
  }

 private:
  // Exact in every language's numbers.
  static int64_t seed_of(Random& random) { return static_cast<int64_t>(random.next() >> 11); }

  Json start_message(const StrategyContext& context) const {
    Json message = {{"type", "start"}, {"networks", trace_.count().get_str()}, {"trials", context.trials}};
    Json& decisions = message["decisions"] = Json::array();
    for (const TraceDecision& decision : trace_.decisions()) {
      decisions.push_back({{"key", decision.key},
                           {"kind", decision_kind_name(decision.kind)},
                           {"ordered", decision.ordered},
                           {"alternatives", decision.alternatives},
                           {"numbers", decision.numbers}});
    }
    Json& objectives = message["objectives"] = Json::array();
    for (const Objective& objective : objectives_.objectives) {
      objectives.push_back({{"metric", objective.metric},
                            {"direction", objective.direction == Direction::maximize ? "maximize" : "minimize"}});
    }
    Json& limits = message["limits"] = Json::array();
    for (const Limit& limit : objectives_.limits)
      limits.push_back({{"metric", limit.metric}, {"bound", limit.bound}, {"at_least", limit.at_least}});
    return message;
  }

  // The program starts with the first message: a strategy that is only described runs nothing.
  void say(const Json& message) {
    if (!program_) {
      SubprocessOptions options = filled_command(settings_, {});
      options.interrupted = interrupted_;
      program_ = std::make_unique<Subprocess>(options);
      program_->send(start_);
    }
    program_->send(message);
  }

  Json hear(int64_t number) {
    const Heard heard = program_->listen(settings_.timeout_s);
    if (heard.kind == Heard::Kind::nothing) {
      fail(number, fmt::format("no answer within {:g} s (search.timeout_s)", settings_.timeout_s));
    }
    if (heard.kind == Heard::Kind::ended) {
      const std::string error = last_line(program_->error_tail());
      fail(number, "the program " + end_text(program_->status()) + (error.empty() ? "" : ": " + error));
    }
    Json answer = Json::parse(heard.line, nullptr, false);
    if (!answer.is_object()) {
      fail(number, "expected one JSON object a line, found '" + shortened(heard.line) +
                       "' (standard output is for answers; print anything else to standard error)");
    }
    return answer;
  }

  Candidate candidate_of(const Json& answer, int64_t number) const {
    const auto given = answer.find("decisions");
    if (given == answer.end() || !given->is_object()) {
      fail(number,
           "expected {\"decisions\": {..}}, {\"done\": true} or {\"error\": ..}, found " + shortened(answer.dump()));
    }
    Candidate candidate;
    for (const auto& [key, value] : given->items()) candidate.decisions.set(key, index_of(key, value, number));
    candidate.made_by = answer.value("made_by", Json()).is_string() ? answer["made_by"].get<std::string>() : "command";
    if (const auto parents = answer.find("parents"); parents != answer.end()) {
      if (!parents->is_array()) fail(number, "expected a list of numbers as parents, found " + parents->dump());
      for (const Json& parent : *parents) {
        const bool earlier = parent.is_number_integer() && parent >= 0 && parent < number;
        if (!earlier) fail(number, "parents are numbers of earlier asks; found " + parent.dump());
        candidate.parents.push_back(parent.get<int64_t>());
      }
    }
    return candidate;
  }

  int64_t index_of(const std::string& key, const Json& value, int64_t number) const {
    const std::optional<int32_t> found = trace_.find_decision(key);
    if (!found) fail(number, unknown_name_message("decision", key, keys_, "the start message lists them"));
    const std::vector<std::string>& alternatives = trace_.decisions()[static_cast<size_t>(*found)].alternatives;
    if (value.is_string()) {
      const auto place = std::ranges::find(alternatives, value.get<std::string>());
      if (place == alternatives.end())
        fail(number, unknown_name_message("alternative of " + key, value.get<std::string>(), alternatives));
      return place - alternatives.begin();
    }
    const auto count = static_cast<int64_t>(alternatives.size());
    if (!value.is_number_integer() || value < 0 || value >= count) {
      fail(number, fmt::format("{}: expected an index 0 .. {} or the text of an alternative, found {}", key, count - 1,
                               shortened(value.dump())));
    }
    return value.get<int64_t>();
  }

  [[noreturn]] void fail(int64_t number, const std::string& message) const {
    throw UserError(
        fmt::format("strategy command: '{}': ask {}: {}", fmt::join(settings_.words, " "), number, message));
  }

  const Trace& trace_;
  const ObjectiveSet objectives_;
  const CommandSettings settings_;
  const bool takes_record_;
  const std::function<bool()> interrupted_;
  std::vector<std::string> keys_;
  Json start_;
  std::unique_ptr<Subprocess> program_;
};

}  // namespace

void add_command(Registry<StrategyFactory>& registry) {
  std::vector<Parameter> parameters = command_parameters({}, 600, std::nullopt);
  parameters.push_back({.name = "resume",
                        .description =
                            "ask: a resumed study asks the program anew, which must answer as recorded; record: "
                            "it is handed the recorded answers, for programs that are not deterministic",
                        .default_value = "ask",
                        .choices = {"ask", "record"}});
  registry.add({.name = "command",
                .summary = "a program that proposes candidates, asked and told in JSON lines (docs/your_strategy.md)",
                .source = "",
                .parameters = std::move(parameters),
                .example = "strategy: command\ncommand: python3 your_strategy/hill_climber.py"},
               [](const Options& options, const StrategyContext& context) -> std::unique_ptr<Strategy> {
                 return std::make_unique<CommandStrategy>(options, context);
               });
}

}  // namespace nacre
