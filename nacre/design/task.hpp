// What is to be learned: data, loss, metrics and the signature of a network that fits. A batch is a map of named tensors
// and masks, never "image, label". No libtorch here: trainers turn the tensors into theirs without copying.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nacre/base/json.hpp"
#include "nacre/base/random.hpp"
#include "nacre/design/metrics.hpp"
#include "nacre/ir/reference_executor.hpp"

namespace nacre {

struct Recipe;

enum class Split { train, validation, test };
std::string_view split_name(Split split);

struct TensorSpec {
  std::string name;
  ElementType type = ElementType::float32;
  std::vector<int64_t> extents;  // of one sample, without the batch dimension
};

struct TaskSignature {
  std::vector<TensorSpec> inputs;   // what the network reads
  std::vector<TensorSpec> outputs;  // what the network must produce ("logits": [classes])
};

// Named tensors with a leading batch dimension: the network's inputs, the targets ("label") and masks.
struct Batch {
  NamedTensors tensors;
  int64_t size = 0;
};

// Loss and metrics are words of registries in nn and tasks: "cross_entropy" over "logits" and "label".
struct LossSpec {
  std::string kind;
  std::string prediction;
  std::string target;
};

// Turns predictions into metric values; one per evaluation, fed batch by batch.
class MetricAccumulator {
 public:
  virtual ~MetricAccumulator() = default;
  virtual void add(const NamedTensors& predictions, const Batch& batch) = 0;
  virtual Metrics result() const = 0;
};

class Task {
 public:
  virtual ~Task() = default;

  virtual const std::string& name() const = 0;
  virtual const TaskSignature& signature() const = 0;
  virtual const LossSpec& loss() const = 0;
  virtual const std::vector<MetricSpec>& metrics() const = 0;  // the first is the one that is searched for
  virtual int64_t size(Split split) const = 0;
  // Samples by index within the split. Deterministic in its arguments; may be called from several threads at once.
  // `augment` is null for evaluation; else per-sample augmentation (crop, flip) is applied, drawn from `random`.
  virtual Batch load(Split split, std::span<const int64_t> indices, const Recipe* augment, Random& random) const = 0;
  virtual std::unique_ptr<MetricAccumulator> accumulator() const = 0;
  // Names data, preprocessing and split: part of the key under which results are reused.
  virtual std::string identity() const = 0;
  // Reads of the test split are counted, so that a search can prove it made none.
  virtual int64_t test_reads() const = 0;
  // What load() does to raw data, for the metadata of an exported model: {"inputs": [{"name", "axis", "scale", "shift"}],
  // "classes": [...], "outputs": ...}: network input = raw * scale + shift along `axis`.
  virtual Json preprocessing() const { return Json::object(); }
};

}  // namespace nacre
