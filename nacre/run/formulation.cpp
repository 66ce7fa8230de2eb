#include "nacre/run/formulation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nacre {
namespace {

class Formulation {
 public:
  Formulation(const Options& options, const std::vector<MetricSpec>& known) : options_(options), known_(known) {}

  ObjectiveSet make(const std::vector<Limit>& limits, const std::vector<std::string>& usual) {
    set_.limits = limits;
    std::vector<std::string> names = options_.texts("objectives");
    if (names.empty()) names = usual;
    for (const std::string& name : names)
      set_.objectives.push_back({name, spec(name, options_.position("objectives"), "search.objectives").direction});
    set_.handling = limit_handling_from_name(options_.text("limit_handling"));
    set_.penalty_weight = options_.real("penalty_weight");
    if (set_.handling == LimitHandling::lagrangian && set_.penalty_weight <= 0) {
      throw UserError(options_.position("penalty_weight"),
                      "penalty_weight: expected a number above 0 under limit_handling lagrangian, whose step it is");
    }
    set_.scalarization = scalarization_from_name(options_.text("scalarization"));
    set_.exponent = options_.real("exponent");
    read_terms();
    return std::move(set_);
  }

 private:
  const MetricSpec& spec(const std::string& name, const SourcePosition& position, const char* where) const {
    const auto found = std::ranges::find(known_, name, &MetricSpec::name);
    if (found != known_.end()) return *found;
    std::vector<std::string> accepted;
    for (const MetricSpec& each : known_) accepted.push_back(each.name);
    throw UserError(position, unknown_name_message(std::string("metric in ") + where, name, accepted));
  }

  static const ConfigNode& map_of(const Options& options, const char* key) {
    const ConfigNode& node = options.node(key);
    if (!node.is_null() && !node.is_map())
      throw UserError(node.position, std::string(key) + ": expected a map of metrics and numbers");
    return node;
  }

  static double finite(const ConfigNode& node, const std::string& what) {
    const double value = node.as_real(what);
    if (!std::isfinite(value)) throw UserError(node.position, what + ": expected a finite number");
    return value;
  }

  void read_terms() {
    const ConfigNode& weights = map_of(options_, "weights");
    const ConfigNode& references = map_of(options_, "references");
    if (set_.scalarization == Scalarization::none) {
      for (const ConfigNode* node : {&weights, &references}) {
        if (!node->entries.empty())
          throw UserError(node->position,
                          "weights and references are those of a scalarization; expected one of weighted_sum, "
                          "weighted_product, exponential_sum, min_max, found scalarization: none");
      }
      return;
    }
    const Objective& main = set_.objectives.front();
    set_.terms.push_back({.metric = main.metric, .direction = main.direction});
    for (const auto& [metric, node] : weights.entries) read_weight(metric, node);
    for (const auto& [metric, node] : references.entries) read_reference(metric, node);
    for (const ScalarTerm& term : set_.terms) {
      if (!std::isnan(term.reference)) continue;
      throw UserError(weights.position,
                      "weights." + term.metric + ": there is no limit on that metric; give references." + term.metric);
    }
  }

  ScalarTerm* term(const std::string& metric) {
    const auto found = std::ranges::find(set_.terms, metric, &ScalarTerm::metric);
    return found == set_.terms.end() ? nullptr : &*found;
  }

  void read_weight(const std::string& metric, const ConfigNode& node) {
    const std::string what = "weights." + metric;
    if (term(metric) == nullptr) {
      ScalarTerm added{.metric = metric, .direction = spec(metric, node.key_position, "weights").direction};
      const auto limit = std::ranges::find(set_.limits, metric, &Limit::metric);
      const bool usable = limit != set_.limits.end() && limit->bound != 0;
      added.reference = usable ? limit->bound : std::numeric_limits<double>::quiet_NaN();
      set_.terms.push_back(std::move(added));
    }
    ScalarTerm& found = *term(metric);
    const bool product = set_.scalarization == Scalarization::weighted_product;
    if (node.kind == ConfigNode::Kind::sequence) {
      if (!product || node.items.size() != 2)
        throw UserError(node.position,
                        what + ": expected a number" + (product ? " or [where the reference is kept, beyond it]" : ""));
      found.weight = finite(node.items[0], what);
      found.weight_beyond = finite(node.items[1], what);
      return;
    }
    found.weight = found.weight_beyond = finite(node, what);
    if (!product && found.weight < 0) throw UserError(node.position, what + ": expected a number >= 0");
  }

  void read_reference(const std::string& metric, const ConfigNode& node) {
    ScalarTerm* found = term(metric);
    if (found == nullptr) {
      std::vector<std::string> accepted;
      for (const ScalarTerm& each : set_.terms) accepted.push_back(each.metric);
      throw UserError(node.key_position, unknown_name_message("metric in references", metric, accepted));
    }
    found->reference = finite(node, "references." + metric);
    if (found->reference == 0)
      throw UserError(node.position, "references." + metric + ": expected a number other than 0");
  }

  const Options& options_;
  const std::vector<MetricSpec>& known_;
  ObjectiveSet set_;
};

}  // namespace

const std::vector<Parameter>& formulation_parameters() {
  static const std::vector<Parameter> kParameters = {
      {.name = "objectives",
       .type = ParameterType::text_list,
       .description =
           "metrics that span the front, the main one first; empty: the task's main metric and the target's main cost",
       .default_value = Json::array()},
      {.name = "limit_handling",
       .type = ParameterType::text,
       .description =
           "rejection: too costly candidates are not trained; penalty: they lose in proportion; "
           "epsilon_constraint: the smaller violation ranks first; lagrangian: multipliers found by dual ascent; "
           "none: only the result keeps the limits",
       .default_value = "rejection",
       .choices = limit_handling_names()},
      {.name = "penalty_weight",
       .type = ParameterType::real,
       .description = "weight of the relative excess under penalty; step and curvature under lagrangian",
       .default_value = 1.0,
       .minimum = 0,
       .maximum = 1e9},
      {.name = "scalarization",
       .type = ParameterType::text,
       .description = "one number of several metrics for strategies of one objective: weighted_sum: f - sum w g / T; "
                      "weighted_product: f x product (g / T)^w; exponential_sum: sum of w F^p; min_max: largest w F "
                      "(F = g / T of costs, 1 - f / T of what is maximized)",
       .default_value = "none",
       .choices = scalarization_names()},
      {.name = "weights",
       .type = ParameterType::any,
       .description =
           "w of a scalarization, metric: number; of a product also [where the reference is kept, beyond it], "
           "below 0 for costs; the main objective has 1",
       .default_value = Json::object()},
      {.name = "references",
       .type = ParameterType::any,
       .description = "T of a scalarization, metric: number; else the limit on that metric, 1 for the main objective",
       .default_value = Json::object()},
      {.name = "exponent",
       .type = ParameterType::real,
       .description = "p of the exponential sum",
       .default_value = 2.0,
       .minimum = 0.1,
       .maximum = 100}};
  return kParameters;
}

ObjectiveSet formulation_from_options(const Options& options, const std::vector<MetricSpec>& known,
                                      const std::vector<Limit>& limits, const std::vector<std::string>& usual) {
  return Formulation(options, known).make(limits, usual);
}

}  // namespace nacre
