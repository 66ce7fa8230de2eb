// Writing networks in C++: layers in the words of the field, each made of ONNX operators, shapes inferred as they are
// added. Parameters are absent (shape and distribution only) and named by scope: "stage1/0/expand/weight".
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "nacre/ir/graph.hpp"

namespace nacre {

enum class Activation { none, relu, relu6, hard_swish, hard_sigmoid, sigmoid, swish, gelu, tanh };

Activation activation_from_name(std::string_view name, const SourcePosition& position = {});
std::string_view activation_name(Activation activation);

struct ConvolutionOptions {
  int64_t kernel = 3;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t groups = 1;
  bool bias = false;
  std::optional<int64_t> padding = std::nullopt;  // nothing: "same" for odd kernels, dilation * (kernel - 1) / 2
};

class GraphBuilder {
 public:
  explicit GraphBuilder(std::string name = "");

  Graph& graph() { return graph_; }
  const Graph& graph() const { return graph_; }
  // Hands the finished graph over; the builder is empty afterwards.
  Graph take();

  // Enters "a/b" below the current scope for the lifetime of the guard.
  class ScopeGuard {
   public:
    ScopeGuard(GraphBuilder& builder, std::string_view name);
    ~ScopeGuard();
    ScopeGuard(const ScopeGuard&) = delete;
    ScopeGuard& operator=(const ScopeGuard&) = delete;

   private:
    GraphBuilder& builder_;
    size_t outer_length_;  // of the path
    int32_t outer_scope_;
  };
  [[nodiscard]] ScopeGuard scope(std::string_view name) { return ScopeGuard(*this, name); }
  const std::string& scope_path() const { return path_; }

  ValueId input(std::string name, ElementType type, Shape shape);
  void output(ValueId value, std::string name);
  // Any operator; returns its only (first) output, shapes inferred.
  ValueId node(std::string_view op, std::vector<ValueId> inputs, Attributes attributes = {}, int outputs = 1,
               std::string_view domain = "");
  ValueId constant(Tensor value, std::string_view name = "");
  ValueId parameter(std::string_view name, Shape shape, Distribution distribution, bool trainable = true);

  // Layers. x is NCHW for convolutions, pooling and normalisation; [..., features] for linear and layer_norm.
  ValueId convolution(std::string_view name, ValueId x, int64_t out_channels, const ConvolutionOptions& options);
  ValueId depthwise(std::string_view name, ValueId x, const ConvolutionOptions& options);  // groups = channels
  ValueId batch_norm(std::string_view name, ValueId x, float epsilon = 1e-5F, float momentum = 0.9F);
  ValueId layer_norm(std::string_view name, ValueId x, float epsilon = 1e-5F);
  ValueId linear(std::string_view name, ValueId x, int64_t out_features,
                 bool bias = true);  // Gemm, or MatMul + Add past rank 2
  ValueId activation(ValueId x, Activation kind);
  ValueId convolution_norm_activation(std::string_view name, ValueId x, int64_t out_channels,
                                      const ConvolutionOptions& options, Activation kind);
  // Squeeze-and-excite (Hu et al., arXiv 1709.01507): x * gate(W2 relu(W1 mean(x))), reduced to `squeezed` channels.
  ValueId squeeze_excite(std::string_view name, ValueId x, int64_t squeezed,
                         Activation gate = Activation::hard_sigmoid);
  ValueId channel_shuffle(ValueId x, int64_t groups);
  ValueId add(ValueId a, ValueId b);
  ValueId max_pool(ValueId x, int64_t kernel, int64_t stride, int64_t padding);
  ValueId average_pool(ValueId x, int64_t kernel, int64_t stride, int64_t padding, bool count_padding = false);
  ValueId global_average_pool(ValueId x);  // [N, C, 1, 1]
  ValueId flatten(ValueId x);
  ValueId dropout(ValueId x, float ratio);  // identity outside training
  // Multi-head self-attention over [batch, tokens, features] (Vaswani et al., arXiv 1706.03762), scaled by 1/sqrt(d).
  ValueId self_attention(std::string_view name, ValueId x, int64_t heads);

  int64_t channels(ValueId x) const;  // extent of axis 1; InternalError when not fixed
  int64_t extent(ValueId x, int axis) const;
  const Shape& shape(ValueId x) const;

 private:
  std::string scoped(std::string_view name) const;
  ValueId shared_constant(std::string_view name, std::shared_ptr<const Tensor> value);
  ValueId integers(std::string_view name, std::initializer_list<int64_t> values);
  Graph graph_;
  std::string path_;
};

}  // namespace nacre
