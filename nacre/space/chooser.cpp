#include "nacre/space/chooser.hpp"

#include <fmt/format.h>

#include "nacre/base/error.hpp"
#include "nacre/base/json.hpp"

namespace nacre {
namespace {

std::string subset_text(const Alternatives& alternatives, int64_t rank) {
  std::string text;
  for (const int64_t i : subset_at(static_cast<int64_t>(alternatives.words.size()), alternatives.subset_size, rank)) {
    text += (text.empty() ? "" : "+") + alternatives.words[static_cast<size_t>(i)];
  }
  return text.empty() ? "none" : text;
}

std::string alternative_text(const Alternatives& alternatives, int64_t index) {
  const auto i = static_cast<size_t>(index);
  switch (alternatives.kind) {
    case DecisionKind::number:
    case DecisionKind::repeat: return std::to_string(alternatives.integers[i]);
    case DecisionKind::real: return Json(alternatives.reals[i]).dump();
    case DecisionKind::word: return alternatives.words[i];
    case DecisionKind::layer: return (*alternatives.branches)[i].label;
    case DecisionKind::subset: return subset_text(alternatives, index);
  }
  return "";
}

}  // namespace

std::vector<std::string> Alternatives::texts() const {
  std::vector<std::string> result;
  result.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) result.push_back(alternative_text(*this, i));
  return result;
}

std::vector<double> Alternatives::numbers() const {
  if (kind == DecisionKind::real) return {reals.begin(), reals.end()};
  return {integers.begin(), integers.end()};
}

std::optional<int64_t> count_subsets(int64_t n, int64_t k, int64_t limit) {
  if (k < 0 || k > n) return 0;
  __int128 count = 1;
  for (int64_t i = 1; i <= std::min(k, n - k); ++i) {
    count = count * (n - std::min(k, n - k) + i) / i;  // exact: a product of i consecutive numbers
    if (count > limit) return std::nullopt;
  }
  return static_cast<int64_t>(count);
}

std::vector<int64_t> subset_at(int64_t n, int64_t k, int64_t rank) {
  std::vector<int64_t> result;
  int64_t next = 0;
  for (int64_t left = k; left > 0; --left, ++next) {
    for (;; ++next) {  // subsets that begin with `next`
      const int64_t starting = count_subsets(n - next - 1, left - 1, INT64_MAX / 2).value();
      if (rank < starting) break;
      rank -= starting;
      NACRE_CHECK(next < n, "rank of a subset");
    }
    result.push_back(next);
  }
  return result;
}

int64_t subset_rank(int64_t n, std::span<const int64_t> subset) {
  int64_t rank = 0, next = 0;
  for (size_t i = 0; i < subset.size(); ++i) {
    const auto left = static_cast<int64_t>(subset.size() - i) - 1;
    for (; next < subset[i]; ++next) rank += count_subsets(n - next - 1, left, INT64_MAX / 2).value();
    ++next;
  }
  return rank;
}

// --- decisions ----------------------------------------------------------------------------------------------------

void Chooser::check_alternatives(std::string_view name, int64_t count) const {
  if (name.empty()) throw UserError("a decision in scope '" + path_ + "' has no name");
  if (count == 0) throw UserError("decision '" + key(name) + "' has no alternatives");
}

Choice Chooser::pick(std::string_view name, std::span<const int64_t> alternatives) {
  check_alternatives(name, static_cast<int64_t>(alternatives.size()));
  if (alternatives.size() == 1) return Choice(alternatives[0]);
  std::string full = key(name);
  const int64_t index = choose(
      full,
      {.kind = DecisionKind::number, .count = static_cast<int64_t>(alternatives.size()), .integers = alternatives});
  auto expression = std::make_shared<Choice::Expression>();
  expression->kind = Choice::Expression::Kind::decision;
  expression->key = std::move(full);
  expression->alternatives.assign(alternatives.begin(), alternatives.end());
  return Choice(*this, std::move(expression), alternatives[static_cast<size_t>(index)]);
}

double Chooser::pick_real(std::string_view name, std::span<const double> alternatives) {
  check_alternatives(name, static_cast<int64_t>(alternatives.size()));
  if (alternatives.size() == 1) return alternatives[0];
  const int64_t index =
      choose(key(name),
             {.kind = DecisionKind::real, .count = static_cast<int64_t>(alternatives.size()), .reals = alternatives});
  return alternatives[static_cast<size_t>(index)];
}

std::string Chooser::pick_word(std::string_view name, std::span<const std::string> alternatives) {
  check_alternatives(name, static_cast<int64_t>(alternatives.size()));
  if (alternatives.size() == 1) return alternatives[0];
  const int64_t index =
      choose(key(name),
             {.kind = DecisionKind::word, .count = static_cast<int64_t>(alternatives.size()), .words = alternatives});
  return alternatives[static_cast<size_t>(index)];
}

ValueId Chooser::recurse(std::string_view name, int64_t max_depth, GraphBuilder& builder, ValueId x,
                         const GrammarRule& rule) {
  std::vector<Branch> branches;
  const std::string scope_name(name);
  for (Production& production : rule(depth_)) {
    if (depth_ >= max_depth && !production.terminal) continue;
    branches.push_back(
        {production.label, [this, scope_name, build = std::move(production.build)](GraphBuilder& b, ValueId input) {
           struct DepthGuard {
             int64_t& depth;
             explicit DepthGuard(int64_t& d) : depth(d) { ++depth; }
             ~DepthGuard() { --depth; }
           } const deeper(depth_);
           const auto inside = scope(scope_name, b);
           return build(b, input);
         }});
  }
  if (branches.empty()) {
    throw UserError(fmt::format(
        "grammar '{}' has no terminal production at depth {} (its limit is {}); mark one production terminal",
        key(name), depth_, max_depth));
  }
  return layer(name, builder, x, branches);
}

ValueId Chooser::sum_of(std::string_view name, GraphBuilder& builder, ValueId x, const std::vector<Branch>& parts,
                        int64_t k) {
  const auto n = static_cast<int64_t>(parts.size());
  std::vector<std::string> labels;
  for (const Branch& part : parts) labels.push_back(part.label);
  const int64_t count = check_subset(name, labels, k);
  if (k < 1) throw UserError(fmt::format("sum '{}': expected at least one part of {}, found {}", key(name), n, k));
  std::vector<Branch> sums;
  for (int64_t rank = 0; rank < count; ++rank) {
    const std::vector<int64_t> chosen = subset_at(n, k, rank);
    std::string label;
    for (const int64_t i : chosen) label += (label.empty() ? "" : "+") + labels[static_cast<size_t>(i)];
    sums.push_back({std::move(label), [&parts, chosen](GraphBuilder& b, ValueId y) {
                      ValueId sum = parts[static_cast<size_t>(chosen[0])].build(b, y);
                      for (size_t i = 1; i < chosen.size(); ++i)
                        sum = b.add(sum, parts[static_cast<size_t>(chosen[i])].build(b, y));
                      return sum;
                    }});
  }
  return layer(name, builder, x, sums);
}

void Chooser::check_repeat(std::string_view name, std::span<const int64_t> counts) const {
  check_alternatives(name, static_cast<int64_t>(counts.size()));
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] < 0 || (i > 0 && counts[i] <= counts[i - 1])) {
      throw UserError(fmt::format("repeat '{}': counts must be ascending and not negative, found {} at place {}",
                                  key(name), counts[i], i + 1));
    }
  }
}

int64_t Chooser::check_subset(std::string_view name, std::span<const std::string> labels, int64_t k) const {
  const auto n = static_cast<int64_t>(labels.size());
  if (k < 0 || k > n) throw UserError(fmt::format("subset '{}': cannot choose {} of {}", key(name), k, n));
  check_alternatives(name, 1);
  const auto count = count_subsets(n, k, kSubsetLimit);
  if (!count) {
    throw UserError(fmt::format("subset '{}': {} of {} has more than {} alternatives; split it into several subsets",
                                key(name), k, n, kSubsetLimit));
  }
  return *count;
}

// --- scopes -------------------------------------------------------------------------------------------------------

std::string Chooser::key(std::string_view name) const {
  std::string result;
  result.reserve(path_.size() + 1 + name.size());
  if (!path_.empty()) result.append(path_).push_back('/');
  return result.append(name);
}

Chooser::ScopeGuard::ScopeGuard(Chooser& chooser, std::string path, GraphBuilder* builder, std::string_view node_scope)
    : chooser_(chooser), outer_(std::move(path)) {
  if (builder != nullptr) builder_scope_.emplace(*builder, node_scope);
  outer_.swap(chooser_.path_);
}

Chooser::ScopeGuard::~ScopeGuard() { chooser_.path_ = std::move(outer_); }

}  // namespace nacre
