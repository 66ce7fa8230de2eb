#include "nacre/tasks/dataset_task.hpp"

#include <algorithm>
#include <numeric>

#include "nacre/base/error.hpp"
#include "nacre/data/data_format.hpp"
#include "nacre/data/sampler.hpp"
#include "nacre/design/recipe.hpp"

namespace nacre {
namespace {

constexpr double kDefaultTestShare = 0.2;

NormalizationKind normalization_from_name(std::string_view name) {
  if (name == "range") return NormalizationKind::range;
  return name == "none" ? NormalizationKind::none : NormalizationKind::standard;
}

SplitOptions split_options(const Options& options, const DataPaths& paths, bool has_test_set) {
  SplitOptions split;
  split.validation_share = options.real("validation");
  if (has_test_set && options.has("test")) {
    throw UserError(options.position("test"),
                    "task.split.test: the data have a test set of their own; leave this key out");
  }
  split.test_share = has_test_set ? 0 : options.has("test") ? options.real("test") : kDefaultTestShare;
  split.stratified = options.boolean("stratified");
  split.seed = static_cast<uint64_t>(options.integer("seed"));
  split.subset = options.integer("subset");
  const auto list = [&](const char* key) -> std::optional<std::vector<int64_t>> {
    if (!options.has(key)) return std::nullopt;
    return read_index_list(paths.find(options.text(key), options.position(key)));
  };
  split.train = list("train_indices");
  split.validation = list("validation_indices");
  split.test = list("test_indices");
  if (has_test_set && split.test) {
    throw UserError(options.position("test_indices"),
                    "task.split.test_indices: the data have a test set of their own; leave this key out");
  }
  return split;
}

}  // namespace

const std::vector<Parameter>& split_parameters() {
  static const std::vector<Parameter> kParameters = {
      {.name = "validation",
       .type = ParameterType::real,
       .description = "share of the samples that judges candidates during a search",
       .default_value = 0.1,
       .minimum = 0,
       .maximum = 0.9},
      {.name = "test",
       .type = ParameterType::real,
       .description = "share kept for the end, which no search reads; 0.2 unless the data have a test set of their own",
       .minimum = 0,
       .maximum = 0.9},
      {.name = "stratified",
       .type = ParameterType::boolean,
       .description = "equal shares of every class",
       .default_value = true},
      {.name = "seed",
       .type = ParameterType::integer,
       .description = "names the split",
       .default_value = 0,
       .minimum = 0},
      {.name = "subset",
       .type = ParameterType::integer,
       .description = "use only so many samples for training and validation; 0: all",
       .default_value = 0,
       .minimum = 0},
      {.name = "train_indices", .description = "file of sample numbers (text or .npy) instead of shares"},
      {.name = "validation_indices", .description = "file of sample numbers (text or .npy) instead of shares"},
      {.name = "test_indices", .description = "file of sample numbers (text or .npy) instead of shares"}};
  return kParameters;
}

std::vector<Parameter> dataset_task_parameters() {
  return {{.name = "data",
           .type = ParameterType::any,
           .description = "format and paths (nacre list data_formats)",
           .required = true},
          {.name = "split",
           .type = ParameterType::any,
           .description = "validation, test: shares; seed; stratified; subset; or files train_indices, "
                          "validation_indices, test_indices",
           .default_value = Json::object()},
          {.name = "normalize",
           .description = "by statistics of the training split, per channel or column",
           .default_value = "standard",
           .choices = {"standard", "range", "none"}}};
}

DatasetTask::DatasetTask(std::string name, const Options& options, const std::filesystem::path& base_folder,
                         LabelKind labels)
    : name_(std::move(name)), normalize_(options.text("normalize")) {
  const DataContext context{DataPaths(base_folder), labels};
  data_ = load_data(options.node("data"), context);
  const Options split = resolve_options(options.node("split"), split_parameters(), "task.split");
  split_ = split_dataset(data_.pool, split_options(split, context.paths, data_.test.has_value()));
  if (data_.test) {
    split_.test.resize(static_cast<size_t>(data_.test->size()));
    std::iota(split_.test.begin(), split_.test.end(), int64_t{0});
  }
  normalization_ = measure_normalization(data_.pool, split_.train, normalization_from_name(normalize_));
  signature_.inputs = {{"input", ElementType::float32, data_.pool.sample_extents()}};
  hash_ = hash_combine(data_.pool.content_hash(), split_.hash());
  if (data_.test) hash_ = hash_combine(hash_, data_.test->content_hash());
  extend_identity(normalization_.hash());
}

void DatasetTask::extend_identity(const Hash128& hash) {
  hash_ = hash_combine(hash_, hash);
  identity_ = name_ + "/" + hash_.hex();
}

void DatasetTask::set_metrics(std::vector<MetricSpec> metrics, const Options& options) {
  metrics_ = std::move(metrics);
  const auto chosen = std::ranges::find(metrics_, options.text("metric"), &MetricSpec::name);
  if (chosen == metrics_.end()) {
    std::vector<std::string> names;
    for (const MetricSpec& metric : metrics_) names.push_back(metric.name);
    throw UserError(options.position("metric"),
                    unknown_name_message("metric of the task", options.text("metric"), names));
  }
  std::rotate(metrics_.begin(), chosen, chosen + 1);
}

const Dataset& DatasetTask::dataset_of(Split split) const {
  return split == Split::test && data_.test ? *data_.test : data_.pool;
}

const std::vector<int64_t>& DatasetTask::indices_of(Split split) const {
  switch (split) {
    case Split::train: return split_.train;
    case Split::validation: return split_.validation;
    case Split::test: return split_.test;
  }
  throw InternalError("a split of no kind");
}

int64_t DatasetTask::size(Split split) const { return static_cast<int64_t>(indices_of(split).size()); }

Batch DatasetTask::load(Split split, std::span<const int64_t> indices, const Recipe* augment, Random& random) const {
  if (split == Split::test) ++test_reads_;
  const std::vector<int64_t>& samples = indices_of(split);
  std::vector<int64_t> rows;
  rows.reserve(indices.size());
  for (const int64_t index : indices) {
    NACRE_CHECK(index >= 0 && index < static_cast<int64_t>(samples.size()),
                "sample " + std::to_string(index) + " of a split of " + std::to_string(samples.size()));
    rows.push_back(samples[static_cast<size_t>(index)]);
  }
  Augmentation augmentation;
  if (augment != nullptr) augmentation = {augment->crop_padding, augment->horizontal_flip};
  const Dataset& dataset = dataset_of(split);
  Batch batch;
  batch.size = static_cast<int64_t>(indices.size());
  if (dataset.holds_masks())
    batch.tensors[loss_.target] = gather_masks(dataset, rows, augmentation, random);  // the same draws
  batch.tensors[signature_.inputs[0].name] = gather_features(dataset, rows, normalization_, augmentation, random);
  if (!dataset.holds_masks()) batch.tensors[loss_.target] = prepare_labels(gather_labels(dataset, rows));
  return batch;
}

Json DatasetTask::preprocessing() const {
  Json input = {{"name", signature_.inputs[0].name},
                {"axis", 1},
                {"scale", normalization_.scale},
                {"shift", normalization_.shift}};
  if (data_.pool.has_missing) input["missing"] = normalization_.fill;
  Json json = {{"inputs", Json::array({input})}};
  if (!data_.pool.class_names.empty()) json["classes"] = data_.pool.class_names;
  if (!data_.pool.feature_names.empty() && data_.pool.features.rank() == 2) json["columns"] = data_.pool.feature_names;
  return json;
}

}  // namespace nacre
