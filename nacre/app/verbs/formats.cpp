// nacre formats list | show | sqnr | crossover: number formats without a model: what there is, the numbers and codes of one, and the error to
// expect on distributions or on the numbers of a file.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <iostream>

#include "nacre/app/format_analysis.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/data/npy.hpp"
#include "nacre/quant/crest_theory.hpp"
#include "nacre/quant/expected_error.hpp"
#include "nacre/quant/quantize.hpp"
#include "nacre/quant/signal_ratio.hpp"

namespace nacre {
namespace {

constexpr int64_t kMostShownCodes = 256;

Json number_json(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

std::string decibel_text(double value) { return std::isinf(value) ? "exact" : fmt::format("{:.2f}", value); }

// --- list

std::string scale_text(const Format& format) {
  const ScaleScheme& scale = format.scale;
  const std::string codec = scale.codec == ScaleCodec::nv ? "e4m3 and an fp32" : scale_codec_name(scale.codec);
  switch (scale.granularity) {
    case Granularity::none: return "-";
    case Granularity::tensor: return codec + " for the tensor";
    case Granularity::channel: return codec + " each channel";
    case Granularity::token: return codec + " each row";
    case Granularity::block: return fmt::format("{} each {}", codec, scale.block);
  }
  return "";
}

void list_formats(const Session& session) {
  Json rows = Json::array();
  TextTable table({"format", ">bits", ">largest", ">numbers", "scale", "what"});
  for (const auto& entry : format_registry().entries()) {
    const Format format = parse_format(entry.make);
    const ElementGrid& grid = *format.grid;
    rows.push_back({{"name", entry.name},
                    {"text", format_text(format)},
                    {"bits_per_element", bits_per_element(format)},
                    {"largest", grid.coded() ? Json(grid.largest) : Json(nullptr)},
                    {"numbers", grid.coded() ? Json(grid.levels.size()) : Json(nullptr)},
                    {"scale", scale_text(format)},
                    {"summary", entry.summary},
                    {"source", entry.source}});
    table.add({entry.name, fmt::format("{:g}", bits_per_element(format)),
               grid.coded() ? fmt::format("{:g}", grid.largest) : "-",
               grid.coded() ? std::to_string(grid.levels.size()) : "-", scale_text(format), entry.summary});
  }
  std::cout << (session.json ? Json{{"formats", rows}}.dump(2) + "\n" : table.text());
}

// --- show

std::string value_text(float value) {
  if (std::isnan(value)) return "no number";
  return fmt::format("{:.9g}", value);
}

void show_format(const std::string& text, bool all, const Session& session) {
  const Format format = parse_format(text);
  const ElementGrid& grid = *format.grid;
  if (!grid.coded())
    throw UserError(fmt::format("format {} has {} bits and no table of codes (at most {} bits have one)", text,
                                grid.bits, kMostCodedBits));
  const auto codes = static_cast<int64_t>(grid.values.size());
  if (session.json) {
    Json values = Json::array();
    for (const float value : grid.values) values.push_back(number_json(value));
    std::cout << Json{{"format", format_text(format)},
                      {"bits", grid.bits},
                      {"bits_per_element", bits_per_element(format)},
                      {"largest", grid.largest},
                      {"rounding", rounding_name(format.rounding)},
                      {"range", format.scale.granularity == Granularity::none ? Json(nullptr) : Json(format.range)},
                      {"values", values}}
                     .dump(2)
              << "\n";
    return;
  }
  float smallest = grid.largest;
  for (const GridLevel& level : grid.levels)
    if (level.value > 0) smallest = std::min(smallest, level.value);
  std::cout
      << fmt::format(
             "{}: {} bits, {:g} with its share of scales; {} numbers, largest {:.9g}, smallest above zero {:.9g}\n",
             format_text(format), grid.bits, bits_per_element(format), grid.levels.size(), grid.largest, smallest)
      << fmt::format("scale {}{}; rounds {}\n", scale_text(format),
                     format.scale.granularity == Granularity::none ? "" : ", by " + format.range,
                     rounding_name(format.rounding));
  if (codes > kMostShownCodes && !all) {
    std::cout << fmt::format("{} codes; --all prints them\n", codes);
    return;
  }
  TextTable table({">code", "bits", ">number", "produced"});
  for (int64_t code = 0; code < codes; ++code) {
    const float value = grid.values[static_cast<size_t>(code)];
    const bool produced = (!std::isnan(value) && std::isfinite(value) && grid.encode(value, grid.rounding) == code) ||
                          grid.not_a_number == code;
    table.add(
        {std::to_string(code), fmt::format("{:0{}b}", code, grid.bits), value_text(value), produced ? "yes" : "no"});
  }
  std::cout << table.text();
}

// --- sqnr

struct SqnrOptions {
  std::vector<std::string> formats, distributions;
  std::string file;
  int axis = -1;
  int64_t samples = 1 << 18, seed = 0;
};

std::vector<Format> formats_from(const std::vector<std::string>& words) {
  std::vector<Format> formats;
  for (const std::string& word : words) formats.push_back(parse_format(word));
  for (const Format& format : formats)
    if (!format.grid->coded())
      throw UserError(fmt::format("format {} is for accumulators; no error can be measured", format_text(format)));
  return formats;
}

void sqnr_of_distributions(const SqnrOptions& given, const std::vector<Format>& formats, const Session& session) {
  std::vector<ValueDistribution> distributions;
  for (const std::string& name : given.distributions) distributions.push_back(parse_distribution(name));
  if (given.samples < 2 || given.samples > int64_t{1} << 30)
    throw UserError(fmt::format("--samples {}: expected 2 to 2^30", given.samples));
  Json rows = Json::array();
  TextTable table({"distribution", "format", ">bits", ">expected dB", ">drawn dB", ">best clip"});
  for (const ValueDistribution& distribution : distributions)
    for (const Format& format : formats) {
      const std::optional<ExpectedSqnr> expected = expected_sqnr(format, distribution);
      const double drawn = drawn_sqnr_db(format, distribution, given.samples, static_cast<uint64_t>(given.seed));
      const bool clip = expected && expected->clip;
      rows.push_back({{"distribution", distribution.name()},
                      {"format", format_text(format)},
                      {"bits_per_element", bits_per_element(format)},
                      {"expected_sqnr_db", expected ? number_json(expected->sqnr_db) : Json(nullptr)},
                      {"drawn_sqnr_db", number_json(drawn)},
                      {"best_clip", clip ? Json(*expected->clip) : Json(nullptr)}});
      table.add({distribution.name(), format_text(format), fmt::format("{:g}", bits_per_element(format)),
                 expected ? decibel_text(expected->sqnr_db) : "-", decibel_text(drawn),
                 clip ? fmt::format("{:.3g}", *expected->clip) : "-"});
    }
  if (session.json) {
    std::cout << Json{{"samples", given.samples}, {"seed", given.seed}, {"rows", rows}}.dump(2) << "\n";
    return;
  }
  std::cout << table.text()
            << fmt::format("expected: integral (one scale: the best); drawn: {} numbers in one row, seed {}\n",
                           given.samples, given.seed);
}

void sqnr_of_file(const SqnrOptions& given, const std::vector<Format>& formats, const Session& session) {
  const Tensor tensor = read_npy(std::filesystem::path(given.file)).cast(ElementType::float32);
  const std::span<const float> values = tensor.values<float>();
  std::vector<float> out(values.size());
  Json rows = Json::array();
  TextTable table({"format", ">bits", ">stored B", ">upper-quartile kappa", ">predicted dB", ">measured dB"});
  for (const Format& format : formats) {
    fake_quantize(values, out, tensor.extents(), given.axis, format, static_cast<uint64_t>(given.seed));
    const double measured = sqnr_db(values, out);
    const int64_t block = format.scale.granularity == Granularity::block ? format.scale.block : 0;
    std::optional<double> kappa, predicted;
    if (block > 0 && !values.empty() && format.rotation == 0) {
      kappa = share_quantile(crest_factors(values, tensor.extents(), given.axis, block), 0.75);
      predicted = predicted_qsnr_db(format, *kappa);
    }
    const int64_t bytes = (storage_bits(tensor.extents(), given.axis, format) + 7) / 8;
    rows.push_back({{"format", format_text(format)},
                    {"bits_per_element", bits_per_element(format)},
                    {"stored_bytes", bytes},
                    {"kappa_upper_quartile", kappa ? number_json(*kappa) : Json(nullptr)},
                    {"predicted_sqnr_db", predicted ? Json(*predicted) : Json(nullptr)},
                    {"measured_sqnr_db", number_json(measured)}});
    table.add({format_text(format), fmt::format("{:g}", bits_per_element(format)), std::to_string(bytes),
               kappa ? fmt::format("{:.2f}", *kappa) : "-", predicted ? decibel_text(*predicted) : "-",
               decibel_text(measured)});
  }
  if (session.json)
    std::cout << Json{{"file", given.file}, {"elements", values.size()}, {"rows", rows}}.dump(2) << "\n";
  else
    std::cout << table.text();
}

// --- crossover

// INT v.s. FP: the crest factor below which the first format, of integers, makes the smaller error, and both curves.
void crossovers(const std::vector<std::string>& words, const Session& session) {
  const std::vector<std::string> usual = {"mxint8", "mxfp8", "mxint6", "mxfp6", "mxint4", "mxfp4", "nvint4", "nvfp4"};
  if (words.size() % 2 != 0) throw UserError("formats cross in pairs, e.g. nacre formats crossover mxint8 mxfp8");
  const std::vector<std::string>& names = words.empty() ? usual : words;
  constexpr std::array<double, 7> kKappas = {1.5, 2, 3, 4, 6, 8, 12};
  std::vector<std::string> headers = {"formats", ">crossover kappa"};
  for (const double kappa : kKappas) headers.push_back(fmt::format(">at {:g}", kappa));
  TextTable table(headers);
  Json rows = Json::array();
  for (size_t i = 0; i < names.size(); i += 2) {
    const Format first = parse_format(names[i]), second = parse_format(names[i + 1]);
    for (const Format* format : {&first, &second})
      if (!predicted_qsnr_db(*format, 2))
        throw UserError(
            fmt::format("no theory for format {}: integers and floats of mx and nv have one", format_text(*format)));
    const std::optional<double> kappa = crossover_kappa(first, second);
    std::vector<std::string> cells = {format_text(first) + ", " + format_text(second),
                                      kappa ? fmt::format("{:.3f}", *kappa) : "none"};
    Json curve = Json::array();
    for (double at = 1.1; at <= 20; at *= 1.05) {
      const auto a = predicted_qsnr_db(first, at), b = predicted_qsnr_db(second, at);
      curve.push_back({at, a ? Json(*a) : Json(nullptr), b ? Json(*b) : Json(nullptr)});
    }
    for (const double at : kKappas) {
      const auto a = predicted_qsnr_db(first, at), b = predicted_qsnr_db(second, at);
      cells.push_back(fmt::format("{} {}", a ? fmt::format("{:.1f}", *a) : "-", b ? fmt::format("{:.1f}", *b) : "-"));
    }
    table.add(cells);
    rows.push_back({{"first", format_text(first)},
                    {"second", format_text(second)},
                    {"crossover_kappa", kappa ? Json(*kappa) : Json(nullptr)},
                    {"curve_kappa_first_db_second_db", curve}});
  }
  std::cout << (session.json ? Json{{"crossovers", rows}}.dump(2) + "\n" : table.text());
}

}  // namespace

void add_formats(Command& program, Session& session) {
  Command verb = program.add_verb("formats", "number formats: their codes and the error to expect");
  verb.require_verb();
  Command list = verb.add_verb("list", "formats with their bits, numbers and scales");
  list.on_run([&session] { list_formats(session); });

  Command show = verb.add_verb("show", "the numbers of a format, code by code");
  auto word = std::make_shared<std::string>();
  auto all = std::make_shared<bool>(false);
  show.add_option("format", *word, "e.g. mxfp4, fp8_e4m3, pow2:3, int4:g128 (docs/formats.md)").required();
  show.add_flag("--all", *all, "every code of formats with more than 256");
  show.on_run([word, all, &session] { show_format(*word, *all, session); });

  Command sqnr = verb.add_verb("sqnr", "error on distributions, or on the numbers of a file, in dB of signal");
  auto options = std::make_shared<SqnrOptions>();
  sqnr.add_option("formats", options->formats, "formats to compare").required().expected(1, 100);
  sqnr.add_option("--dist", options->distributions, "gauss, laplace, uniform or t:N (gauss, laplace, t:3)")
      .expected(1, 100);
  sqnr.add_option("--file", options->file, "instead: an NPY file");
  sqnr.add_option("--axis", options->axis, "of the file, along which blocks run (-1: the last)");
  sqnr.add_option("--samples", options->samples, "numbers to draw (262144)");
  sqnr.add_option("--seed", options->seed, "of drawn numbers, rotations and stochastic rounding (0)").non_negative();
  sqnr.on_run([options, &session] {
    const std::vector<Format> formats = formats_from(options->formats);
    if (!options->file.empty() && !options->distributions.empty())
      throw UserError("--file and --dist are two sources of numbers; give one");
    if (options->distributions.empty()) options->distributions = {"gauss", "laplace", "t:3"};
    options->file.empty() ? sqnr_of_distributions(*options, formats, session)
                          : sqnr_of_file(*options, formats, session);
  });

  Command crossover = verb.add_verb("crossover", "the crest factor at which the error of two block formats is equal");
  auto pairs = std::make_shared<std::vector<std::string>>();
  crossover.add_option("formats", *pairs, "pairs of mx and nv formats (the four of arXiv 2510.25602)").expected(0, 100);
  crossover.on_run([pairs, &session] { crossovers(*pairs, session); });
  add_format_analysis(verb, session);
}

}  // namespace nacre
