// The keys that methods share, and what they set.
#include "nacre/supernet/methods.hpp"

#include <algorithm>
#include <array>

#include "nacre/base/error.hpp"
#include "nacre/supernet/policies.hpp"

namespace nacre {
namespace {

const std::array<std::pair<std::string_view, ArchitectureUpdate>, 6> kUpdates = {
    {{"none", ArchitectureUpdate::none},
     {"single_level", ArchitectureUpdate::single_level},
     {"first_order", ArchitectureUpdate::first_order},
     {"second_order", ArchitectureUpdate::second_order},
     {"reinforce", ArchitectureUpdate::reinforce},
     {"relaxed", ArchitectureUpdate::relaxed}}};

const std::array<std::pair<std::string_view, ActivePaths>, 3> kPaths = {
    {{"all", ActivePaths::all}, {"one", ActivePaths::one}, {"two", ActivePaths::two}}};

template <class Table>
std::vector<std::string> words_of(const Table& table) {
  std::vector<std::string> words;
  for (const auto& [word, value] : table) words.emplace_back(word);
  return words;
}

template <class Table>
auto meaning_of(const Table& table, const std::string& word) {
  for (const auto& [known, value] : table)
    if (known == word) return value;
  throw InternalError("internal error: no policy '" + word + "'");
}

std::vector<Parameter> common_parameters() {
  std::vector<std::string> weightings = weighting_names();
  weightings.emplace_back(kThreshold);
  return {
      real_key("supernet_epochs", "passes over the samples of the weights in training the supernet", 50, 0.01, 1e6),
      {.name = "supernet_recipe",
       .type = ParameterType::any,
       .description = "fields of train that are other for the supernet's weights, e.g. {learning_rate: 0.1}",
       .default_value = Json::object()},
      word_key("weighting", "how the alternatives of a decision are mixed in a step of the architecture", "softmax",
               weightings),
      real_key("indicator_keep",
               "weighting threshold: chance that an indicator counts in a step before the architecture learns", 1, 0.01,
               1),
      real_key("temperature", "of the gumbel weightings, at the start", 1, 1e-6, 1e6),
      real_key("temperature_decay", "factor per epoch", 1, 1e-3, 1),
      word_key("weight_paths",
               "what is active in a step of the weights: all, mixed, or one drawn alternative per decision", "all",
               {"all", "one"}),
      word_key("architecture_paths",
               "what is active in a step of the architecture: all, or two drawn alternatives per decision", "all",
               {"all", "two"}),
      word_key("update", "by which gradient the architecture is updated", "first_order",
               {"single_level", "first_order", "second_order", "reinforce", "relaxed"}),
      real_key("architecture_share",
               "of the training samples, kept from the weights for the architecture; 0: both see all", 0.5, 0, 0.95),
      integer_key("architecture_every", "steps of the weights per step of the architecture", 1, 1, 1e6),
      flag_key("by_epoch", "an epoch of steps of the weights, then one of the architecture, in place of turns", false),
      real_key("architecture_from", "epochs before the architecture learns", 0, 0, 1e6),
      real_key("architecture_rate", "learning rate of the architecture (Adam)", 3e-4, 0, 10),
      real_key("architecture_beta1", "of the architecture's Adam", 0.5, 0, 0.9999),
      real_key("architecture_beta2", "of the architecture's Adam", 0.999, 0, 0.999999),
      real_key("architecture_decay", "weight decay of the architecture, as part of the gradient", 1e-3, 0, 10),
      integer_key("partial_channels", "operators of edges see one of so many parts of the channels; 1: all", 1, 1, 64),
      flag_key("edge_weights", "edges into a node have weights of their own (edge normalization)", false),
      flag_key("zero_operator", "edges may be 'none' while the supernet learns", false),
      flag_key("normalize_pools", "batch-norm after pooling in the supernet", false),
      flag_key("affine", "batch-norms of the supernet's searched stages have scale and shift", true),
      integer_key("reinforce_samples", "update reinforce: networks drawn per step", 10, 1, 10000),
      real_key("reward_exponent",
               "update reinforce: a network is rewarded with accuracy * (reference / cost)^exponent, by any target",
               0.1, 0, 100),
      real_key("proximity", "update relaxed: how strongly the two copies of the weights are held together", 1, 0, 1e6),
      real_key("train_weight", "update relaxed: weight of the first copy's loss", 1, 0, 1e6),
      word_key("cost_form", "how the expected cost enters the architecture's loss", "none", cost_form_names()),
      {.name = "cost_metric",
       .type = ParameterType::text,
       .description = "of the target, that is costed per operator; the target's first when not given"},
      real_key("cost_alpha", "of the forms with a product: CE * alpha * log(cost)^beta", 0.2, 0, 1e6),
      real_key("cost_beta", "exponent on the logarithm", 0.6, 0, 100),
      real_key("cost_lambda", "weight in the forms with a sum", 0.1, 0, 1e6),
      real_key("cost_reference", "cost that the relative forms compare with; 0: the expectation at the start", 0, 0,
               1e18),
      flag_key("cost_separable",
               "weighting threshold: the cost of a layer is a product of what its kernel and its width do alone",
               false),
      flag_key(
          "channel_scales",
          "sizes that are numbers are learned: each channel has a scale, and small ones are left out (RARTS' widths)",
          false),
      real_key("scale_sparsity", "channel_scales: weight of the sum of scales in the architecture's loss", 1e-4, 0,
               1e3),
      real_key("scale_threshold", "channel_scales: channels with smaller scales are left out", 0.1, 0, 1e3),
      real_key(
          "macs_share",
          "channel_scales: below 1, the threshold is the one that leaves so large a share of the largest network's "
          "multiply-adds",
          1, 0.01, 1),
      word_key("lattice_choice", "the path through a lattice in the end: the largest sum of weights, or step by step",
               "longest", {"longest", "greedy_down", "greedy_up"}),
      real_key("cost_unit", "the logarithm is that of cost / unit; 0: 1e-6 for seconds and joules, else 1", 0, 0, 1e18),
  };
}

}  // namespace

Parameter real_key(std::string name, std::string description, double fallback, double low, double high) {
  return {.name = std::move(name),
          .type = ParameterType::real,
          .description = std::move(description),
          .default_value = fallback,
          .minimum = low,
          .maximum = high};
}

Parameter integer_key(std::string name, std::string description, int64_t fallback, double low, double high) {
  return {.name = std::move(name),
          .type = ParameterType::integer,
          .description = std::move(description),
          .default_value = fallback,
          .minimum = low,
          .maximum = high};
}

Parameter word_key(std::string name, std::string description, std::string fallback, std::vector<std::string> choices) {
  return {.name = std::move(name),
          .type = ParameterType::text,
          .description = std::move(description),
          .default_value = std::move(fallback),
          .choices = std::move(choices)};
}

Parameter flag_key(std::string name, std::string description, bool fallback) {
  return {.name = std::move(name),
          .type = ParameterType::boolean,
          .description = std::move(description),
          .default_value = fallback};
}

std::vector<Parameter> method_parameters(const std::vector<std::pair<std::string, Json>>& own) {
  std::vector<Parameter> parameters = common_parameters();
  for (const auto& [name, value] : own) {
    const auto found = std::ranges::find(parameters, name, &Parameter::name);
    NACRE_CHECK(found != parameters.end(), "a method's default of an unknown key: " + name);
    found->default_value = value;
  }
  return parameters;
}

Recipe supernet_recipe(const Recipe& train, double epochs, const ConfigNode& given, const std::string& owner) {
  Recipe recipe = train;
  recipe.drop_path_keep = 1;
  recipe.auxiliary_weight = 0;
  recipe.ema_decay = 0;
  recipe.patience = 0;
  recipe.teacher.clear();
  recipe.mixup_alpha = recipe.cutmix_alpha = 0;
  recipe.epochs = epochs;
  if (given.is_null()) return recipe;
  const std::string section = owner + ".supernet_recipe";
  if (!given.is_map())
    throw UserError(given.position, section + ": expected fields of train, e.g. {learning_rate: 0.1}");
  const Options checked = resolve_options(given, recipe_parameters(), section);
  for (const auto& [field, value] : given.entries) {
    if (field == "epochs")
      throw UserError(value.position, section + ".epochs: it is supernet_epochs that says how long");
    set_recipe_field(recipe, field, checked.json().at(field));
  }
  const auto refuse = [&](const char* field, bool wrong) {
    if (wrong) throw UserError(given.position, section + "." + field + ": a supernet is not trained so");
  };
  refuse("drop_path_keep", recipe.drop_path_keep < 1);
  refuse("auxiliary_weight", recipe.auxiliary_weight > 0);
  refuse("ema_decay", recipe.ema_decay > 0);
  refuse("patience", recipe.patience > 0);
  refuse("teacher", !recipe.teacher.empty());
  refuse("mixup_alpha", recipe.mixup_alpha > 0);
  refuse("cutmix_alpha", recipe.cutmix_alpha > 0);
  return recipe;
}

SupernetSettings settings_from_options(const Options& options, const Recipe& train) {
  SupernetSettings s;
  s.form = {.partial_channels = options.integer("partial_channels"),
            .zero_operator = options.boolean("zero_operator"),
            .edge_weights = options.boolean("edge_weights"),
            .normalize_pools = options.boolean("normalize_pools"),
            .affine = options.boolean("affine")};
  s.weight_paths = meaning_of(kPaths, options.text("weight_paths"));
  s.architecture_paths = meaning_of(kPaths, options.text("architecture_paths"));
  s.update = meaning_of(kUpdates, options.text("update"));
  s.architecture_share = options.real("architecture_share");
  s.every = options.integer("architecture_every");
  s.by_epoch = options.boolean("by_epoch");
  s.architecture_from = options.real("architecture_from");
  s.reinforce_samples = options.integer("reinforce_samples");
  s.reward_exponent = options.real("reward_exponent");
  s.proximity = options.real("proximity");
  s.train_weight = options.real("train_weight");
  s.weighting = options.text("weighting");
  const auto only_with = [&options](const char* key, bool differs, const char* with) {
    if (differs)
      throw UserError(options.position(key), std::string("search.") + key + ": means nothing without " + with);
  };
  only_with("indicator_keep", s.weighting != kThreshold && options.real("indicator_keep") < 1, "weighting: threshold");
  only_with("cost_separable", s.weighting != kThreshold && options.boolean("cost_separable"), "weighting: threshold");
  only_with("macs_share", !options.boolean("channel_scales") && options.real("macs_share") < 1, "channel_scales: true");
  s.nested_weights = s.weighting == kThreshold;
  s.indicator_keep = options.real("indicator_keep");
  s.cost_separable = options.boolean("cost_separable");
  s.temperature = options.real("temperature");
  s.temperature_decay = options.real("temperature_decay");
  s.architecture_rate = options.real("architecture_rate");
  s.architecture_beta1 = options.real("architecture_beta1");
  s.architecture_beta2 = options.real("architecture_beta2");
  s.architecture_decay = options.real("architecture_decay");
  s.cost_form = options.text("cost_form");
  if (options.has("cost_metric")) s.cost_metric = options.text("cost_metric");
  s.cost_alpha = options.real("cost_alpha");
  s.cost_beta = options.real("cost_beta");
  s.cost_lambda = options.real("cost_lambda");
  s.cost_reference = options.real("cost_reference");
  s.cost_unit = options.real("cost_unit");
  s.channel_scales = options.boolean("channel_scales");
  s.nested_weights = s.nested_weights || s.channel_scales;
  s.scale_sparsity = options.real("scale_sparsity");
  s.scale_threshold = options.real("scale_threshold");
  s.macs_share = options.real("macs_share");
  s.lattice_choice = options.text("lattice_choice");

  s.recipe = supernet_recipe(train, options.real("supernet_epochs"), options.node("supernet_recipe"), "search");
  return s;
}

}  // namespace nacre
