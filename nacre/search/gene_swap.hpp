// Genes of a decision set, and the exchange of two neighboring ones: the mutation that EEEA-Net's authors call inversion
// (Termritthikun et al., arXiv 2108.06156, section 3.3: two neighboring pairs of operator and input change places; the released code
// overwrites one of them instead).
//
// A gene is a decision that no other one makes active, with the decisions below it: an edge of a cell with its input and its
// operator, a layer's operator, a depth with the layers that it brings.
#pragma once

#include <optional>
#include <vector>

#include "nacre/space/trace.hpp"

namespace nacre {

// The active decisions (indices into trace.decisions()) of each gene, in the order of the trace.
std::vector<std::vector<int32_t>> genes_of(const Trace& trace, const Decisions& decisions);

// Two neighboring genes, uniformly chosen among those that fit in each other's place and differ, exchanged; neighbor is the next
// gene of as many decisions. Nothing when there are none.
std::optional<Decisions> swap_neighboring_genes(const Trace& trace, const Decisions& decisions, Random& random);

}  // namespace nacre
