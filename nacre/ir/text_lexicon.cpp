#include "nacre/ir/text_lexicon.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace nacre::text {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr std::array<std::string_view, 10> kKeywords = {"_",     "frozen", "graph",  "meta",  "opset",
                                                        "param", "raw",    "return", "state", "with"};

struct DistributionRow {
  Distribution::Kind kind;
  std::string_view name;
};

constexpr std::array kDistributions = {
    DistributionRow{Distribution::Kind::constant, "constant"},
    DistributionRow{Distribution::Kind::normal, "normal"},
    DistributionRow{Distribution::Kind::uniform, "uniform"},
    DistributionRow{Distribution::Kind::kaiming_normal_fan_out, "kaiming_normal_fan_out"},
    DistributionRow{Distribution::Kind::kaiming_normal_fan_in, "kaiming_normal_fan_in"},
    DistributionRow{Distribution::Kind::xavier_uniform, "xavier_uniform"},
    DistributionRow{Distribution::Kind::truncated_normal, "truncated_normal"}};

constexpr std::string_view kDigits64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int value64(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

bool is_keyword(std::string_view word) { return std::ranges::find(kKeywords, word) != kKeywords.end(); }

bool is_bare_name(std::string_view name) {
  if (name.empty() || is_keyword(name)) return false;
  if (!is_letter(name[0]) && name[0] != '/') return false;
  return std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '/'; });
}

bool is_bare_path(std::string_view path) {
  return !path.empty() && std::ranges::all_of(path, [](char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '/' || c == '-' || c == ':';
  });
}

bool is_bare_symbol(std::string_view symbol) {
  if (symbol.empty() || std::ranges::all_of(symbol, is_digit)) return false;
  if (!is_letter(symbol[0]) && !is_digit(symbol[0]) && symbol[0] != '(') return false;
  return std::ranges::all_of(symbol, [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("+-*/().:").find(c) != std::string_view::npos;
  });
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': result += "\\\""; break;
      case '\\': result += "\\\\"; break;
      case '\n': result += "\\n"; break;
      case '\r': result += "\\r"; break;
      case '\t': result += "\\t"; break;
      default:
        if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) {
          constexpr std::string_view kHex = "0123456789abcdef";
          result += "\\x";
          result += kHex[static_cast<uint8_t>(c) >> 4];
          result += kHex[static_cast<uint8_t>(c) & 15];
        } else {
          result += c;
        }
    }
  }
  return result + '"';
}

std::string_view distribution_name(Distribution::Kind kind) {
  for (const DistributionRow& row : kDistributions) {
    if (row.kind == kind) return row.name;
  }
  return "";
}

std::optional<Distribution::Kind> distribution_from_name(std::string_view name) {
  for (const DistributionRow& row : kDistributions) {
    if (row.name == name) return row.kind;
  }
  return std::nullopt;
}

std::string base64(const void* data, size_t bytes) {
  const auto* at = static_cast<const uint8_t*>(data);
  std::string result;
  result.reserve((bytes + 2) / 3 * 4);
  for (size_t i = 0; i < bytes; i += 3) {
    uint32_t word = static_cast<uint32_t>(at[i]) << 16;
    if (i + 1 < bytes) word |= static_cast<uint32_t>(at[i + 1]) << 8;
    if (i + 2 < bytes) word |= at[i + 2];
    result += kDigits64[word >> 18];
    result += kDigits64[(word >> 12) & 63];
    result += i + 1 < bytes ? kDigits64[(word >> 6) & 63] : '=';
    result += i + 2 < bytes ? kDigits64[word & 63] : '=';
  }
  return result;
}

std::optional<std::string> from_base64(std::string_view text, size_t bytes) {
  if (text.size() % 4 != 0 || text.size() / 4 != (bytes + 2) / 3) return std::nullopt;
  std::string result;
  result.reserve(bytes + 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t word = 0;
    for (size_t k = 0; k < 4; ++k) {
      const bool padding = text[i + k] == '=' && i + 4 == text.size() && k >= 2;
      const int value = padding ? 0 : value64(text[i + k]);
      if (value < 0) return std::nullopt;
      word = word << 6 | static_cast<uint32_t>(value);
    }
    for (const int shift : {16, 8, 0}) result += static_cast<char>(word >> shift & 255);
  }
  result.resize(bytes);
  if (base64(result.data(), result.size()) != text) return std::nullopt;  // misplaced padding
  return result;
}

}  // namespace nacre::text
