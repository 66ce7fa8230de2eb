#include "nacre/run/recording_task.hpp"

#include <cstring>

#include "nacre/base/error.hpp"
#include "nacre/data/npy.hpp"

namespace nacre {

struct RecordingTask::Record {
  std::map<std::string, std::vector<Tensor>, std::less<>> parts;
};

namespace {

Tensor join(const std::vector<Tensor>& parts) {
  std::vector<int64_t> extents = parts.front().extents();
  NACRE_CHECK(!extents.empty(), "a batch without a first axis");
  extents[0] = 0;
  for (const Tensor& part : parts) {
    NACRE_CHECK(part.type() == parts.front().type() && part.rank() == parts.front().rank(),
                "batches of different kind");
    extents[0] += part.extents()[0];
  }
  Tensor whole(parts.front().type(), extents);
  std::byte* at = whole.mutable_data();
  for (const Tensor& part : parts) {
    std::memcpy(at, part.data(), static_cast<size_t>(part.bytes()));
    at += part.bytes();
  }
  NACRE_CHECK(at == whole.data() + whole.bytes(), "batches whose samples differ in size");
  return whole;
}

}  // namespace

RecordingTask::RecordingTask(const Task& task) : task_(task), record_(std::make_shared<Record>()) {}
RecordingTask::~RecordingTask() = default;

std::unique_ptr<MetricAccumulator> RecordingTask::accumulator() const {
  class Recorder final : public MetricAccumulator {
   public:
    Recorder(std::unique_ptr<MetricAccumulator> inner, std::shared_ptr<Record> record)
        : inner_(std::move(inner)), record_(std::move(record)) {}

    void add(const NamedTensors& predictions, const Batch& batch) override {
      for (const auto& [name, tensor] : batch.tensors) record_->parts[name].push_back(tensor);
      for (const auto& [name, tensor] : predictions) {
        if (batch.tensors.contains(name)) {
          throw UserError("cannot record: '" + name + "' is the name of a prediction and of an input or target");
        }
        record_->parts[name].push_back(tensor);
      }
      inner_->add(predictions, batch);
    }
    Metrics result() const override { return inner_->result(); }

   private:
    std::unique_ptr<MetricAccumulator> inner_;
    std::shared_ptr<Record> record_;
  };
  record_->parts.clear();
  return std::make_unique<Recorder>(task_.accumulator(), record_);
}

NamedTensors RecordingTask::recorded() const {
  NamedTensors result;
  for (const auto& [name, parts] : record_->parts) result[name] = join(parts);
  return result;
}

void write_npy_files(const std::filesystem::path& folder, const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) write_npy(folder / (name + ".npy"), tensor);
}

}  // namespace nacre
