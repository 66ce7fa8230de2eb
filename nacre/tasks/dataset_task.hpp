// What tasks over a stored data set have in common: reading, splitting, normalization, batches, identity.
//
// The samples lie in memory as they were stored (bytes for images); a batch is gathered, augmented and normalized in one
// pass. The test split is either a set of its own or split off the pool before validation; each load from it is counted.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "nacre/base/options.hpp"
#include "nacre/data/dataset.hpp"
#include "nacre/data/normalization.hpp"
#include "nacre/data/split.hpp"
#include "nacre/design/task.hpp"

namespace nacre {

// The keys `data`, `split` and `normalize`.
std::vector<Parameter> dataset_task_parameters();
// The keys below `split`.
const std::vector<Parameter>& split_parameters();

class DatasetTask : public Task {
 public:
  const std::string& name() const override { return name_; }
  const TaskSignature& signature() const override { return signature_; }
  const LossSpec& loss() const override { return loss_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  int64_t size(Split split) const override;
  Batch load(Split split, std::span<const int64_t> indices, const Recipe* augment, Random& random) const override;
  std::string identity() const override { return identity_; }
  int64_t test_reads() const override { return test_reads_.load(); }
  Json preprocessing() const override;

  const Dataset& pool() const { return data_.pool; }
  const SplitIndices& split() const { return split_; }

 protected:
  DatasetTask(std::string name, const Options& options, const std::filesystem::path& base_folder, LabelKind labels);

  // Puts the metric that the options name first. UserError when there is no such metric.
  void set_metrics(std::vector<MetricSpec> metrics, const Options& options);
  // A further part of the identity, e.g. how targets are scaled.
  void extend_identity(const Hash128& hash);
  // Labels of a batch, before they are handed out; regression scales them.
  virtual Tensor prepare_labels(Tensor labels) const { return labels; }

  TaskSignature signature_;
  LossSpec loss_;

 private:
  const Dataset& dataset_of(Split split) const;
  const std::vector<int64_t>& indices_of(Split split) const;

  std::string name_;
  LoadedData data_;
  SplitIndices split_;  // `test` counts into data_.test when that is a set of its own
  std::string normalize_;
  Normalization normalization_;
  std::vector<MetricSpec> metrics_;
  Hash128 hash_;
  std::string identity_;
  mutable std::atomic<int64_t> test_reads_{0};
};

}  // namespace nacre
