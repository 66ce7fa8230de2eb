// NAS-Bench-101 (Ying et al., arXiv 1902.09635): one cell, a directed acyclic graph of at most seven vertices and nine edges whose
// inner vertices are one of three operators; the cell is repeated in a fixed network.
//
//   stem 3x3 (128) ─ 3 cells (128) ─ max pool /2 ─ 3 cells (256) ─ max pool /2 ─ 3 cells (512) ─ average ─ linear
//
//   cell: an inner vertex applies its operator to the sum of what arrives; the cell's input arrives by a 1x1 convolution, a vertex
//   with more channels by its first ones. The output stands side by side of what arrives from inner vertices, which share its
//   channels evenly, and adds the cell's input, by a 1x1 convolution, where an edge says so.
//
// Decisions: "cell/0-1" .. "cell/5-6", whether the edge is there, and "cell/op1" .. "cell/op5", the operators conv3x3, conv1x1,
// maxpool3x3. Vertices on no path from input to output are left out, so that smaller cells are among them. Every decision builds a
// network, but not each is a cell of the benchmark: with more than nine edges it is a larger one, and where no path leads from input
// to output the cell gives zero.
//
// Edges decide channels and what is built all at once and not part by part, which no trace could tell apart: they are traced as
// plain numbers. Parameters are those of the published table.
#pragma once

#include <memory>
#include <optional>

#include "nacre/space/cells/nasbench101_cells.hpp"
#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord nasbench101_record();
std::unique_ptr<Space> make_nasbench101_space(const Options& options, const SpaceContext& context);

// The decisions of a cell, its unused vertices last and of the first operator.
Decisions nasbench101_decisions(const Nasbench101Cell& cell);
// The cell without unused vertices; nothing when decisions are missing, unknown or out of range, no path leads from input to
// output, or more than nine edges are in use.
std::optional<Nasbench101Cell> nasbench101_cell_of(const Decisions& decisions);

}  // namespace nacre
