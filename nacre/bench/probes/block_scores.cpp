// `block_scores`: published scores of blocks, added up to scores of networks, against published accuracies of those networks.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "nacre/base/rank_correlation.hpp"
#include "nacre/bench/probe.hpp"
#include "nacre/data/data_paths.hpp"
#include "nacre/supernet/block_sums.hpp"
#include "nacre/tables/csv_table.hpp"

namespace nacre {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

// How a network is written: parts with a separator between; a part is a layer, named by its place among `words`, or, without
// words, all of a block.
class Notation {
 public:
  explicit Notation(const Options& options)
      : words_(options.has("words") ? options.texts("words") : std::vector<std::string>()),
        layers_(options.has("layers") ? options.integers("layers") : std::vector<int64_t>()) {
    const std::string text = options.text("separator");
    if (text.size() != 1) throw UserError(options.position("separator"), "separator: expected one character");
    separator_ = text[0];
    if (words_.empty() != layers_.empty())
      throw UserError(options.position("words"), "words and layers go together: both, or neither");
    if (words_.size() > 10)
      throw UserError(options.position("words"), "words: a layer is one digit of a choice, 10 at most");
  }

  std::vector<std::string> choices(std::string_view network) const {
    const std::vector<std::string> parts = split(network, separator_);
    if (words_.empty()) return parts;
    std::vector<std::string> choices;
    size_t at = 0;
    for (const int64_t layers : layers_) {
      choices.emplace_back();
      for (int64_t i = 0; i < layers && at < parts.size(); ++i, ++at) {
        const auto found = std::ranges::find(words_, parts[at]);
        if (found == words_.end())
          throw UserError(fmt::format("network '{}': '{}' is none of the words of a layer", network, parts[at]));
        choices.back() += std::to_string(found - words_.begin());
      }
    }
    if (at != parts.size() || std::accumulate(layers_.begin(), layers_.end(), int64_t{0}) != static_cast<int64_t>(at))
      throw UserError(fmt::format("network '{}' has another number of layers than the blocks", network));
    return choices;
  }

 private:
  std::vector<std::string> words_;
  std::vector<int64_t> layers_;
  char separator_ = ':';
};

using BlockScores = std::vector<std::map<std::string, double>>;

BlockScores read_scores(const CsvTable& table) {
  const size_t block = table.column("block"), choice = table.column("choice"), score = table.column("score");
  BlockScores scores;
  for (size_t row = 0; row < table.rows(); ++row) {
    const auto number = table.number(row, block), value = table.number(row, score);
    if (!number || *number < 0 || *number > 999 || !value)
      throw UserError(fmt::format("{}: row {}: expected a block from 0 and a score", table.origin(), row + 1));
    scores.resize(std::max(scores.size(), static_cast<size_t>(*number) + 1));
    scores[static_cast<size_t>(*number)][std::string(table.text(row, choice))] = *value;
  }
  return scores;
}

double score_of(const BlockScores& scores, const std::vector<std::string>& choices, std::string_view network) {
  if (choices.size() != scores.size())
    throw UserError(
        fmt::format("network '{}' has {} blocks, the scores have {}", network, choices.size(), scores.size()));
  double sum = 0;
  for (size_t block = 0; block < choices.size(); ++block) {
    const auto found = scores[block].find(choices[block]);
    if (found == scores[block].end())
      throw UserError(fmt::format("network '{}': block {} has no score for '{}'", network, block, choices[block]));
    sum += found->second;
  }
  return sum;
}

// Of n draws with replacement.
double expected_best(std::vector<double> values, int64_t draws) {
  std::ranges::sort(values);
  double sum = 0;
  const auto count = static_cast<double>(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    sum += values[i] *
           (std::pow((static_cast<double>(i) + 1) / count, draws) - std::pow(static_cast<double>(i) / count, draws));
  return sum;
}

// The choices of least sum, each block's best.
std::vector<std::string> least_choices(const BlockScores& scores) {
  std::vector<std::vector<BlockOption>> options;
  std::vector<std::vector<std::string>> names;
  for (const auto& block : scores) {
    options.emplace_back();
    names.emplace_back();
    for (const auto& [choice, score] : block) {
      options.back().push_back({.score = score});
      names.back().push_back(choice);
    }
  }
  const auto best = BlockSums(std::move(options)).next();
  std::vector<std::string> choices;
  for (size_t block = 0; best && block < names.size(); ++block) choices.push_back(names[block][best->options[block]]);
  return choices;
}

Json measure_block_scores(const Options& options, const ProbeContext& context) {
  const DataPaths paths(context.folder);
  const CsvTable networks = read_csv_table(paths.find(options.text("networks"), options.position("networks")));
  const BlockScores scores =
      read_scores(read_csv_table(paths.find(options.text("scores"), options.position("scores"))));
  const Notation notation(options);
  const size_t network = networks.column(options.text("network")), value = networks.column(options.text("value"));
  const auto digits = std::pow(10.0, static_cast<double>(options.integer("digits")));
  const std::vector<std::string> least = least_choices(scores);
  std::vector<double> sums, values;
  Json json;
  for (size_t row = 0; row < networks.rows(); ++row) {
    const std::string_view text = networks.text(row, network);
    const std::vector<std::string> choices = notation.choices(text);
    const auto known = networks.number(row, value);
    if (!known) throw UserError(fmt::format("{}: row {} has no {}", networks.origin(), row + 1, options.text("value")));
    sums.push_back(std::round(score_of(scores, choices, text) * digits) / digits);
    values.push_back(*known);
    if (choices == least) json["best_scored"] = {{"network", text}, {"value", *known}};
  }
  if (values.size() < 2) throw UserError(options.position("networks"), "networks: expected at least two rows");
  json["networks"] = values.size();
  json["kendall"] = kendall(sums, values);
  json["pearson"] = pearson(sums, values);
  json["spearman"] = spearman(sums, values);
  if (json.contains("best_scored")) {
    const double of_best = json["best_scored"]["value"];
    json["best_scored"]["rank"] = 1 + std::ranges::count_if(values, [&](double v) { return v > of_best; });
  }
  json["most"] = std::ranges::max(values);
  json["least"] = std::ranges::min(values);
  json["mean"] = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  for (const int64_t draws : options.integers("draws"))
    json["expected_best"][std::to_string(draws)] = expected_best(values, draws);
  return json;
}

}  // namespace

void add_block_scores_probe(Registry<ProbeFactory>& registry) {
  registry.add(
      {.name = "block_scores",
       .summary = "scores of blocks, added up to scores of networks, against the accuracies of a published table",
       .source = "BossNAS, Li et al., arXiv 2103.12424, section 4.3",
       .parameters =
           {{.name = "networks",
             .type = ParameterType::text,
             .description = "CSV file with a row per network, found like a task's data",
             .required = true},
            {.name = "network",
             .type = ParameterType::text,
             .description = "its column with the network",
             .required = true},
            {.name = "value",
             .type = ParameterType::text,
             .description = "its column with the accuracy",
             .required = true},
            {.name = "scores",
             .type = ParameterType::text,
             .description = "CSV file with the columns block (from 0), choice, score",
             .required = true},
            {.name = "separator",
             .type = ParameterType::text,
             .description = "between the parts of a network's text",
             .default_value = ":"},
            {.name = "words",
             .type = ParameterType::text_list,
             .description =
                 "what a layer may be: the digits of a choice are places in this list; without it a part of the "
                 "network's text is the choice of a block"},
            {.name = "layers",
             .type = ParameterType::integer_list,
             .description = "per block, with words",
             .minimum = 1},
            {.name = "digits",
             .type = ParameterType::integer,
             .description = "decimals to which sums are rounded",
             .default_value = 4,
             .minimum = 0,
             .maximum = 15},
            {.name = "draws",
             .type = ParameterType::integer_list,
             .description = "of so many random networks the expected best is given",
             .default_value = Json::array(),
             .minimum = 1}},
       .example = "probe: block_scores\nnetworks: nats_size/nats_size_cifar10.csv.gz\nnetwork: channels\nvalue: acc\n"
                  "scores: nats_size/bossnas_block_scores_nats.csv.gz\nwords: [\"8\", \"16\", \"24\", \"32\", \"40\", "
                  "\"48\", \"56\", \"64\"]\nlayers: [2, 2, 1]\n"},
      measure_block_scores);
}

}  // namespace nacre
