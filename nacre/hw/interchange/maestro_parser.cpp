#include "nacre/hw/interchange/maestro_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace nacre::maestro {
namespace {

struct Token {
  std::string text;  // "" at the end
  SourcePosition position;
};

std::vector<Token> tokens_of(const std::string& text, const std::string& origin) {
  std::vector<Token> tokens;
  int line = 1;
  size_t line_start = 0;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    const SourcePosition position{origin, line, static_cast<int>(i - line_start) + 1};
    if (c == '\n') {
      ++line;
      line_start = ++i;
    } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      ++i;
    } else if (text.compare(i, 2, "//") == 0) {
      i = std::min(text.find('\n', i), text.size());
    } else if (text.compare(i, 2, "/*") == 0) {
      const size_t end = text.find("*/", i + 2);
      if (end == std::string::npos) throw UserError(position, "a comment without an end");
      for (; i < end + 2; ++i) {
        if (text[i] != '\n') continue;
        ++line;
        line_start = i + 1;
      }
    } else if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
      size_t end = i;
      while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_' ||
                                   text[end] == '-' || text[end] == '.'))
        ++end;
      if (end < text.size() && text[end] == '\'') ++end;
      tokens.push_back({text.substr(i, end - i), position});
      i = end;
    } else if (std::string_view("{}():;,+-*/").find(c) != std::string_view::npos) {
      tokens.push_back({std::string(1, c), position});
      ++i;
    } else {
      throw UserError(position, fmt::format("'{}' has no meaning here", c));
    }
  }
  tokens.push_back({"", {origin, line, 0}});
  return tokens;
}

class Parser {
 public:
  Parser(std::vector<Token> tokens, std::vector<std::string>& warnings)
      : tokens_(std::move(tokens)), warnings_(warnings) {}

  std::vector<Layer> parse() {
    std::vector<Layer> layers;
    while (!peek().text.empty()) {
      const Token word = next();
      if (word.text == "Constant") {
        const std::string name = next().text;
        constants_[name] = expression(0);
        expect(";");
      } else if (word.text == "Network") {
        next();
        expect("{");
        while (peek().text != "}") layers.push_back(layer());
        next();
      } else if (word.text == "Accelerator" || word.text == "include") {
        warnings_.push_back(fmt::format("not modelled: {}", word.text));
        skip_block();
      } else {
        throw UserError(word.position, fmt::format("'{}': expected Constant or Network", word.text));
      }
    }
    return layers;
  }

 private:
  const Token& peek() const { return tokens_[at_]; }

  Token next() {
    if (at_ + 1 >= tokens_.size()) throw UserError(peek().position, "the file ends in the middle");
    return tokens_[at_++];
  }

  void expect(const char* text) {
    const Token token = peek();
    if (token.text != text) {
      throw UserError(token.position,
                      fmt::format("expected '{}', found '{}'", text, token.text.empty() ? "the end" : token.text));
    }
    next();
  }

  bool accept(const char* text) {
    if (peek().text != text) return false;
    next();
    return true;
  }

  void skip_block() {
    while (peek().text != "{") next();
    int depth = 0;
    do {
      const std::string text = next().text;
      depth += text == "{" ? 1 : text == "}" ? -1 : 0;
    } while (depth > 0);
  }

  static bool is_number(const std::string& text) {
    return !text.empty() && text.size() < 16 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  }

  int64_t in_range(int64_t value, const SourcePosition& position) const {
    constexpr int64_t kLargest = int64_t{1} << 40;
    if (value > kLargest || value < -kLargest) throw UserError(position, "a number is too large");
    return value;
  }

  int64_t expression(int depth) {
    int64_t value = product(depth);
    while (peek().text == "+" || peek().text == "-") {
      const Token sign = next();
      const int64_t right = product(depth);
      value = in_range(sign.text == "+" ? value + right : value - right, sign.position);
    }
    return value;
  }

  int64_t product(int depth) {
    int64_t value = factor(depth);
    while (peek().text == "*" || peek().text == "/") {
      const Token sign = next();
      const int64_t right = factor(depth);
      if (sign.text == "/") {
        if (right == 0) throw UserError(sign.position, "a division by zero");
        value /= right;
      } else if (__builtin_mul_overflow(value, right, &value)) {
        throw UserError(sign.position, "a number is too large");
      }
      in_range(value, sign.position);
    }
    return value;
  }

  int64_t factor(int depth) {
    const Token token = next();
    if (depth > 50) throw UserError(token.position, "nested too deep");
    if (token.text == "(") {
      const int64_t value = expression(depth + 1);
      expect(")");
      return value;
    }
    if (token.text == "Sz") {
      expect("(");
      const Token name = next();
      expect(")");
      if (current_ == nullptr || !current_->dimensions.contains(name.text))
        throw UserError(name.position, fmt::format("Sz({}): no such dimension above", name.text));
      return current_->dimensions.at(name.text);
    }
    if (is_number(token.text)) return in_range(std::stoll(token.text), token.position);
    if (const auto found = constants_.find(token.text); found != constants_.end()) return found->second;
    throw UserError(token.position, fmt::format("'{}': expected a number, a constant or Sz(dimension)", token.text));
  }

  int64_t positive(const char* what) {
    const SourcePosition position = peek().position;
    const int64_t value = expression(0);
    if (value < 1) throw UserError(position, fmt::format("{} is {}, expected at least 1", what, value));
    return value;
  }

  // { X: 1, Y: 1 }, with or without colons.
  std::map<std::string, int64_t> sizes(const char* what) {
    std::map<std::string, int64_t> values;
    expect("{");
    while (!accept("}")) {
      const Token name = next();
      accept(":");
      if (!values.emplace(name.text, positive(what)).second)
        throw UserError(name.position, fmt::format("{}: '{}' stands here twice", what, name.text));
      if (!accept(",")) accept(";");
    }
    return values;
  }

  Layer layer() {
    expect("Layer");
    Layer made;
    made.position = peek().position;
    made.name = next().text;
    current_ = &made;
    expect("{");
    while (!accept("}")) {
      const Token word = next();
      if (word.text == "Type") {
        accept(":");
        made.type = next().text;
        accept(";");
      } else if (word.text == "Stride" || word.text == "Dilation") {
        const std::map<std::string, int64_t> values = sizes(word.text.c_str());
        for (const auto& [axis, value] : values) {
          if (axis != "X" && axis != "Y") throw UserError(word.position, fmt::format("{}: '{}'", word.text, axis));
          if (word.text == "Stride") (axis == "X" ? made.stride_x : made.stride_y) = value;
          if (word.text == "Dilation") (axis == "X" ? made.dilation_x : made.dilation_y) = value;
        }
      } else if (word.text == "Dimensions") {
        made.dimensions = sizes("Dimensions");
      } else if (word.text == "Dataflow") {
        dataflow(made);
      } else {
        warnings_.push_back(fmt::format("layer '{}': not modelled: {}", made.name, word.text));
        skip_block();
      }
    }
    current_ = nullptr;
    return made;
  }

  void dataflow(Layer& made) {
    expect("{");
    while (!accept("}")) {
      const Token word = next();
      Directive directive;
      directive.position = word.position;
      expect("(");
      directive.size = positive("size");
      expect(",");
      if (word.text == "Cluster") {
        directive.kind = Directive::Kind::cluster;
        next();  // P or L: how it is built
        expect(")");
      } else if (word.text == "TemporalMap" || word.text == "SpatialMap") {
        directive.kind = word.text == "SpatialMap" ? Directive::Kind::spatial : Directive::Kind::temporal;
        directive.offset = positive("offset");
        expect(")");
        directive.dimension = next().text;
      } else {
        throw UserError(word.position, fmt::format("'{}': expected TemporalMap, SpatialMap or Cluster", word.text));
      }
      expect(";");
      made.dataflow.push_back(std::move(directive));
    }
  }

  std::vector<Token> tokens_;
  std::vector<std::string>& warnings_;
  std::map<std::string, int64_t> constants_;
  const Layer* current_ = nullptr;
  size_t at_ = 0;
};

}  // namespace

std::vector<Layer> parse_layers(const std::string& text, const std::string& origin,
                                std::vector<std::string>& warnings) {
  return Parser(tokens_of(text, origin), warnings).parse();
}

}  // namespace nacre::maestro
