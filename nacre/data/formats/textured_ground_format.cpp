// Format `textured_ground`: gray images of another format laid on a textured ground, with a mask of where they are: a segmentation
// data set out of any set of digits or letters. Position and texture are drawn from the seed and the sample's number.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "nacre/base/random.hpp"
#include "nacre/data/data_format.hpp"

namespace nacre {
namespace {

constexpr int kWaves = 5;              // of the texture
constexpr double kInkThreshold = 0.3;  // of the brightest pixel: from here on a pixel belongs to the figure

struct GroundOptions {
  int64_t height = 0;
  int64_t width = 0;
  bool each_class = false;
  uint64_t seed = 0;
};

// Sum of a few plane waves of random direction, length and phase, scaled to [low, high].
std::vector<double> texture(const GroundOptions& options, double low, double high, Random& random) {
  std::vector<double> values(static_cast<size_t>(options.height * options.width), 0.0);
  for (int wave = 0; wave < kWaves; ++wave) {
    const double length = random.uniform(3, 14), angle = random.uniform(0, 2 * std::numbers::pi);
    const double phase = random.uniform(0, 2 * std::numbers::pi), size = random.uniform(0.3, 1);
    const double fx = 2 * std::numbers::pi * std::cos(angle) / length,
                 fy = 2 * std::numbers::pi * std::sin(angle) / length;
    for (int64_t y = 0; y < options.height; ++y)
      for (int64_t x = 0; x < options.width; ++x)
        values[static_cast<size_t>(y * options.width + x)] +=
            size * std::sin(fx * static_cast<double>(x) + fy * static_cast<double>(y) + phase);
  }
  const auto [least, most] = std::ranges::minmax(values);
  const double span = std::max(most - least, 1e-9);
  for (double& value : values) value = low + (high - low) * (value - least) / span;
  return values;
}

Dataset compose(const Dataset& figures, const GroundOptions& options, uint64_t part) {
  const std::vector<int64_t> extents = figures.sample_extents();
  const int64_t height = extents[1], width = extents[2], n = figures.size();
  const Tensor values = figures.features.cast(ElementType::float32);
  const auto ink = values.values<float>();
  const float brightest = std::max(*std::ranges::max_element(ink), 1e-6F);
  Dataset result;
  result.source = figures.source + " on textured ground";
  UnsetTensor images = make_unset_tensor(ElementType::uint8, std::vector<int64_t>{n, 1, options.height, options.width});
  UnsetTensor masks = make_unset_tensor(ElementType::uint8, std::vector<int64_t>{n, options.height, options.width});
  auto* image = reinterpret_cast<uint8_t*>(images.bytes);
  auto* mask = reinterpret_cast<uint8_t*>(masks.bytes);
  const int64_t pixels = options.height * options.width;
  for (int64_t i = 0; i < n; ++i, image += pixels, mask += pixels) {
    Random random = Random::stream(options.seed, part == 0 ? "ground" : "ground/test", static_cast<uint64_t>(i));
    const std::vector<double> ground = texture(options, 20, 170, random);
    const double brightness = random.uniform(190, 255);
    const int64_t top = random.integer(0, options.height - height), left = random.integer(0, options.width - width);
    const int64_t label = options.each_class ? 1 + figures.labels.values<int64_t>()[static_cast<size_t>(i)] : 1;
    for (int64_t p = 0; p < pixels; ++p) {
      const int64_t y = p / options.width - top, x = p % options.width - left;
      const bool inside = y >= 0 && y < height && x >= 0 && x < width;
      const double share =
          inside ? static_cast<double>(ink[static_cast<size_t>((i * height + y) * width + x)] / brightest) : 0;
      const double alpha = std::clamp(share, 0.0, 1.0);
      image[p] = static_cast<uint8_t>(std::lround(ground[static_cast<size_t>(p)] * (1 - alpha) + brightness * alpha));
      mask[p] = share >= kInkThreshold ? static_cast<uint8_t>(label) : 0;
    }
  }
  result.features = std::move(images.tensor);
  result.labels = std::move(masks.tensor);
  return result;
}

void check_figures(const Dataset& figures, const GroundOptions& options, SourcePosition position) {
  const std::vector<int64_t> extents = figures.sample_extents();
  if (!figures.holds_images() || extents[0] != 1)
    throw UserError(position, figures.source + ": textured_ground needs gray images [1, height, width]");
  if (extents[1] > options.height || extents[2] > options.width) {
    throw UserError(position, figures.source + ": images of " + std::to_string(extents[1]) + " x " +
                                  std::to_string(extents[2]) + " pixels do not fit a ground of " +
                                  std::to_string(options.height) + " x " + std::to_string(options.width));
  }
  if (options.each_class && figures.class_count() > 254)
    throw UserError(position, figures.source + ": more than 254 classes; set classes: figure");
}

LoadedData load_textured_ground(const Options& options, const DataContext& context) {
  if (context.labels != LabelKind::masks)
    throw UserError("data format textured_ground makes masks for the task segmentation");
  const std::vector<int64_t> size = options.integers("size");
  if (size.empty() || size.size() > 2)
    throw UserError(options.position("size"), "task.data.size: expected [height, width]");
  const GroundOptions ground{.height = size.front(),
                             .width = size.back(),
                             .each_class = options.text("classes") == "each",
                             .seed = static_cast<uint64_t>(options.integer("seed"))};
  const LoadedData figures = load_data(options.node("of"), {context.paths, LabelKind::classes});
  LoadedData data;
  check_figures(figures.pool, ground, options.position("of"));
  data.pool = compose(figures.pool, ground, 0);
  if (figures.test) {
    check_figures(*figures.test, ground, options.position("of"));
    data.test = compose(*figures.test, ground, 1);
  }
  std::vector<std::string> names = {"ground"};
  if (ground.each_class) {
    names.insert(names.end(), figures.pool.class_names.begin(), figures.pool.class_names.end());
  } else {
    names.push_back("figure");
  }
  name_classes(data, std::move(names));
  return data;
}

}  // namespace

void register_textured_ground_format(DataFormatRegistry& registry) {
  registry.add({.name = "textured_ground",
                .summary = "gray images of another format on a textured ground, with masks: for segmentation",
                .source = "",
                .parameters = {{.name = "of",
                                .type = ParameterType::any,
                                .description = "the images: format and paths of a classification data set",
                                .required = true},
                               {.name = "size",
                                .type = ParameterType::integer_list,
                                .description = "[height, width] of the ground",
                                .default_value = Json::array({32, 32}),
                                .minimum = 4,
                                .maximum = 4096,
                                .unit = "pixels"},
                               {.name = "classes",
                                .description = "figure: ground and figure; each: ground and every class of the images",
                                .default_value = "figure",
                                .choices = {"figure", "each"}},
                               {.name = "seed",
                                .type = ParameterType::integer,
                                .description = "names textures and positions",
                                .default_value = 0,
                                .minimum = 0}},
                .example = "format: textured_ground\nof: {format: idx, path: mnist}\nsize: [32, 32]\n"},
               load_textured_ground);
}

}  // namespace nacre
