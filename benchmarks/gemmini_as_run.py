#!/usr/bin/env python3
"""Rows of DOSA's Gemmini measurements as the measured programs ran them, for `nacre calibrate`.

    gemmini_as_run.py gemmini_rtl.csv > as_run.csv

The programs (branch `dosa` of ucb-bar/gemmini-rocc-tests) are not what the column `mapping` says, in four ways:

- The array is the smallest of 2, 4, 8, ... whose edge the spatial factors fit: column `rows`.
- A convolution has one output size, its P, for both directions; with an even kernel one more (its padding is kernel / 2).
- A matrix product's tiles are max(1, tile / 16) blocks of the array's edge in each dimension, whose loops then cover it; sizes
  are padded to the edge.
- P runs along columns, the innermost axis in memory. Here P and Q, R and S change places.

Loops inside a command follow a fixed order of the hardware and are left in the mapping as they are.
"""
import csv
import re
import sys

SWAP = {"P": "Q", "Q": "P", "R": "S", "S": "R"}


def loops_of(mapping):
    """[(level, [(dimension, bound, spatial)])], outermost first."""
    levels = []
    for part in mapping.split(" - "):
        head, rest = part.split(" ", 1)
        loops = [re.fullmatch(r"([A-Z])(\d+)(X?)", word) for word in rest.split()]
        levels.append((head, [(m[1], int(m[2]), bool(m[3])) for m in loops]))
    return levels


def inner_tile(levels):
    tile = dict.fromkeys("NCKPQRS", 1)
    for _, loops in levels[1:]:
        for dimension, bound, _ in loops:
            tile[dimension] *= bound
    return tile


def edge_of(levels):
    spread = {}
    for _, loops in levels:
        for dimension, bound, spatial in loops:
            if spatial:
                spread[dimension] = spread.get(dimension, 1) * bound
    edge = 2
    while edge < max(spread.values(), default=1):
        edge *= 2
    return edge


def outer_loops(levels, size, tile):
    """The host's loops: as many steps as the tiles need, in the order that is stated."""
    order = [dimension for dimension, _, _ in levels[0][1]]
    order = [d for d in "NQPKSRC" if d not in order] + order
    steps = {d: -(-size[d] // tile[d]) for d in order}
    return [(d, steps[d], False) for d in order if steps[d] > 1]


def product_as_run(size, tile, edge):
    for dimension in "PCK":
        size[dimension] = -(-size[dimension] // edge) * edge
        tile[dimension] = min(max(1, tile[dimension] // 16) * edge, size[dimension])
    inner = [("L2[WI]", [("K", edge, True)]), ("L1[O]", [])]
    for dimension in "PKC":
        bound = -(-tile[dimension] // (1 if dimension == "P" else edge))
        if bound > 1:
            inner[1][1].append((dimension, bound, False))
    inner[1][1].append(("C", edge, True))
    return inner + [("L0[W]", [])]


def text_of(levels):
    parts = []
    for head, loops in levels:
        words = [f"{SWAP.get(d, d)}{bound}{'X' if spatial else ''}" for d, bound, spatial in loops]
        parts.append(f"{head} {' '.join(words) or 'N1'}")
    return " - ".join(parts)


def as_run(row):
    size = {d: int(row[d]) for d in "NCKPQRS"}
    levels = loops_of(row["mapping"])
    edge = edge_of(levels)
    tile = inner_tile(levels)
    result = dict(row)
    result["layer"] = " ".join(f"{d}{size[d]}" for d in "NCKPQRS") + " " + row["h_stride"]
    product = size["Q"] == size["R"] == size["S"] == 1
    inner = levels[1:]
    if product:
        inner = product_as_run(size, tile, edge)
    else:
        size["P"] = size["Q"] = size["P"] + (1 if size["R"] % 2 == 0 else 0)
    mapping = [(levels[0][0], outer_loops(levels, size, tile))] + inner
    if product:  # stays a product: rows are P
        result["mapping"] = text_of(mapping).replace("Q", "P")
    else:
        result["mapping"] = text_of(mapping)
    for dimension in "NCKPQRS":
        result[dimension] = size[dimension if product else SWAP.get(dimension, dimension)]
    result["rows"] = edge
    return result


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        names = ["layer", "rows"] + reader.fieldnames
        writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
        writer.writeheader()
        for row in reader:
            writer.writerow(as_run(row))


if __name__ == "__main__":
    main()
