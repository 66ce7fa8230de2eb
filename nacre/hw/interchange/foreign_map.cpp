#include "nacre/hw/interchange/foreign_map.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "nacre/base/config_dialect.hpp"
#include "nacre/base/error.hpp"

namespace nacre {
namespace {

class Arithmetic {
 public:
  explicit Arithmetic(std::string_view text) : text_(text) {}

  std::optional<double> value() {
    const std::optional<double> result = sum(0);
    skip();
    return at_ == text_.size() ? result : std::nullopt;
  }

 private:
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool accept(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::optional<double> sum(int depth) {
    std::optional<double> result = product(depth);
    while (result) {
      if (accept('+')) {
        const std::optional<double> right = product(depth);
        result = right ? std::optional(*result + *right) : std::nullopt;
      } else if (accept('-')) {
        const std::optional<double> right = product(depth);
        result = right ? std::optional(*result - *right) : std::nullopt;
      } else {
        break;
      }
    }
    return result;
  }
  std::optional<double> product(int depth) {
    std::optional<double> result = factor(depth);
    while (result) {
      if (accept('*')) {
        const std::optional<double> right = factor(depth);
        result = right ? std::optional(*result * *right) : std::nullopt;
      } else if (accept('/')) {
        const std::optional<double> right = factor(depth);
        result = right && *right != 0 ? std::optional(*result / *right) : std::nullopt;
      } else {
        break;
      }
    }
    return result;
  }
  std::optional<double> factor(int depth) {
    if (depth > 50) return std::nullopt;
    if (accept('(')) {
      const std::optional<double> inside = sum(depth + 1);
      return accept(')') ? inside : std::nullopt;
    }
    skip();
    double value = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
    at_ += static_cast<size_t>(end - begin);
    return value;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

ForeignMap::ForeignMap(const ConfigNode& node, std::string what, std::vector<std::string>& warnings)
    : node_(node), what_(std::move(what)), warnings_(warnings) {
  if (!node.is_map()) throw UserError(node.position, fmt::format("{}: expected a map", what_));
  taken_.insert(std::string(kTagKey));
}

const ConfigNode* ForeignMap::take(std::string_view key) {
  taken_.insert(std::string(key));
  const ConfigNode* found = node_.find(key);
  return found == nullptr || found->is_null() ? nullptr : found;
}

const ConfigNode* ForeignMap::take_any(std::initializer_list<std::string_view> keys) {
  const ConfigNode* found = nullptr;
  for (const std::string_view key : keys) {
    const ConfigNode* here = take(key);
    if (found == nullptr) found = here;
  }
  return found;
}

std::optional<double> ForeignMap::number(std::string_view key) {
  const ConfigNode* found = take(key);
  if (found == nullptr) return std::nullopt;
  const double value = found->as_real(key);
  if (!std::isfinite(value) || value < 0)
    throw UserError(found->position, fmt::format("{}: {} is {}, expected a finite number >= 0", what_, key, value));
  return value;
}

std::optional<int64_t> ForeignMap::whole(std::string_view key) {
  const ConfigNode* found = take(key);
  if (found == nullptr) return std::nullopt;
  const int64_t value = found->as_integer(key);
  if (value < 0) throw UserError(found->position, fmt::format("{}: {} is {}, expected >= 0", what_, key, value));
  return value;
}

std::optional<std::string> ForeignMap::text(std::string_view key) {
  const ConfigNode* found = take(key);
  return found == nullptr ? std::nullopt : std::optional(found->as_text(key));
}

const ConfigNode& ForeignMap::need(std::string_view key) {
  const ConfigNode* found = take(key);
  if (found == nullptr) throw UserError(node_.position, fmt::format("{}: '{}' is missing", what_, key));
  return *found;
}

void ForeignMap::ignore(std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) taken_.insert(std::string(key));
}

void ForeignMap::finish() {
  std::vector<std::string> left;
  for (const auto& [key, value] : node_.entries)
    if (!taken_.contains(key)) left.push_back(key);
  if (!left.empty()) warnings_.push_back(fmt::format("{}: not modelled: {}", what_, fmt::join(left, ", ")));
}

int64_t checked_product(int64_t a, int64_t b, const SourcePosition& position) {
  int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) throw UserError(position, fmt::format("{} times {} is too large", a, b));
  return result;
}

std::optional<double> arithmetic_value(std::string_view text) { return Arithmetic(text).value(); }

}  // namespace nacre
