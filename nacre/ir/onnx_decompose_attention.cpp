// Attention as runtimes fuse it: heads split, keys and values appended to a cache, positions rotated, scores masked, summed.
//
//   softmax(scale Q K' + mask) V      per head; Q [B, N, S, D], K [B, N, T, D], V [B, N, T, D']
#include <algorithm>
#include <cmath>
#include <limits>

#include "nacre/ir/onnx_decompose.hpp"

namespace nacre {
namespace {

using Part = Decomposition::Part;

constexpr int64_t kMostHeads = 1 << 16;
constexpr int64_t kWidest = int64_t{1} << 32;

// [B, S, N D] -> [B, N, S, D]
ValueId split_heads(Decomposition& make, ValueId x, int64_t heads) {
  return make.transpose(make.reshape(x, {0, 0, heads, -1}), {0, 2, 1, 3});
}

// [B, N, S, D] -> [B, S, N D]
ValueId merge_heads(Decomposition& make, ValueId x) {
  return make.reshape(make.transpose(x, {0, 2, 1, 3}), {0, 0, -1});
}

// 0, 1, ..., as a vector as long as an axis of x.
ValueId positions(Decomposition& make, ValueId x, int axis) {
  const ValueId length = make.add("Squeeze", {make.extent(x, axis), make.integers({0})});
  return make.add("Range",
                  {make.constant(Tensor::scalar<int64_t>(0)), length, make.constant(Tensor::scalar<int64_t>(1))});
}

// 0 where allowed, `masked` elsewhere; of the type of `like`.
ValueId as_bias(Decomposition& make, ValueId allowed, double masked, ValueId like) {
  return make.add("Where", {allowed, make.number(0, like), make.number(masked, like)});
}

double lowest(ElementType type) {
  return type == ElementType::float16 ? -65504.0 : static_cast<double>(std::numeric_limits<float>::lowest());
}

struct Heads {
  ValueId q = kNone, k = kNone, v = kNone;
  std::vector<ValueId> biases = {};  // added to the scores; each broadcasts to [B, N, S, T]
  double scale = 0;                  // 0: 1 / sqrt(D)
  double softcap = 0;                // 0: none
};

ValueId attend(Decomposition& make, const Heads& heads) {
  ValueId q = heads.q;
  if (heads.scale != 0) {
    q = make.add("Mul", {q, make.number(heads.scale, q)});
  } else if (const Dim depth = make.dim_of(q, -1); depth.is_fixed()) {
    q = make.add("Mul", {q, make.number(1.0 / std::sqrt(static_cast<double>(depth.extent())), q)});
  } else {
    const ValueId size = make.add("Squeeze", {make.cast(make.extent(q, -1), make.type_of(q)), make.integers({0})});
    q = make.add("Div", {q, make.add("Sqrt", {size})});
  }
  ValueId scores = make.add("MatMul", {q, make.transpose(heads.k, {0, 1, 3, 2})});
  if (heads.softcap > 0) {
    const ValueId cap = make.number(heads.softcap, scores);
    scores = make.add("Mul", {make.add("Tanh", {make.add("Div", {scores, cap})}), cap});
  }
  for (const ValueId bias : heads.biases) scores = make.add("Add", {scores, bias});
  return make.add("MatMul", {make.add("Softmax", {scores}, {{"axis", int64_t{-1}}}), heads.v});
}

// Query i of S stands at position T - S + i and sees the positions up to its own, `window` of them when it is positive.
ValueId causal_bias(Decomposition& make, ValueId q, ValueId k, int64_t window, double masked) {
  const ValueId columns = positions(make, k, 2);
  const ValueId offset = make.add("Sub", {make.extent(k, 2), make.extent(q, 2)});
  const ValueId rows = make.add("Unsqueeze", {make.add("Add", {positions(make, q, 2), offset}), make.integers({1})});
  ValueId allowed = make.add("LessOrEqual", {columns, rows});
  if (window > 0) {
    const ValueId first = make.add("Sub", {rows, make.integers({window})});
    allowed = make.add("And", {allowed, make.add("Greater", {columns, first})});
  }
  return as_bias(make, allowed, masked, q);
}

// A mask of keys as models give it: [B] lengths, [B, T] or [B, S, T] with 0 for what is masked.
bool is_known_mask(const Decomposition& make, ValueId mask, ValueId input) {
  const int rank = make.rank_of(mask);
  if (rank == 2 || rank == 3) return true;
  // A vector may hold more than the lengths (2 B, or 3 B + 2 entries).
  return rank == 1 && !make.dim_of(mask, 0).is_unknown() && make.dim_of(mask, 0) == make.dim_of(input, 0);
}

ValueId mask_bias(Decomposition& make, ValueId mask, ValueId k, double masked) {
  const int rank = make.rank_of(mask);
  if (rank == 1) {
    const ValueId lengths = make.add("Unsqueeze", {make.cast(mask, ElementType::int64), make.integers({1, 2, 3})});
    return as_bias(make, make.add("Less", {positions(make, k, 2), lengths}), masked, k);
  }
  const ValueId allowed = make.cast(mask, ElementType::boolean);
  const std::vector<int64_t> axes = rank == 2 ? std::vector<int64_t>{1, 2} : std::vector<int64_t>{1};
  return as_bias(make, make.add("Unsqueeze", {allowed, make.integers(axes)}), masked, k);
}

// --- rotary positions ---------------------------------------------------------------------------------------------

// x [B, N, S, D] with its first 2 h features rotated by the angles whose cosines and sines are `cos`, `sin` [.., S, h].
ValueId rotate(Decomposition& make, ValueId x, ValueId cos, ValueId sin, int64_t half, int64_t depth,
               bool interleaved) {
  constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();
  const ValueId turned = 2 * half == depth ? x : make.slice(x, 3, 0, 2 * half);
  ValueId a = kNone, b = kNone;
  if (interleaved) {
    const auto every_second = [&](int64_t begin) {
      return make.add("Slice",
                      {turned, make.integers({begin}), make.integers({kEnd}), make.integers({3}), make.integers({2})});
    };
    a = every_second(0);
    b = every_second(1);
  } else {
    a = make.slice(turned, 3, 0, half);
    b = make.slice(turned, 3, half, 2 * half);
  }
  ValueId first = make.add("Sub", {make.add("Mul", {a, cos}), make.add("Mul", {b, sin})});
  ValueId second = make.add("Add", {make.add("Mul", {a, sin}), make.add("Mul", {b, cos})});
  ValueId y = kNone;
  if (interleaved) {
    first = make.add("Unsqueeze", {first, make.integers({-1})});
    second = make.add("Unsqueeze", {second, make.integers({-1})});
    y = make.reshape(make.add("Concat", {first, second}, {{"axis", int64_t{-1}}}), {0, 0, 0, 2 * half});
  } else {
    y = make.add("Concat", {first, second}, {{"axis", int64_t{-1}}});
  }
  if (turned == x) return y;
  return make.add("Concat", {y, make.slice(x, 3, 2 * half, kEnd)}, {{"axis", int64_t{-1}}});
}

// [B, KV, T, D] -> [B, KV groups, T, D], each head repeated.
ValueId repeat_heads(Decomposition& make, ValueId x, int64_t heads, int64_t groups, int64_t depth) {
  if (groups == 1) return x;
  const ValueId wide =
      make.add("Expand", {make.add("Unsqueeze", {x, make.integers({2})}), make.integers({1, 1, groups, 1, 1})});
  return make.reshape(wide, {0, heads, Part::of(make.extent(x, 2)), depth});
}

ValueId appended(Decomposition& make, ValueId past, ValueId now) {
  return past == kNone ? now : make.add("Concat", {past, now}, {{"axis", int64_t{2}}});
}

}  // namespace

// Inputs: x [B, S, C], weight [C, 3 hidden], bias, mask, past [2, B, N, P, D], bias of the scores.
Decomposed decompose_attention(Decomposition& make) {
  const Attributes& attributes = make.attributes();
  const int64_t heads = attributes.integer("num_heads", 0);
  const std::span<const int64_t> given = attributes.integers("qkv_hidden_sizes");
  std::vector<int64_t> sizes(given.begin(), given.end());
  const Dim width = make.dim_of(make.input(1), 1);
  if (sizes.empty() && width.is_fixed()) sizes.assign(3, width.extent() / 3);
  const bool sane = std::ranges::all_of(sizes, [](int64_t size) { return size > 0 && size < kWidest; });
  const bool known = sane && heads > 0 && heads < kMostHeads && sizes.size() == 3 && make.rank_of(make.input(0)) == 3 &&
                     make.rank_of(make.input(1)) == 2;
  if (!known || make.has(6) || attributes.integer("do_rotary", 0) != 0 ||
      attributes.integer("past_present_share_buffer", 0) != 0) {
    return std::nullopt;
  }
  if (make.has(3) && !is_known_mask(make, make.input(3), make.input(0))) return std::nullopt;
  const double masked = attributes.real("mask_filter_value", -10000.0F);
  ValueId qkv = make.add("MatMul", {make.input(0), make.input(1)});
  if (make.has(2)) qkv = make.add("Add", {qkv, make.input(2)});
  const ValueId q = split_heads(make, make.slice(qkv, 2, 0, sizes[0]), heads);
  ValueId k = split_heads(make, make.slice(qkv, 2, sizes[0], sizes[0] + sizes[1]), heads);
  ValueId v = split_heads(make, make.slice(qkv, 2, sizes[0] + sizes[1], sizes[0] + sizes[1] + sizes[2]), heads);
  if (make.has(4)) {
    const auto part = [&](int64_t index) {
      return make.add("Gather", {make.input(4), make.constant(Tensor::scalar<int64_t>(index))}, {{"axis", int64_t{0}}});
    };
    k = appended(make, part(0), k);
    v = appended(make, part(1), v);
  }
  Heads parts{.q = q, .k = k, .v = v, .scale = attributes.real("scale", 0)};
  if (make.has(3)) parts.biases.push_back(mask_bias(make, make.input(3), k, masked));
  if (attributes.integer("unidirectional", 0) != 0) parts.biases.push_back(causal_bias(make, q, k, 0, masked));
  if (make.has(5)) parts.biases.push_back(make.input(5));
  const ValueId y = merge_heads(make, attend(make, parts));
  ValueId present = kNone;
  if (make.wants(1)) {
    const ValueId axis = make.integers({0});
    present = make.add("Concat", {make.add("Unsqueeze", {k, axis}), make.add("Unsqueeze", {v, axis})},
                       {{"axis", int64_t{0}}});
  }
  return std::vector<ValueId>{y, present};
}

// Inputs: query [B, S, N D], key, value [B, T, N D] or [B, N, T, D], bias of all three, mask, bias of the scores, past key,
// past value. Outputs: y, present key, present value.
Decomposed decompose_multi_head_attention(Decomposition& make) {
  const Attributes& attributes = make.attributes();
  const int64_t heads = attributes.integer("num_heads", 0);
  if (heads < 1 || !make.has(1) || !make.has(2) || make.has(8) || make.has(9)) return std::nullopt;
  const int key_rank = make.rank_of(make.input(1)), value_rank = make.rank_of(make.input(2));
  if (make.rank_of(make.input(0)) != 3 || key_rank != value_rank || key_rank < 3 || key_rank > 4) return std::nullopt;
  if (make.has(4) && !is_known_mask(make, make.input(4), make.input(0))) return std::nullopt;
  if (make.has(6) != make.has(7)) return std::nullopt;
  std::vector<ValueId> parts = {make.input(0), make.input(1), make.input(2)};
  if (make.has(3)) {
    int64_t at = 0;
    std::vector<int64_t> begins;
    for (const ValueId part : parts) {
      const Dim dim = make.dim_of(part, 2);
      if (make.rank_of(part) != 3 || !dim.is_fixed()) return std::nullopt;
      begins.push_back(at);
      at += dim.extent();
    }
    begins.push_back(at);
    for (size_t i = 0; i < 3; ++i)
      parts[i] = make.add("Add", {parts[i], make.slice(make.input(3), 0, begins[i], begins[i + 1])});
  }
  const ValueId q = split_heads(make, parts[0], heads);
  const ValueId k = appended(make, make.input(6), key_rank == 3 ? split_heads(make, parts[1], heads) : parts[1]);
  const ValueId v = appended(make, make.input(7), key_rank == 3 ? split_heads(make, parts[2], heads) : parts[2]);
  Heads all{.q = q, .k = k, .v = v, .scale = attributes.real("scale", 0)};
  const double masked = attributes.real("mask_filter_value", -10000.0F);
  if (make.has(4)) all.biases.push_back(mask_bias(make, make.input(4), k, masked));
  if (attributes.integer("unidirectional", 0) != 0)
    all.biases.push_back(causal_bias(make, q, k, 0, lowest(make.type_of(q))));
  if (make.has(5)) all.biases.push_back(make.input(5));
  return std::vector<ValueId>{merge_heads(make, attend(make, all)), k, v};
}

// Fewer heads of keys and values than of queries; causal; the new positions follow those of the past. Inputs: query, key,
// value, past key, past value [B, KV, P, D], last position per sample, total length, cosines and sines [M, h]. The samples
// of a batch have one past length, as the extents of the cache say.
Decomposed decompose_group_query_attention(Decomposition& make) {
  const Attributes& attributes = make.attributes();
  const int64_t heads = attributes.integer("num_heads", 0), groups_of = attributes.integer("kv_num_heads", 0);
  const bool rotary = attributes.integer("do_rotary", 0) != 0;
  if (heads < 1 || heads > kMostHeads || groups_of < 1 || heads % groups_of != 0 || make.rank_of(make.input(0)) != 3)
    return std::nullopt;
  if (make.has(1) != make.has(2) || make.has(3) != make.has(4) || make.has(9) || make.has(11)) return std::nullopt;
  if (rotary && (!make.has(7) || !make.has(8))) return std::nullopt;
  if (attributes.integer("smooth_softmax", 0) > 0) return std::nullopt;
  const Dim width = make.dim_of(make.input(0), 2);
  if (!width.is_fixed()) return std::nullopt;
  const int64_t depth = width.extent() / (make.has(1) ? heads : heads + 2 * groups_of);
  const Dim half = rotary ? make.dim_of(make.input(7), 1) : Dim(0);
  if (!half.is_fixed() || 2 * half.extent() > depth || depth < 1) return std::nullopt;
  ValueId q = make.input(0), k = make.input(1), v = make.input(2);
  if (!make.has(1)) {  // packed side by side
    const int64_t queries = heads * depth, keys = groups_of * depth;
    k = make.slice(q, 2, queries, queries + keys);
    v = make.slice(q, 2, queries + keys, queries + 2 * keys);
    q = make.slice(q, 2, 0, queries);
  }
  q = split_heads(make, q, heads);
  k = split_heads(make, k, groups_of);
  v = split_heads(make, v, groups_of);
  if (rotary) {
    ValueId at = positions(make, q, 2);
    if (make.has(3)) at = make.add("Add", {at, make.extent(make.input(3), 2)});
    const ValueId cos = make.add("Gather", {make.input(7), at}), sin = make.add("Gather", {make.input(8), at});
    const bool interleaved = attributes.integer("rotary_interleaved", 0) != 0;
    q = rotate(make, q, cos, sin, half.extent(), depth, interleaved);
    k = rotate(make, k, cos, sin, half.extent(), depth, interleaved);
  }
  k = appended(make, make.input(3), k);
  v = appended(make, make.input(4), v);
  const int64_t groups = heads / groups_of;
  Heads all{.q = q,
            .k = repeat_heads(make, k, heads, groups, depth),
            .v = repeat_heads(make, v, heads, groups, depth),
            .scale = attributes.real("scale", 0),
            .softcap = attributes.real("softcap", 0)};
  const double masked = lowest(make.type_of(q));
  all.biases.push_back(causal_bias(make, q, k, attributes.integer("local_window_size", -1), masked));
  if (make.has(5)) {  // positions past the last one of a sample are padding
    const ValueId last = make.reshape(make.cast(make.input(5), ElementType::int64), {-1, 1, 1, 1});
    all.biases.push_back(as_bias(make, make.add("LessOrEqual", {positions(make, k, 2), last}), masked, q));
  }
  if (make.has(10)) all.biases.push_back(make.input(10));
  return std::vector<ValueId>{merge_heads(make, attend(make, all)), k, v};
}

// Inputs: x [B, S, N D] or [B, N, S, D], positions [B, S] or the first one [1], cosines and sines [M, h].
Decomposed decompose_rotary_embedding(Decomposition& make) {
  const Attributes& attributes = make.attributes();
  const int rank = make.rank_of(make.input(0)), position_rank = make.rank_of(make.input(1));
  const Dim half = make.dim_of(make.input(2), 1);
  const int64_t heads = attributes.integer("num_heads", 0);
  const bool partial = attributes.integer("rotary_embedding_dim", 0) > 0;
  if (rank < 3 || rank > 4 || position_rank < 1 || position_rank > 2 || !half.is_fixed()) return std::nullopt;
  if (attributes.real("scale", 1.0F) != 1.0F || attributes.integer("is_packed_batching", 0) != 0) return std::nullopt;
  int64_t depth = 2 * half.extent();
  if (rank == 4) {
    if (!make.dim_of(make.input(0), 3).is_fixed()) return std::nullopt;
    depth = make.dim_of(make.input(0), 3).extent();
  } else if (partial) {
    const Dim width = make.dim_of(make.input(0), 2);
    if (heads < 1 || !width.is_fixed() || width.extent() % heads != 0) return std::nullopt;
    depth = width.extent() / heads;
  }
  if (2 * half.extent() > depth || depth < 1) return std::nullopt;
  ValueId x = make.input(0);
  if (rank == 3) x = make.transpose(make.reshape(x, {0, 0, -1, depth}), {0, 2, 1, 3});
  ValueId at = make.input(1);
  if (position_rank == 1) at = make.add("Add", {make.cast(at, ElementType::int64), positions(make, x, 2)});
  ValueId cos = make.add("Gather", {make.input(2), at}), sin = make.add("Gather", {make.input(3), at});
  if (position_rank == 2) {
    const ValueId axis = make.integers({1});
    cos = make.add("Unsqueeze", {cos, axis});
    sin = make.add("Unsqueeze", {sin, axis});
  }
  const ValueId y = rotate(make, x, cos, sin, half.extent(), depth, attributes.integer("interleaved", 0) != 0);
  return std::vector<ValueId>{rank == 3 ? merge_heads(make, y) : y};
}

}  // namespace nacre
