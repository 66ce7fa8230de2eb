// `ranked_table`: what a predictor is worth on a published table, by the protocol of GBDT-NAS (arXiv 2007.04785): some rows are
// drawn, the predictor learns from them and ranks all others, the best ranked are looked up, and so on.
//
//   queries   rows looked up until the best of the table is found, beside random search
//   ranks     rank correlation on the rows that were not learned from
//   pruning   alternatives taken out round by round: what is left of the space, and whether the best survives
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "nacre/bench/probe.hpp"
#include "nacre/data/data_paths.hpp"
#include "nacre/predict/judgement.hpp"
#include "nacre/predict/tree_parameters.hpp"
#include "nacre/search/pruning.hpp"
#include "nacre/space/cells/nasbench101_features.hpp"
#include "nacre/space/trace_builder.hpp"
#include "nacre/tables/csv_table.hpp"

namespace nacre {
namespace {

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double median_of(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// The rows of a table as features and values; of digit codes also as a trace.
struct RankedRows {
  FeatureMatrix features;
  std::vector<double> values;  // larger is better
  size_t best = 0;
  std::optional<Trace> trace;
};

// One decision per position of the codes, with the digits that occur there.
Trace trace_of_codes(const std::vector<std::string_view>& codes, std::vector<std::map<char, int64_t>>& alternatives) {
  TraceBuilder builder;
  std::vector<int32_t> parts;
  alternatives.assign(codes[0].size(), {});
  for (size_t p = 0; p < codes[0].size(); ++p) {
    for (const std::string_view code : codes) {
      if (code.size() != codes[0].size())
        throw UserError(fmt::format("code '{}' has another length than the first, '{}'", code, codes[0]));
      alternatives[p].emplace(code[p], 0);
    }
    std::vector<int64_t> digits;
    for (auto& [digit, index] : alternatives[p]) {
      index = static_cast<int64_t>(digits.size());
      digits.push_back(digit - '0');
    }
    if (digits.size() < 2) throw UserError(fmt::format("position {} of the codes is the same everywhere", p));
    const int32_t decision = builder.declare(
        fmt::format("position{}", p),
        {.kind = DecisionKind::number, .count = static_cast<int64_t>(digits.size()), .integers = digits});
    parts.push_back(builder.decide(decision, std::vector<int32_t>(digits.size(), builder.nothing())));
  }
  return builder.finish(builder.all(parts));
}

RankedRows read_rows(const Options& options, const ProbeContext& context) {
  const CsvTable table = read_csv_table(DataPaths(context.folder).find(options.text("file"), options.position("file")));
  const size_t value = table.column(options.text("maximize"));
  const bool cells = options.text("encoding") == "nasbench101";
  RankedRows rows;
  std::vector<size_t> kept;
  for (size_t row = 0; row < table.rows(); ++row) {
    if (const std::optional<double> number = table.number(row, value)) {
      kept.push_back(row);
      rows.values.push_back(*number);
    }
  }
  if (kept.size() < 10) throw UserError(options.position("file"), "fewer than ten rows have a value");
  rows.best = static_cast<size_t>(std::ranges::max_element(rows.values) - rows.values.begin());
  if (cells) {
    const size_t edges = table.column("adj"), operators = table.column("ops");
    for (const size_t row : kept) {
      rows.features.add(nasbench101_features(
          nasbench101_cell(std::string(table.text(row, edges)), std::string(table.text(row, operators)))));
    }
    return rows;
  }
  const size_t column = table.column(options.text("code"));
  std::vector<std::string_view> codes;
  for (const size_t row : kept) codes.push_back(table.text(row, column));
  std::vector<std::map<char, int64_t>> alternatives;
  rows.trace = trace_of_codes(codes, alternatives);
  for (const std::string_view code : codes) {
    std::vector<float> row;
    for (size_t p = 0; p < code.size(); ++p) {
      const size_t begin = row.size();
      row.resize(begin + alternatives[p].size(), 0.0F);
      row[begin + static_cast<size_t>(alternatives[p].at(code[p]))] = 1;
    }
    rows.features.add(row);
  }
  return rows;
}

class Protocol {
 public:
  Protocol(const Options& options, const ProbeContext& context, RankedRows rows)
      : options_(options), context_(context), rows_(std::move(rows)), name_(options.text("predictor")) {
    const auto& entry = predictor_registry().get(name_, options.position("predictor"));
    predictor_options_ = resolve_options(options.node("options"), entry.parameters, "predictor " + name_);
    if (options.text("prune") == "none" && options.text("measure") != "pruning") return;
    if (name_ != "gbdt") throw UserError(options.position("prune"), "prune: only the trees of gbdt say what to prune");
    if (!rows_.trace)
      throw UserError(options.position("encoding"), "encoding: pruning needs codes of decisions, expected 'code'");
  }

  Json queries() {
    std::vector<double> counts;
    for (int64_t run = 0; run < options_.integer("runs"); ++run) counts.push_back(queries_of(run));
    const double random = (static_cast<double>(rows_.values.size()) + 1) / 2;
    return {{"rows", rows_.values.size()},
            {"mean", mean_of(counts)},
            {"median", median_of(counts)},
            {"random_mean", random},
            {"times_fewer", random / mean_of(counts)},
            {"queries", counts}};
  }

  Json ranks() {
    Json json = {{"rows", rows_.values.size()}};
    for (const int64_t size : options_.integers("sizes")) {
      if (size < 2 || size + 2 > static_cast<int64_t>(rows_.values.size()))
        throw UserError(options_.position("sizes"), "sizes: expected 2 up to the number of rows, less two");
      std::map<std::string, std::vector<double>> found;
      for (int64_t run = 0; run < options_.integer("runs"); ++run) {
        stop_if_asked();
        Random random = Random::stream(context_.seed, "ranks", static_cast<uint64_t>(run));
        const std::vector<int64_t> order = random.permutation(static_cast<int64_t>(rows_.values.size()));
        const std::vector<size_t> all(order.begin(), order.end());
        const std::span<const size_t> known = std::span(all).first(static_cast<size_t>(size));
        const std::span<const size_t> others = std::span(all).subspan(static_cast<size_t>(size));
        const auto predictor = make();
        const Judgement judgement = judge(*predictor, {rows_.features.pick(known)}, values_of(known),
                                          {rows_.features.pick(others)}, values_of(others), random);
        found["kendall"].push_back(judgement.kendall);
        found["spearman"].push_back(judgement.spearman);
        found["regret_10"].push_back(judgement.regret_10);
        found["fit_s"].push_back(judgement.fit_s);
        found["query_s"].push_back(judgement.query_s);
        if (const auto& calibration = judgement.calibration) {
          found["coverage_50"].push_back(calibration->coverage_50);
          found["coverage_95"].push_back(calibration->coverage_95);
          found["log_likelihood"].push_back(calibration->log_likelihood);
        }
      }
      Json& of_size = json[std::to_string(size)] = Json::object();
      for (const auto& [name, values] : found) of_size[name] = mean_of(values);
    }
    return json;
  }

  Json pruning() {
    const int64_t rounds = options_.integer("prune_rounds"), runs = options_.integer("runs");
    struct Sums {
      double share = 0, mean = 0, survived = 0;
    };
    std::vector<Sums> sums(static_cast<size_t>(rounds));
    for (int64_t run = 0; run < runs; ++run) {
      stop_if_asked();
      Random random = Random::stream(context_.seed, "pruning", static_cast<uint64_t>(run));
      std::vector<size_t> known = drawn(static_cast<size_t>(options_.integer("initial")), random);
      Pruning pruning(*rows_.trace);
      for (Sums& sum : sums) {
        BoostedTrees trees(boosted_trees_options(predictor_options_));
        trees.fit(rows_.features.pick(known), values_of(known), random);
        prune(pruning, trees, known);
        double left = 0, total = 0;
        for (size_t row = 0; row < rows_.values.size(); ++row) {
          if (!pruning.allows(rows_.features.row(row))) continue;
          left += 1;
          total += rows_.values[row];
        }
        sum.share += left / static_cast<double>(rows_.values.size());
        sum.mean += left > 0 ? total / left : 0;
        sum.survived += pruning.allows(rows_.features.row(rows_.best));
      }
    }
    Json json = {{"rows", rows_.values.size()}, {"mean", mean_of(rows_.values)}};
    Json& list = json["rounds"] = Json::array();
    const auto count = static_cast<double>(runs);
    for (const Sums& sum : sums) {
      list.push_back({{"share", sum.share / count},
                      {"mean", sum.mean / count},
                      {"gained", sum.mean / count - mean_of(rows_.values)},
                      {"survived", sum.survived / count}});
    }
    return json;
  }

 private:
  void stop_if_asked() const {
    if (context_.interrupted()) throw Interrupted();
  }
  std::unique_ptr<Predictor> make() const { return predictor_registry().get(name_).make(predictor_options_); }

  std::vector<double> values_of(std::span<const size_t> rows) const {
    std::vector<double> values;
    for (const size_t row : rows) values.push_back(rows_.values[row]);
    return values;
  }

  std::vector<size_t> drawn(size_t count, Random& random) const {
    std::vector<int64_t> order = random.permutation(static_cast<int64_t>(rows_.values.size()));
    order.resize(std::min(count, order.size()));
    return {order.begin(), order.end()};
  }

  void prune(Pruning& pruning, const BoostedTrees& trees, std::span<const size_t> known) const {
    const TreeExplainer explainer(trees);
    const FeatureMatrix features = rows_.features.pick(known);
    const int64_t count = options_.integer("prune_per_round");
    if (options_.text("prune") == "second") {
      pruning.prune_second_order(explainer, features, count);
    } else {
      pruning.prune_first_order(explainer, features, count);
    }
  }

  double queries_of(int64_t run) const {
    Random random = Random::stream(context_.seed, "queries", static_cast<uint64_t>(run));
    std::vector<size_t> asked = drawn(static_cast<size_t>(options_.integer("initial")), random);
    std::vector<char> known(rows_.values.size(), 0);
    for (size_t i = 0; i < asked.size(); ++i) {
      if (asked[i] == rows_.best) return static_cast<double>(i + 1);
      known[asked[i]] = 1;
    }
    std::optional<Pruning> pruning;
    if (options_.text("prune") != "none") pruning.emplace(*rows_.trace);
    for (int64_t round = 0;; ++round) {
      stop_if_asked();
      std::vector<size_t> learned;
      for (const size_t row : asked) {
        if (!options_.has("drop_below") || rows_.values[row] >= options_.real("drop_below")) learned.push_back(row);
      }
      if (learned.empty()) throw UserError(options_.position("drop_below"), "drop_below: no drawn row is as good");
      std::vector<double> predicted(rows_.values.size());
      if (pruning && round < options_.integer("prune_rounds")) {
        BoostedTrees trees(boosted_trees_options(predictor_options_));
        trees.fit(rows_.features.pick(learned), values_of(learned), random);
        prune(*pruning, trees, learned);
        predicted = trees.predict(rows_.features);
      } else {
        const auto predictor = make();
        predictor->fit({rows_.features.pick(learned)}, values_of(learned), random);
        const std::vector<Prediction> answers = predictor->predict({rows_.features});
        for (size_t i = 0; i < answers.size(); ++i) predicted[i] = answers[i].mean;
      }
      std::vector<std::tuple<bool, double, uint64_t, size_t>> order;  // equal predictions in an order of chance
      for (size_t row = 0; row < rows_.values.size(); ++row) {
        if (known[row]) continue;
        const bool last = pruning && !pruning->allows(rows_.features.row(row));
        order.emplace_back(last, -predicted[row], random.next(), row);
      }
      const size_t batch = std::min(order.size(), static_cast<size_t>(options_.integer("batch")));
      std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(batch), order.end());
      for (size_t i = 0; i < batch; ++i) {
        const size_t row = std::get<3>(order[i]);
        asked.push_back(row);
        known[row] = 1;
        if (row == rows_.best) return static_cast<double>(asked.size());
      }
    }
  }

  const Options& options_;
  const ProbeContext& context_;
  const RankedRows rows_;
  const std::string name_;
  Options predictor_options_;
};

Json measure_ranked_table(const Options& options, const ProbeContext& context) {
  Protocol protocol(options, context, read_rows(options, context));
  const std::string measure = options.text("measure");
  if (measure == "queries") return protocol.queries();
  if (measure == "ranks") return protocol.ranks();
  return protocol.pruning();
}

}  // namespace

void add_ranked_table_probe(Registry<ProbeFactory>& registry) {
  registry.add(
      {.name = "ranked_table",
       .summary = "what a predictor is worth on a published table: queries to its best row, ranks, pruning",
       .source = "Luo et al., GBDT-NAS, arXiv 2007.04785",
       .parameters =
           {{.name = "file",
             .type = ParameterType::text,
             .description = "CSV file with a header, found like a task's data",
             .required = true},
            {.name = "encoding",
             .type = ParameterType::text,
             .description =
                 "code: a column of digits, one-hot by position; nasbench101: the columns adj and ops as 45 bits",
             .default_value = "code",
             .choices = {"code", "nasbench101"}},
            {.name = "code",
             .type = ParameterType::text,
             .description = "column of the codes",
             .default_value = "code"},
            {.name = "maximize", .type = ParameterType::text, .description = "column of the values", .required = true},
            {.name = "measure",
             .type = ParameterType::text,
             .description = "what is measured",
             .required = true,
             .choices = {"queries", "ranks", "pruning"}},
            {.name = "predictor",
             .type = ParameterType::text,
             .description = "nacre list predictors",
             .default_value = "gbdt"},
            {.name = "options",
             .type = ParameterType::any,
             .description = "parameters of the predictor (map)",
             .default_value = Json::object()},
            {.name = "runs",
             .type = ParameterType::integer,
             .description = "repetitions with other draws",
             .default_value = 20,
             .minimum = 1,
             .maximum = 1e6},
            {.name = "initial",
             .type = ParameterType::integer,
             .description = "rows drawn at first",
             .default_value = 200,
             .minimum = 2,
             .maximum = 1e7},
            {.name = "batch",
             .type = ParameterType::integer,
             .description = "rows looked up between two fits",
             .default_value = 100,
             .minimum = 1,
             .maximum = 1e7},
            {.name = "drop_below",
             .type = ParameterType::real,
             .description = "rows with a smaller value do not enter a fit"},
            {.name = "sizes",
             .type = ParameterType::integer_list,
             .description = "of ranks: rows learned from",
             .default_value = Json::array({100, 300, 1000}),
             .minimum = 2},
            {.name = "prune",
             .type = ParameterType::text,
             .description = "by Shapley values of single alternatives or of pairs",
             .default_value = "none",
             .choices = {"none", "first", "second"}},
            {.name = "prune_rounds",
             .type = ParameterType::integer,
             .description = "fits that prune",
             .default_value = 2,
             .minimum = 1,
             .maximum = 1000},
            {.name = "prune_per_round",
             .type = ParameterType::integer,
             .description = "alternatives pruned by a fit at most",
             .default_value = 4,
             .minimum = 1,
             .maximum = 1e6}},
       .example = "probe: ranked_table\nfile: nasbench201/nb201.csv.gz\nmaximize: val200_1_c10\nmeasure: queries\n"},
      measure_ranked_table);
}

}  // namespace nacre
