#include "nacre/space/spaces/mbconv.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "nacre/space/blocks.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

struct Stage {
  int64_t channels = 0;
  int64_t layers = 0;
  int64_t stride = 1;  // of its first layer
};

struct Skeleton {
  std::string name;
  int64_t stem = 16;
  int64_t stem_stride = 1;
  std::vector<Stage> stages;
  int64_t head = 0;  // channels of the last 1x1 convolution
};

// The small ones keep the last feature map at 2x2 or more: on small images the paper's skeleton is mostly strides.
const std::vector<Skeleton>& skeletons() {
  static const std::vector<Skeleton> kSkeletons = {
      {"digits_8x8", 16, 1, {{16, 2, 1}, {24, 2, 2}, {32, 2, 2}}, 64},
      {"small_28x28", 16, 1, {{16, 1, 1}, {24, 3, 2}, {40, 3, 2}, {64, 2, 2}}, 128},
      {"small_32x32", 16, 1, {{16, 1, 1}, {24, 3, 2}, {40, 3, 2}, {80, 3, 2}}, 192},
      {"fbnet_imagenet",
       16,
       2,
       {{16, 1, 1}, {24, 4, 2}, {32, 4, 2}, {64, 4, 2}, {112, 4, 1}, {184, 4, 2}, {352, 1, 1}},
       1984}};
  return kSkeletons;
}

std::string fitting_skeleton(int64_t smaller_side) {
  if (smaller_side <= 12) return "digits_8x8";
  if (smaller_side <= 28) return "small_28x28";
  return smaller_side <= 96 ? "small_32x32" : "fbnet_imagenet";
}

struct Operation {
  std::string label;
  bool skip = false;
  int64_t kernel = 3;
  int64_t expansion = 1;
  int64_t groups = 1;
};

const std::vector<std::string>& paper_candidates() {
  static const std::vector<std::string> kNames = {"k3_e1",    "k3_e1_g2", "k3_e3", "k3_e6", "k5_e1",
                                                  "k5_e1_g2", "k5_e3",    "k5_e6", "skip"};
  return kNames;
}

Operation parse_operation(const std::string& label, const SourcePosition& position) {
  Operation candidate{.label = label};
  if (label == "skip") {
    candidate.skip = true;
    return candidate;
  }
  const char* text = label.c_str();
  int read = 0;
  long kernel = 0, expansion = 0, groups = 1;
  bool good = std::sscanf(text, "k%3ld_e%3ld%n", &kernel, &expansion, &read) == 2;
  if (good && text[read] == '_') {
    int more = 0;
    good = std::sscanf(text + read, "_g%3ld%n", &groups, &more) == 1;
    read += more;
  }
  if (!good || text[read] != 0 || kernel % 2 == 0 || kernel < 1 || expansion < 1 || groups < 1) {
    std::string message = unknown_name_message("candidate", label, paper_candidates());
    throw UserError(position, message + "; the form is k<odd kernel>_e<expansion>[_g<groups>] or skip");
  }
  candidate.kernel = kernel;
  candidate.expansion = expansion;
  candidate.groups = groups;
  return candidate;
}

std::vector<Stage> read_stages(const ConfigNode& node) {
  std::vector<Stage> stages;
  const auto bad = [](const ConfigNode& at) {
    return UserError(at.position,
                     "space.stages: expected a list of [channels, layers, stride], e.g. [[16, 1, 1], [24, 3, 2]]");
  };
  if (node.kind != ConfigNode::Kind::sequence || node.items.empty()) throw bad(node);
  for (const ConfigNode& item : node.items) {
    if (item.kind != ConfigNode::Kind::sequence || item.items.size() != 3) throw bad(item);
    int64_t numbers[3];
    for (size_t i = 0; i < 3; ++i) {
      numbers[i] = item.items[i].as_integer("space.stages");
      if (numbers[i] < 1 || numbers[i] > 100'000)
        throw UserError(item.items[i].position,
                        "space.stages: expected a number 1 .. 100000, found " + item.items[i].scalar);
    }
    stages.push_back({numbers[0], numbers[1], numbers[2]});
  }
  return stages;
}

class MbconvSpace : public NetworkSpace {
 public:
  MbconvSpace(const Options& options, const SpaceContext& context) : NetworkSpace("mbconv", options, context) {
    const auto [channels, height, width] = image_extents();
    std::string preset = options.text("preset");
    if (preset == "auto") preset = fitting_skeleton(std::min(height, width));
    skeleton_ = *std::ranges::find(skeletons(), preset, &Skeleton::name);
    if (options.given("stages")) skeleton_.stages = read_stages(options.node("stages"));
    if (options.has("stem")) skeleton_.stem = options.integer("stem");
    if (options.has("stem_stride")) skeleton_.stem_stride = options.integer("stem_stride");
    if (options.has("head")) skeleton_.head = options.integer("head");
    for (const std::string& label : options.texts("candidates"))
      candidates_.push_back(parse_operation(label, options.position("candidates")));
    if (candidates_.empty()) throw UserError(options.position("candidates"), "space.candidates: expected at least one");
    for (const double factor : options.reals("width")) width_percent_.push_back(std::lround(factor * 100));
    if (width_percent_.empty()) throw UserError(options.position("width"), "space.width: expected at least one");
    squeeze_excite_ = options.text("squeeze_excite");
    bias_ = options.boolean("bias");
    always_expand_ = options.boolean("always_expand");
    activation_ = activation_from_name(options.text("activation"), options.position("activation"));
  }

  const std::vector<Operation>& candidates() const { return candidates_; }
  const Skeleton& skeleton() const { return skeleton_; }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    ElasticBuilder layers(choose, b);
    const Choice width = choose.pick("width_percent", width_percent_);
    const auto scaled = [&](int64_t channels) {
      return width_percent_.size() == 1 && width_percent_[0] == 100 ? Choice(channels)
                                                                    : make_divisible(width * channels / 100, 8);
    };
    x = layers.convolution_norm_activation("stem", x, scaled(skeleton_.stem),
                                           {.kernel = 3, .stride = skeleton_.stem_stride}, activation_);
    for (size_t s = 0; s < skeleton_.stages.size(); ++s) {
      const Stage& stage = skeleton_.stages[s];
      const Choice channels = scaled(stage.channels);
      for (int64_t i = 0; i < stage.layers; ++i) {
        const auto scope = choose.scope("stage" + std::to_string(s + 1) + "/" + std::to_string(i), b);
        x = searched_layer(choose, b, x, channels, i == 0 ? stage.stride : 1);
      }
    }
    // As in MobileNetV2 a narrow network keeps a wide head.
    if (skeleton_.head > 0)
      x = layers.convolution_norm_activation("head", x, skeleton_.head, {.kernel = 1}, activation_);
    return classifier(choose, b, pooled_features(choose, b, x), recipe);
  }

 private:
  ValueId searched_layer(Chooser& choose, GraphBuilder& b, ValueId x, const Choice& channels, int64_t stride) const {
    std::vector<Branch> branches;
    branches.reserve(candidates_.size());
    for (const Operation& candidate : candidates_) {
      branches.push_back({candidate.label, [this, &candidate, &choose, &channels, stride](GraphBuilder& b2, ValueId y) {
                            if (candidate.skip) return skip_connection(choose, b2, y, channels, stride, activation_);
                            return block(choose, b2, y, channels, stride, candidate);
                          }});
    }
    return choose.layer("op", b, x, branches);
  }

  ValueId block(Chooser& choose, GraphBuilder& b, ValueId x, const Choice& channels, int64_t stride,
                const Operation& candidate) const {
    InvertedResidual options{.kernel = candidate.kernel,
                             .expansion = candidate.expansion,
                             .groups = candidate.groups,
                             .stride = stride,
                             .bias = bias_,
                             .activation = activation_,
                             .squeeze_excite = squeeze_excite_ == "all",
                             .always_expand = always_expand_};
    if (squeeze_excite_ != "choose") return inverted_residual(choose, b, x, channels, options);
    const auto with = [&](bool squeeze_excite) {
      return [options, squeeze_excite, &choose, &channels](GraphBuilder& b2, ValueId y) {
        InvertedResidual own = options;
        own.squeeze_excite = squeeze_excite;
        return inverted_residual(choose, b2, y, channels, own);
      };
    };
    return choose.layer("se", b, x, {{"plain", with(false)}, {"se", with(true)}});
  }

  Skeleton skeleton_;
  std::vector<Operation> candidates_;
  std::vector<int64_t> width_percent_;
  std::string squeeze_excite_;
  bool bias_ = false;
  bool always_expand_ = false;
  Activation activation_ = Activation::relu;
};

}  // namespace

RegistryRecord mbconv_record() {
  std::vector<std::string> presets = {"auto"};
  for (const Skeleton& skeleton : skeletons()) presets.push_back(skeleton.name);
  return {.name = "mbconv",
          .summary = "layer-wise choice among inverted residuals of several kernels and expansions, or a skip",
          .source = "FBNet, Wu et al. 2018, arXiv 1812.03443, table 1",
          .parameters = network_space_parameters(
              {{.name = "preset",
                .type = ParameterType::text,
                .description = "skeleton of stages; auto: by the size of the images",
                .default_value = "auto",
                .choices = presets},
               {.name = "stages",
                .type = ParameterType::any,
                .description = "instead of the preset's: a list of [channels, layers, stride]"},
               {.name = "stem",
                .type = ParameterType::integer,
                .description = "channels of the first convolution; default: the preset's",
                .minimum = 1,
                .maximum = 4096},
               {.name = "stem_stride",
                .type = ParameterType::integer,
                .description = "stride of the first convolution; default: the preset's",
                .minimum = 1,
                .maximum = 8},
               {.name = "head",
                .type = ParameterType::integer,
                .description = "channels of the last 1x1 convolution, 0: none; default: the preset's",
                .minimum = 0,
                .maximum = 65536},
               {.name = "candidates",
                .type = ParameterType::text_list,
                .description = "what each layer may be: k<kernel>_e<expansion>[_g<groups>] or skip",
                .default_value = paper_candidates()},
               {.name = "width",
                .type = ParameterType::real_list,
                .description = "multipliers of all channels; several become a decision, in percent",
                .default_value = Json::array({1.0}),
                .minimum = 0.05,
                .maximum = 16},
               {.name = "squeeze_excite",
                .type = ParameterType::text,
                .description = "squeeze-excite in blocks: none, all, or a decision per layer",
                .default_value = "none",
                .choices = {"none", "all", "choose"}},
               {.name = "activation",
                .type = ParameterType::text,
                .description = "activation of all blocks",
                .default_value = "relu",
                .choices = {"relu", "relu6", "hard_swish", "swish", "gelu"}},
               {.name = "bias",
                .type = ParameterType::boolean,
                .description = "bias in the convolutions of blocks, as in FBNet's released networks",
                .default_value = false},
               {.name = "always_expand",
                .type = ParameterType::boolean,
                .description = "the first 1x1 convolution of a block stays where it changes no channels, as in "
                               "HW-NAS-Bench",
                .default_value = false}}),
          .example =
              "space:\n  kind: mbconv\n  candidates: [k3_e1, k3_e3, k5_e3, skip]\n  width: [0.5, 1.0]\n  recipe: "
              "{learning_rate: [0.02, 0.1]}\n"};
}

std::unique_ptr<Space> make_mbconv_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<MbconvSpace>(options, context);
}

Decisions mbconv_decisions(const Space& space, const std::string& layers) {
  const auto* mbconv = dynamic_cast<const MbconvSpace*>(&space);
  if (mbconv == nullptr) throw UserError("space '" + space.name() + "' is not mbconv");
  std::vector<std::string> labels;
  for (const Operation& candidate : mbconv->candidates()) labels.push_back(candidate.label);
  std::vector<Decision> items;
  size_t stage = 0;
  int64_t layer = 0;
  std::string word;
  const auto place = [&] {
    if (word.empty()) return;
    const auto& stages = mbconv->skeleton().stages;
    if (stage < stages.size() && layer == stages[stage].layers) ++stage, layer = 0;
    if (stage >= stages.size()) throw UserError("'" + layers + "' has more layers than the space");
    std::string label = "skip";
    if (word != "-") {
      const size_t slash = word.find('/');
      const size_t group = word.find('g');
      if (slash == std::string::npos) throw UserError("expected kernel/expansion or '-', found '" + word + "'");
      label = "k" + word.substr(0, slash) + "_e" +
              word.substr(slash + 1, group == std::string::npos ? group : group - slash - 1);
      if (group != std::string::npos) label += "_" + word.substr(group);
    }
    const auto found = std::ranges::find(labels, label);
    if (found == labels.end()) throw UserError(unknown_name_message("candidate", label, labels));
    if (labels.size() > 1) items.push_back({fmt::format("stage{}/{}/op", stage + 1, layer), found - labels.begin()});
    ++layer;
    word.clear();
  };
  for (const char c : layers + " ") {
    if (c == ' ' || c == '|')
      place();
    else
      word += c;
  }
  if (stage + 1 != mbconv->skeleton().stages.size() || layer != mbconv->skeleton().stages.back().layers) {
    throw UserError("'" + layers + "' has fewer layers than the space");
  }
  return Decisions(std::move(items));
}

}  // namespace nacre
