// Any text, parsed as a Graph: a Graph or a UserError, nothing else; what was parsed prints and parses equally.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nacre/base/error.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/text_form.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const nacre::Graph graph = nacre::parse_graph(std::string_view(reinterpret_cast<const char*>(data), size));
    const nacre::TextFormOptions options{.inline_weights = true, .multiline = size % 2 == 0};
    const nacre::Graph again = nacre::parse_graph(nacre::print_graph(graph, options));
    if (nacre::content_hash(again) != nacre::content_hash(graph)) std::abort();
    if (nacre::structure_hash(again) != nacre::structure_hash(graph)) std::abort();
  } catch (const nacre::UserError&) {
  }
  return 0;
}
