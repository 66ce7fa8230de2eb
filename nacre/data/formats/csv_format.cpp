// Format `csv`: a table as text.
#include <algorithm>

#include "nacre/data/csv.hpp"
#include "nacre/data/data_format.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> found_paths(const Options& options, std::string_view key, const DataContext& context) {
  std::vector<fs::path> files;
  if (!options.has(key)) return files;
  for (const std::string& written : options.texts(key))
    files.push_back(context.paths.find(written, options.position(key)));
  return files;
}

char separator_of(const std::string& word) {
  if (word == "comma") return ',';
  if (word == "semicolon") return ';';
  if (word == "tab") return '\t';
  if (word == "bar") return '|';
  return '\0';
}

LoadedData load_csv(const Options& options, const DataContext& context) {
  CsvOptions csv;
  csv.labels = options.texts("label");
  csv.label_kind = context.labels;
  csv.ignore = options.texts("ignore");
  const std::string header = options.text("header");
  csv.header = header == "yes"  ? CsvOptions::Header::yes
               : header == "no" ? CsvOptions::Header::no
                                : CsvOptions::Header::detect;
  csv.separator = separator_of(options.text("separator"));
  const std::string missing = options.text("missing");
  csv.missing = missing == "drop"   ? CsvOptions::Missing::drop
                : missing == "mean" ? CsvOptions::Missing::mean
                                    : CsvOptions::Missing::error;
  csv.missing_words = options.texts("missing_words");
  if (options.text("text_columns") == "one_hot") csv.text_columns = CsvOptions::TextColumns::one_hot;
  csv.shape = options.integers("shape");
  if (csv.shape.size() > 4) throw UserError(options.position("shape"), "task.data.shape: expected at most 4 extents");
  return read_csv(found_paths(options, "path", context), found_paths(options, "test_path", context), csv);
}

}  // namespace

void register_csv_format(DataFormatRegistry& registry) {
  registry.add(
      {.name = "csv",
       .summary = "a table as text, one sample a line, plain or gzip",
       .source = "RFC 4180",
       .parameters = {{.name = "path",
                       .type = ParameterType::text_list,
                       .description = "file or files with the same columns",
                       .required = true},
                      {.name = "test_path",
                       .type = ParameterType::text_list,
                       .description = "file or files of the test set; none: it is split off"},
                      {.name = "label",
                       .type = ParameterType::text_list,
                       .description = "column of the label, by name or index (negative from the end)",
                       .default_value = Json::array({"-1"})},
                      {.name = "ignore",
                       .type = ParameterType::text_list,
                       .description = "columns that are no features",
                       .default_value = Json::array()},
                      {.name = "header",
                       .description = "whether the first line holds names",
                       .default_value = "detect",
                       .choices = {"detect", "yes", "no"}},
                      {.name = "separator",
                       .description = "between fields",
                       .default_value = "detect",
                       .choices = {"detect", "comma", "semicolon", "tab", "bar"}},
                      {.name = "missing",
                       .description = "rows with missing values: error, drop them, or mean of the training split",
                       .default_value = "error",
                       .choices = {"error", "drop", "mean"}},
                      {.name = "missing_words",
                       .type = ParameterType::text_list,
                       .description = "fields that mean a missing value",
                       .default_value = Json::array({"", "NA", "NaN", "nan", "?", "null"})},
                      {.name = "text_columns",
                       .description = "columns of words: error, or one feature per word",
                       .default_value = "error",
                       .choices = {"error", "one_hot"}},
                      {.name = "shape",
                       .type = ParameterType::integer_list,
                       .description = "shape of a sample, e.g. [1, 8, 8] for images; empty: [columns]",
                       .default_value = Json::array(),
                       .minimum = 1}},
       .example = "format: csv\npath: digits/digits.csv.gz\nlabel: -1\nshape: [1, 8, 8]\n"},
      load_csv);
}

}  // namespace nacre
