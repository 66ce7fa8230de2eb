#include "nacre/space/network_text.hpp"

#include <fmt/format.h>
#include <set>

#include <algorithm>
#include <sstream>

#include "nacre/space/spaces/cell_genotype.hpp"
#include "nacre/space/spaces/fbnetv3.hpp"
#include "nacre/space/spaces/hytra.hpp"
#include "nacre/space/spaces/mbconv.hpp"
#include "nacre/space/spaces/nasbench201.hpp"
#include "nacre/space/spaces/super_blocks.hpp"

namespace nacre {
namespace {

Decisions from_labels(const Trace& trace, const std::string& text) {
  std::vector<Decision> items;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) throw UserError("network: expected decision=label, found '" + word + "'");
    const std::string key = word.substr(0, equals), label = word.substr(equals + 1);
    const auto id = trace.find_decision(key);
    if (!id) {
      std::vector<std::string> keys;
      for (const TraceDecision& decision : trace.decisions()) keys.push_back(decision.key);
      throw UserError(unknown_name_message("decision", key, keys));
    }
    const std::vector<std::string>& labels = trace.decisions()[static_cast<size_t>(*id)].alternatives;
    const auto found = std::ranges::find(labels, label);
    if (found == labels.end()) throw UserError(unknown_name_message("alternative of " + key, label, labels));
    if (std::ranges::find(items, key, &Decision::key) != items.end())
      throw UserError("network: '" + key + "' is decided twice");
    items.push_back({key, found - labels.begin()});
  }
  return Decisions(std::move(items));
}

bool are_indices(const std::string& text) {
  return text.find('_') != std::string::npos &&
         std::ranges::all_of(text, [](char c) { return c == '_' || (c >= '0' && c <= '9'); });
}

Decisions from_indices(const Trace& trace, const std::string& text) {
  std::vector<Decision> items;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, '_');) {
    if (items.size() >= trace.decisions().size())
      throw UserError(
          fmt::format("network: '{}' has more indices than the space's {} decisions", text, trace.decisions().size()));
    const TraceDecision& decision = trace.decisions()[items.size()];
    const int64_t index = word.empty() || word.size() > 9 ? -1 : std::stoll(word);
    if (index < 0 || index >= static_cast<int64_t>(decision.alternatives.size()))
      throw UserError(fmt::format("network: '{}' is no index of {} (0 .. {})", word, decision.key,
                                  decision.alternatives.size() - 1));
    items.push_back({decision.key, index});
  }
  return Decisions(std::move(items));
}

// "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|...": edges in the benchmark's order.
Decisions from_nasbench201(const Space& space, const std::string& text) {
  if (text.find('|') == std::string::npos) return nasbench201_decisions(text);
  const std::vector<TraceDecision>& edges = space.trace().decisions();
  std::vector<Decision> items;
  std::string word;
  for (const char c : text + "|") {
    if (c != '|' && c != '+') {
      word += c;
      continue;
    }
    if (word.empty()) continue;
    const std::string label = word.substr(0, word.find('~'));
    if (items.size() >= edges.size()) throw UserError("network: '" + text + "' has more edges than the cell");
    const auto& labels = edges[items.size()].alternatives;
    const auto found = std::ranges::find(labels, label);
    if (found == labels.end()) throw UserError(unknown_name_message("operator", label, labels));
    items.push_back({edges[items.size()].key, found - labels.begin()});
    word.clear();
  }
  Decisions decisions(std::move(items));
  if (decisions.size() == edges.size() && nasbench201_architecture(decisions) != text)
    throw UserError("network: expected edges in the benchmark's order, '" + nasbench201_architecture(decisions) +
                    "', found '" + text + "'");
  return decisions;
}

// Recipe decisions are no part of a genotype.
bool has_cells(const Space& space) {
  static const std::set<std::string> kSpaces = {"darts", "sharpdarts", "nasnet", "eeea"};
  return kSpaces.contains(space.name());
}

}  // namespace

Decisions decisions_from_text(const Space& space, const std::string& text) {
  const Trace& trace = space.trace();
  Decisions decisions = text.find('=') != std::string::npos ? from_labels(trace, text)
                        : are_indices(text)                 ? from_indices(trace, text)
                        : space.name() == "mbconv"          ? mbconv_decisions(space, text)
                        : space.name() == "nasbench201"     ? from_nasbench201(space, text)
                        : has_cells(space)                  ? genotype_decisions(cell_grammar_of(space), text)
                        : space.name() == "fbnetv3"         ? fbnetv3_decisions(space, text)
                        : space.name() == "super_blocks"    ? super_block_decisions(space, text)
                        : space.name() == "hytra"           ? hytra_decisions(space, text)
                                                            : from_labels(trace, text);
  if (!trace.is_complete(decisions))
    throw UserError("network: '" + text + "' leaves decisions of space '" + space.name() +
                    "' open, or makes unused ones");
  return decisions;
}

std::string text_of_network(const Space& space, const Decisions& decisions) {
  return has_cells(space) ? genotype_text(cell_grammar_of(space), decisions) : space.trace().text(decisions);
}

}  // namespace nacre
