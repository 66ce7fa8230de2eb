#include "nacre/data/csv.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/data/csv_scanner.hpp"

namespace nacre {
namespace {

struct TextFile {
  std::string origin;
  std::string content;
  char separator = ',';
  bool has_header = false;
};

// What was found in the pool and is asked of the test file.
struct TableForm {
  std::string origin;
  std::vector<std::string> columns;
  std::vector<size_t> label_columns;
  std::vector<size_t> feature_columns;
  std::vector<std::vector<std::string>> words;  // per column: of a text column, sorted; empty: numbers
  std::vector<std::string> classes;             // in the order of their indices
};

std::string column_text(const TableForm& form, size_t column) {
  return "column '" + form.columns[column] + "' (" + std::to_string(column) + ")";
}

bool is_missing(std::string_view field, const CsvOptions& options) {
  return std::ranges::find(options.missing_words, field) != options.missing_words.end();
}

// Whole numbers in their order, then other words alphabetically.
bool class_name_less(const std::string& a, const std::string& b) {
  double x = 0;
  double y = 0;
  const bool a_number = parse_csv_number(a, x);
  const bool b_number = parse_csv_number(b, y);
  if (a_number != b_number) return a_number;
  if (a_number && x != y) return x < y;
  return a < b;
}

class TableReader {
 public:
  explicit TableReader(const CsvOptions& options) : options_(options) {}

  Dataset fit(std::vector<TextFile>& files) {
    open_columns(files);
    collect_words(files);
    return extract(files, true);
  }
  Dataset apply(std::vector<TextFile>& files) {
    open_columns(files);
    return extract(files, false);
  }

 private:
  void open_columns(std::vector<TextFile>& files);
  std::vector<size_t> columns_named(const std::vector<std::string>& names, const std::string& origin) const;
  void collect_words(const std::vector<TextFile>& files);
  Dataset extract(const std::vector<TextFile>& files, bool fitting);
  void append_features(const CsvRow& row, const std::string& origin, std::vector<float>& values) const;
  void append_labels(const CsvRow& row, const std::string& origin);
  bool keep_row(const CsvRow& row, const std::string& origin) const;
  template <class Visit>
  void for_each_row(const TextFile& file, const Visit& visit) const;
  size_t width() const;

  const CsvOptions& options_;
  TableForm form_;
  std::vector<int64_t> class_indices_;
  std::vector<float> number_labels_;
  int64_t pool_rows_ = 0;
};

bool row_is_header(const std::vector<std::vector<std::string>>& rows, const CsvOptions& options) {
  if (rows.size() < 2) return false;
  double ignored = 0;
  for (const std::string& field : rows[0]) {
    if (field.empty() || parse_csv_number(field, ignored)) return false;
  }
  return std::ranges::any_of(rows[1], [&](const std::string& field) { return parse_csv_number(field, ignored); }) ||
         std::ranges::any_of(options.labels, [&](const std::string& name) {
           return std::ranges::find(rows[0], name) != rows[0].end();
         });
}

void TableReader::open_columns(std::vector<TextFile>& files) {
  for (TextFile& file : files) {
    file.separator = options_.separator != '\0' ? options_.separator : detect_csv_separator(file.content);
    std::vector<std::vector<std::string>> rows;
    scan_csv(file.content, file.separator, file.origin, [&](const CsvRow& row) {
      rows.emplace_back(row.fields.begin(), row.fields.end());
      return rows.size() < 2;
    });
    if (rows.empty()) throw UserError("'" + file.origin + "': no rows");
    file.has_header = options_.header == CsvOptions::Header::detect ? row_is_header(rows, options_)
                                                                    : options_.header == CsvOptions::Header::yes;
    std::vector<std::string> columns = rows[0];
    if (!file.has_header) {
      for (size_t i = 0; i < columns.size(); ++i) columns[i] = "column_" + std::to_string(i);
    }
    if (form_.columns.empty()) {
      form_.origin = file.origin;
      form_.columns = std::move(columns);
      if (file.has_header && std::set(form_.columns.begin(), form_.columns.end()).size() != form_.columns.size()) {
        throw UserError({file.origin, 1, 0}, "two columns have the same name");
      }
      form_.label_columns = columns_named(options_.labels, file.origin);
    } else if (columns.size() != form_.columns.size() || (file.has_header && columns != form_.columns)) {
      throw UserError({file.origin, 1, 0}, "the columns differ from those of '" + form_.origin + "'");
    }
  }
  if (!form_.feature_columns.empty()) return;
  const std::vector<size_t> ignored = columns_named(options_.ignore, files[0].origin);
  for (size_t column = 0; column < form_.columns.size(); ++column) {
    if (std::ranges::find(form_.label_columns, column) == form_.label_columns.end() &&
        std::ranges::find(ignored, column) == ignored.end()) {
      form_.feature_columns.push_back(column);
    }
  }
  if (form_.feature_columns.empty()) throw UserError("'" + files[0].origin + "': no column is left as a feature");
}

std::vector<size_t> TableReader::columns_named(const std::vector<std::string>& names, const std::string& origin) const {
  std::vector<size_t> result;
  const auto count = static_cast<int64_t>(form_.columns.size());
  for (const std::string& name : names) {
    const auto found = std::ranges::find(form_.columns, name);
    int64_t column = found - form_.columns.begin();
    if (found == form_.columns.end()) {
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), column);
      if (error != std::errc() || end != name.data() + name.size()) {
        throw UserError("'" + origin + "': " + unknown_name_message("column", name, form_.columns));
      }
      if (column < 0) column += count;
      if (column < 0 || column >= count) {
        throw UserError("'" + origin + "': there is no column " + name + ", the file has " + std::to_string(count));
      }
    }
    result.push_back(static_cast<size_t>(column));
  }
  return result;
}

template <class Visit>
void TableReader::for_each_row(const TextFile& file, const Visit& visit) const {
  bool header = file.has_header;
  scan_csv(file.content, file.separator, file.origin, [&](const CsvRow& row) {
    if (row.fields.size() != form_.columns.size()) {
      throw UserError({file.origin, row.line, 0}, "expected " + std::to_string(form_.columns.size()) +
                                                      " fields, found " + std::to_string(row.fields.size()));
    }
    if (!header) visit(row);
    header = false;
    return true;
  });
}

bool TableReader::keep_row(const CsvRow& row, const std::string& origin) const {
  for (const size_t column : form_.label_columns) {
    if (!is_missing(row.fields[column], options_)) continue;
    if (options_.missing == CsvOptions::Missing::drop) return false;
    throw UserError({origin, row.line, 0},
                    column_text(form_, column) + ": the label is missing; set missing: drop to leave such rows out");
  }
  for (const size_t column : form_.feature_columns) {
    if (!is_missing(row.fields[column], options_)) continue;
    if (options_.missing == CsvOptions::Missing::drop) return false;
    if (options_.missing == CsvOptions::Missing::mean) continue;
    throw UserError({origin, row.line, 0},
                    column_text(form_, column) + ": the value is missing; set missing: drop or missing: mean");
  }
  return true;
}

void TableReader::collect_words(const std::vector<TextFile>& files) {
  form_.words.resize(form_.columns.size());
  std::vector<std::set<std::string>> words(form_.columns.size());
  std::vector<bool> textual(form_.columns.size(), false);
  std::set<std::string> classes;
  constexpr size_t kMaximumWords = 1000;
  for (const TextFile& file : files) {
    for_each_row(file, [&](const CsvRow& row) {
      if (!keep_row(row, file.origin)) return;
      ++pool_rows_;
      if (options_.label_kind == LabelKind::classes) classes.emplace(row.fields[form_.label_columns[0]]);
      for (const size_t column : form_.feature_columns) {
        double value = 0;
        const std::string_view field = row.fields[column];
        if (is_missing(field, options_) || (!textual[column] && parse_csv_number(field, value))) continue;
        if (options_.text_columns == CsvOptions::TextColumns::error) {
          throw UserError({file.origin, row.line, 0},
                          column_text(form_, column) + ": expected a finite number, found '" +
                              std::string(field.substr(0, 60)) + "'; set text_columns: one_hot or ignore the column");
        }
        textual[column] = true;
      }
    });
  }
  if (std::ranges::find(textual, true) != textual.end()) {  // numbers in a text column are words too: read them again
    for (const TextFile& file : files) {
      for_each_row(file, [&](const CsvRow& row) {
        if (!keep_row(row, file.origin)) return;
        for (const size_t column : form_.feature_columns) {
          if (!textual[column] || is_missing(row.fields[column], options_)) continue;
          words[column].emplace(row.fields[column]);
          if (words[column].size() > kMaximumWords) {
            throw UserError({file.origin, row.line, 0},
                            column_text(form_, column) + ": more than 1000 different words; ignore the column");
          }
        }
      });
    }
  }
  for (size_t column = 0; column < words.size(); ++column)
    form_.words[column] = {words[column].begin(), words[column].end()};
  form_.classes = {classes.begin(), classes.end()};
  std::ranges::sort(form_.classes, class_name_less);
  if (static_cast<double>(width()) * static_cast<double>(pool_rows_) * 4 > static_cast<double>(kDatasetLimitBytes)) {
    throw UserError("'" + form_.origin + "': " + std::to_string(width()) + " features of " +
                    std::to_string(pool_rows_) + " rows are larger than can be held; ignore some columns");
  }
}

size_t TableReader::width() const {
  size_t result = 0;
  for (const size_t column : form_.feature_columns) result += std::max<size_t>(1, form_.words[column].size());
  return result;
}

void TableReader::append_features(const CsvRow& row, const std::string& origin, std::vector<float>& values) const {
  for (const size_t column : form_.feature_columns) {
    const std::string_view field = row.fields[column];
    const std::vector<std::string>& words = form_.words[column];
    const bool missing = is_missing(field, options_);
    double value = 0;
    if (!words.empty()) {  // an unknown word in the test file, like a missing one, is all zeros
      for (const std::string& word : words) values.push_back(!missing && word == field ? 1.0F : 0.0F);
    } else if (missing) {
      values.push_back(std::numeric_limits<float>::quiet_NaN());
    } else if (parse_csv_number(field, value) && std::fabs(value) <= std::numeric_limits<float>::max()) {
      values.push_back(static_cast<float>(value));
    } else {
      throw UserError({origin, row.line, 0}, column_text(form_, column) + ": expected a finite number, found '" +
                                                 std::string(field.substr(0, 60)) + "'");
    }
  }
}

void TableReader::append_labels(const CsvRow& row, const std::string& origin) {
  if (options_.label_kind == LabelKind::classes) {
    const std::string name(row.fields[form_.label_columns[0]]);
    const auto found = std::ranges::lower_bound(form_.classes, name, class_name_less);
    if (found == form_.classes.end() || *found != name) {
      throw UserError({origin, row.line, 0},
                      unknown_name_message("class", name, form_.classes, "the training file does not have it"));
    }
    class_indices_.push_back(found - form_.classes.begin());
    return;
  }
  for (const size_t column : form_.label_columns) {
    double value = 0;
    if (!parse_csv_number(row.fields[column], value) || std::fabs(value) > std::numeric_limits<float>::max()) {
      throw UserError({origin, row.line, 0}, column_text(form_, column) + ": expected a number to predict, found '" +
                                                 std::string(row.fields[column].substr(0, 60)) + "'");
    }
    number_labels_.push_back(static_cast<float>(value));
  }
}

Dataset TableReader::extract(const std::vector<TextFile>& files, bool fitting) {
  class_indices_.clear();
  number_labels_.clear();
  std::vector<float> values;
  Dataset dataset;
  int64_t rows = 0;
  for (const TextFile& file : files) {
    dataset.source += (dataset.source.empty() ? "" : ", ") + file.origin;
    for_each_row(file, [&](const CsvRow& row) {
      if (!keep_row(row, file.origin)) return;
      append_features(row, file.origin, values);
      append_labels(row, file.origin);
      ++rows;
    });
  }
  if (rows == 0) throw UserError("'" + dataset.source + "': no rows of data");
  if (fitting && options_.label_kind == LabelKind::classes && form_.classes.size() == static_cast<size_t>(rows) &&
      rows > 20) {
    throw UserError("'" + dataset.source + "': every row has a label of its own; " +
                    column_text(form_, form_.label_columns[0]) + " is hardly a class (set label)");
  }
  const auto columns = static_cast<int64_t>(width());
  std::vector<int64_t> extents = {rows};
  int64_t elements = 1;
  for (const int64_t extent : options_.shape) elements *= extent;
  if (options_.shape.empty()) {
    extents.push_back(columns);
  } else if (elements != columns) {
    throw UserError("'" + dataset.source + "': shape asks for " + std::to_string(elements) +
                    " features, the table has " + std::to_string(columns));
  }
  extents.insert(extents.end(), options_.shape.begin(), options_.shape.end());
  dataset.has_missing = std::ranges::any_of(values, [](float value) { return std::isnan(value); });
  dataset.features = Tensor::of<float>(extents, values);
  for (const size_t column : form_.feature_columns) {
    const auto& words = form_.words[column];
    if (words.empty()) dataset.feature_names.push_back(form_.columns[column]);
    for (const std::string& word : words) dataset.feature_names.push_back(form_.columns[column] + "=" + word);
  }
  if (options_.label_kind == LabelKind::classes) {
    dataset.labels = Tensor::of<int64_t>(std::vector<int64_t>{rows}, class_indices_);
    dataset.class_names = form_.classes;
  } else {
    const std::vector<int64_t> shape = {rows, static_cast<int64_t>(form_.label_columns.size())};
    dataset.labels = Tensor::of<float>(shape, number_labels_);
  }
  return dataset;
}

std::vector<TextFile> read_files(std::span<const std::filesystem::path> paths) {
  std::vector<TextFile> files;
  for (const std::filesystem::path& path : paths) files.push_back({path.string(), read_possibly_gzipped_file(path)});
  return files;
}

}  // namespace

LoadedData read_csv(std::span<const std::filesystem::path> pool, std::span<const std::filesystem::path> test,
                    const CsvOptions& options) {
  NACRE_CHECK(!pool.empty());
  if (options.label_kind == LabelKind::classes && options.labels.size() != 1) {
    throw UserError("expected one label column for classes, found " + std::to_string(options.labels.size()));
  }
  TableReader reader(options);
  std::vector<TextFile> files = read_files(pool);
  LoadedData data;
  data.pool = reader.fit(files);
  if (!test.empty()) {
    files = read_files(test);
    data.test = reader.apply(files);
  }
  return data;
}

}  // namespace nacre
