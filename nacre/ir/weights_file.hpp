// Weights as files of their own, in the safetensors layout: 8 bytes little-endian length, a JSON header that maps names to
// type, shape and byte range, then the bytes. Readable by any tool that knows the layout; no libtorch needed.
//
// The reader trusts nothing: lengths and ranges are checked against the bytes present before anything is allocated.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nacre/ir/graph.hpp"

namespace nacre {

struct Weights {
  std::map<std::string, std::string> metadata;
  std::vector<std::pair<std::string, Tensor>> tensors;  // names are unique

  const Tensor* find(std::string_view name) const;
};

std::string write_weights_bytes(const Weights& weights);
Weights read_weights_bytes(std::string_view bytes, const std::string& origin);
Weights read_weights(const std::filesystem::path& path);

// Writes "<hash of the content>.safetensors" into `folder`, atomically; returns the file's name. The same content
// gives the same name, so that writing twice is harmless.
std::string write_weights_artifact(const Weights& weights, const std::filesystem::path& folder);

// The initialisers of `graph` that have data, by name.
Weights weights_of(const Graph& graph);
// Gives every initialiser of `graph` the tensor of its name. UserError when a parameter is missing or has another shape or
// type; tensors that the graph does not have are ignored.
void apply_weights(Graph& graph, const Weights& weights);

}  // namespace nacre
