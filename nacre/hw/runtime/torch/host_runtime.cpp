// The runtime of target `host`: the torch executor in inference, fp32, weights resident, input fixed.
#include "nacre/hw/host_runtime.hpp"
#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"
#include "nacre/nn/torch_compat.hpp"
#include "nacre/nn/torch_executor.hpp"
#include "nacre/nn/torch_types.hpp"

namespace nacre {
namespace {

Numerics inference_numerics(const HostModelOptions& options) {
  return {.device = Device::cpu,
          .arithmetic = Arithmetic::fp32,
          .channels_last = options.channels_last,
          .fused = true,
          .threads = static_cast<int>(options.threads)};
}

Tensor draw_input(const Value& value, uint64_t seed) {
  Tensor tensor(value.type, value.shape->extents());
  Random random(seed);
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    tensor.set_number_at(i, is_floating(value.type) ? random.normal() : static_cast<double>(random.below(2)));
  }
  return tensor;
}

class TorchHostModel : public HostModel {
 public:
  TorchHostModel(const Graph& graph, const HostModelOptions& options)
      : threads_before_(thread_count()),
        numerics_(inference_numerics(options)),
        executor_(graph, numerics_),
        store_(graph, 0, numerics_) {
    for (size_t i = 0; i < graph.inputs.size(); ++i) {
      const Value& value = graph.value(graph.inputs[i]);
      NACRE_CHECK(value.shape && value.shape->is_fixed());
      inputs_.push_back(copy_to_torch(draw_input(value, i)));
      if (options.channels_last && inputs_.back().dim() == 4)
        inputs_.back() = inputs_.back().contiguous(at::MemoryFormat::ChannelsLast);
    }
    set_thread_count(numerics_.threads);
  }
  ~TorchHostModel() override { set_thread_count(threads_before_); }
  TorchHostModel(const TorchHostModel&) = delete;
  TorchHostModel& operator=(const TorchHostModel&) = delete;

  void run() override {
    const at::NoGradGuard no_grad;
    executor_.run(inputs_, store_, {});
  }

 private:
  int threads_before_;
  Numerics numerics_;
  TorchExecutor executor_;
  PlainStore store_;
  std::vector<at::Tensor> inputs_;
};

}  // namespace

std::string host_runtime_missing() { return ""; }

std::string host_runtime_text() { return numerics_class({.channels_last = false, .threads = 1}); }

std::unique_ptr<HostModel> make_host_model(const Graph& graph, const HostModelOptions& options) {
  return std::make_unique<TorchHostModel>(graph, options);
}

namespace {

bool lacks_type(ElementType type) {
  return type == ElementType::uint16 || type == ElementType::uint32 || type == ElementType::uint4 ||
         type == ElementType::int4;
}

}  // namespace

NamedTensors run_on_host(const Graph& graph, const NamedTensors& inputs, uint64_t seed) {
  Numerics numerics = inference_numerics({});
  std::vector<at::Tensor> given;
  for (const ValueId id : graph.inputs) {
    const auto found = inputs.find(value_text(graph, id));
    if (found == inputs.end()) throw UserError("input '" + value_text(graph, id) + "' is missing");
    given.push_back(copy_to_torch(found->second));
    if (found->second.type() == ElementType::float64) numerics.arithmetic = Arithmetic::fp64;
  }
  for (const ValueId id : graph.outputs) {
    if (graph.value(id).type == ElementType::float64) numerics.arithmetic = Arithmetic::fp64;
  }
  const TorchExecutor executor(graph, numerics);
  PlainStore store(graph, seed, numerics);
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> outputs = executor.run(given, store, {});
  NamedTensors named;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Value& value = graph.value(graph.outputs[i]);
    const bool real = is_floating(value.type) && at::isFloatingType(outputs[i].scalar_type());
    Tensor tensor = from_torch(real ? outputs[i].to(torch_type(value.type)) : outputs[i]);
    // The executor holds types that libtorch lacks in the next wider one.
    if (lacks_type(value.type)) tensor = tensor.cast(value.type);
    named.insert_or_assign(value_text(graph, graph.outputs[i]), std::move(tensor));
  }
  return named;
}

}  // namespace nacre
