// Tables as text (RFC 4180): comma, semicolon, tab or bar; quoted fields; plain or gzip. A table is fitted on the training
// file (which columns are text, which classes there are) and the same form is then asked of the test file.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nacre/data/dataset.hpp"

namespace nacre {

struct CsvOptions {
  enum class Header { detect, yes, no };
  enum class Missing { error, drop, mean };  // mean: kept as NaN, replaced by the training mean in normalization
  enum class TextColumns { error, one_hot };

  std::vector<std::string> labels = {"-1"};   // columns by name or index (from 0; negative from the end)
  LabelKind label_kind = LabelKind::classes;  // classes: exactly one label column
  std::vector<std::string> ignore = {};       // columns that are no features
  Header header = Header::detect;
  char separator = '\0';  // 0: found in the first line
  Missing missing = Missing::error;
  std::vector<std::string> missing_words = {"", "NA", "NaN", "nan", "?", "null"};
  TextColumns text_columns = TextColumns::error;
  std::vector<int64_t> shape = {};  // of one sample, e.g. {1, 8, 8}; empty: [columns]
};

// Files of the pool are read one after the other and must have the same columns. UserError with file, line and column name
// for uneven rows, missing or malformed values, unknown columns, classes in the test file that the pool does not have.
LoadedData read_csv(std::span<const std::filesystem::path> pool, std::span<const std::filesystem::path> test,
                    const CsvOptions& options);

}  // namespace nacre
