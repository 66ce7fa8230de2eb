// Any bytes, read as ONNX: a Graph or a UserError, nothing else. What was read can be hashed, printed and counted, and what
// can be written reads back with the same structure.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nacre/base/error.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/statistics.hpp"
#include "nacre/ir/text_form.hpp"

namespace {

void check(bool condition) {
  if (!condition) std::abort();
}

void use(const nacre::Graph& graph) {
  const nacre::Hash128 structure = nacre::structure_hash(graph);
  const nacre::Graph parsed = nacre::parse_graph(nacre::print_graph(graph, {.inline_weights = true}));
  check(nacre::structure_hash(parsed) == structure);
  check(nacre::content_hash(parsed) == nacre::content_hash(graph));
  try {
    nacre::count_graph(graph);
  } catch (const nacre::UserError&) {  // symbols that are not bound
  }
  std::string bytes;
  try {
    bytes = nacre::write_onnx_bytes(graph);
  } catch (const nacre::UserError&) {  // weights that are absent, types newer than the opset
    return;
  }
  nacre::read_onnx_bytes(bytes, "written", {.folder = {}, .allow_absent_weights = true});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const bool absent : {false, true}) {
    try {
      use(nacre::read_onnx_bytes(bytes, "fuzz", {.folder = {}, .allow_absent_weights = absent}));
      break;
    } catch (const nacre::UserError&) {
    }
  }
  return 0;
}
