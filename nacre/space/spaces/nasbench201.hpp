// NAS-Bench-201 (Dong and Yang, arXiv 2001.00326): one cell of four nodes, repeated; each of its six edges is one of five
// operators, 15,625 cells.
//
//   stem 3x3 ─ N cells (C) ─ residual block /2 ─ N cells (2C) ─ residual block /2 ─ N cells (4C) ─ norm, relu ─ average ─ linear
//
// Decisions: "cell/0-1", "cell/0-2", "cell/1-2", "cell/0-3", "cell/1-3", "cell/2-3", in the benchmark's order of operators,
// so that an index is a digit of its code. The network is the benchmark's, zeroed edges included: parameters and MACs are
// those of its tables. Cells that differ only in edges that lead nowhere build the same function; they count as different.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord nasbench201_record();
std::unique_ptr<Space> make_nasbench201_space(const Options& options, const SpaceContext& context);

// The five operators by digit: "none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3".
std::span<const std::string> nasbench201_operators();

// From six digits, one per edge, to decisions and back; and from decisions to the benchmark's string
// "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|...|". UserError when malformed.
Decisions nasbench201_decisions(const std::string& code);
std::string nasbench201_code(const Decisions& decisions);
std::string nasbench201_architecture(const Decisions& decisions);

}  // namespace nacre
