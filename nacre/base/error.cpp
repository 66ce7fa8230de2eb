#include "nacre/base/error.hpp"

#include <algorithm>
#include <numeric>

namespace nacre {

std::string SourcePosition::text() const {
  if (file.empty() || line == 0) return file;
  return file + ":" + std::to_string(line) + (column == 0 ? "" : ":" + std::to_string(column));
}

UserError::UserError(const SourcePosition& position, const std::string& message)
    : Error(position.known() ? position.text() + ": " + message : message) {}

namespace {

// Insertions, deletions, substitutions and swaps of neighbors, each costing 1 (optimal string alignment).
int edit_distance(std::string_view a, std::string_view b) {
  std::vector<int> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(above.begin(), above.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above.back();
}

}  // namespace

std::string nearest_name(std::string_view word, std::span<const std::string> candidates) {
  const int limit = std::max<int>(1, static_cast<int>(std::min<size_t>(word.size(), 200)) / 3);
  int best = limit + 1;
  std::string nearest;
  if (word.size() > 200) return nearest;
  for (const std::string& candidate : candidates) {
    const int distance = edit_distance(word, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string unknown_name_message(std::string_view what, std::string_view word, std::span<const std::string> candidates,
                                 std::string_view hint) {
  std::string message = "unknown " + std::string(what) + " '" + std::string(word.substr(0, 200)) + "'";
  const std::string nearest = nearest_name(word, candidates);
  if (!nearest.empty()) {
    message += "; did you mean '" + nearest + "'?";
  } else if (!candidates.empty()) {
    message += "; accepted:";
    for (size_t i = 0; i < candidates.size(); ++i) message += (i == 0 ? " " : ", ") + candidates[i];
  }
  if (!hint.empty()) message += " (" + std::string(hint) + ")";
  return message;
}

namespace detail {

void fail_check(const char* expression, const char* file, int line, const std::string& message) {
  std::string_view path = file;
  const size_t start = path.rfind("nacre/");
  if (start != std::string_view::npos) path = path.substr(start);
  throw InternalError("internal error at " + std::string(path) + ":" + std::to_string(line) + ": " + expression +
                      (message.empty() ? "" : ": " + message) + "; please report it");
}

}  // namespace detail
}  // namespace nacre
