// `device_transfer`: costs on a device that few networks were measured on, from tables of other devices, beside what counting
// multiply-accumulates says. Every device of a table is the new one in turn; columns of the same device (batch sizes, written
// <device>_<number>) are hidden with it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "nacre/base/rank_correlation.hpp"
#include "nacre/bench/interval.hpp"
#include "nacre/bench/probe.hpp"
#include "nacre/bench/significance.hpp"
#include "nacre/data/data_paths.hpp"
#include "nacre/predict/device_transfer.hpp"
#include "nacre/tables/csv_table.hpp"

namespace nacre {
namespace {

// "titanx" of "titanx_32"; a name without a number behind it as it is.
std::string hardware_of(const std::string& column) {
  const size_t line = column.rfind('_');
  const bool numbered = line != std::string::npos && line + 1 < column.size() &&
                        column.find_first_not_of("0123456789", line + 1) == std::string::npos;
  // Xeons are called gold_6226 and silver_4114: a number of four digits is part of the name.
  return numbered && column.size() - line - 1 < 4 ? column.substr(0, line) : column;
}

// What stands at each place of the code, one-hot. Tokens are separated by `separator`; "": every character is one.
FeatureMatrix encode(const CsvTable& table, size_t column, const std::string& separator) {
  std::vector<std::vector<std::string>> tokens(table.rows());
  std::vector<std::map<std::string, size_t>> alternatives;
  for (size_t row = 0; row < table.rows(); ++row) {
    const std::string code(table.text(row, column));
    for (size_t begin = 0; begin < code.size();) {
      const size_t end = separator.empty() ? begin + 1 : std::min(code.size(), code.find(separator, begin));
      tokens[row].push_back(code.substr(begin, end - begin));
      begin = end + separator.size();
    }
    if (tokens[row].size() != tokens[0].size())
      throw UserError(fmt::format("code '{}' has another number of places than the first", code));
    alternatives.resize(tokens[0].size());
    for (size_t p = 0; p < tokens[row].size(); ++p) alternatives[p].emplace(tokens[row][p], 0);
  }
  size_t width = 0;
  for (auto& place : alternatives) {
    for (auto& [token, index] : place) index = width++;
  }
  FeatureMatrix result;
  for (const std::vector<std::string>& code : tokens) {
    std::vector<float> row(width, 0.0F);
    for (size_t p = 0; p < code.size(); ++p) row[alternatives[p].at(code[p])] = 1;
    result.add(row);
  }
  return result;
}

class Transfer {
 public:
  Transfer(const Options& options, const ProbeContext& context) : options_(options), context_(context) {
    const DataPaths paths(context.folder);
    const std::vector<std::string> files = options.texts("files");
    if (files.empty()) throw UserError(options.position("files"), "files: expected at least one");
    CsvTable table = read_csv_table(paths.find(files[0], options.position("files")));
    for (size_t i = 1; i < files.size(); ++i)
      table = table.joined(read_csv_table(paths.find(files[i], options.position("files"))), options.text("key"));
    networks_ = encode(table, table.column(options.text("code")), options.text("separator"));
    for (const std::string& name : options.texts("devices")) {
      devices_.push_back(name);
      costs_.push_back(numbers(table, name));
    }
    if (devices_.size() < 2) throw UserError(options.position("devices"), "devices: expected at least two columns");
    if (options.has("baseline")) baseline_ = numbers(table, options.text("baseline"));
    settings_ = {.predictor = options.text("predictor"),
                 .options = options.node("options").as_json(),
                 .source_predictor = options.text("source_predictor")};
  }

  Json measure() {
    Json json = {{"networks", networks_.rows()}, {"devices", devices_.size()}};
    const std::vector<int64_t> sizes = options_.integers("samples");
    std::map<int64_t, std::vector<Outcome>> outcomes;
    for (size_t device = 0; device < devices_.size(); ++device) {
      for (const int64_t size : sizes) outcomes[size].push_back(of_device(device, size));
    }
    for (const int64_t size : sizes) {
      Json& of_size = json[std::to_string(size)];
      std::vector<double> means, rivals, errors;
      int64_t better = 0, alone_better = 0;
      for (size_t d = 0; d < devices_.size(); ++d) {
        const Outcome& outcome = outcomes[size][d];
        means.push_back(outcome.spearman);
        errors.push_back(outcome.error);
        rivals.push_back(outcome.baseline);
        better += outcome.spearman > outcome.baseline ? 1 : 0;
        alone_better += outcome.spearman > outcome.alone ? 1 : 0;
        of_size["of_device"][devices_[d]] = {{"spearman", outcome.spearman},
                                             {"least_spearman", outcome.least},
                                             {"relative_error", outcome.error},
                                             {"without_other_devices", outcome.alone},
                                             {"baseline", baseline_.empty() ? Json(nullptr) : Json(outcome.baseline)}};
      }
      of_size["spearman"] = mean_interval(means).mean;
      of_size["least_spearman"] = *std::ranges::min_element(means);
      of_size["relative_error"] = mean_interval(errors).mean;
      of_size["better_than_without_other_devices"] = alone_better;
      if (!baseline_.empty()) {
        of_size["baseline_spearman"] = mean_interval(rivals).mean;
        of_size["better_than_baseline"] = better;
      }
    }
    return json;
  }

 private:
  struct Outcome {
    double spearman = 0, least = 1, error = 0, alone = 0, baseline = 0;
  };

  static std::vector<double> numbers(const CsvTable& table, const std::string& name) {
    std::vector<double> result;
    const size_t column = table.column(name);
    for (size_t row = 0; row < table.rows(); ++row) result.push_back(table.number(row, column).value_or(std::nan("")));
    return result;
  }

  Outcome of_device(size_t device, int64_t size) {
    if (context_.interrupted()) throw Interrupted();
    const int64_t runs = options_.integer("runs"), rows = static_cast<int64_t>(networks_.rows());
    const int64_t unseen = options_.integer("unseen");
    if (size + 2 > rows - unseen) throw UserError(options_.position("samples"), "samples: more than the table has");
    Outcome outcome;
    for (int64_t run = 0; run < runs; ++run) {
      Random random = Random::stream(context_.seed, devices_[device], static_cast<uint64_t>(run));
      std::vector<int64_t> order;
      for (const int64_t row : random.permutation(rows)) {
        if (!std::isnan(costs_[device][static_cast<size_t>(row)])) order.push_back(row);
      }
      // Networks that the table lacks come last and are judged; without such, all but the measured ones are.
      const auto measured = std::span(order).first(static_cast<size_t>(size));
      const auto judged = unseen > 0 ? std::span(order).last(static_cast<size_t>(unseen))
                                     : std::span(order).subspan(static_cast<size_t>(size));
      const std::vector<size_t> table(order.begin(), order.end() - unseen);
      const std::vector<size_t> asked(judged.begin(), judged.end());
      KnownDevices known;
      known.networks = unseen > 0 ? networks_.pick(table) : networks_;
      for (size_t other = 0; other < devices_.size(); ++other) {
        if (hardware_of(devices_[other]) == hardware_of(devices_[device])) continue;
        known.names.push_back(devices_[other]);
        std::vector<double>& costs = known.costs.emplace_back();
        if (unseen == 0) costs = costs_[other];
        for (size_t i = 0; unseen > 0 && i < table.size(); ++i) costs.push_back(costs_[other][table[i]]);
      }
      if (options_.boolean("counts") && !baseline_.empty()) {  // costs nothing to know
        known.names.push_back(options_.text("baseline"));
        known.costs.push_back(baseline_);
        if (unseen > 0) {
          known.costs.back().clear();
          for (const size_t row : table) known.costs.back().push_back(baseline_[row]);
        }
      }
      DeviceTransfer transfer(std::move(known), settings_);
      std::vector<double> values, truth, counted;
      for (const int64_t row : measured) values.push_back(costs_[device][static_cast<size_t>(row)]);
      for (const int64_t row : judged) {
        truth.push_back(costs_[device][static_cast<size_t>(row)]);
        if (!baseline_.empty()) counted.push_back(baseline_[static_cast<size_t>(row)]);
      }
      std::vector<int64_t> places(measured.begin(), measured.end());
      for (int64_t i = 0; unseen > 0 && i < size; ++i) places[static_cast<size_t>(i)] = i;
      transfer.fit(transfer.describe_known(places), values, random);
      const std::vector<Prediction> answers =
          transfer.predict(unseen > 0 ? transfer.describe(networks_.pick(asked)) : transfer.describe_known(judged));
      std::vector<double> said, errors;
      for (size_t i = 0; i < answers.size(); ++i) {
        said.push_back(answers[i].mean);
        errors.push_back(std::abs(answers[i].mean / truth[i] - 1));
      }
      const double found = spearman(said, truth), count = static_cast<double>(runs);
      outcome.spearman += found / count;
      outcome.least = std::min(outcome.least, found);
      outcome.error += quantile_of(errors, 0.5) / count;
      if (!baseline_.empty()) outcome.baseline += spearman(counted, truth) / count;
      outcome.alone += alone(measured, values, judged, truth, random) / count;
    }
    return outcome;
  }

  // The same measurements learned from the encoding alone, without knowledge of other devices.
  double alone(std::span<const int64_t> measured, const std::vector<double>& values, std::span<const int64_t> judged,
               const std::vector<double>& truth, Random& random) const {
    const auto predictor = make_predictor("ridge");
    std::vector<double> logs, said;
    for (const double value : values) logs.push_back(std::log(value));
    const std::vector<size_t> known(measured.begin(), measured.end()), asked(judged.begin(), judged.end());
    predictor->fit({networks_.pick(known)}, logs, random);
    for (const Prediction& answer : predictor->predict({networks_.pick(asked)})) said.push_back(answer.mean);
    return spearman(said, truth);
  }

  const Options& options_;
  const ProbeContext& context_;
  FeatureMatrix networks_;
  std::vector<std::string> devices_;
  std::vector<std::vector<double>> costs_;
  std::vector<double> baseline_;
  DeviceTransferSettings settings_;
};

}  // namespace

void add_device_transfer_probe(Registry<ProbeFactory>& registry) {
  registry.add(
      {.name = "device_transfer",
       .summary = "costs on a device of few measurements, learned with the tables of other devices; each in turn",
       .source = "Lee et al., HELP, NeurIPS 2021; Benmeziane et al., arXiv 2101.09336",
       .parameters =
           {{.name = "files",
             .type = ParameterType::text_list,
             .description = "CSV files with a header, found like a task's data; joined where several",
             .required = true},
            {.name = "key",
             .type = ParameterType::text,
             .description = "column by which files are joined",
             .default_value = "idx"},
            {.name = "code",
             .type = ParameterType::text,
             .description = "column that names the network",
             .required = true},
            {.name = "separator",
             .type = ParameterType::text,
             .description = "between the places of the code; empty: every character is a place",
             .default_value = ""},
            {.name = "devices", .type = ParameterType::text_list, .description = "columns of costs", .required = true},
            {.name = "baseline",
             .type = ParameterType::text,
             .description = "column that ranks without measurements, such as multiply-accumulates"},
            {.name = "counts",
             .type = ParameterType::boolean,
             .description = "the baseline is one of the known devices",
             .default_value = true},
            {.name = "samples",
             .type = ParameterType::integer_list,
             .description = "networks measured on the new device",
             .default_value = Json::array({10, 20}),
             .minimum = 2},
            {.name = "unseen",
             .type = ParameterType::integer,
             .description = "networks that the tables of the known devices do not hold, and that are judged; 0: "
                            "the tables hold all",
             .default_value = 0,
             .minimum = 0},
            {.name = "predictor",
             .type = ParameterType::text,
             .description = "from known devices to the new one (nacre list predictors)",
             .default_value = "ridge"},
            {.name = "options",
             .type = ParameterType::any,
             .description = "its parameters (map)",
             .default_value = Json::object({{"penalty", 0.2}})},
            {.name = "source_predictor",
             .type = ParameterType::text,
             .description = "from the code to a known device, for networks that tables do not hold",
             .default_value = "gbdt"},
            {.name = "runs",
             .type = ParameterType::integer,
             .description = "repetitions with other measured networks",
             .default_value = 5,
             .minimum = 1,
             .maximum = 1e4}},
       .example = "probe: device_transfer\nfiles: [hwnasbench/help_fbnet_latency.csv.gz]\ncode: ops\nseparator: _\n"
                  "devices: [raspi4, pixel2, silver_4114]\n"},
      [](const Options& options, const ProbeContext& context) { return Transfer(options, context).measure(); });
}

}  // namespace nacre
