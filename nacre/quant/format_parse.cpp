#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "nacre/base/error.hpp"
#include "nacre/quant/format.hpp"
#include "nacre/quant/hadamard.hpp"
#include "nacre/quant/range_estimator.hpp"

namespace nacre {
namespace {

constexpr size_t kLongestText = 4096;

// Names that other places give to formats of ours.
const std::map<std::string_view, std::string_view>& synonyms() {
  static const std::map<std::string_view, std::string_view> map = {
      {"fp4", "fp4_e2m1"},
      {"fp6", "fp6_e2m3"},
      {"fp8", "fp8_e4m3"},
      {"fp16", "fp16_e5m10"},
      {"bf16", "fp16_e8m7"},
      {"tf32", "fp19_e8m10"},
      {"fp32", "fp32_e8m23"},
      {"float32", "fp32_e8m23"},
      {"float16", "fp16_e5m10"},
      {"bfloat16", "fp16_e8m7"},
      {"float8_e4m3fn", "fp8_e4m3"},
      {"float8_e4m3fnuz", "fp8_e4m3:specials=fnuz"},
      {"float8_e5m2", "fp8_e5m2"},
      {"float8_e5m2fnuz", "fp8_e5m2:specials=fnuz"},
      {"float4_e2m1", "fp4_e2m1"},
      {"fp8_e4m3fn", "fp8_e4m3"},
      {"fp8_e4m3fnuz", "fp8_e4m3:specials=fnuz"},
      {"fp8_e4m3b11fnuz", "fp8_e4m3:bias=11:specials=fnuz"},
      {"fp8_e5m2fnuz", "fp8_e5m2:specials=fnuz"}};
  return map;
}

// Digits only, as strtol would not have it.
std::optional<int64_t> whole_number(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  if (!digits || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0;;) {
    const size_t end = text.find(separator, begin);
    parts.emplace_back(text.substr(begin, end == std::string_view::npos ? end : end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

struct Head {
  std::string kind;  // of grid
  std::map<std::string, Json, std::less<>> values = {};
};

class FormatParser {
 public:
  explicit FormatParser(std::string_view text) : text_(text.substr(0, 80)) {
    if (text.size() > kLongestText) throw UserError("a number format of more than 4096 characters");
    std::string_view rest = text;
    for (const std::string_view family : {"mx", "nv"}) {
      if (!rest.starts_with(family)) continue;
      format_.family = family;
      rest.remove_prefix(family.size());
      break;
    }
    parts_ = split(rest, ':');
    if (const auto synonym = synonyms().find(parts_[0]); synonym != synonyms().end()) {
      const std::vector<std::string> meant = split(synonym->second, ':');
      parts_.erase(parts_.begin());
      parts_.insert(parts_.begin(), meant.begin(), meant.end());
    }
  }

  Format parse() {
    head_ = read_head();
    set_defaults();
    while (next_ < parts_.size()) option(parts_[next_++]);
    format_.grid = std::make_shared<const ElementGrid>(make_grid());
    if (!rounding_given_) format_.rounding = format_.grid->rounding;
    make_scale();
    check();
    return std::move(format_);
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw UserError(fmt::format("number format '{}': {}", text_, why));
  }

  [[noreturn]] void unknown() const {
    throw UserError(
        unknown_name_message("number format", text_, format_registry().names(), "nacre list formats, docs/formats.md"));
  }

  // What the records say of ranges and words, with the format's name before it. They speak of `owner`, as if it had been stored.
  template <class Make>
  auto checked(const std::string& owner, Make make) const {
    try {
      return make();
    } catch (const UserError& error) {
      const std::string message = error.what(), stored = fmt::format("stored {}: ", owner);
      refuse(message.starts_with(stored) ? message.substr(stored.size()) : message);
    }
  }

  // "int8", "fp8_e4m3", "pow2" and a number of its own, ...
  Head read_head() {
    const std::string_view word = parts_[next_++];
    for (const std::string_view kind : {"uint", "int", "nf"}) {
      if (!word.starts_with(kind)) continue;
      const std::optional<int64_t> bits = whole_number(word.substr(kind.size()));
      if (!bits) unknown();
      return {std::string(kind), {{"bits", *bits}}};
    }
    if (word == "pow2" || word == "apot") {
      Head head{std::string(word)};
      if (next_ < parts_.size())
        if (const std::optional<int64_t> bits = whole_number(parts_[next_])) {
          head.values["bits"] = *bits;
          ++next_;
        }
      return head;
    }
    if (word == "ternary" || word == "binary" || word == "codebook") return {std::string(word)};
    return read_float_head(word);
  }

  Head read_float_head(std::string_view word) const {
    const size_t underscore = word.find("_e"),
                 m = word.find('m', underscore == std::string_view::npos ? 0 : underscore);
    if (!word.starts_with("fp") || underscore == std::string_view::npos || m == std::string_view::npos) unknown();
    const std::optional<int64_t> bits = whole_number(word.substr(2, underscore - 2));
    const std::optional<int64_t> exponent = whole_number(word.substr(underscore + 2, m - underscore - 2));
    const std::optional<int64_t> mantissa = whole_number(word.substr(m + 1));
    if (!bits || !exponent || !mantissa || *exponent > 64 || *mantissa > 64) unknown();
    if (1 + *exponent + *mantissa != *bits)
      refuse(fmt::format("a sign, {} exponent and {} mantissa bits make {} bits, not {}", *exponent, *mantissa,
                         1 + *exponent + *mantissa, *bits));
    return {"fp", {{"exponent", *exponent}, {"mantissa", *mantissa}}};
  }

  void set_defaults() {
    scheme_ = !format_.family.empty() ? format_.family : "tensor";
    if (!format_.family.empty()) return;
    const auto value = [&](const char* key) {
      return head_.values.contains(key) ? head_.values[key].get<int64_t>() : 0;
    };
    if (head_.kind == "fp" && 1 + value("exponent") + value("mantissa") > 8) scheme_ = "direct";
    if ((head_.kind == "int" || head_.kind == "uint") && value("bits") > kMostCodedBits) scheme_ = "direct";
    if (head_.kind == "nf") {
      scheme_ = "group";
      scheme_values_["block"] = 64;
    }
    if (head_.kind == "pow2") {
      scheme_values_["scales"] = "e8m0";
      scheme_values_["scale"] = "round";
      format_.range = "mse";
    }
    if (head_.kind == "ternary" || head_.kind == "binary") format_.range = "absmean";
  }

  void once(const std::string& what) {
    if (!given_.insert(what).second) refuse(fmt::format("{} is given twice", what));
  }

  void option(const std::string& part) {
    const size_t equals = part.find('=');
    if (equals != std::string::npos) return assignment(part.substr(0, equals), part.substr(equals + 1));
    if (part == "direct" || part == "tensor" || part == "channel" || part == "token") return granularity(part);
    if (part == "affine") {
      once("affine");
      scheme_values_["affine"] = true;
      return;
    }
    if (range_estimator_registry().find(part) != nullptr) return range(part);
    if (part.starts_with("g")) {
      if (const std::optional<int64_t> size = whole_number(std::string_view(part).substr(1))) {
        if (format_.family.empty()) granularity("group");
        once("block");
        scheme_values_["block"] = *size;
        return;
      }
    }
    unknown_option(part);
  }

  void granularity(const std::string& word) {
    if (!format_.family.empty())
      refuse(fmt::format("'{}' formats have blocks, not '{}'; gN sets their size", format_.family, word));
    once("granularity");
    if (scheme_ == "group" && word != "group") scheme_values_.erase("block");
    scheme_ = word;
  }

  void range(const std::string& word) {
    once("range");
    format_.range = word;
    if (word == "percentile" && format_.percentile == 0)
      format_.percentile = range_estimator_registry().get(word).parameters.at(0).default_value.get<double>();
  }

  void assignment(const std::string& key, const std::string& value) {
    if (key == "round") {
      once("round");
      format_.rounding = rounding_registry().get(value).make;
      rounding_given_ = true;
      return;
    }
    if (key == "percentile") {
      const Parameter& parameter = range_estimator_registry().get("percentile").parameters.at(0);
      const Json number = {{key, value_of(parameter, value)}};
      format_.percentile =
          checked("range", [&] { return options_from_json(number, {parameter}, "range").real("percentile"); });
      return range("percentile");
    }
    if (key == "rotate") return rotation(value);
    if (key == "block") return option("g" + value);
    for (const Parameter& parameter : element_grid_registry().get(head_.kind).parameters) {
      if (parameter.name != key || head_.values.contains(key)) continue;
      once(key);
      grid_values_[key] = value_of(parameter, value);
      return;
    }
    for (const Parameter& parameter : scale_scheme_registry().get("group").parameters) {
      if (parameter.name != key) continue;
      once(key);
      scheme_values_[key] = value_of(parameter, value);
      return;
    }
    unknown_option(key + "=");
  }

  void rotation(const std::string& value) {
    if (value != "hadamard") refuse(fmt::format("unknown rotation '{}'; accepted: hadamard:N", value));
    once("rotate");
    format_.rotation = 32;
    if (next_ < parts_.size())
      if (const std::optional<int64_t> size = whole_number(parts_[next_])) {
        format_.rotation = *size;
        ++next_;
      }
    check_hadamard_size(format_.rotation);
  }

  [[noreturn]] void unknown_option(const std::string& part) const {
    std::vector<std::string> accepted = {"direct", "tensor", "channel", "token", "gN", "affine"};
    for (const std::string& name : range_estimator_registry().names())
      accepted.push_back(name == "percentile" ? name + "=" : name);
    for (const char* key : {"round=", "rotate=", "scales=", "scale="}) accepted.emplace_back(key);
    for (const Parameter& parameter : element_grid_registry().get(head_.kind).parameters)
      if (!head_.values.contains(parameter.name)) accepted.push_back(parameter.name + "=");
    refuse(unknown_name_message("option", part, accepted, "docs/formats.md"));
  }

  Json value_of(const Parameter& parameter, const std::string& value) const {
    const auto real = [&](std::string_view word) {
      double number = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
      if (word.empty() || error != std::errc() || end != word.data() + word.size() || !std::isfinite(number))
        refuse(fmt::format("{}={}: '{}' is no number", parameter.name, value, word));
      return number;
    };
    if (parameter.type == ParameterType::text) return value;
    if (parameter.type == ParameterType::real) return real(value);
    if (parameter.type == ParameterType::real_list) {
      Json list = Json::array();
      for (const std::string& word : split(value, '/')) list.push_back(real(word));
      return list;
    }
    const double number = real(value);
    if (parameter.type != ParameterType::integer ||
        number != static_cast<double>(static_cast<int32_t>(std::clamp(number, -1e9, 1e9))))
      refuse(fmt::format("{}={}: expected a whole number", parameter.name, value));
    return static_cast<int64_t>(number);
  }

  ElementGrid make_grid() {
    Json values = Json::object();
    for (const auto& [key, value] : head_.values) values[key] = value;
    for (const auto& [key, value] : grid_values_) values[key] = value;
    // The largest magnitude of an mx integer lies just below 2, as OCP's MXINT8.
    if (format_.family == "mx" && head_.kind == "int" && !values.contains("fraction"))
      values["fraction"] = std::clamp<int64_t>(head_.values.at("bits").get<int64_t>() - 2, 0, kMostCodedBits);
    const auto& entry = element_grid_registry().get(head_.kind);
    format_.grid_kind = entry.name;
    return checked(head_.kind, [&] { return entry.make(options_from_json(values, entry.parameters, head_.kind)); });
  }

  void make_scale() {
    const auto& entry = scale_scheme_registry().get(scheme_);
    Json values = Json::object();
    for (const auto& [key, value] : scheme_values_) {
      if (std::ranges::find(entry.parameters, key, &Parameter::name) == entry.parameters.end()) {
        if (!given_.contains(key)) continue;  // a default of the element, for another scheme
        refuse(fmt::format("'{}' does not go with {}", key, scheme_));
      }
      values[key] = value;
    }
    format_.scale = checked(scheme_, [&] { return entry.make(options_from_json(values, entry.parameters, scheme_)); });
  }

  void check() const {
    const ScaleScheme& scale = format_.scale;
    if (given_.contains("scale") && scale.codec != ScaleCodec::e8m0)
      refuse("'scale' is the rule of power-of-two scales; it needs scales=e8m0 or an mx format");
    if (scale.affine && format_.grid->arithmetic != GridArithmetic::uniform) refuse("a zero point needs integers");
    if (scale.affine && format_.range != "minmax")
      refuse(fmt::format("'affine' takes the range minmax, not {}", format_.range));
    if (scale.granularity == Granularity::none && given_.contains("range"))
      refuse(fmt::format("'direct' has no scale that {} could find", format_.range));
    if (scale.codec == ScaleCodec::nv && format_.range != "minmax") refuse("nv scales take the range minmax");
    if (!format_.grid->coded() && scale.granularity != Granularity::none)
      refuse(fmt::format("{} bits are for accumulators and have no scale", format_.grid->bits));
  }

  std::string text_;
  std::vector<std::string> parts_;
  size_t next_ = 0;
  Format format_;
  Head head_;
  std::string scheme_;
  std::map<std::string, Json, std::less<>> grid_values_, scheme_values_;
  std::set<std::string> given_;
  bool rounding_given_ = false;
};

}  // namespace

Format parse_format(std::string_view text) { return FormatParser(text).parse(); }

}  // namespace nacre
